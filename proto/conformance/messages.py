"""Messages that are no records: beacons, sync and match (PROTOCOL sections 8 to 10)."""

import re

import content
from encoding import Malformed, decode, fields, put_bytes, put_varint, sha, signed, sized

LENGTH = 2**48  # of a log, at most


def wrong(ok):
    if not ok:
        raise Malformed("limit")


def read_beacon(raw):
    """The signed message and the beacon in it; no beacon when it is of another version."""
    s = decode("SignedBeacon", raw)
    first = next(fields(s["beacon"]), None)
    if first and first[:2] == (1, 0) and first[2] != 1 and 0 < first[2] < 2**32:
        return s, None
    b = decode("Beacon", s["beacon"])
    sized(b["network"], 8)
    for field in ("node", "digest"):
        sized(b[field], 32)
    wrong(0 < b["time"] < 2**63)
    for number, hash in (("size", "head"), ("journal_entries", "journal_head")):
        wrong(bool(b[number]) == bool(b[hash]) and len(b[hash]) in (0, 32))
    return s, b


def beacon(raw, roster, now):
    """The first reason of section 8 that is not of what was heard before, or none."""
    if len(raw) > 512:
        return "too-large"
    try:
        s, b = read_beacon(raw)
    except Malformed:
        return "not-a-beacon"
    if b is None:
        return "unknown-version"
    if b["size"] > LENGTH:
        return "too-large"
    if b["network"] != roster.network[:8]:
        return "other-network"
    if s["alg"] != 1:
        return "bad-signature-algorithm"
    if b["node"] not in roster.nodes:
        return "stranger"
    if not roster.live(b["node"], now):
        return "held-delegation"
    return "" if signed(b["node"], "beacon", roster.network, s["beacon"], s["signature"]) else "bad-signature"


def frontier(f):
    logs = [h["log"] for h in f["heads"]]
    wrong(len(logs) <= 4096 and logs == sorted(set(logs)))
    for h in f["heads"]:
        sized(h["log"], 32)
        wrong(bool(h["size"]) == bool(h["head"]) and (h["size"] or h["fork"]) and len(h["head"]) in (0, 32))
        wrong(max(h["size"], h["fork"]) <= LENGTH and not 0 < h["fork"] <= h["size"])
    for mark in (f["mark"], f["since"]):
        wrong(not mark or len(mark) == 16 and any(mark))
    wrong(not f["more"] or len(logs) == 4096 and not f["mark"] and not f["since"])


def want(w):
    wrong(len(w["ranges"]) <= 1024 and len(w["forks"]) <= 1024)
    for r in w["ranges"]:
        sized(r["log"], 32)
        wrong(r["from"] and r["count"] and r["from"] <= LENGTH)
    for log in w["forks"]:
        sized(log, 32)
    wrong((w["ranges"] or w["forks"]) and sum(r["count"] for r in w["ranges"]) <= 16384)


def sync(raw):
    """Raises when the message is not in the one encoding or over a limit."""
    wrong(len(raw) <= 5 << 18)
    parts = list(fields(raw))
    wrong(parts and parts[0][0] in (1, 2, 3, 4) and all(p[1] == 2 for p in parts))
    wrong(len(parts) == 1 or len(parts) == 2 and parts[1][0] == 15 and 0 < len(parts[1][2]) <= 1024)
    num, _, inner = parts[0]
    m = decode({1: "SyncHello", 2: "SyncFrontier", 3: "SyncWant", 4: "SyncRecords"}[num], inner)
    if num == 1:
        sized(m["digest"], 32)
        wrong(m["your_size"] <= LENGTH and m["time"] < 2**63)
    elif num == 2:
        frontier(m)
    elif num == 3:
        want(m)
    else:
        wrong(len(m["records"]) <= 1024 and (m["records"] or m["last"]) and all(len(r) <= 65536 for r in m["records"])
              and sum(len(r) for r in m["records"]) <= 1 << 20)


def envelope(raw, most):
    wrong(len(raw) <= most)
    s = decode("SignedMatch", raw)
    wrong(s["body"] and s["alg"] == 1 and len(s["signature"]) == 64)
    return s["body"]


def printable(text, most):
    wrong(len(text.encode()) <= most and all(c == " " or c.isprintable() and not c.isspace() for c in text))


def padded(body, num, size):
    """The last field is the shortest padding of zero bytes, and not empty."""
    last = list(fields(body))[-1]
    wrong(last[0] == num and last[2] and not any(last[2]))
    return size(len(body) - len(put_bytes(num, last[2])))


def whole(n):
    """Bytes of a SignedMatch of a body of n bytes."""
    return 1 + len(put_varint(n)) + n + 2 + 2 + 64


def fill(num, bare, target):
    """Is there a padding that makes the envelope target bytes?"""
    return any(whole(bare + len(put_bytes(num, bytes(n)))) == target for n in range(max(1, target - bare - 90), target - bare))


def request(raw):
    body = envelope(raw, 24 << 10)
    parts = list(fields(body))
    persons = [v for n, _, v in parts if n == 14]
    wrong(len(persons) == 1 and 0 < len(persons[0]) <= 16 << 10)
    decode("Person", persons[0], most=64)
    m = decode("MatchRequest", body)
    for field, n in (("network", 8), ("nonce", 32), ("asker", 32), ("responder", 32)):
        sized(m[field], n)
    for field, most in (("purpose", 64), ("legal_basis", 512), ("case_ref", 256), ("operator", 128), ("grounds", 1024)):
        printable(m[field], most)
    wrong(m["mode"] and 1 <= m["priority"] <= 3 and m["issued"] > 0 and m["expires"] > 0 and m["release_until"] >= 0)
    bare = padded(body, 16, lambda n: n)
    wrong(len(raw) % 1024 == 0 and not any(fill(16, bare, n) for n in range(1024, len(raw), 1024)))
    return sha("herald/match-request/v1", raw).hex()


def code(text, most):
    wrong(re.fullmatch(r"[a-z0-9:_-]+", text, re.A) and len(text) <= most)


def answer(raw):
    wrong(len(raw) == 4096)
    body = envelope(raw, 4096)
    m = decode("MatchAnswer", body)
    for field, n in (("network", 8), ("responder", 32), ("request", 32)):
        sized(m[field], n)
    no_hit, possible, verdict = 1, 2, m["verdict"]
    wrong(1 <= verdict <= 4 and m["issued"] > 0 and len(m["hits"]) <= 5 and (verdict == possible or not m["hits"]))
    if verdict == no_hit:
        wrong(not m["reason"])
    elif verdict == possible:
        wrong(not m["reason"] or m["reason"].startswith("ask:") and m["reason"][4:].upper() in content.STATES and m["reason"].islower())
    else:
        code(m["reason"], 32)
    for h in m["hits"]:
        wrong(h["ref"] and 1 <= h["score"] <= 10000 and h["tier"] in (1, 2) and len(h["why"]) <= 12)
        printable(h["ref"], 128)
        for w in h["why"]:
            code(w, 40)
    padded(body, 15, lambda n: n)
    return None


def judge(x, raw, roster, now):
    """(sound, reason, hash) as messages.json has them."""
    if x["type"] == "beacon":
        reason = beacon(raw, roster, now)
        return not reason, reason, ""
    try:
        out = {"sync": sync, "match-request": request, "match-answer": answer}[x["type"]](raw)
    except Malformed:
        return False, "", ""
    return True, "", out or ""
