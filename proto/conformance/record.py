"""Records: PROTOCOL sections 2, 4 and 6."""

import content
from encoding import Malformed, decode, fields, put_varint, sha, signed, sized

NOTIFICATION, UPDATE, CORRECT, RENEW, RETRACT, SIGHTING = 1, 2, 3, 4, 5, 8
RELEASE, ADDRESS, DELEGATION, RENEWAL, CLOSING = 12, 15, 16, 17, 18
ROOT_KINDS = (16, 17, 18, 19, 20, 21)
ACTED = (NOTIFICATION, RETRACT, RELEASE, ADDRESS, DELEGATION, RENEWAL, CLOSING)
CONTROL, TRAVEL, DETENTION, RECEIPT = 1, 2, 5, 6
ALL, SEALED, GROUP = 1, 2, 3
BODIES = {NOTIFICATION: "Notification", RETRACT: "Retraction", RELEASE: "MatchRelease", ADDRESS: "Addresses",
          DELEGATION: "Delegation", RENEWAL: "Renewal", CLOSING: "Closing"}


IGNORED = ("unknown-version", "bad-signature-algorithm", "stranger", "held-delegation", "disowned", "future", "growth")
AHEAD = 10 * 60 * 1000


class Refused(Exception):
    """The record is not chained."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason
        self.verdict = "ignore" if reason in IGNORED else "reject"


class Record:
    pass


def read(raw):
    """Decodes a record and its header: section 2."""
    if len(raw) > 65536:
        raise Refused("too-large")
    r = Record()
    try:
        for num, kind, value in fields(raw):
            if num == 1 and kind == 2:
                first = next(fields(value), None)
                if first and first[0] == 1 and first[1] == 0 and 1 < first[2] < 2**32:
                    raise Refused("unknown-version")
            break
        e = decode("Record", raw)
        h = decode("Header", e["header"])
        for field in ("version", "seq", "issued_at", "expires_at"):
            if not h[field]:
                raise Malformed(field)
        for field, n in (("network", 8), ("log", 32), ("prev", 32), ("commit", 32)):
            sized(h[field], n)
        if h["issued_at"] < 0 or h["expires_at"] < 0:
            raise Malformed("time")
        for ref in h["refs"]:
            sized(ref["log"], 32)
            sized(ref["id"], 32)
            if not ref["seq"]:
                raise Malformed("ref")
        if not e["alg"] or not e["signature"]:
            raise Malformed("signature")
        if e["salt"]:
            sized(e["salt"], 32)
        elif e["body"]:
            raise Malformed("body without salt")
    except Malformed:
        raise Refused("not-a-record")
    if len(h["refs"]) > 64 or len(h["ext"]) > 256 or h["body_size"] > 62464 or len(e["signature"]) > 4096 or len(e["body"]) > 62464:
        raise Refused("too-large")

    def field(n):
        return 1 + len(put_varint(n)) + n

    whole = field(len(e["header"])) + 1 + len(put_varint(e["alg"])) + field(len(e["signature"])) + field(32)
    if whole + (field(h["body_size"]) if h["body_size"] else 0) > 65536:
        raise Refused("too-large")
    r.raw, r.h, r.header, r.alg, r.signature = raw, h, e["header"], e["alg"], e["signature"]
    r.has_body, r.salt, r.body = bool(e["salt"]), e["salt"], e["body"]
    r.size = len(r.header) + 896 + 320 * len(h["refs"]) + 2 * h["body_size"]
    if h["kind"] == NOTIFICATION:
        r.size += 40 * min(h["body_size"], 2048)
    return r


def open_record(raw, roster, now, topic=None):
    """Judges a record in the order of section 4; topic is that of gossip."""
    r = read(raw)
    h = r.h
    if h["network"] != roster.network[:8]:
        raise Refused("other-network")
    if r.alg != 1:
        raise Refused("bad-signature-algorithm")
    if len(r.signature) != 64:
        raise Refused("bad-signature")
    if topic is not None and h["topic"] != topic:
        raise Refused("wrong-topic")
    if topic is not None and not r.has_body:
        raise Refused("missing-body")
    if r.has_body and (len(r.body) != h["body_size"] or sha("herald/body/v1", r.salt, r.body) != h["commit"]):
        raise Refused("body-mismatch")
    right = roster.right(h["log"])
    if right is None:
        raise Refused("stranger")
    if right["root"] and h["body_size"] > 4096:
        raise Refused("too-large")
    r.id = sha("herald/record/v1", roster.network, r.header)
    r.state, r.root, r.first = right["state"], right["root"], right["first"]
    closing = right.get("closing")
    if closing:
        if h["seq"] > closing["seq"] or h["seq"] == closing["seq"] and r.id != closing["id"]:
            raise Refused("disowned")
    elif not r.root and (not right["not_before"] <= h["issued_at"] < right["not_after"] or now >= right["not_after"]):
        raise Refused("held-delegation")
    if h["issued_at"] > now + AHEAD:
        raise Refused("future")
    if h["offset"] > roster.room(right, h["issued_at"]):
        raise Refused("growth")
    if not signed(h["log"], "record", roster.network, r.header, r.signature):
        raise Refused("bad-signature")
    r.inadmissible = judge(r, roster)
    return r


def body(name, raw):
    """Decodes a body."""
    if len(raw) > 24576:
        raise Malformed("size")
    c = decode(name, raw, most=64)
    for field in {"Delegation": ("node",), "Renewal": ("node",), "Closing": ("log", "id")}.get(name, ()):
        sized(c[field], 32)
    for request in c["requests"] if name == "MatchRelease" else ():
        sized(request, 32)
    return c


def judge(r, roster):
    """The first reason of section 6, or none; r.content is the body when it is shown."""
    h, kind = r.h, r.h["kind"]
    r.content, r.why = None, ""
    if not 1 <= kind <= 23:
        return "unknown-kind"
    if (kind in ROOT_KINDS) != r.root:
        return "kind-does-not-fit-log"
    if kind not in ACTED:
        return "unsupported-kind"
    if not 1 <= h["topic"] <= 6:
        return "unknown-topic"
    fits = {NOTIFICATION: TRAVEL <= h["topic"] <= DETENTION, RETRACT: True, RELEASE: h["topic"] == RECEIPT}
    if not fits.get(kind, h["topic"] == CONTROL):
        return "topic-does-not-fit-kind"
    for field, most in (("priority", 3), ("tlp", 5), ("audience", 3)):
        if not 1 <= h[field] <= most:
            return "unknown-" + field
    if h["audience"] != ALL:
        return "sealed-audience-not-supported"
    if kind in (NOTIFICATION, RELEASE) and not roster.exercise:
        return "audience-all-outside-exercise"
    if h["expires_at"] <= h["issued_at"]:
        return "expiry-before-issue"
    if not r.root and h["expires_at"] - h["issued_at"] > roster.policy["max_retention"]:
        return "expiry-beyond-policy"
    if bool(h["refs"]) != (kind == RETRACT):
        return "refs-do-not-fit-kind"
    targets = [roster.right(ref["log"]) for ref in h["refs"]]
    if any(t and t["root"] for t in targets):
        return "retract-of-root-log"
    if targets and all(t and t["state"] != r.state for t in targets):
        return "retract-of-other-state"
    if not r.has_body:
        return ""
    try:
        c = body(BODIES[kind], r.body)
    except Malformed:
        return "body-not-decodable"
    try:
        content.check(kind, c, r, roster)
    except content.Fault as fault:
        r.why = str(fault)
        return fault.reason
    r.content = c
    return ""
