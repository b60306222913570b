"""Who may speak: PROTOCOL section 5."""

import base64
import json
import unicodedata

import content
import ed25519
import record
from encoding import MESSAGES, Malformed, decode, put_bytes, put_varint, sha, signed, sized

DAY = 86400000
EARLY, AFTER_END = DAY, 60 * DAY
POLICY = {  # in earnest, in an exercise
    "max_retention": ((3600000, 1827 * DAY), (1000, 1827 * DAY)),
    "retract_grace": ((3600000, 30 * DAY), (1000, 30 * DAY)),
    "max_delegation": ((48 * 3600000, 400 * DAY),) * 2,
    "max_nodes": ((1, 8),) * 2,
    "match_per_hour": ((1, 60), (1, 10**7)),
    "match_per_day": ((1, 500), (1, 10**7)),
    "match_burst": ((1, 20), (1, 10**7)),
    "log_burst": ((1 << 20, 256 << 20), (1 << 20, 1 << 50)),
    "log_rate": ((1 << 20, 64 << 20), (1 << 20, 1 << 40)),
}


class Unsound(Exception):
    pass


def must(ok, text):
    if not ok:
        raise Unsound(text)


def unique(pairs):
    out = dict(pairs)
    must(len(out) == len(pairs), "a field is given twice")
    return out


def load(text, format, names):
    """A file of ours: one JSON object with exactly these fields."""
    try:
        f = json.loads(text, object_pairs_hook=unique)
    except ValueError:
        raise Unsound("not JSON")
    must(isinstance(f, dict) and set(f) == set(names) and f["herald"] == format, "not a file of this format")
    return f


def encode(name, m):
    """The one encoding of what was decoded."""
    out = b""
    for num, (field, typ, repeated, _, _) in sorted(MESSAGES[name].items()):
        for v in m[field] if repeated else [m[field]]:
            if typ in MESSAGES:
                if v is not None:
                    out += put_bytes(num, encode(typ, v))
            elif typ in ("string", "bytes"):
                v = v.encode() if typ == "string" else v
                out += put_bytes(num, v) if v or repeated else b""
            elif v:
                out += put_varint(num << 3) + put_varint(int(v))
    return out


def founder(f):
    must(content.member(f["state"]) and ed25519.possible(f["root"]) and f["nodes"], "founder")
    for n in f["nodes"]:
        must(ed25519.possible(n["key"]) and n["key"] != f["root"], "key")
        content.addresses(n["addrs"])
        must(signed(n["key"], "possession", bytes(32), content.possession(f["state"], f["root"], n["key"]), n["proof"]), "proof of possession")


def read_genesis(raw):
    b = decode("Genesis", raw)
    for x in b["founders"]:
        sized(x["root"], 32)
        for n in x["nodes"]:
            sized(n["key"], 32)
            sized(n["proof"], 64)
    return b


def read_request(text):
    """A request file, as its maker and its State's root key have signed it."""
    f = load(text, "request 1", ("herald", "state", "root", "node", "addrs", "proof", "signature"))
    root, node = bytes.fromhex(f["root"]), bytes.fromhex(f["node"])
    proof, signature = (base64.b64decode(f[k], validate=True) for k in ("proof", "signature"))
    must(len(root) == len(node) == 32 and len(proof) == len(signature) == 64, "sizes")
    x = {"state": f["state"], "root": root, "nodes": [{"key": node, "proof": proof, "addrs": f["addrs"]}]}
    founder(x)
    must(signed(root, "join-request", bytes(32), encode("Founder", x), signature), "the root key has not signed it")


def read_roster(text):
    """A roster file: the roster of its genesis, and the records that are to be applied."""
    if json.loads(text).get("herald") == "genesis 1":
        return Roster(text), []
    f = load(text, "roster 1", ("herald", "genesis", "records"))
    return Roster(json.dumps(f["genesis"])), [base64.b64decode(r, validate=True) for r in f["records"]]


