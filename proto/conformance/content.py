"""What a body may say: PROTOCOL section 7 and proto/rules.json."""

import datetime as dt
import ipaddress
import json
import pathlib
import re
import unicodedata

import ed25519
from encoding import put_bytes, signed

RULES = json.loads((pathlib.Path(__file__).parent.parent / "rules.json").read_text(encoding="utf-8"))
FIELD = {f["field"]: f for f in RULES["fields"]}
EVENTS = {e["type"]: e for e in RULES["event_types"]}
TABLE = json.loads((pathlib.Path(__file__).parent.parent / "states.json").read_text(encoding="utf-8"))
STATES = {s["state"]: s["member"] for s in TABLE}
ALPHA2 = {s["alpha2"]: s["state"] for s in TABLE if "alpha2" in s}
TOPICS = {2: "travel", 3: "arrival", 4: "deportation", 5: "detention"}
DAY = 86400000
BYSTANDERS = ("family-member", "witness-or-victim")
REASONS = {
    "retract": "mistaken-identity purpose-achieved court-order unlawful acquitted deceased error superseded".split(),
    "closing": "compromised lost forked retired error".split(),
}
NEVER = "residence contacts physical biometrics asylum grounds".split()
WITHHELD = NEVER + ("person event assessment contact handling-text case births birth-places nationalities sex documents"
                    " national-ids external-refs misused-identity").split()
RENAMED = {"NationalId": "NationalID"}  # in the table
FACT = ("confidence", "source_ref")


class Fault(Exception):
    def __init__(self, text, reason="body-invalid"):
        super().__init__(text)
        self.reason = reason


def need(ok, text):
    if not ok:
        raise Fault(text)


def clean(text, lines):
    """No control characters, no overrides of direction, no blanks at an end."""
    for c in text:
        n = ord(c)
        need(n == 10 and lines or unicodedata.category(c) != "Cc", "control character")
        need(not (0x202A <= n <= 0x202E or 0x2066 <= n <= 0x2069 or n in (0x2028, 0x2029, 0xFEFF, 0xFFFD)), "disguise")
    need(not any(c.isspace() and c != "\n" for c in text[:1] + text[-1:]), "blank at an end")


def line(text, most, lines=False):
    need(len(text) <= most, "too long")
    clean(text, lines)


def day(y, m, d):
    return dt.date(y, m, d)


def days_in(y, m):
    return 28 + (y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)) if m == 2 else 30 if m in (4, 6, 9, 11) else 31


def edtf_part(s):
    """(first day, last day, precision, approximate)"""
    m = re.fullmatch(r"([1-9][0-9]{3}|[1-9][0-9]{2}X|[1-9][0-9]XX)(?:-([0-9]{1,2}|XX))?(?:-([0-9]{1,2}|XX))?([~?%]?)", s, re.A)
    need(m, "date")
    year, month, date, approx = m[1], m[2], m[3], bool(m[4])
    span = 10 ** year.count("X")
    y = int(year.rstrip("X")) * span
    need(span == 1 or month is None, "date")
    if month is None or month == "XX" and date in (None, "XX"):
        return day(y, 1, 1), day(y + span - 1, 12, 31), "year", approx
    need(month != "XX", "date")
    n = int(month)
    need(1 <= n <= 12, "month")
    if date in (None, "XX"):
        return day(y, n, 1), day(y, n, days_in(y, n)), "month", approx
    need(1 <= int(date) <= days_in(y, n), "day")
    d = day(y, n, int(date))
    return d, d, "day", approx


def edtf(s):
    need(len(s) <= 32, "date")
    a, slash, b = s.partition("/")
    first = edtf_part(a)
    if not slash:
        return first
    last = edtf_part(b)
    need(last[1] >= first[0], "order")
    return first[0], last[1], "interval", first[3] or last[3]


def instant(s):
    """Microseconds are enough to compare; seconds since 1970 as a fraction are kept whole."""
    m = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", s, re.A)
    need(m and len(s) <= 40, "time")
    y, mo, d, h, mi, sec = (int(m[i]) for i in range(1, 7))
    need(1900 <= y <= 2200 and 1 <= mo <= 12 and 1 <= d <= days_in(y, mo) and h < 24 and mi < 60 and sec < 60, "time")
    off = 0
    if m[8] != "Z":
        need(int(m[8][1:3]) < 24 and int(m[8][4:]) < 60, "offset")
        off = (int(m[8][1:3]) * 60 + int(m[8][4:])) * (1 if m[8][0] == "+" else -1)
    days = dt.date(y, mo, d).toordinal() - dt.date(1970, 1, 1).toordinal()
    nanos = int(((m[7] or ".")[1:] + "000000000")[:9])
    return ((days * 24 + h) * 3600 + (mi - off) * 60 + sec) * 10**9 + nanos


