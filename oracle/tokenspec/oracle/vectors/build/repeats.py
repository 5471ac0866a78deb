"""Runs about what an implementation remembers: each event once more under its id, and beside an account of a similar name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tokenspec.oracle.fuzz.names import alike
from tokenspec.oracle.fuzz.pairs import TakenSearch
from tokenspec.oracle.fuzz.starts import STARTS
from tokenspec.oracle.runtime.script import NAME, Record
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, Capabilities
from tokenspec.oracle.vectors.build.executed import ExecutedWorld
from tokenspec.oracle.vectors.build.goals import Candidate
from tokenspec.oracle.vectors.build.set_cover import few
from tokenspec.oracle.vectors.build.target import BuildTarget
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.resets import clock_jobs

_TRIES, _NEXT = 3, 60
"""The number of runs that end with one refusal, and of events after each, that are tried until the refusal would be none."""


@dataclass
class _Longer:
    """A run that is made longer, as far as the implementation takes what is added."""

    world: ExecutedWorld
    search: TakenSearch
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.oracle = self.world.oracle.fork({})

    def add(self, record: Record) -> tuple[Record, Answer, str] | None:
        """Returns the record as it is sent, the answer, and its rule or code; None where it is not taken."""
        taken = self.search.taken(record, self.oracle)
        if taken is None:
            return None
        answer, by = self.oracle.decide(self.oracle.reader.convert(self.world.asked(taken)))
        self.records.append(taken)
        return taken, answer, by or ""


def with_repeats(target: BuildTarget, terms: Capabilities, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Returns few runs in which every rule and refusal comes again under its id when the answer would be another by now."""
    found, goals, tries = list[Candidate](), list[set[str]](), Counter[str]()
    for number, each in enumerate(candidates):
        run = each.played
        if {record["account"] for record in run.records} != {NAME}:
            continue
        for records in (run.records, *_until_accepted(target, each, tries)):
            longer, met = _repeated(target, terms, run.world, records, number)
            played = target.play(run.world, longer)
            if met and target.takes(played):
                title = f"every event once more under its id, beside an account of a similar name: {each.title}"
                found.append(replace(each, id=f"repeated-{each.id}", title=title, played=played, wanted=True))
                goals.append(met)
    chosen = [found[n] for n in few(goals, [len(each.played.records) for each in found])]
    times = Counter[str]()
    for n, each in enumerate(chosen):
        times[each.id] += 1
        if times[each.id] > 1:
            chosen[n] = replace(each, id=f"{each.id}-{times[each.id]}")
    return chosen


def _until_accepted(target: BuildTarget, found: Candidate, tries: Counter[str]) -> list[list[Record]]:
    """Returns a run that ends in a refusal, with one more event after which it would be accepted; none where there is none."""
    run = found.played
    last = run.records[-1]
    key = f"{last['event']} {run.last}"
    if run.answers[-1].outcome == "accepted" or tries[key] >= _TRIES:
        return []
    tries[key] += 1
    search = target.search(run.world)
    assert isinstance(search, TakenSearch)
    before = _Longer(run.world, search)
    for record in run.records:
        before.add(record)
    account = before.oracle.accounts.get(NAME)
    if account is None:
        return []
    for record in search.next_records(account, last["at"], _NEXT):
        after = before.oracle.fork({NAME: account.copy()})
        if after.apply(record).outcome == "accepted" and after.apply({**last, "at": record["at"]}).outcome == "accepted":
            tries[key] = _TRIES
            return [[*run.records, record]]
    return []


def _repeated(
    target: BuildTarget, terms: Capabilities, world: ExecutedWorld, records: Sequence[Record], number: int
) -> tuple[list[Record], set[str]]:
    """Returns the run with all events repeated at its end, and those that show whether the first answers were kept."""
    search = target.search(world)
    assert isinstance(search, TakenSearch)
    run, twin, met = _Longer(world, search), alike(NAME, number), set[str]()
    firsts = []
    for n, record in enumerate(records):
        first = run.add(_with_id(terms, record, f"e{n}"))
        if first is not None:
            firsts.append(first)
        # The other account is on another plan, and names the same jobs, and the same ids for other events.
        if terms.jobs != BATCH:
            beside, paid, plan = {**record, "account": twin}, STARTS.with_what(world.catalogue), record.get(STARTS.key)
            if plan in paid:
                beside[STARTS.key] = paid[paid.index(plan) - 1]
            other = run.add(_with_id(terms, beside, f"e{len(records) - n}"))
            met |= {f"beside {other[2]}"} if other is not None else set()
    for n, (record, answer, by) in enumerate(firsts):
        again = {**record, "at": records[-1]["at"]}
        if "id" not in record or run.add(again) is None:
            continue
        now = run.add({**again, "id": alike(record["id"], number + n)})
        if now is None or world.differs(record, now[1], answer):
            met.add(f"repeats {record['event']} {by}")
    return run.records, met


def _with_id(terms: Capabilities, record: Record, name: str) -> Record:
    """Returns the record under an id, where ids are repeated; a run of a job for all accounts has none."""
    has_none = terms.repeats == NO_REPEATS or (terms.jobs == BATCH and record["event"] in clock_jobs())
    return record if has_none or "id" in record else {**record, "id": name}
