"""Runs about rules: what is accepted after what, what was spent before and after each, figures at their least, other accounts.

Several runs share a world, each of an account of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations
from typing import Any

from tokenspec.machine.lang.declaration import Actor, Origin
from tokenspec.machine.lang.types import Enum, Tokens, Type, Value
from tokenspec.oracle.base.specification import DEFAULT, IDS, SPEC, AnyCatalogue, account
from tokenspec.oracle.fuzz.figures import OTHERS, at_the_least
from tokenspec.oracle.fuzz.pairs import accepted, chains
from tokenspec.oracle.fuzz.paths import PathEdge, PathNode, PathSearch
from tokenspec.oracle.fuzz.starts import NOTHING, STARTS
from tokenspec.oracle.runtime.memory import KEY, begins, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, NAME, START, Move, Record, Script, Wait, move
from tokenspec.oracle.vectors.build.executed import ExecutedWorld, edges_of
from tokenspec.oracle.vectors.build.goals import slug
from tokenspec.oracle.vectors.build.lists import Listing, Movable, Moves, Plain, merged, together
from tokenspec.oracle.vectors.build.set_cover import few
from tokenspec.oracle.vectors.build.target import BuildTarget

_MIDNIGHT = "00:00"
_FEW, _ALL = 2, 20
"""The number of kinds of events of a simple run, and one that no run has."""
_WAYS = 900
"""The number of paths that are followed in search of every rule after every other."""
_WAYS_AFTER = 60
"""The number of paths that are followed in search of every event after one."""


def about_rules(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields the lists of rules, of figures, and of accounts that name each other."""
    world = target.world(plain.policy, plain.catalogue)
    assert world is not None
    search, first, paths = target.search(world, by_rules=True), dict[tuple[str, ...], PathNode](), list[list[Record]]()
    by_state, covered = dict[tuple[Value, ...], PathNode](), list[set[str]]()
    for edge, its in _with_covered(search, search.edges(target.begun(()), _WAYS, for_pairs=True)):
        if edge.then is not None and (what := accepted(edge)):
            first.setdefault(what, edge.then)
            by_state.setdefault((edge.then.account.row[search.oracle.control], *what), edge.then)
        if edge.steps[-1].outcome[0] >= 0:
            paths.append(edge.records())
            covered.append(its)
    after = _after_each(search, first)
    yield from together(plain, "rules-after", "each event accepted after each in one account", after)
    yield from together(plain, "rules-around", "what was spent around each rule, asked back", _around(world, plain, paths))
    if IDS is not None:
        yield from together(plain, "rules-retries", "events that come again after each rule", _retried(paths, covered))
    yield from _of_figures(target, plain)
    yield from _of_others(plain)
    by_rules = _by_each_rule(search, first, after)
    yield from together(
        plain, "rules-by-each", "each rule after each event in one account, where it is not the usual one", by_rules
    )
    again = list(chains(target.search(world), by_state.values()))
    yield from together(plain, "rules-undone", "events that come again once another one was undone", again)


def _with_covered(search: PathSearch, edges: Iterable[PathEdge]) -> Iterator[tuple[PathEdge, set[str]]]:
    """Yields edges of a search with each event's result by state in the run that ends with the edge, but for how it begins."""
    covered = dict[PathNode, set[str]]()
    for edge in edges:
        way: PathNode | None = edge.way
        while way is not None and way.record is None:
            way = way.before
        # A path that its search found is the end of an edge before.
        its = {name for step in edge.steps for name in edges_of(search.oracle, step, "")}
        its |= covered.get(way, set()) if way is not None else set()
        if edge.then is not None:
            covered[edge.then] = its
        yield edge, its


