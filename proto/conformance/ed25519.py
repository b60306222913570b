"""Ed25519 in plain Python: RFC 8032 without the cofactor (PROTOCOL section 3)."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1


def _x(y, sign):
    """The x of a point, or None. An x of 0 may have either sign."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT % P
    if v * x * x % P != u:
        return None
    return -x % P if x & 1 != sign else x


def _point(b):
    """A point in any encoding: y need not be below P."""
    n = int.from_bytes(b, "little")
    y = n & (2**255 - 1)
    x = _x(y % P, n >> 255)
    return None if x is None else (x, y % P, 1, x * y % P)


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(p):
    a, b, c = p[0] * p[0], p[1] * p[1], 2 * p[2] * p[2]
    h = a + b
    e, g = h - (p[0] + p[1]) ** 2, a - b
    f = c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


ZERO = (0, 1, 1, 0)
BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def _encode(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _sum(s, p, t, q):
    """[s]p + [t]q, both scalars in one walk."""
    both, out = _add(p, q), ZERO
    for i in range(max(s.bit_length(), t.bit_length()) - 1, -1, -1):
        out = _double(out)
        a, b = s >> i & 1, t >> i & 1
        if a or b:
            out = _add(out, both if a and b else p if a else q)
    return out


def verify(public, message, signature):
    if len(signature) != 64:
        return False
    s, a = int.from_bytes(signature[32:], "little"), _point(public)
    if s >= L or a is None:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus = (-a[0] % P, a[1], a[2], -a[3] % P)
    return _encode(_sum(s, BASE, k, minus)) == signature[:32]


def _secret(seed):
    h = hashlib.sha512(seed).digest()
    return int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254, h[32:]


def public(seed):
    return _encode(_sum(_secret(seed)[0], BASE, 0, ZERO))


def sign(seed, message):
    a, prefix = _secret(seed)
    key = public(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    first = _encode(_sum(r, BASE, 0, ZERO))
    k = int.from_bytes(hashlib.sha512(first + key + message).digest(), "little") % L
    return first + ((r + k * a) % L).to_bytes(32, "little")


def possible(key):
    """May it be a root key or be delegated: canonical and not of small order.
    Whether it is a point its signatures show."""
    y = int.from_bytes(key, "little") & (2**255 - 1)
    if y >= P:
        return False
    x = _x(y, 0)
    if x is None:
        return True
    p = (x, y, 1, x * y % P)
    for _ in range(3):
        p = _double(p)
    return _encode(p) != _encode(ZERO)
