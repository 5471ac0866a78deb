"""The kernel against the oracle alone: whole reports over random logs with faults in them are the same, byte for byte."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from recorded_worlds import Records, recorded
from tokenspec.machine.lang.ids import Repeat
from tokenspec.oracle import Oracle
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.fuzz.worlds import FuzzWorld
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.forms import as_json
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.spec.words import APP_POOLS


@pytest.fixture(scope="module")
def runs() -> list[tuple[FuzzWorld, Records]]:
    """Runs under random settings, with both kinds of resets; in all but every fourth there is only what the kernel covers."""
    found = recorded(32, 60, 11)
    return [(world, records if n % 4 == 0 else covered(world, records)) for n, (world, records) in enumerate(found)]


@pytest.fixture(scope="module")
def plain(runs: list[tuple[FuzzWorld, Records]]) -> list[tuple[FuzzWorld, Records]]:
    """The runs that the kernel covers."""
    return [run for n, run in enumerate(runs) if n % 4]


def covered(world: FuzzWorld, records: Records) -> Records:
    """The records without texts that need escapes, and repeats that are not the same record again; answered anew."""
    oracle, kept = Oracle(world.policy, world.catalogue, world.resets), list[dict[str, Any]]()
    known: dict[tuple[str, str], str] = {}
    for record in json.loads(json.dumps(records).replace("\\t", "")):
        ids = record["account"], record.get("id")
        is_retry = oracle.repeat is Repeat.FIRST_ANSWER and known.get(ids) == record["event"]
        if ids in known and not is_retry:
            continue
        known |= {ids: record["event"]} if ids[1] is not None else {}
        asked = {name: value for name, value in record.items() if name != "observed"}
        answer = oracle.apply({**asked, "observed": {"delta": 0}})
        total = {"total": sum(answer.balances[pool] for pool in APP_POOLS)} if answer.balances else {}
        kept.append({**asked, "observed": {**answer.as_dict(), **total}})
    return kept


def report(paths: list[Path], world: FuzzWorld, by_kernel: bool) -> tuple[str, bool]:
    """The report of a replay as JSON, and whether the kernel made it."""
    oracle, logs = Oracle(world.policy, world.catalogue, world.resets), Logs(list(map(str, paths)))
    fast = replay_by_kernel(logs, oracle, smallest=0) if by_kernel else None
    found, lines = fast or (replay(logs, oracle), logs)
    explain(found, lines, oracle)
    note_ties(found, lines, oracle)
    return as_json(replay_report(found, oracle, logs.names).data()), fast is not None


def same(paths: list[Path], world: FuzzWorld) -> bool:
    """Compares both ways; returns whether the kernel made one of them."""
    fast, made = report(paths, world, by_kernel=True)
    assert fast == report(paths, world, by_kernel=False)[0]
    return made


def as_line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


# Faults and odd forms: each takes a record and dice, and returns the line or lines in its place.


def _other_value(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    observed = dict(record.get("observed") or {})
    if not observed:
        return [as_line(record)]
    name = dice.choice(list(observed))
    value = observed[name]
    if isinstance(value, dict) and value:
        pool = dice.choice(list(value))
        observed[name] = {**value, pool: value[pool] + dice.choice((-1, 1))}
    elif isinstance(value, str) and name.endswith("_at"):
        observed[name] = parse_instant(value) + dice.choice((0, 1, 60_000))
    elif isinstance(value, list):
        observed[name] = value[1:]
    elif isinstance(value, str):
        observed[name] = dice.choice(("accepted", "refused", "free", "essential", "job_must_be_new", "tokens", "stale", value))
    else:
        observed[name] = dice.choice((None, True, False, 1, 0))
    return [as_line({**record, "observed": observed})]


def _other_screen(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    if record["event"] not in ("login", "refresh", "logout", "view"):
        return _other_value(record, dice)
    shown: dict[str, Any] = {
        pool: dice.choice((0, 150, 25_000, None)) for pool in dice.sample(APP_POOLS, dice.choice((0, 1, 1, 2)))
    }
    is_view, says = record["event"] == "view" and dice.random() < 0.7, dice.choice(("current", "stale", "impossible"))
    other = {"shown": shown} if is_view else {"session": dice.choice((record["session"], "s", "ä"))}
    return [as_line({**record, **other, "observed": {"shown_is": says} if record["event"] == "view" else {}})]


def _twice(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    return [as_line(record)] * dice.choice((2, 2, 3))


def _unsorted(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    def shuffled(value: dict[str, Any]) -> dict[str, Any]:
        return {name: shuffled(of) if isinstance(of, dict) else of for name, of in dice.sample(list(value.items()), len(value))}

    mixed = shuffled(record)
    return [json.dumps(mixed).encode() if dice.random() < 0.5 else as_line(mixed)]


def _with_sums(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    observed = dict(record.get("observed") or {})
    balances = observed.get("balances") or {"daily": 0}
    observed["total"] = sum(tokens for pool, tokens in balances.items() if pool != "api") + dice.choice((0, 0, 0, 1))
    observed["delta"] = dice.choice((0, 1, observed.get("delta", 0)))
    return [as_line({**record, "observed": observed})]


def _absences(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    absent: list[dict[str, Any]] = [{"duplicate": False}, {"charge": {}}, {"charge": {"daily": 0}, "duplicate": False}]
    observed = dice.choice([*absent, {"relaxed": []}])
    return [as_line({**record, "observed": observed})]


def _less(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    gone = dice.choice(list(record))
    return [as_line({name: value for name, value in record.items() if name != gone})]


def _null(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    return [as_line({**record, dice.choice([*record, "id"]): None})]


INSTANTS: list[Callable[[str], Any]] = [
    parse_instant,
    lambda at: parse_instant(at) // 1000,
    lambda at: f"{at[:-1]}+00:00",
    lambda at: f"{at[:19]}.9999Z",
    lambda at: f"{at[:19]}.5-00:30",
    lambda at: f"{at[:19]}.Z",
    lambda at: f"{at[:19]}Z ",
    lambda at: f"{at[:17]}60Z",
    lambda at: f"{at[:8]}32{at[10:]}",
    lambda at: at.lower(),
    lambda at: at.replace("-", "/"),
    lambda at: "2027-02-29T00:00:00Z",
    lambda at: "2100-02-29T00:00:00Z",
    lambda at: "2026-00-10T00:00:00Z",
    lambda at: "2026-13-10T00:00:00Z",
    lambda at: "2026-01-00T00:00:00Z",
    lambda at: f"{at[:11]}24:00:00Z",
    lambda at: f"{at[:11]}1:234:56Z",
    lambda at: f"{at[:10]} {at[11:]}",
    lambda at: "2028-02-29T00:00:00+14:00",
    lambda at: "0000-01-01T00:00:00+01:00",
    lambda at: "9999-12-31T23:59:59.999Z",
    lambda at: 99_999_999_999,
    lambda at: 12.5,
    lambda at: True,
]
"""Other ways to write an instant, and some that are none."""


def _instant(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    return [as_line({**record, "at": dice.choice(INSTANTS)(str(record["at"]))})]


def _earlier(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    back = dice.choice((1, 60_000, 86_400_000, 40 * 86_400_000))
    return [as_line({**record, "at": parse_instant(str(record["at"])) - back})]


def _with(more: bytes) -> Callable[[bytes], bytes]:
    return lambda line: line[:-1] + more + b"}"


ODD: list[Callable[[bytes], bytes]] = [
    lambda line: line[:-1],
    lambda line: b"{}",
    lambda line: b"[]",
    lambda line: b"",
    lambda line: b"   ",
    lambda line: line + b"}",
    lambda line: line + b",",
    lambda line: line + b" \r",
    lambda line: b"\t" + line,
    lambda line: line.replace(b":", b" :", 1),
    lambda line: line.replace(b'"', b"'"),
    lambda line: line.replace(b"account", b"acc\\u006funt", 1),
    lambda line: line.replace(b'":"', b'":"\\u0061', 1),
    lambda line: line.replace(b",", b",,", 1),
    lambda line: line.replace(b'":', b'": '),
    lambda line: line.replace(b'":', b'":  '),
    lambda line: line.replace(b',"', b', "'),
    lambda line: line.replace(b'","at"', b'""at"'),
    lambda line: line.replace(b'{"account"', b'{,"account"'),
    lambda line: line.replace(b"}}", b"} }"),
    lambda line: line.replace(b"accepted", b"accepted\xc3\xa4"),
    lambda line: re.sub(rb'"at":"[^T]*', b'"at":"' + bytes(10), line),
    lambda line: line[:11] + bytes(64) + line[11:],
    lambda line: line.replace(b"accepted", b"accepted\x01"),
    lambda line: line.replace(b"{", b"{ "),
    lambda line: re.sub(rb'"daily":(\d)', rb'"daily":0\1', line),
    lambda line: line.replace(b'"daily":', b'"daily":-'),
    lambda line: line.replace(b'"balances"', b'"balance"'),
    lambda line: line.replace(b'"balances":{', b'"balances":{"fast":0,"fast":0,'),
    lambda line: line.replace(b'"balances":{', b'"balances":{"other":0,'),
    lambda line: line.replace(b'"observed":{', b'"observed":{},"observed":{'),
    lambda line: line.replace(b'"observed":{', b'"observed":{"status":"asleep",'),
    *map(_with, (
        b',"id":"x","id":"y"', b',"id":null,"id":"y"', b',"note":"seen"', b',"observed":{}', b',"observed":[]', b',"cost":1.0',
        b',"cost":01', b',"cost":1e1', b',"cost":9007199254740992', b',"cost":-9007199254740991', b',"amount":-0', b',"amount":',
        b',"quantity":99999999999999999999', b',"amount":7', b',"plan":"premium"', b',"media":"sound"', b',"model":"Phoenix"',
        b',"model":"none of ours"', b',"action":"none"', b',"action":null', b',"session":"s"', b',"shown":{"fast":1}', b',"x":{}',
        b',"daily_reset_time":"24:00"', b',"daily_reset_time":"07:30"', b',"job":7', b',"job":"j"',
        b',"id":"\xc3\xa4"', b',"id":""', b',"x":1,"x":2', b',"x":1,"y":2,"z":3,"x":4',
        b',"x":[1]', b',"x":1,"y":2,"z":3,"u":4,"v":5',
    )),
]  # fmt: skip
"""Lines that are not written as most are, and some that are no records."""


def _odd_text(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    line = as_line(record)
    other = dice.choice(ODD)(line)
    return [line, other] if dice.random() < 0.5 else [other]


def _noted(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    values: list[Any] = ["x", "é", -12, 0, True, False, None, 1.5, [], {}, "\n", 2**60]
    names = ("note", "balance", "Account", "observation", "idd", "a name of more than sixteen bytes", "plan ")
    return [as_line({**record, **dict.fromkeys(dice.sample(names, dice.choice((1, 1, 2, 5))), dice.choice(values))})]


def _identified(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    return [as_line({**record, "id": dice.choice(("a", "b", f"id-{dice.randrange(1000)}", "ä", ""))})]


def _of_others(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    other = {**record, "account": dice.choice(("ü", "", "x" * 70, "a"))}
    return [as_line(other)]


FAULTS: list[Callable[[dict[str, Any], random.Random], list[bytes]]] = [
    _other_value, _twice, _unsorted, _with_sums, _less, _null, _instant, _earlier, _noted, _odd_text, _identified, _of_others,
    _absences, _other_screen,
]  # fmt: skip


def mixed(records: Records, copies: int, dice: random.Random, share: float) -> list[bytes]:
    """A log of several accounts that live like those of `records`, interleaved, with faults in a share of the lines."""
    lines: list[bytes] = []
    tails = [[{**r, "account": f"{r['account']}-{n}"} for r in records] for n in range(copies)]
    while tails:
        tail = dice.choice(tails)
        record = tail.pop(0)
        if not tail:
            tails.remove(tail)
        faulty = dice.random() < share
        lines += dice.choice(FAULTS)(record, dice) if faulty else [as_line(record)]
    return lines


def written(folder: Path, lines: list[bytes], dice: random.Random) -> list[Path]:
    """The lines in one file or two."""
    cut = dice.choice((0, 0, dice.randrange(len(lines) + 1)))
    paths = [folder / "1.jsonl", folder / "2.jsonl"][: 2 if 0 < cut < len(lines) else 1]
    parts = [lines] if len(paths) == 1 else [lines[:cut], lines[cut:]]
    for path, content in zip(paths, parts, strict=True):
        path.write_bytes(b"\n".join(content) + dice.choice((b"", b"\n")))
    return paths


@pytest.mark.parametrize(
    ("share", "of"), [(0.0, slice(1, None, 3)), (0.03, slice(None)), (0.3, slice(None, None, 4))], ids=["none", "few", "many"]
)
def test_reports_are_the_same(runs: list[tuple[FuzzWorld, Records]], tmp_path: Path, share: float, of: slice) -> None:
    """Most lines are right where few are not; without a fault, or with many, fewer runs are enough."""
    dice, made = random.Random(f"log {share}"), 0
    for world, records in runs[of]:
        made += same(written(tmp_path, mixed(records, 3, dice, share), dice), world)
    assert made


def named(records: Records, number: int) -> Records:
    """The same records of accounts of other names."""
    return [{**record, "account": f"{record['account']} {number}"} for record in records]


def test_every_odd_form_is_read_as_the_oracle_reads_it(plain: list[tuple[FuzzWorld, Records]], tmp_path: Path) -> None:
    """Each in a line of an account of its own, in the middle of its life."""
    dice, lines = random.Random(5), list[bytes]()
    world, records = next((world, records) for world, records in plain if len(records) > 20)
    forms = [*ODD, *(lambda line, form=form: as_line({**(r := json.loads(line)), "at": form(r["at"])}) for form in INSTANTS)]
    for number, form in enumerate(forms):
        life = [as_line(record) for record in named(records[: len(records) // 2], number)]
        at = dice.randrange(len(life))
        life[at : at + 1] = [form(life[at])] if number % 2 else [life[at], form(life[at])]
        lines += life
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(lines))
    assert same([path], world)


@pytest.mark.parametrize("before", [b"", b'{"account":"a","at":"2026-01-01T00:00:00Z","event":"open_account"}\n'])
def test_a_date_of_null_bytes_is_none(before: bytes, tmp_path: Path) -> None:
    """Dates that were read are found by their bytes, and nothing was read where there are none yet."""
    log = tmp_path / "log.jsonl"
    log.write_bytes(before + b'{"account":"b","at":"' + bytes(11) + b'12:00:00Z","event":"open_account"}\n')
    fast = replay_by_kernel(Logs([str(log)]), Oracle(), smallest=0)
    assert fast is not None
    assert len(fast[0].bad) == 1


@pytest.mark.parametrize("bad", [b"a\xff", b"\xff" * 80, b'\\"\xff', b"a" * 40 + b"\xc3", b"\xe2\x82"])
def test_what_is_not_utf_8_is_left_to_the_oracle(tmp_path: Path, bad: bytes) -> None:
    """In a text, in place of a name, and behind what the scanner does not take."""
    line = as_line({"account": "a", "at": "2026-01-01T00:00:00Z", "event": "open_account", "x": "seen"})
    log = tmp_path / "log.jsonl"
    for odd in (line.replace(b"seen", bad), line.replace(b'"at"', bad), line.replace(b"seen", b"\xc3\xa4")):
        log.write_bytes(b"\n".join([line.replace(b'"a"', b'"b"'), odd, line]))
        assert (replay_by_kernel(Logs([str(log)]), Oracle(), smallest=0) is None) == (bad in odd)


@pytest.mark.slow
def test_unknown_names_are_told_with_their_first_places(plain: list[tuple[FuzzWorld, Records]], tmp_path: Path) -> None:
    """They make no account dirty, and stand among those that the oracle finds in the order of the lines."""
    dice, path = random.Random(8), tmp_path / "log.jsonl"
    for world, records in plain[:6]:
        lines = []
        for record in records:
            names = dice.sample("klmno", dice.choice((0, 1, 2, 4)))
            lines.append(as_line({**record, **dict.fromkeys(names, dice.choice((1, "x", None)))}))
        path.write_bytes(b"\n".join(lines))
        kernel = AuditKernel(Logs([str(path)]), Oracle(world.policy, world.catalogue, world.resets))
        kernel.find_dirty(None)
        assert kernel.dirty == 0 or world.resets != "explicit"
        assert same([path], world)
        for _ in range(3):
            lines.insert(dice.randrange(len(lines)), dice.choice((b'{"q":1}', dice.choice(lines)[:-1] + b',"p":[]}')))
        path.write_bytes(b"\n".join(lines))
        assert same([path], world)


def leaves(observed: Mapping[str, Any]) -> list[tuple[str, ...]]:
    found = [(name, pool) for name, value in observed.items() if isinstance(value, dict) for pool in value]
    return [*found, *((name,) for name, value in observed.items() if not isinstance(value, dict) and value is not None)]


def other_than(value: Any, is_instant: bool) -> Any:
    """A value of the same form that is not the right one."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case list():
            return ["image"] if not value else []
    words = {
        "current": "stale",
        "stale": "impossible",
        "impossible": "stale",
        "accepted": "refused",
        "refused": "accepted",
        "free": "essential",
        "tokens": "relaxed",
        "relaxed": "tokens",
    }
    return parse_instant(value) + 1 if is_instant else words.get(value, "free" if value != "active" else "past_due")


