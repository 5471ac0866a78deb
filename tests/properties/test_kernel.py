"""The kernel against the oracle alone: whole reports over random logs with faults in them are the same, byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tokenspec.oracle import Oracle
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.fuzz.campaign import walk_worlds
from tokenspec.oracle.fuzz.worlds import FuzzWorld, world_fuzz
from tokenspec.oracle.logs.kernel.run import Kernel, replay_by_kernel
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.forms import as_json
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.spec.catalogue import Catalogue

Records = list[dict[str, Any]]


class Recorder(world_fuzz()):  # type: ignore[misc]
    """Keeps the records of every run, with what the oracle answered."""

    runs: ClassVar[list[tuple[FuzzWorld, Records]]] = []

    def open_world(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
        super().open_world(policy, catalogue, resets)
        type(self).runs.append((FuzzWorld(dict(self.oracle.policy), self.oracle.catalogue, resets), self.records))


SESSIONS = ("login", "refresh", "logout", "view")


@pytest.fixture(scope="module")
def runs() -> list[tuple[FuzzWorld, Records]]:
    """Runs under random settings, with both kinds of resets; in all but every fourth there is only what the kernel covers."""
    walk_worlds(Recorder, 32, 60, 11)
    found = [(world, records) for world, records in Recorder.runs if records]
    return [(world, records if n % 4 == 0 else covered(world, records)) for n, (world, records) in enumerate(found)]


def covered(world: FuzzWorld, records: Records) -> Records:
    """The records without sessions, repeats, and texts that need escapes; answered anew."""
    oracle, known, kept = Oracle(world.policy, world.catalogue, world.resets), set(), list[dict[str, Any]]()
    for record in json.loads(json.dumps(records).replace("\\t", "")):
        ids = record["account"], record.get("id")
        if record["event"] in SESSIONS or ids in known:
            continue
        known |= {ids} if ids[1] is not None else set()
        asked = {name: value for name, value in record.items() if name != "observed"}
        kept.append({**asked, "observed": oracle.apply(asked).as_dict()})
    return kept


def report(paths: list[Path], world: FuzzWorld, by_kernel: bool) -> tuple[str, bool]:
    """The report of a replay as JSON, and whether the kernel made it."""
    oracle, logs = Oracle(world.policy, world.catalogue, world.resets), Logs(list(map(str, paths)))
    fast = replay_by_kernel(logs, oracle, smallest=0) if by_kernel else None
    found, lines = fast or (replay(logs, oracle), logs)
    explain(found, lines, oracle.policy, oracle.catalogue, oracle.resets)
    note_ties(found, lines, oracle.policy, oracle.catalogue, oracle.resets)
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
        observed[name] = dice.choice(("accepted", "refused", "free", "essential", "job_must_be_new", "tokens", value))
    else:
        observed[name] = dice.choice((None, True, False, 1, 0))
    return [as_line({**record, "observed": observed})]


def _twice(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    return [as_line(record)] * dice.choice((2, 2, 3))


def _unsorted(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    names = list(record)
    dice.shuffle(names)
    return [json.dumps({name: record[name] for name in names}).encode()]


def _with_sums(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    observed = dict(record.get("observed") or {})
    balances = observed.get("balances") or {"daily": 0}
    observed["total"] = sum(tokens for pool, tokens in balances.items() if pool != "api") + dice.choice((0, 0, 0, 1))
    if dice.random() < 0.2:
        observed["delta"] = dice.choice((0, 0, -24))
    return [as_line({**record, "observed": observed})]


def _less(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    gone = dice.choice(list(record))
    return [as_line({name: value for name, value in record.items() if name != gone})]


def _null(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    return [as_line({**record, dice.choice([*record, "id"]): None})]


def _instant(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    at = str(record["at"])
    plain = at.removesuffix("Z")
    whole = plain.partition(".")[0]
    forms = (
        parse_instant(at), f"{plain}+00:00", f"{whole}.9999Z", f"{whole}.5-00:30", at.lower(), at.replace("-", "/"),
        f"{whole[:-2]}60Z", f"{whole[:8]}32{whole[10:]}Z", "2027-02-29T00:00:00Z", "2028-02-29T00:00:00+14:00",
        parse_instant(at) // 1000, f"{whole}.Z", f"{whole}Z ", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999Z",
    )  # fmt: skip
    return [as_line({**record, "at": dice.choice(forms)})]


def _earlier(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    back = dice.choice((1, 60_000, 86_400_000, 40 * 86_400_000))
    return [as_line({**record, "at": parse_instant(str(record["at"])) - back})]


def _odd_text(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    line = as_line(record)
    other = dice.choice(
        (
            line[:-1], b"{}", b"[]", b"", b"   ", b'{"account":"\\u0061"}', b"\xff\xfe", line + b"}", line + b" ", b"\t" + line,
            line[:-1] + b',"id":"x","id":"y"}', line.replace(b":", b" :", 1), line.replace(b'"', b"'"), line + b"\r",
            line[:-1] + b',"note":"seen"}', line[:-1] + b',"cost":1.0}', line[:-1] + b',"cost":01}', line[:-1] + b',"x":{}}',
            line.replace(b"account", b"acc\\u006funt"), line[:-1] + b',"observed_as":null}', line[:-1] + b',"amount":-0}',
        )
    )  # fmt: skip
    return [line, other] if dice.random() < 0.5 else [other]


def _identified(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    return [as_line({**record, "id": dice.choice(("a", "b", f"id-{dice.randrange(1000)}", "ä", ""))})]


def _of_others(record: dict[str, Any], dice: random.Random) -> list[bytes]:
    other = {**record, "account": dice.choice(("ü", "", "x" * 70, "a"))}
    return [as_line(other)]


FAULTS: list[Callable[[dict[str, Any], random.Random], list[bytes]]] = [
    _other_value, _twice, _unsorted, _with_sums, _less, _null, _instant, _earlier, _odd_text, _identified, _of_others,
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


@pytest.mark.parametrize("share", [0.0, 0.03, 0.3])
def test_reports_are_the_same(runs: list[tuple[FuzzWorld, Records]], tmp_path: Path, share: float) -> None:
    dice, made = random.Random(f"log {share}"), 0
    for world, records in runs if share < 0.1 else runs[::4]:
        made += same(written(tmp_path, mixed(records, 3, dice, share), dice), world)
    assert made


def test_what_is_covered_needs_no_oracle(runs: list[tuple[FuzzWorld, Records]], tmp_path: Path) -> None:
    """Else the comparison of reports would compare the oracle with itself."""
    dice, accounts, clean = random.Random(3), 0, 0
    for world, records in runs:
        if records and not any(record["event"] in SESSIONS for record in records):
            paths = written(tmp_path, mixed(records, 2, dice, 0.0), dice)
            kernel = Kernel(Logs(list(map(str, paths))), Oracle(world.policy, world.catalogue, world.resets))
            kernel.find_dirty(None)
            accounts += 2 * len({record["account"] for record in records})
            clean += 2 * len({record["account"] for record in records}) - kernel.dirty
            # Under implied renewals an event at the very instant of one may take its place.
            assert kernel.dirty == 0 or world.resets != "explicit"
    assert clean > 0.8 * accounts
