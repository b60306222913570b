"""A node without a network: PROTOCOL sections 4 to 6 over orders of arrival."""

import record
from roster import Roster

NO_CONTENT = (5, 6, 11, *range(13, 24))  # kinds that no RETRACT hides
OF_BODY = ("body-not-decodable", "topic-does-not-fit-event", "body-invalid")


class Node:
    def __init__(self, genesis, now, raws):
        self.genesis, self.now, self.raws = genesis, now, raws
        self.logs, self.contested, self.waiting = {}, {}, {}
        self.roster = Roster(genesis)

    def restart(self):
        """What waited is gone, and the roster follows from what is held."""
        self.waiting = {}
        self.roster = Roster(self.genesis)
        self.follow()

    def offer(self, raw):
        try:
            r = record.open_record(raw, self.roster, self.now)
        except record.Refused:
            return
        log, held = r.h["log"], self.logs.setdefault(r.h["log"], [])
        if self.closed(log):
            self.fill(held, r)
            return
        self.place(log, held, r)
        while later := self.waiting.pop((log, len(held) + self.before(log) + 1), None):
            self.place(log, held, later)
        self.follow()

    def closed(self, log):
        return (self.roster.right(log) or {}).get("closing")

    def before(self, log):
        """The records of the founding are not in the logs here."""
        return self.roster.founding.get(log, (0,))[0]

    def fill(self, held, r):
        for i, mine in enumerate(held):
            if mine.id == r.id and r.has_body and not mine.has_body:
                held[i] = r

    def place(self, log, held, r):
        seq, size = r.h["seq"], len(held) + self.before(log)
        if seq <= self.before(log):
            return
        if seq <= size:
            if held[seq - 1 - self.before(log)].id != r.id:
                self.fork(log, seq)
            else:
                self.fill(held, r)
        elif seq >= self.contested.get(log, 2**64):
            return
        elif seq > size + 1:
            other = self.waiting.get((log, seq))
            if other and other.id != r.id:
                self.fork(log, seq)
            elif seq <= size + 256:
                self.waiting[log, seq] = r
        else:
            prev, end = (held[-1].id, held[-1].h["offset"] + held[-1].size) if held else self.roster.founding.get(log, (0, r.first, 0))[1:]
            other = self.waiting.get((log, seq))
            if r.h["prev"] != prev:
                if size:
                    self.fork(log, size)
            elif other and other.id != r.id:
                self.fork(log, seq)
            elif r.h["offset"] == max(end, self.roster.line(r.root, r.h["issued_at"])):
                self.waiting.pop((log, seq), None)
                held.append(r)

    def fork(self, log, seq):
        self.contested[log] = min(seq, self.contested.get(log, seq))
        for at in [k for k in self.waiting if k[0] == log and k[1] >= seq]:
            del self.waiting[at]

    def follow(self):
        for root, at in self.roster.roots.items():
            for r in self.logs.get(root, [])[at["seq"] - self.before(root):]:
                self.roster.apply(r)
        for log in self.roster.nodes:
            if self.closed(log):
                self.close(log)

    def close(self, log):
        """Section 5: what the closing names and what leads to it counts, nothing else."""
        end, held = self.closed(log), self.logs.setdefault(log, [])
        known = {}
        for raw in self.raws:
            try:
                r = record.open_record(raw, self.roster, self.now)
                known[r.id] = r
            except record.Refused:
                pass
        way, seq, id = [], end["seq"], end["id"]
        while seq and not (seq <= len(held) and held[seq - 1].id == id):
            r = known.get(id)
            if r is None or r.h["log"] != log or r.h["seq"] != seq:
                break
            way.insert(0, r)
            seq, id = seq - 1, r.h["prev"]
        else:
            del held[seq:]
            held += way
            return
        # The branch is not known yet: what cannot be right goes.
        if len(held) > end["seq"] or len(held) == end["seq"] and held[-1].id != end["id"]:
            del held[max(end["seq"], 1) - 1:]

    def hidden(self):
        """Ids that a RETRACT of the same State names exactly, in node logs and of kinds that are content."""
        named, out = set(), set()
        every = [r for held in self.logs.values() for r in held]
        for r in every:
            if r.h["kind"] == record.RETRACT and not r.root and (r.inadmissible in ("", "retract-of-other-state") + OF_BODY):
                named |= {(r.state, ref["log"], ref["seq"], ref["id"]) for ref in r.h["refs"]}
        for r in every:
            if not r.root and r.h["kind"] not in NO_CONTENT and (r.state, r.h["log"], r.h["seq"], r.id) in named:
                out.add(r.id)
        return out


def play(genesis, now, records, order, names):
    """Offers the records in the order again and again until nothing changes."""
    node = Node(genesis, now, records.values())
    before = None
    while before != (before := repr([(k, [r.id for r in v]) for k, v in node.logs.items()]) + repr(node.contested) + repr(node.roster.nodes)):
        for step in order:
            node.restart() if step == "restart" else node.offer(records[step])
    logs, hidden, bad = [], [], {}
    for log, held in sorted(node.logs.items(), key=lambda x: names[x[0]]):
        contested = 0 if node.closed(log) else node.contested.get(log, 0)
        if held or contested:
            x = {"log": names[log], "size": len(held) + node.before(log), "head": (held[-1].id if held else bytes(32)).hex()}
            logs.append(x | ({"contested": contested} if contested else {}))
    gone, mine = node.hidden(), {r.id: r for held in node.logs.values() for r in held}
    for name, raw in records.items():
        id = record.sha("herald/record/v1", node.roster.network, record.read(raw).header)
        if id in gone:
            hidden.append(name)
        if id in mine and mine[id].inadmissible:
            bad[name] = mine[id].inadmissible
    nodes = []
    for key, n in sorted(node.roster.nodes.items(), key=lambda x: names[x[0]]):
        x = {"node": names[key], "not_before": n["not_before"], "not_after": n["not_after"], "live": node.roster.live(key, now)}
        nodes.append(x | ({"closed": n["closing"]["seq"]} if n["closing"] else {}))
    return {"logs": logs, "hidden": hidden, "inadmissible": bad, "nodes": nodes}