@pytest.mark.slow
def test_one_wrong_value_makes_its_account_dirty_and_no_other(plain: list[tuple[FuzzWorld, Records]], tmp_path: Path) -> None:
    """Every field of every record of a run, each in a world of its own accounts."""
    path, wrong = tmp_path / "log.jsonl", 0
    for world, records in [(w, r) for w, r in plain if w.resets == "explicit"][:12:4]:
        changed, lines = set[str](), list[bytes]()
        for at, record in enumerate(records):
            for leaf in leaves(record["observed"]):
                life = json.loads(json.dumps(named(records, len(changed))))
                changed.add(life[at]["account"])
                inner = life[at]["observed"]
                for name in leaf[:-1]:
                    inner = inner[name]
                inner[leaf[-1]] = other_than(inner[leaf[-1]], leaf[-1].endswith("_at"))
                lines += map(as_line, life)
        path.write_bytes(b"\n".join(lines))
        kernel = AuditKernel(Logs([str(path)]), Oracle(world.policy, world.catalogue, world.resets))
        kernel.find_dirty(None)
        dirty = {json.loads(line.content)["account"] for _, line in kernel.numbered()}
        assert dirty == changed
        wrong += len(changed)
    assert wrong > 500


@pytest.mark.slow
def test_what_is_covered_needs_no_oracle(plain: list[tuple[FuzzWorld, Records]], tmp_path: Path) -> None:
    """Else the comparison of reports would compare the oracle with itself."""
    dice, accounts, clean = random.Random(3), 0, 0
    for world, records in plain:
        paths = written(tmp_path, mixed(records, 2, dice, 0.0), dice)
        kernel = AuditKernel(Logs(list(map(str, paths))), Oracle(world.policy, world.catalogue, world.resets))
        kernel.find_dirty(None)
        accounts += 2 * len({record["account"] for record in records})
        clean += 2 * len({record["account"] for record in records}) - kernel.dirty
        # Under implied renewals an event at the very instant of one may take its place.
        assert kernel.dirty == 0 or world.resets != "explicit"
    assert clean > 0.8 * accounts