class Roster:
    """The roster of a genesis file, to which records of root logs are applied."""

    def __init__(self, text):
        f = load(text, "genesis 1", ("herald", "network", "summary", "body", "signatures"))
        self.raw = base64.b64decode(f["body"], validate=True)
        self.network = sha(self.raw)
        must(f["network"] == self.network.hex(), "the file names another network")
        must(len(self.raw) <= 1 << 20, "too large")
        try:
            self.body = b = read_genesis(self.raw)
        except Malformed:
            raise Unsound("body")
        self.policy, self.exercise = b["policy"], b["exercise"]
        self.sound()
        self.summary(f["summary"])
        self.roots, self.nodes = {}, {}
        self.founding = {}  # root key -> number of founding delegations, id and offset after the last
        for x in b["founders"]:
            self.roots[x["root"]] = {"state": x["state"], "seq": 0, "id": self.network, "end": 0, "at": b["created"], "serial": 0, "stopped": 0}
        must(all(set(s) == {"state", "signature", "delegations"} for s in f["signatures"]), "a field of a signature")
        signatures = {s["state"]: s for s in f["signatures"]}
        must(len(signatures) == len(f["signatures"]), "two signatures of one State")
        must(set(signatures) == {x["state"] for x in b["founders"]}, "not signed by all")
        for x in b["founders"]:
            self.consent(x, signatures[x["state"]])

    def sound(self):
        b = self.body
        name = b["name"]
        must(b["version"] == 1 and 1 <= len(name.encode()) <= 64 and name == name.strip(), "name")
        must(all(c == " " or unicodedata.category(c)[0] in "LMNPS" for c in name), "name")
        must(DAY < b["created"] <= 253370764800000, "created")
        for field, bounds in POLICY.items():
            least, most = bounds[b["exercise"]]
            must(least <= b["policy"][field] <= most, field)
        must(1 <= len(b["founders"]) <= 256, "founders")
        states = [x["state"] for x in b["founders"]]
        must(states == sorted(set(states)), "order of founders")
        used = []
        for x in b["founders"]:
            founder(x)
            must(x["state"] != "UTO" or b["exercise"], "the specimen State in earnest")
            keys = [n["key"] for n in x["nodes"]]
            must(keys == sorted(set(keys)) and len(keys) <= b["policy"]["max_nodes"], "nodes")
            used += [x["root"]] + keys
        must(len(used) == len(set(used)), "a key is used twice")

    def summary(self, s):
        b, p = self.body, self.policy
        must(set(s) == {"name", "exercise", "created", "policy", "members"} and set(s["policy"]) == set(POLICY), "summary: fields")
        must(s["name"] == b["name"] and s["exercise"] == b["exercise"], "summary")
        must(content.instant(s["created"]) == b["created"] * 10**6, "summary: created")
        for field in POLICY:
            said = s["policy"][field]
            must(said == (span(p[field]) if isinstance(said, str) else p[field]), "summary: " + field)
        members = [{"state": x["state"], "root": x["root"].hex(), "nodes": [{"key": n["key"].hex(), "addrs": n["addrs"]} for n in x["nodes"]]} for x in b["founders"]]
        must(s["members"] == members, "summary: members")

    def consent(self, x, s):
        """A founder's signature, and its delegations, of which all but the signatures follows from the body."""
        must(signed(x["root"], "genesis", self.network, self.raw, base64.b64decode(s["signature"])), "signature")
        must(len(s["delegations"]) == len(x["nodes"]), "delegations")
        longest, created = self.policy["max_delegation"], self.body["created"]
        spread = 60 * DAY if longest >= 120 * DAY else longest // 2
        prev, offset = self.network, 0
        for seq, (n, raw) in enumerate(zip(x["nodes"], s["delegations"]), 1):
            begin = created - EARLY
            end = begin + longest - int.from_bytes(sha("herald/founding-end/v1", n["key"])[:8], "big") % spread
            body = encode("Delegation", {"state": x["state"], "serial": seq, "node": n["key"], "not_before": begin, "not_after": end, "roles": [], "proof": n["proof"]})
            salt = sha("herald/founding-salt/v1", self.network, x["root"], seq.to_bytes(8, "big"))
            header = encode("Header", {
                "version": 1, "network": self.network[:8], "log": x["root"], "seq": seq, "prev": prev, "kind": 16, "topic": 1,
                "commit": sha("herald/body/v1", salt, body), "body_size": len(body), "issued_at": created, "expires_at": end,
                "priority": 1, "tlp": 2, "audience": 1, "key_epoch": 0, "offset": offset, "refs": [], "ext": b""})
            r = record.read(base64.b64decode(raw))
            must(r.header == header and r.salt == salt and r.body == body, "a founding delegation is not the one that follows")
            r = record.open_record(r.raw, self, created)
            must(r.inadmissible == "", "founding delegation")
            must(self.apply(r) == "", "founding delegation")
            prev, offset = r.id, offset + r.size
        self.founding[x["root"]] = len(x["nodes"]), prev, offset

    def right(self, log):
        if log in self.roots:
            return {"state": self.roots[log]["state"], "root": True, "first": self.network}
        if log in self.nodes:
            n = self.nodes[log]
            return {"state": n["state"], "root": False, "first": n["first"], "not_before": n["not_before"], "not_after": n["not_after"], "closing": n["closing"]}
        return None

    def line(self, root, at):
        """What no offset of a record issued then lies below."""
        rate = 16 << 10 if root else self.policy["log_rate"]
        return min(rate * max(0, at - self.body["created"]) // DAY, 2**62)

    def room(self, right, at):
        """The highest offset of a record issued then."""
        return self.line(right["root"], at) + (256 << 10 if right["root"] else self.policy["log_burst"])

    def live(self, key, now):
        n = self.nodes.get(key)
        return n is not None and n["closing"] is None and n["not_before"] <= now < n["not_after"]

    def apply(self, r):
        """Takes in the next record of a root log, and says why it has no effect."""
        log = self.roots[r.h["log"]]
        due = max(log["end"], self.line(True, r.h["issued_at"]))
        must((r.h["seq"], r.h["prev"], r.h["offset"]) == (log["seq"] + 1, log["id"], due), "root log out of order")
        log["seq"], log["id"], log["end"] = r.h["seq"], r.id, due + r.size
        log["at"] = max(log["at"], r.h["issued_at"])
        kind = r.h["kind"]
        if not log["stopped"] and (not 1 <= kind <= 23 or kind in (19, 20, 21) or kind in (17, 18) and r.inadmissible):
            log["stopped"] = r.h["seq"]
        if log["stopped"]:
            return "stopped"
        if r.inadmissible or kind not in (16, 17, 18):
            return ""
        return {16: self.delegate, 17: self.renew, 18: self.close}[kind](log, r)

    def delegate(self, log, r):
        d, last = r.content, log["serial"]
        log["serial"] = max(last, d["serial"])
        if d["serial"] <= last or d["not_before"] < log["at"] - EARLY or d["not_after"] > log["at"] + self.policy["max_delegation"]:
            return "serial or window"
        right = self.right(d["node"])
        if right and (right["root"] or right["state"] != log["state"]):
            return "the key is another's"
        n = dict(self.nodes.get(d["node"]) or {"state": log["state"], "first": r.id, "not_before": d["not_before"], "not_after": d["not_after"], "closing": None})
        if n["closing"]:
            return "closed"
        n["not_before"], n["not_after"] = min(n["not_before"], d["not_before"]), max(n["not_after"], d["not_after"])
        return self.put(d["node"], n)

    def renew(self, log, r):
        c = r.content
        n = dict(self.nodes.get(c["node"]) or {"state": ""})
        if n["state"] != log["state"] or n["closing"] or c["not_after"] <= n["not_after"]:
            return "nothing to renew"
        if c["not_after"] > min(log["at"], n["not_after"] + AFTER_END) + self.policy["max_delegation"]:
            return "too long"
        n["not_after"] = c["not_after"]
        return self.put(c["node"], n)

    def put(self, key, n):
        others = [o for k, o in self.nodes.items() if k != key and o["state"] == n["state"]]
        if len(others) > 63:
            return "too many keys"
        for t in [n["not_before"]] + [o["not_before"] for o in others if n["not_before"] < o["not_before"] < n["not_after"]]:
            over = [o for o in others if o["not_before"] <= t < o["not_after"]]
            if sum(not o["closing"] for o in over) > self.policy["max_nodes"] - 1 or len(over) > self.policy["max_nodes"] + 7:
                return "no room"
        self.nodes[key] = n
        return ""

    def close(self, log, r):
        c = r.content
        n = self.nodes.get(c["log"])
        if n is None or n["state"] != log["state"] or n["closing"] and c["seq"] >= n["closing"]["seq"]:
            return "nothing to close"
        if c["seq"] == 0 and c["id"] != n["first"]:
            return "does not name the delegation"
        n["closing"] = {"seq": c["seq"], "id": c["id"]}
        return ""


def span(ms):
    """A length of time as the summary writes it: 1h2m3.5s."""
    seconds, ms = divmod(ms, 1000)
    if seconds == 0:
        return f"{ms}ms" if ms else "0s"
    h, m, s = seconds // 3600, seconds // 60 % 60, seconds % 60
    tail = (f"{s}.{ms:03d}".rstrip("0") if ms else str(s)) + "s"
    return f"{h}h{m}m{tail}" if h else f"{m}m{tail}" if m else tail
