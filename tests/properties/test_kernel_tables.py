"""Tables of the kernel: beyond the reach of 32 bits, and cleared of what is forgotten before they grow."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenspec.machine.interpreters.batch import tables
from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.wasm.engine import Instance
from tokenspec.oracle import Oracle
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import DEFAULT
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.module import growth
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.runtime.snapshot import state_digest
from tokenspec.oracle.wire.log_files import Logs

PUTS = long(f"""
(func $at (param $a i64) (param $b i64) (result iBITS)
  (global.set $mark_1 %a) (global.set $mark_2 %b) (call $t_find))
(func $put (export "put") (param $a i64) (param $b i64) (param $value i64) (local $place iBITS)
  (local.set $place (call $at %a %b))
  (if (i64.eqz (i64.load $t %place)) (then (call $t_add %place)))
  (i_puts))
(func $get (export "get") (param $a i64) (param $b i64) (result i64) (local $place iBITS)
  (local.set $place (call $at %a %b)) (i_gets))
;; Every third first word has the lower bits of another, and every other third the upper ones of some.
(func $word (param $n i64) (result i64)
  (if (i64.eqz (i64.rem_u %n ~3)) (then (return (i64.or (i64.shl (call $mixed %n) ~10) ~1))))
  (if (i64.eq (i64.rem_u %n ~3) ~1) (then
    (return (i64.or (i64.and (call $mixed (i64.shr_u %n ~3)) ~{-(1 << 34)}) (i64.add %n ~1)))))
  (call $mixed %n))
(func (export "room") (call $t_room))
(func (export "fill") (param $n i64) (param $end i64)
  (loop $next
    (call $t_room)
    (call $put (call $word %n) (i64.rem_u %n ~2) (i64.add %n ~1))
    (local.set $n (i64.add %n ~1))
    (br_if $next (i64.lt_u %n %end))))