def midnight(d):
    return (d.toordinal() - dt.date(1970, 1, 1).toordinal()) * 86400 * 10**9


def check_digit(*parts):
    total = 0
    for i, c in enumerate("".join(parts)):
        total += (0 if c == "<" else int(c, 36)) * (7, 3, 1)[i % 3]
    return str(total % 10)


def mrz(s):
    """ICAO Doc 9303: TD1, TD2 and MRV-B, TD3 and MRV-A, with all check digits."""
    rows = s.split("\n")
    need(all(re.fullmatch("[0-9A-Z<]+", r, re.A) and len(r) == len(rows[0]) for r in rows), "mrz")

    def digit(have, *parts):
        need(not "".join(parts).strip("<") if have == "<" else have == check_digit(*parts), "check digit")

    def number(n, have, optional):
        more = optional.partition("<")[0]
        if have == "<" and more:
            digit(more[-1], n, more[:-1])
        else:
            digit(have, n)

    shape, visa = (len(rows), len(rows[0])), s.startswith("V")
    a, b = rows[0], rows[1] if len(rows) > 1 else ""
    if shape == (3, 30):
        number(a[5:14], a[14], a[15:30])
        digit(b[6], b[0:6])
        digit(b[14], b[8:14])
        digit(b[29], a[5:30], b[0:7], b[8:15], b[18:29])
    elif shape == (2, 36):
        number(b[0:9], b[9], b[28:35])
        digit(b[19], b[13:19])
        digit(b[27], b[21:27])
        if not visa:
            digit(b[35], b[0:10], b[13:20], b[21:35])
    elif shape == (2, 44):
        digit(b[9], b[0:9])
        digit(b[19], b[13:19])
        digit(b[27], b[21:27])
        if not visa:
            digit(b[42], b[28:42])
            digit(b[43], b[0:10], b[13:20], b[21:43])
    else:
        raise Fault("mrz")


def table(name, m, skip=()):
    """Holds the fields of a message against their rows of the table."""
    name = RENAMED.get(name, name)
    for field, value in m.items():
        row = FIELD.get(f"{'Fact' if field in FACT else name}.{field}")
        if row is None or field in skip:
            continue
        many = isinstance(value, list)
        need(not row.get("required") or value, f"{name}.{field} is missing")
        if many:
            need(len(value) <= row.get("max_items", 64), f"{name}.{field}: too many")
            need(not row.get("unique") or len(set(value)) == len(value), f"{name}.{field}: twice")
        for v in value if many else [value] if value else []:
            if isinstance(v, (dict, bool)):
                continue
            if isinstance(v, int):
                need(row.get("min", 0) <= v <= row.get("max", 2**32), f"{name}.{field}: range")
                continue
            need(v, f"{name}.{field}: empty")
            if "codes" in row:
                need(v in row["codes"], f"{name}.{field}: {v!r} is not in the list")
            if "max_chars" in row:
                line(v, row["max_chars"], row.get("lines", False))
            if "pattern" in row:
                need(re.fullmatch(row["pattern"].strip("^$"), v, re.A), f"{name}.{field}: form")
            if row.get("form") == "state":
                need(v in STATES, f"{name}.{field}: State")
            elif row.get("form") == "date":
                edtf(v)
            elif row.get("form") == "time":
                instant(v)


def birth(b, now):
    table("Birth", b)
    first, last = edtf(b["date"])[:2]
    need(first.year >= RULES["limits"]["birth_year_min"] and last.year <= RULES["limits"]["birth_year_max"], "year of birth")
    need(midnight(first) <= now + 86400 * 10**9, "born in the future")


def names(values):
    for n in values:
        table("Name", n)
        need(n["parts"] or n["full"], "name without a name")


def documents(values):
    for d in values:
        table("Document", d, skip=("mrz",))
        need(d["type"] not in ("IV", "AV", "CV"), "type of document")
        if d["issued"] and d["expires"]:
            need(edtf(d["expires"])[1] >= edtf(d["issued"])[0], "expires before it is issued")
        if d["mrz"]:
            mrz(d["mrz"])


def person(p, now):
    table("Person", p)
    names(p["names"])
    for b in p["births"]:
        birth(b, now)
    for place in p["birth_places"] + p["residence"]:
        table("PlaceOfLife", place)
        need(place["state"] or place["text"], "place of nothing")
    need(len(p["fled_from"]) <= 16 and len(set(p["fled_from"])) == len(p["fled_from"]) and all(s in STATES for s in p["fled_from"]), "fled_from")
    documents(p["documents"])
    for n in p["national_ids"]:
        table("NationalId", n)
    for c in p["contacts"]:
        need(c["kind"] in ("phone", "email") and c["value"], "contact")
        line(c["value"], 256)
        if c["kind"] == "phone":
            need(re.fullmatch(r"\+[0-9]{4,15}", c["value"], re.A), "phone")
        else:
            need(0 < c["value"].rfind("@") < len(c["value"]) - 1 and not re.search(r"[ \t]", c["value"]), "email")
        table("PersonContact", c)
    if p["physical"]:
        table("Physical", p["physical"])
    if p["biometrics_available"]:
        table("Biometrics", p["biometrics_available"])
    for x in p["external_refs"]:
        table("ExternalRef", x)
    if p["misused_identity"]:
        m = p["misused_identity"]
        table("Misused", m)
        names(m["names"])
        for b in m["births"]:
            birth(b, now)
        documents(m["documents"])