def _after_each(search: PathSearch, first: Mapping[tuple[str, ...], PathNode]) -> list[list[Record]]:
    """Returns runs in which each event is accepted, on the first way to it that is found, after each; none begins another."""
    runs = list[list[Record]]()
    for path in first.values():
        ways = dict[tuple[str, ...], PathEdge]()
        for later in search.edges_after(path, _WAYS_AFTER, for_pairs=True, by_last_rule=False):
            ways.setdefault(accepted(later), later)
        runs += [later.records() for what, later in ways.items() if what in first]
    return _without_beginnings(runs)


def _by_each_rule(
    search: PathSearch, first: Mapping[tuple[str, ...], PathNode], known: Sequence[Sequence[Record]]
) -> list[list[Record]]:
    """Returns runs in which each rule accepts an event after each event, as far as no known run begins so."""
    runs = list[list[Record]]()
    for path in first.values():
        ways = dict[int, PathEdge]()
        for later in search.edges_after(path, _WAYS_AFTER, for_pairs=True, by_last_rule=False):
            last = next((step for step in reversed(later.steps) if step.outcome[0] >= 0), None)
            if last is not None and last.event == later.record["event"]:
                ways.setdefault(last.outcome[0], later)
        runs += [later.records() for later in ways.values()]
    return [run for run in _without_beginnings(runs) if not any(run == other[: len(run)] for other in known)]


def _without_beginnings(runs: Sequence[list[Record]]) -> list[list[Record]]:
    """Returns the runs with which no other one begins."""
    return [run for run in runs if not any(run == other[: len(run)] for other in runs if len(other) > len(run))]


def _around(world: ExecutedWorld, plain: Plain, paths: Sequence[Sequence[Record]]) -> list[list[Record]]:
    """Returns few of the paths, with everything spent after each record, and at the end all of that asked back.

    They come to each rule after each entry, as far as the events that refer to the entry come to something else then.
    """
    if not begins(plain.again["event"]):
        return []
    runs, goals = list[list[Record]](), list[set[Any]]()
    for path in paths:
        oracle, run, rules, met = world.oracle.fork({}), list[Record](), list[str](), set[Any]()
        for number, record in enumerate(path):
            at = record["at"]
            for each in (record, {**plain.spending(oracle), KEY: f"spent {number}", "account": NAME, "at": at}):
                by = oracle.decide(oracle.reader.convert(each))[1]
                rules += [str(by)] if each is record else []
                run.append(each)
        for event in [event.name for event in account().events if refers(event.name)]:
            for number in range(len(path) - 1):
                asked = {**move(event, **{KEY: f"spent {number}"}), "account": NAME, "at": path[-1]["at"]}
                before = oracle.accounts[NAME].row
                answer, by = oracle.decide(oracle.reader.convert(asked))
                moved = tuple(one != other for one, other in zip(before, oracle.accounts[NAME].row, strict=True))
                met |= {(rule, by, moved, answer.outcome) for rule in rules[number + 1 :]}
                run.append(asked)
        runs.append(run)
        goals.append(met)
    return [runs[n] for n in few(goals, [len(run) for run in runs])]


def _retried(paths: Sequence[Sequence[Record]], covered: Sequence[set[str]]) -> list[list[Record]]:
    """Returns few of the paths, which have every rule, with the first and the last record again under their ids after each."""
    runs = list[list[Record]]()
    for path in (paths[n] for n in few(covered, [len(path) for path in paths])):
        under = [{**record, "id": f"e{n}"} for n, record in enumerate(path)]
        again = [[under[0], record] if n else [record] for n, record in enumerate(under)]
        runs.append([{**each, "at": one["at"]} for one, more in zip(under, again, strict=True) for each in (one, *more)])
    return runs


