"""The one encoding of PROTOCOL section 2, driven by the files of proto/herald/v1."""

import functools
import hashlib
import pathlib
import re

from ed25519 import verify as verify_ed25519


class Malformed(Exception):
    pass


WIRE = {"uint32": 0, "uint64": 0, "int64": 0, "bool": 0}


def _messages():
    """Every message: number -> (name, type, repeated, always present, may be empty)."""
    out = {}
    for path in sorted(pathlib.Path(__file__).parent.parent.glob("herald/v1/*.proto")):
        fields, above = None, ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if m := re.match(r"message (\w+) \{", line):
                fields = out[m[1]] = {}
            elif m := re.match(r"enum (\w+)", line):
                fields = None
                WIRE[m[1]] = 0  # a number: those of later versions are read too
            elif m := re.match(r"\s+(repeated )?(\w+) (\w+) = (\d+);(.*)", line):
                if fields is not None and m[2] != "reserved":
                    said = (above + m[5]).lower()
                    must = "always present" in said
                    fields[int(m[4])] = (m[3], m[2], bool(m[1]), must, must and "never empty" not in said or "may be empty" in said)
            above = line if line.strip().startswith("//") else ""
    return out


MESSAGES = _messages()


def varint(b, i):
    n = shift = 0
    while True:
        if i >= len(b) or shift > 63:
            raise Malformed("varint")
        n |= (b[i] & 0x7F) << shift
        i, shift = i + 1, shift + 7
        if b[i - 1] < 0x80:
            break
    if n >= 2**64 or len(put_varint(n)) != shift // 7:
        raise Malformed("varint not in its shortest form")
    return n, i


def put_varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def put_bytes(num, value):
    return put_varint(num << 3 | 2) + put_varint(len(value)) + value


def fields(b):
    """The fields of a message in the order of the bytes: number, wire type, value."""
    i = last = 0
    while i < len(b):
        key, i = varint(b, i)
        num, kind = key >> 3, key & 7
        if num < 1 or num < last:
            raise Malformed("order")
        last = num
        if kind == 0:
            value, i = varint(b, i)
        elif kind == 2:
            n, i = varint(b, i)
            if n > len(b) - i:
                raise Malformed("cut short")
            value, i = b[i : i + n], i + n
        else:
            raise Malformed("wire type")
        yield num, kind, value


def decode(name, b, most=None):
    """Reads a message. most bounds each list."""
    schema, out, seen = MESSAGES[name], {}, set()
    for num, kind, value in fields(b):
        if num not in schema:
            raise Malformed("unknown field")
        field, typ, repeated, _, empty = schema[num]
        if kind != WIRE.get(typ, 2):
            raise Malformed("wire type of " + field)
        if num in seen and not repeated:
            raise Malformed(field + " twice")
        seen.add(num)
        if typ in MESSAGES:
            if not value and not empty:
                raise Malformed("empty " + field)
            value = decode(typ, value, most)
        elif not value:
            raise Malformed("default value of " + field)
        elif typ == "string":
            try:
                value = value.decode("utf-8")
            except UnicodeDecodeError:
                raise Malformed("text of " + field)
        elif typ == "uint32" and value >= 2**32 or typ == "bool" and value != 1:
            raise Malformed("size of " + field)
        elif typ == "int64" and value >= 2**63:
            value -= 2**64
        if repeated:
            out.setdefault(field, []).append(value)
            if most is not None and len(out[field]) > most:
                raise Malformed("too many " + field)
        else:
            out[field] = value
    for num, (field, typ, repeated, must, _) in schema.items():
        if must and num not in seen:
            raise Malformed("no " + field)
        if num not in seen:
            out[field] = [] if repeated else None if typ in MESSAGES else {"string": "", "bytes": b"", "bool": False}.get(typ, 0)
    return out


def sized(value, n):
    if len(value) != n:
        raise Malformed("size")


def sha(*parts):
    return hashlib.sha256(b"".join(p.encode() if isinstance(p, str) else p for p in parts)).digest()


def lp(b):
    return len(b).to_bytes(4, "big") + b


def framed(context, network, message):
    return lp(b"herald/v1/" + context.encode()) + lp(b"\x01") + lp(network) + lp(message)


@functools.lru_cache(maxsize=1 << 16)
def signed(key, context, network, message, signature):
    return verify_ed25519(key, framed(context, network, message), signature)