def readable(p):
    for b in p["births"]:
        try:
            yield edtf(b["date"])
        except Fault:
            pass


def maybe_minor(p, now):
    """The latest day that any birth allows, 18 years (19 when approximate) later, is still to come."""
    for _, last, _, approx in readable(p):
        y = last.year + (19 if approx else 18)
        d = last.replace(year=y) if (last.month, last.day) != (2, 29) or days_in(y, 2) == 29 else dt.date(y, 3, 1)
        if midnight(d) > now:
            return True
    return False


def place(p):
    table("Place", p)
    if len(p["code"]) == 5:
        s = ALPHA2.get(p["code"][:2])
        need(s or p["code"][:2] == "XZ", "UN/LOCODE of no State")
        need(not s or not p["state"] or p["state"] == s, "UN/LOCODE of another State")


def event(e, now):
    table("Event", e)
    rule = EVENTS[e["type"]]
    need(e["phase"] in rule["phases"], "phase")
    need(e["time"] or not rule["timed"], "no time")
    need(e["detention"] is not None or not rule["detention"], "no detention")
    if not e["time"]:
        need(not e["precision"], "precision of nothing")
    else:
        if "T" in e["time"]:
            begins, fits = instant(e["time"]), e["precision"] in ("", "exact")
        else:
            first, _, precise, approx = edtf(e["time"])
            begins = midnight(first)
            fits = {"": True, "approx": True, "exact": False, "day": precise == "day" and not approx,
                    "month": precise == "month" and not approx, "interval": precise == "interval"}[e["precision"]]
        need(fits, "precision")
        need(e["phase"] != "confirmed" or begins <= now + 86400 * 10**9, "confirmed in the future")
    last = None
    for leg in e["legs"]:
        table("Leg", leg)
        c = leg["carrier"]
        need(not c or re.fullmatch("[A-Z]{3}", c, re.A) or len(c) == 2 and not c.isdigit() or leg["mode"] != "air", "carrier")
        need(any(leg["from"].values()) or any(leg["to"].values()), "leg from and to nowhere")
        place(leg["from"])
        place(leg["to"])
        for field in ("departs", "arrives"):
            if leg[field]:
                t = instant(leg[field])
                need(last is None or t >= last, "order of the journey")
                last = t
    if d := e["detention"]:
        table("Detention", d)
        need(not d["since"] or midnight(edtf(d["since"])[0]) <= now + 86400 * 10**9, "held in the future")
        need(not d["consular_time"] or d["consular_notified"] == "yes", "consular_time")
    for c in e["accompanying"]:
        table("Companion", c)
        if c["name"]:
            names([c["name"]])
        if c["birth"]:
            birth(c["birth"], now)


def notification(n, r, roster):
    now, topic = r.h["issued_at"] * 10**6, TOPICS[r.h["topic"]]
    if n["event"]["type"] in EVENTS and EVENTS[n["event"]["type"]]["topic"] != topic:
        raise Fault("topic", "topic-does-not-fit-event")
    event(n["event"], now)
    person(n["person"], now)
    a = n["assessment"]
    table("Assessment", a)
    for b in a["legal_basis"]:
        table("LegalBasis", b)
        need(b["reference"] or b["instrument"].startswith("UNSCR-"), "reference of a law")
    action, bystander = a["requested_action"], a["designation"] in BYSTANDERS
    minor = maybe_minor(n["person"], now) or action == "CHILD_PROTECTION" and not any(readable(n["person"]))
    need(a["warrant_ref"] or action != "DETAIN_FOR_EXTRADITION", "no warrant")
    if minor:
        need(bystander and action in ("CHILD_PROTECTION", "NOTIFY_ONLY"), "minor")
    elif bystander:
        need(action not in ("REFUSE_ENTRY", "DETAIN_FOR_EXTRADITION"), "bystander")
    if minor or bystander:
        need(set(a["grounds"]) == {"association"} and not a["warrant_ref"], "suspicion")
    table("Handling", n["handling"])
    table("Retention", n["retention"])
    expires = r.h["expires_at"]
    need(expires < (dt.date(2201, 1, 1).toordinal() - dt.date(1970, 1, 1).toordinal()) * DAY, "expires after 2200")
    need(not minor or expires - r.h["issued_at"] <= min(366 * DAY, roster.policy["max_retention"]), "retention of a minor")
    for field in ("purpose_date", "review_date"):
        value = n["retention"][field]
        need(not value or midnight(edtf(value)[0]) <= expires * 10**6, field)
    table("Contact", n["contact"])