(func (export "kept") (param $end i64) (result i64) (local $n i64) (local $kept i64)
  (loop $next
    (local.set $kept (i64.add %kept (i64.extend_i32_u (i32.and
      (i64.eq (call $get (call $word %n) (i64.rem_u %n ~2)) (i64.add %n ~1))
      (i64.eqz (call $get (call $word %n) ~2))))))
    (local.set $n (i64.add %n ~1))
    (br_if $next (i64.lt_u %n %end)))
  %kept)""")
GIB = 1 << 30
LARGE = 1 << 30
"""A cost that is kept in full."""


@cache
def text_of(bits: int, head: int) -> str:
    """The module of a table of nothing but codes, which end with a byte."""
    table = tables.FingerprintTable("t", head, bits, tables.LOADS[head])
    return f"(module (memory 1) {tables.MARK} {table.text()} {puts_of(bits, head)})"


def puts_of(bits: int, head: int) -> str:
    """The functions that put codes into it, and get them."""
    puts, gets = tables.puts_code("t", "%place", "%value", head), tables.code_of("t", "%place", head)
    return PUTS.replace("(i_puts)", long(puts)).replace("(i_gets)", long(gets)).replace("iBITS", f"i{bits}")


def oracle_for(remember: int | None) -> Oracle:
    """An oracle with a plan that pays for all of it."""
    catalogue = json.loads(json.dumps(dict(DEFAULT.written())))
    catalogue["plans"]["ultimate"]["allowance"] = 1 << 45
    return Oracle(catalogue=catalogue, remember=remember)


def test_a_table_of_more_than_four_gibibytes_keeps_every_entry_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that nobody touches take no memory."""
    places, entries = 1 << 31, 1 << 28
    monkeypatch.setattr(tables, "_FIRST", places)
    monkeypatch.setattr(tables, "_SPARE", entries)
    instance = Instance(text_of.__wrapped__(64, tables.LONG))
    assert (instance.memory_bytes("t_index") // GIB, instance.memory_bytes("t") // GIB) == (10, 4)
    get = instance.function("get")
    # The index has 5 bytes a place, and two places for each value of the upper bits. The fourth and the fifth have the lower 32
    # bits of addresses among the first three.
    above = 429_496_729
    marks = [(upper << 34, again) for upper in (5, 6, 7, above + 5, above + 6, (1 << 29) - 1, -1) for again in (1, 2)]
    # 18 bytes an entry: the later ones, of which one lies across 2^32, have the lower 32 bits of addresses within the first.
    for value, (first, second) in enumerate(marks, 1):
        instance.call("put", first, second, value)
    instance.set_value("t_count", 238_609_291)
    for value, (first, second) in enumerate(marks, 101):
        instance.call("put", first, -second, value)
    assert [get(*mark) for mark in marks] == list(range(1, len(marks) + 1))
    assert [get(first, -second) for first, second in marks] == list(range(101, len(marks) + 101))
    assert get(8 << 34, 1) == 0


TABLES = [(bits, head) for bits in (32, 64) for head in tables.LOADS]
UPPERS = st.sampled_from([0, 1, 2**29, 2**30 - 1]) | st.integers(0, 2**30 - 1)
MARKS = st.tuples(UPPERS, st.integers(0, 2**34 - 1), st.integers(1, 3) | st.integers(1, 2**63 - 1))


def signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


@pytest.mark.parametrize(("bits", "head"), TABLES)
def test_a_table_that_grows_keeps_every_entry_in_few_bytes(bits: int, head: int) -> None:
    """Fingerprints that are alike in their lower or in their upper bits are apart."""
    instance, count, sizes = Instance(text_of(bits, head)), 90_000, set()
    instance.call("fill", 0, count)
    while count < 130_000:
        instance.call("fill", count, count + 500)
        count += 500
        places = instance.value("t_places")
        assert head + (places * 5 + tables._PLACE * tables._LEFT) / count <= 24
        sizes.add(places)
    assert (instance.value("t_count"), instance.call("kept", count)) == (count, count)
    assert len(sizes) > 1, "it did not grow"
    pages = instance.memory_bytes("t") + instance.memory_bytes("t_index")
    assert pages <= count * (head * 1.25 + places * 5 / count) + 3 * 65_536


@pytest.mark.parametrize("size", [16 << 20, None])
def test_the_rest_of_a_log_is_taken_to_be_like_what_was_read(size: int | None) -> None:
    """Where much follows an index grows to twice as much, where little follows by less than where nothing is known."""
    places = []
    for passed in (0, 1 << 21, 15 << 20):
        instance = Instance(text_of(32, tables.SHORT))
        instance.set_value("growth", growth(passed, size))
        instance.call("fill", 0, 900)
        places.append(instance.value("t_places"))
    nothing_known, much, little = places
    assert much > nothing_known > little if size is not None else much == nothing_known == little


@pytest.mark.parametrize(("bits", "head"), TABLES)
@given(filled=st.integers(1, 3_000), marks=st.lists(MARKS, max_size=120), more=st.integers(0, 1_500))
@settings(max_examples=40)
def test_a_table_is_a_dictionary(bits: int, head: int, filled: int, marks: list[tuple[int, int, int]], more: int) -> None:
    """Some of the fingerprints say the same place, some the first or the last; others are there before them, and come behind."""
    instance, known = Instance(text_of(bits, head)), dict[tuple[int, int], int]()
    instance.call("fill", 0, filled)
    for value, (upper, lower, second) in enumerate(marks, 1):
        mark = signed(upper << 34 | lower), second
        assert instance.call("get", *mark) == known.get(mark, 0)
        instance.call("room")
        instance.call("put", *mark, -value)
        known[mark] = -value
    instance.call("fill", filled, filled + more + 1)
    assert instance.value("t_count") == filled + more + 1 + len(known)
    assert {mark: instance.call("get", *mark) for mark in known} == known
    assert instance.call("kept", filled + more + 1) == filled + more + 1


def line(n: int, at: int, **rest: object) -> str:
    record = {"account": f"a{n % 7}", "at": format_instant(at), **rest}
    return json.dumps(record, separators=(",", ":"))


def years(path: Path, oldest: int) -> Path:
    """A log of two years: a job every two hours, some of a cost that no short code says, and refunds of jobs before."""
    start, lines = parse_instant("2026-01-01T00:00:00Z"), list[str]()
    for n in range(7):
        lines.append(line(n, start, event="open_account"))
        lines.append(line(n, start, event="subscribe", plan="ultimate"))
    for n in range(9_000):
        at = start + n * 2 * DAY_MS // 24
        job = {"event": "generate", "media": "image", "origin": "first_party", "cost": LARGE if n % 10 == 0 else 1}
        lines.append(line(n, at, **job, job=f"j{n}", id=f"i{n}", observed={"outcome": "accepted"}))
        if n % 20 == 0:
            ago = n - 7 * (1 if n % 40 else oldest)
            lines.append(line(n, at, event="refund", job=f"j{max(ago, 0)}", id=f"r{n}"))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_what_is_forgotten_takes_no_memory(tmp_path: Path) -> None:
    sizes, log = {}, years(tmp_path / "log.jsonl", 2)
    for remember in (None, 20 * DAY_MS):
        kernel = AuditKernel(Logs([str(log)]), oracle_for(remember))
        kernel.find_dirty(None)
        assert not kernel.has_dirty
        sizes[remember] = [*map(kernel._instance.memory_bytes, ("entries", "ids")), kernel._instance.value("full_end")]
    assert all(kept * 3 <= all_ for kept, all_ in zip(sizes[20 * DAY_MS], sizes[None], strict=True)), sizes


@pytest.mark.parametrize("days", [3, 100])
def test_the_kernel_forgets_as_the_oracle_does(days: int, tmp_path: Path) -> None:
    found, log = [], years(tmp_path / "log.jsonl", 600)
    for by_kernel in (True, False):
        oracle, logs = oracle_for(days * DAY_MS), Logs([str(log)])
        fast = replay_by_kernel(logs, oracle, smallest=0, keeps_state=True) if by_kernel else None
        assert (fast is not None) == by_kernel
        report = fast[0] if fast is not None else replay(logs, oracle)
        assert not report.divergences
        found.append((report.compared, report.not_compared, report.coverage.rules, state_digest(oracle.accounts)))
    assert found[0] == found[1]
    assert found[0][1]["before_the_log"] > 50