def _of_figures(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields, by catalogue with other figures, situations in which a run may begin and the periods after them, and the lists."""
    worlds = [each for n, each in enumerate(OTHERS.of_worlds) if each != DEFAULT and each not in OTHERS.of_worlds[:n]]
    least = {f"{place} at the least": catalogue for place, catalogue in at_the_least().items()}
    for name, catalogue in {**least, **{f"others {n}": each for n, each in enumerate(worlds, 1)}}.items():
        kinds = _telling(target, plain, catalogue) if name in least else _ALL
        title, slugged = f"with other figures: {name.replace('_', ' ')}", f"figures-{slug(name)}"
        if kinds:
            told = f"situations, and the periods after them, {title}"
            yield Listing(slugged, told, _situations(plain, catalogue, kinds), {}, catalogue)
        for key, table in SPEC.names.items():
            entries = catalogue.written()[table]
            if key in LOOK and entries != DEFAULT.written()[table]:
                moves = [*plain.script, *({**LOOK, key: entry} for entry in entries)]
                yield Listing(f"{slugged}-{slug(table)}", f"{table} {title}", moves, {}, catalogue)


def _situations(plain: Plain, catalogue: AnyCatalogue, kinds: int) -> Callable[[Oracle], Moves]:
    """Returns the moves of accounts in every situation to which so many kinds of events lead, and the periods after it."""
    whats, parts = STARTS.with_what(catalogue), list[tuple[str, str, Movable]]()
    for number, start in enumerate(STARTS.names):
        # Of many situations each is begun with one of the two in turn.
        for what in dict.fromkeys((whats[0], whats[-1])) if kinds <= _FEW else [whats[-(number % 2)]]:
            script = STARTS.script(catalogue, start, what, _MIDNIGHT)
            if len({each["event"] for each in script if not isinstance(each, Wait)}) <= kinds:
                parts.append((f"a{len(parts)}", START, partial(_periods, plain, script)))
    return merged(parts)


def _telling(target: BuildTarget, plain: Plain, catalogue: AnyCatalogue) -> int:
    """Returns the least number of kinds of events with which the figures show in some answer; 0 where they do not."""
    world, usual = (target.world({}, each) for each in (catalogue, DEFAULT))
    if world is None or usual is None:
        return 0
    for kinds in range(_FEW, _ALL):
        one, other = world.oracle.fork({}), usual.oracle.fork({})
        records = [each for each in _situations(plain, catalogue, kinds)(one) if not isinstance(each, Wait)]
        if any(one.apply(each) != other.apply(each) for each in records):
            return kinds
    return 0


def _periods(plain: Plain, script: Script, oracle: Oracle) -> Moves:
    yield from script
    for number, clock in enumerate(account().clocks * 2):
        yield {**plain.spending(oracle), **({KEY: f"n{number}"} if begins(plain.again["event"]) else {})}
        yield Wait((clock.name,))
        yield plain.job(clock, oracle)


def _of_others(plain: Plain) -> Iterator[Listing]:
    """Yields the events that name another account, each between accounts in every two situations."""
    key, what = SPEC.other_account, STARTS.with_what(plain.catalogue)[-1]
    starts = [start for start in dict.fromkeys((*STARTS.of_other, *STARTS.names)) if start != NOTHING]
    begun = [(f"a{n}", START, STARTS.script(plain.catalogue, start, what, _MIDNIGHT)) for n, start in enumerate(starts)]
    for event in account().events:
        if event.actor is Actor.USER and any(each.name == key for each in event.keys):
            given = {field.key: _plainest(field.type) for field in event.fields if field.origin is Origin.PAYLOAD}
            named = [{**move(event.name, **given), "account": one[0], key: other[0]} for one, other in permutations(begun, 2)]
            told = f"{event.name.replace('_', ' ')} between accounts in every two situations"
            moves = partial(_then, merged(begun), named)
            yield plain.listing(f"others-{slug(event.name)}", told, moves)


def _then(first: Callable[[Oracle], Moves], later: Sequence[Move], oracle: Oracle) -> Moves:
    """Yields the moves, and then others at the instant of the last one."""
    at = 0
    for each in first(oracle):
        at = each["at"] if not isinstance(each, Wait) else at
        yield each
    yield from ({**each, "at": at} for each in later)


def _plainest(kind: Type) -> Value:
    return kind.members[0] if isinstance(kind, Enum) else kind.nearest(1) if isinstance(kind, Tokens) else False