def released(h, now):
    need(h["ref"] and len(h["ref"].encode()) <= 128, "ref")
    clean(h["ref"], False)
    need(1 <= h["score"] <= 10000 and h["tier"] in ("strong", "possible") and 1 <= h["tlp"] <= 5, "hit")
    need(len(h["why"]) <= 12 and all(re.fullmatch("[a-z0-9:_-]{1,40}", w, re.A) for w in h["why"]), "why")
    need(h["author"] in STATES and (not h["event"] or h["event"] in EVENTS), "author")
    line(h["event_time"], 128)
    for field in ("designation", "requested_action"):
        need(not h[field] or h[field] in FIELD["Assessment." + field]["codes"], field)
    p, suspect = h["person"], h["designation"] and h["designation"] not in BYSTANDERS
    if p:
        person(p, now)
        need(not any(p[f] for f in ("residence", "contacts", "physical", "biometrics_available", "asylum_or_refugee", "fled_from")), "never released")
    if p and maybe_minor(p, now):
        need(not suspect and h["requested_action"] in ("", "CHILD_PROTECTION", "NOTIFY_ONLY"), "minor")
    elif suspect and h["requested_action"] == "CHILD_PROTECTION":
        need(p and any(readable(p)), "suspicion of a child")
    elif h["designation"] and not suspect:
        need(h["requested_action"] not in ("REFUSE_ENTRY", "DETAIN_FOR_EXTRADITION"), "bystander")
    table("Handling", h["handling"])
    if h["contact"]:
        table("Contact", h["contact"])
    need(len(set(h["withheld"])) == len(h["withheld"]) and set(h["withheld"]) <= set(WITHHELD), "withheld")


def release(m, r):
    need(1 <= len(m["requests"]) <= 8 and len(set(m["requests"])) == len(m["requests"]) and bytes(32) not in m["requests"], "requests")
    need(m["to"] in STATES and m["by"] in ("human", "policy") and 1 <= len(m["hits"]) <= 5, "release")
    for h in m["hits"]:
        released(h, r.h["issued_at"] * 10**6)
    table("Contact", m["contact"])


def address(s):
    m = re.fullmatch(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/(tcp|udp)/([1-9][0-9]{0,4})(/quic-v1)?", s, re.A)
    need(m and len(s.encode()) <= 256 and int(m[4]) < 65536 and (m[3] == "udp") == bool(m[5]), "address")
    if m[1] in ("ip4", "ip6"):
        try:
            need(m[2].isascii() and "%" not in m[2] and ipaddress.ip_address(m[2]).version == int(m[1][2]), "address")
        except ValueError:
            raise Fault("address")
    else:
        need(re.fullmatch(r"[A-Za-z0-9.-]{1,253}", m[2], re.A), "name")


def addresses(values):
    need(len(values) <= 8 and len(set(values)) == len(values), "addresses")
    for s in values:
        address(s)


def member(state):
    """A State that can be a member."""
    return STATES.get(state, False)


def possession(state, root, node):
    return put_bytes(1, state.encode()) + put_bytes(2, root) + put_bytes(3, node)


def delegation(d, state, root, policy):
    need(member(d["state"]) and d["serial"] and any(d["node"]) and len(d["proof"]) == 64, "delegation")
    need(0 < d["not_before"] < d["not_after"] and d["not_after"] - d["not_before"] <= policy["max_delegation"], "window")
    roles = d["roles"]
    need(len(roles) <= 8 and len(set(roles)) == len(roles) and all(re.fullmatch("[a-z0-9-]{1,32}", x, re.A) for x in roles), "roles")
    need(d["state"] == state and ed25519.possible(d["node"]), "key")
    need(signed(d["node"], "possession", bytes(32), possession(state, root, d["node"]), d["proof"]), "the node key has not agreed")


def check(kind, c, r, roster):
    if kind == 1:
        notification(c, r, roster)
    elif kind == 5:
        need(c["reason"] in REASONS["retract"], "reason")
        line(c["text"], 2000, True)
    elif kind == 12:
        release(c, r)
    elif kind == 15:
        need(c["serial"], "serial")
        addresses(c["addrs"])
    elif kind == 16:
        delegation(c, r.state, r.h["log"], roster.policy)
    elif kind == 17:
        need(any(c["node"]) and c["not_after"] > 0, "renewal")
    elif kind == 18:
        need(any(c["log"]) and any(c["id"]) and c["reason"] in REASONS["closing"] and c["since"] >= 0, "closing")
        line(c["text"], 256, True)
