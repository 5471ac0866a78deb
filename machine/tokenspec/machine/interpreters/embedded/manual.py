"""The page that goes with a module: how it is called, and every number and address, in Markdown.

It is written from the description within the module, so that it says what a program reads there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenspec.machine.interpreters.embedded.description import Data
from tokenspec.machine.interpreters.embedded.host import SECTION, custom, described

_FUNCTIONS = {
    "check_parameters() -> i32": "0: the parameters fit. n > 0: parameter n, counted from 1 in the tables below, is not one of "
    "its values. n < 0: assumption -n is broken",
    "init() -> i32": "Puts the variables to where every run begins, and answers 0. Call it first",
    "step(event: i32) -> i32": "Takes the event with the fields that lie in memory. n >= 0: accepted by rule n; variables, "
    "answers and ledger are written. n < 0: refused, and nothing is changed",
    "decide(event: i32) -> i32": "What `step` would answer. Nothing is changed",
    "evaluate() -> i32": "Writes what the definitions stand for in the present state, and answers 0",
    "broken_state() -> i32": "The number of the first claim about states that the variables break; n < 0: none",
    "broken_step(event: i32) -> i32": "The number of the first claim about steps that the event would break, taken now; n < 0: "
    "none. Call it before `step`",
}
_OF_MEMORY = {"recall() -> i32": "Works the facts about an entry out of the rest of the area `entry`, and answers 0"}
_OF_CLOCKS = {
    "first(clock: i32) -> i32": "Writes `due` and `aim` of a clock that is started at the instant `at`, and answers 0. `time` is "
    "the time of day, in milliseconds, that the event which starts it brings",
    "beyond(clock: i32) -> i32": "Moves `due` and `aim` on to the first due instant after `at`, which is not before `due`, and "
    "answers 0",
}
_DIAL = {
    "due": "an instant at which it falls due; {never} where nothing is left to fall due",
    "aim": "of a calendar of months the day of the month that the next instant aims at, else 0",
    "at": "the instant that is asked for",
    "time": "the time of day that comes with a start",
}


def page(module: bytes, name: str) -> str:
    """The page of a module that lies in a file called `name`."""
    found = described(module)
    size, names = len(module), len(custom(module, SECTION))
    return "\n".join([*_head(found, name, size, names), *_memory(found), *_events(found), *_outside(found), *_claims(found)])


def _head(d: Data, name: str, size: int, names: int) -> Iterator[str]:
    neither = d["neither"]
    yield from (f"# `{name}`: the machine `{d['machine']}`", "")
    yield f"{d['says']} Compiled by tokenspec {d['version']}, declaration {d['digest']}."
    yield ""
    yield (
        f"One WebAssembly module without imports: {size:,} bytes. {names:,} of them are the description of all that stands here, "
        "as JSON in the custom section `tokenspec` (`WebAssembly.Module.customSections` in JavaScript). It needs a runtime of "
        "WebAssembly 1.0, and integers of 64 bits in the host's language."
    )
    yield from ("", "## How it is called", "")
    functions = _FUNCTIONS | (_OF_MEMORY if d["memory"] else {}) | (_OF_CLOCKS if d["clocks"] else {})
    yield from _table(("function", "what it does"), ((f"`{f}`", says) for f, says in functions.items()))
    yield (
        "Write the parameters that are to differ, call `check_parameters` and `init`. For each event write its fields, call "
        "`step`, read the variables, the answers and the ledger of the rule. A host of many such machines keeps their "
        "variables itself and writes them before each step: the module remembers nothing else."
    )
    yield ""
    yield (
        f"Where `step` can neither accept nor refuse it answers {neither['no_rule']} (no rule applies: a hole in the "
        f"declaration), {neither['not_a_value']} (the event, a field or a variable is not one of its values) or "
        f"{neither['too_large']} (a number would lie beyond 2^53 - 1), and nothing is changed. Up to there every sum and "
        "product is as exact as with integers of any size."
    )
    yield ""


def _memory(d: Data) -> Iterator[str]:
    areas = ", ".join(f"`{area}` ({at})" for area, at in d["areas"].items())
    yield from ("## Memory", "")
    yield (
        "Every value is 8 bytes of the exported `memory`, a signed integer, little-endian: tokens as they are, a truth value as "
        f"0 or 1, a word by the number before it. Where each area begins is the value of an exported global: {areas}."
    )
    yield ""
    if d["parameters"]:
        yield from ("Parameters, which stay until they are written anew:", "")
        yield from _table(("at", "name", "values", "at first", "what it is"), (_parameter(p, p["says"]) for p in d["parameters"]))
    if d["policies"]:
        yield from ("Policies, parameters as well: open questions, with every admissible answer:", "")
        yield from _table(
            ("at", "name", "answers", "at first", "why it is open"), (_parameter(p, p["why"]) for p in d["policies"])
        )
    if d["assumptions"]:
        yield from ("What parameters have to satisfy:", "")
        yield from (f"{number}. `{a['holds']}`" for number, a in enumerate(d["assumptions"], 1))
        yield ""
    yield from ("Variables:", "")
    yield from _table(("at", "name", "values", "what it is"), (_slot(v, v["says"]) for v in d["variables"]))
    if d["definitions"]:
        yield from ("Definitions, the names that conditions below make use of; `evaluate` writes those that have an address:", "")
        yield from _table(("at", "name", "values", "stands for", "what it is"), map(_definition, d["definitions"]))
    if memory := d["memory"]:
        yield from (f"An entry of the memory, {memory['says']}, by `{memory['key']}`; a step writes what its rule notes:", "")
        yield from _table(("at", "name", "values", "what it is"), (_slot(slot, slot["says"]) for slot in _of_entry(d)))
    if d["dial"]:
        yield from ("A clock, as `first` and `beyond` read and write it; instants are milliseconds since 1970, UTC:", "")
        told = {name: says.format(never=d["never"]) for name, says in _DIAL.items()}
        yield from _table(("at", "name", "what it is"), ((s["at"], f"`{s['name']}`", told[s["name"]]) for s in d["dial"]))


def _events(d: Data) -> Iterator[str]:
    yield from ("## Events", "")
    for event in d["events"]:
        again = " Call `step` again until it refuses: each time is a step of its own." if event["repeats"] else ""
        yield from (f"### {event['number']}: `{event['name']}`", "")
        yield from (f"{event['says']} Sent by: {event['actor']}.{again}", "")
        if event["fields"]:
            yield from _table(("at", "field", "values", "what it is"), (_slot(f, _field(f)) for f in event["fields"]))
        if event["requires"]:
            needs = ((n["refusal"], f"`{n['code']}`", f"`{n['holds']}`", n["because"]) for n in event["requires"])
            yield from _table(("answer", "refused with", "unless", "because"), needs)
        if event["rules"]:
            yield from _table(("answer", "accepted by", "from", "to", "ledger", "why"), map(_rule, event["rules"]))
        if event["answers"]:
            yield from _table(("at", "answer", "values", "given by"), (_slot(a, _givers(event, a)) for a in event["answers"]))


def _outside(d: Data) -> Iterator[str]:
    yield from ("## What the module does not hold", "")
    yield from ("No time passes in it, and it remembers no event. The host keeps, or does:", "")
    for clock in d["clocks"]:
        name, number = clock["name"], clock["number"]
        acting = ((r["name"], r["clocks"][name]) for e in d["events"] for r in e["rules"] if name in r["clocks"])
        acts = ", ".join(f"`{rule}` {act} it" for rule, act in acting)
        due = f"send `{clock['falls_due']}` when it falls due; `{clock['job']}` is the job that should run then"
        never = f"; where `{clock['of']}` is 0 it is never started" if clock["of"] else ""
        yield f"- clock {number}, `{name}`, {clock['says']}: {due}; {acts}{never}"
    if memory := d["memory"]:
        yield f"- the entries of the memory by `{memory['key']}`, and the periods that have ended since each was first written:"
        for period in memory["periods"]:
            by = " or ".join(f"a rule that {each['act']} `{each['clock']}`" for each in period["ended_by"])
            yield f"    - `{period['name']}` until {by}"
    recalled = {slot["name"] for slot in _of_entry(d)}
    facts = dict.fromkeys(f["name"] for e in d["events"] for f in e["fields"] if f["origin"] == "fact")
    if looked_up := [f"`{fact}`" for fact in facts if fact not in recalled]:
        yield f"- facts, which it looks up and supplies as fields: {', '.join(looked_up)}"
    keys = dict.fromkeys(f"`{k['name']}`" for e in d["events"] for k in e["keys"])
    if keys:
        yield f"- what a record holds that nothing is computed with: {', '.join(keys)}"
    yield "- ids of events, so that a repeated one gets its first answer"
    if d["around"]:
        yield "- the form of answers, of a catalogue and of sessions, which the description holds under `around`"
    yield ""


def _of_entry(d: Data) -> list[Data]:
    """The slots of an entry of the memory."""
    memory = d["memory"]
    if memory is None:
        return []
    return [*memory["holds"], *memory["periods"], memory["is_new"] | {"says": "nothing was written yet"}, *memory["facts"]]


def _claims(d: Data) -> Iterator[str]:
    sentences = {c["id"]: c["sentence"] for c in d["claims"]}
    for function, parts in (("broken_state", d["state_claims"]), ("broken_step", d["step_claims"])):
        if parts:
            yield from (f"## Claims that `{function}` checks", "")
            rows = ((number, f"`{p['claim']}`", p["part"], sentences[p["claim"]]) for number, p in enumerate(parts))
            yield from _table(("answer", "claim", "part", "what it says"), rows)


def _parameter(p: Data, says: str) -> tuple[object, ...]:
    value = p["value"]
    return p["at"], f"`{p['name']}`", _kind(p["type"]), f"{value:,}" if type(value) is int else str(value).lower(), says


def _definition(d: Data) -> tuple[object, ...]:
    return d.get("at", ""), f"`{d['name']}`", _kind(d["type"]) if "type" in d else "", f"`{d['is']}`", d["says"]


def _slot(slot: Data, says: str) -> tuple[object, ...]:
    return slot["at"], f"`{slot['name']}`", _kind(slot["type"]), says


def _field(f: Data) -> str:
    return f"{f['says']} (a fact)" if f["origin"] == "fact" else f["says"]


def _givers(event: Data, answer: Data) -> str:
    return ", ".join(f"`{r['name']}`" for r in event["rules"] if answer["name"] in r["answers"])


def _rule(r: Data) -> tuple[object, ...]:
    lines = ", ".join(f"{line['at']}: {line['kind']} {line['pool']}" for line in r["ledger"])
    source = f"{', '.join(r['source'])}{', where `' + r['when'] + '`' if r['when'] else ''}"
    return r["number"], f"`{r['name']}`", source, r["target"] or "the same", lines, r["why"]


def _kind(kind: Data) -> str:
    match kind["type"]:
        case "enum":
            return ", ".join(f"{number} {name}" for number, name in enumerate(kind["order"]) if name in kind["members"])
        case "bool":
            return "0, 1"
        case _:
            return f"{_bound(kind['lo'])} to {_bound(kind['hi'])}"


def _bound(number: int) -> str:
    return {2**53 - 1: "2^53 - 1", 1 - 2**53: "-(2^53 - 1)"}.get(number, f"{number:,}")


def _table(heading: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    """A table, with the empty line after it."""
    yield f"| {' | '.join(heading)} |"
    yield "|" + " --- |" * len(heading)
    for row in rows:
        cells = (str(cell).replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
    yield ""
