#!/usr/bin/env python3
"""Runs this verifier over all vectors. Exit 1 when it judges one otherwise."""

import base64
import json
import pathlib
import sys

import content
import ed25519
import messages
import record
import scenario
from encoding import MESSAGES, Malformed, framed, lp, sha
from roster import Roster, Unsound, read_genesis, read_request, read_roster

TOPICS = {"control": 1, "travel": 2, "arrival": 3, "deportation": 4, "detention": 5, "receipt": 6}
VECTORS = pathlib.Path(__file__).parent.parent / "vectors"


class Report:
    def __init__(self):
        self.count, self.bad = {}, 0

    def check(self, file, name, got, want):
        self.count[file] = self.count.get(file, 0) + 1
        if got != want:
            self.bad += 1
            print(f"{file}: {name}: got {got}, want {want}")

    def end(self):
        for file, n in sorted(self.count.items()):
            print(f"{file}: {n} checks")
        total = sum(self.count.values())
        print(f"{self.bad} of {total} differ" if self.bad else f"all {total} alike")
        return 1 if self.bad or not total else 0


def load(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def judged(raw, roster, now, topic=None):
    """(reason, verdict, admissibility). Which reject reason is given is not normative."""
    try:
        r = record.open_record(raw, roster, now, topic)
    except record.Refused as e:
        return (e.reason if e.verdict == "ignore" else "", e.verdict, ""), None
    return ("", "accept", r.inadmissible), r


def expected(x):
    return (x["reason"] if x["verdict"] == "ignore" else "", x["verdict"], "")


def edge_cases(report):
    for x in load("ed25519.json"):
        key, sig = bytes.fromhex(x["public"]), bytes.fromhex(x["signature"])
        got = ed25519.verify(key, bytes.fromhex(x["message"]), sig), ed25519.possible(key)
        report.check("ed25519.json", x["name"], got, (x["verifies"], x["possible"]))


def networks(report):
    f = load("network.json")
    seeds = {k["name"]: bytes.fromhex(k["seed"]) for k in f["keys"]}
    for k in f["keys"]:
        report.check("network.json", k["name"], ed25519.public(seeds[k["name"]]).hex(), k["public"])
    files = {}
    for n in f["networks"]:
        text = (VECTORS / n["file"]).read_text(encoding="utf-8")
        r = Roster(text)
        files[n["name"]] = text
        report.check("network.json", n["name"], (r.network.hex(), r.raw.hex()), (n["network"], n["genesis_body"]))
    return content.instant(f["now"]) // 10**6, seeds, files


def records(report, now, seeds, files):
    rosters = {name: Roster(text) for name, text in files.items()}
    for x in load("records.json"):
        raw, roster = bytes.fromhex(x["bytes"]), rosters[x["network"]]
        topic = record.read(raw).h["topic"] if x["by"] == "gossip" else None
        got, r = judged(raw, roster, now, topic)
        report.check("records.json", x["name"], got, ("", "accept", x.get("inadmissible", "")))
        if r:
            sig = ed25519.sign(seeds[x["key"]], framed("record", roster.network, r.header))
            report.check("records.json", x["name"] + ": parts", (r.id.hex(), r.header.hex(), r.signature.hex(), sig.hex()),
                         (x["id"], x["header"], x["signature"], x["signature"]))
    for x in load("refused.json"):
        topic = TOPICS.get(x.get("topic"), x.get("topic", 0)) if x["by"] == "gossip" else None
        got, _ = judged(bytes.fromhex(x["bytes"]), rosters[x["network"]], now, topic)
        report.check("refused.json", x["name"], got, expected(x))
    for x in load("roots.json"):
        roster = Roster(files[x["network"]])
        for raw in x["roots"] or ():
            roster.apply(record.open_record(bytes.fromhex(raw), roster, now))
        got, _ = judged(bytes.fromhex(x["bytes"]), roster, x.get("now", now))
        report.check("roots.json", x["name"], got[:2], (x.get("reason", ""), x["verdict"]))


def scenarios(report, files):
    names = {bytes.fromhex(k["public"]): k["name"] for k in load("network.json")["keys"]}
    for x in load("scenarios.json"):
        now = content.instant(x["now"]) // 10**6
        raws = {r["name"]: bytes.fromhex(r["bytes"]) for r in x["records"]}
        for run in x["runs"]:
            got, want = scenario.play(files[x["network"]], now, raws, run["order"], names), run["end"]
            for n in want["nodes"]:
                for field in ("not_before", "not_after"):
                    n[field] = content.instant(n[field]) // 10**6
            for part in want:
                report.check("scenarios.json", f"{x['name']}: {run['order']}: {part}", got[part], want[part])


def others(report, now, files):
    roster = Roster(files["exercise"])
    for x in load("messages.json"):
        got = messages.judge(x, bytes.fromhex(x["bytes"]), roster, now)
        report.check("messages.json", f"{x['type']}: {x['name']}", got, (x["sound"], x.get("reason", ""), x.get("hash", "")))


READERS = {
    "Record": record.read, "Header": record.read, "SignedBeacon": messages.read_beacon, "Beacon": messages.read_beacon,
    "SyncMessage": messages.sync, "SignedMatch": messages.request, "MatchRequest": messages.request, "MatchAnswer": messages.answer,
    "Genesis": read_genesis,
}


def encodings(report):
    """Each field there, empty and absent; every field of the .proto files is among them."""
    reached = set()
    for x in load("encodings.json"):
        raw, read = bytes.fromhex(x["bytes"]), READERS.get(x["type"])
        try:
            read(raw) if read else record.body(x["type"], raw)
            got = True
        except (Malformed, record.Refused):
            got = False
        report.check("encodings.json", x["name"], got, x["sound"])
        name = None
        for step in x["name"].partition(",")[0].split("."):
            fields = {f[0]: f[1] for f in MESSAGES.get(name, {}).values()}
            reached.add((name, step))
            name = fields[step] if name else step
    for name, fields in MESSAGES.items():
        for field in fields.values():
            if name != "Possession":  # is signed and never sent
                report.check("encodings.json", f"{name}.{field[0]} is among them", (name, field[0]) in reached, True)


def founding(report):
    """Every refusal is one, also by what the standard library says of odd JSON."""
    read = {"request": read_request, "genesis": Roster, "roster": read_roster}
    for x in load("files.json"):
        try:
            read[x["type"]](base64.b64decode(x["file"]).decode("utf-8"))
            got = True
        except (Unsound, Malformed, content.Fault, record.Refused, ValueError, KeyError, TypeError, AttributeError):
            got = False
        report.check("files.json", f"{x['type']}: {x['name']}", got, x["sound"])


def gossip(report):
    for x in load("gossip.json"):
        name = f"/herald/1/{x['network'][:16]}/{x['topic']}"
        id = sha("herald/gossip/v1", lp(name.encode()), bytes.fromhex(x["data"]))[:20]
        report.check("gossip.json", f"{name}, {len(x['data']) // 2} bytes", (name, id.hex()), (x["name"], x["id"]))


def damaged(report, path, now, files):
    """Records that herald has judged, each with its id or reason and the verdict."""
    rosters = {name: Roster(text) for name, text in files.items()}
    for x in json.loads(pathlib.Path(path).read_text(encoding="utf-8")):
        got, r = judged(bytes.fromhex(x["bytes"]), rosters[x["network"]], now)
        why = x.get("inadmissible", "")
        want = ("", "accept", why) if x["key"] == "accept" else (why if x["key"] == "ignore" else "", x["key"], "")
        report.check("damaged records", x["name"] + (f" ({r.why})" if r and r.why else ""), got, want)
        if r:
            report.check("damaged records", x["name"] + ": id", r.id.hex(), x["id"])


def main():
    report = Report()
    if len(sys.argv) == 2:
        now, _, files = networks(Report())
        damaged(report, sys.argv[1], now, files)
        return report.end()
    edge_cases(report)
    now, seeds, files = networks(report)
    records(report, now, seeds, files)
    scenarios(report, files)
    others(report, now, files)
    encodings(report)
    founding(report)
    gossip(report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
