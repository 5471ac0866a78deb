"""Runs about names: two that are nearly the same, two that are one text when joined, and one that comes again after many others.

They are made of an event that a target takes again and again, under other names each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from tokenspec.machine.lang.declaration import Actor, Event, Shape
from tokenspec.oracle.base.specification import IDS, SPEC, TOTAL_POOLS, account, system
from tokenspec.oracle.fuzz.names import ALIKE, BETWEEN, all_alike, all_names
from tokenspec.oracle.runtime.memory import KEY, begins, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import NAME, Move, Wait, move
from tokenspec.oracle.vectors.build.lists import FEW, Listing, Moves, Plain
from tokenspec.oracle.vectors.build.target import BuildTarget, listed_names

_SIGNS = tuple(dict.fromkeys((*BETWEEN, " ", "#", "@", ",", ";", "~", "::", "--", "__", "->", "\t", "\x1f")))
"""Signs between an account and a name of its own that are one text together."""
_TWELVE, _MANY, _ENTRIES, _SESSIONS = 12, 1_030, 130, 70
"""The numbers of ids, twice, of entries and of sessions of one account, of which the first is still known."""
_WAYS = 400
"""The number of paths that are followed in search of an event that accepts a name of the catalogue."""


def about_names(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields the lists of names, by each key of a record that holds one."""
    begins_entries = begins(plain.again["event"])
    again = [event.name for event in account().events if refers(event.name)]
    for way, names in ALIKE.items():
        told = f"whose names are easily taken for one another: {way}"
        yield plain.listing(f"names-accounts-{way}", f"accounts {told}", _accounts(plain, names))
        if IDS is not None:
            yield plain.listing(f"names-ids-{way}", f"events under ids {told}", _ids(plain, names))
        if begins_entries and again:
            yield plain.listing(
                f"names-{KEY}s-{way}", f"{KEY}s, and what comes after them, {told}", _entries(plain, names, again)
            )
        if SPEC.session:
            yield plain.listing(f"names-sessions-{way}", f"sessions {told}", partial(_sessions, plain, names))
    if begins_entries:
        yield plain.listing(f"names-{KEY}s", f"{KEY}s whose names are easily taken for one another", _entries(plain, all_names()))
    for key in ["id"] * (IDS is not None) + [KEY] * begins_entries + ["session"] * bool(SPEC.session):
        told = f"accounts with {key}s that are the same text as another account with its own, put together"
        yield plain.listing(f"names-joined-{key}s", told, list(_joined(plain, key)))
    yield from _many(target, plain)
    yield from _of_catalogue(target, plain)


def _accounts(plain: Plain, names: Sequence[str]) -> Moves:
    """Opens an account of each name, and then has something happen in each."""
    happening = [{**each, "account": name} for name, each in zip(names, plain.times(), strict=False)]
    return [*(each for name in names for each in plain.begun(name) if not isinstance(each, Wait)), *happening]


def _ids(plain: Plain, names: Sequence[str]) -> Moves:
    """Has something happen under each name, and repeats the first one and the last one."""
    under = [{**each, "id": name} for name, each in zip(names, plain.times(), strict=False)]
    return [*plain.script, *under, under[0], under[-1]]


def _entries(plain: Plain, names: Sequence[str], referring: Sequence[str] = ()) -> Moves:
    """Begins an entry of each name; then each event that refers to one names each of them, and the first one again."""
    begun = [{**each, KEY: name} for name, each in zip(names, plain.times(FEW if referring else 1), strict=False)]
    return [*plain.script, *begun, *(move(event, **{KEY: name}) for event in referring for name in (*names, names[0]))]


def session_events() -> tuple[list[Event], list[Event], list[Event]]:
    """Returns the events of sessions: those that log in, those that look or fetch, and those that log out."""
    machine = SPEC.sessions(system())
    assert machine is not None
    out, events = machine.states[0], [event for event in machine.events if event.actor is not Actor.CLOCK]
    begin = [event for event in events if any(out in rule.source for rule in event.rules)]
    end = [event for event in events if event not in begin and all(rule.target == out for rule in event.rules)]
    return begin, [event for event in events if event not in (*begin, *end)], end


def _sessions(plain: Plain, names: Sequence[str], oracle: Oracle) -> Moves:
    """Logs a session of each name in, with another balance each time; then every event of sessions names each of them."""
    logs_in, used, logs_out = session_events()
    seen = dict[str, dict[str, int]]()
    yield from plain.script
    for name, each in zip(names, plain.times(), strict=False):
        yield move(logs_in[0].name, session=name)
        seen[name] = dict(zip(TOTAL_POOLS, oracle.app_balances(oracle.accounts[NAME].row), strict=True))
        yield each
    for event in sorted(used, key=lambda event: not looks(event)):
        # Half of what is fetched anew is looked at as before: it cannot be shown any more.
        for name in names if looks(event) else names[::2]:
            yield of_session(event, name, seen)
    for event in [event for event in used if looks(event)]:
        yield from (of_session(event, name, seen) for name in names[:4])
    yield from (of_session(event, name, seen) for event in logs_out for name in (*names, names[0]))


def looks(event: Event) -> bool:
    """Returns true if an event of a session shows figures."""
    return any(key.shape is Shape.POOLS for key in event.keys)


def of_session(event: Event, name: str, seen: Mapping[str, Mapping[str, int]]) -> Move:
    """Returns an event of a session, which shows what was seen in it."""
    return move(event.name, session=name, **{key.name: seen[name] for key in event.keys if key.shape is Shape.POOLS})


def _joined(plain: Plain, key: str) -> Iterator[Move | Wait]:
    """Yields what happens in pairs of accounts, under names that are one text when put behind or before the account's."""
    yield from plain.begun("k")
    times = plain.times()
    for sign in _SIGNS:
        for longer, name in ((f"k{sign}e", f"e{sign}x"), (f"e{sign}k", f"x{sign}e")):
            yield from (each for each in plain.begun(longer) if not isinstance(each, Wait))
            for who, written in (("k", name), (longer, "x")):
                event = move(session_events()[0][0].name) if key == "session" else next(times)
                yield {**event, "account": who, key: written}


def _many(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields the lists in which the first of very many comes again."""
    first, *others = ({**each, "id": f"e{n}"} for n, each in zip(range(_TWELVE + 1), plain.times(), strict=False))
    if IDS is not None:
        told = "an id that comes again after"
        yield plain.listing("names-ids-twelve", f"{told} {_TWELVE} others", [*plain.script, first, *others, first])
        before = [{**each, "id": f"f{n}"} for n, each in zip(range(_MANY), plain.times(1), strict=False)]
        if not target.begun(()):
            # Before the account is opened an answer is short, and once it is, the event would be accepted.
            yield plain.listing("names-ids-many", f"{told} {_MANY:,} others", [first, *before, *plain.script, first])
        after = [{**plain.refused, "id": f"f{n}"} for n in range(_MANY)]
        yield plain.listing("names-ids-many", f"{told} {_MANY:,} others", [*plain.script, first, *after, first])
    if begins(plain.again["event"]):
        begun = [{**each, KEY: f"n{n}"} for n, each in zip(range(_ENTRIES), plain.times(1), strict=False)]
        again = [move(event.name, **{KEY: "n0"}) for event in account().events if refers(event.name)]
        told = f"a {KEY} that is named again after {_ENTRIES} others"
        yield plain.listing(f"names-{KEY}s-many", told, [*plain.script, *begun, begun[0], *again])
        yield plain.listing(f"names-{KEY}s-many", told, [*plain.script, *begun, begun[0]])
    if SPEC.session:
        names = [f"s{n}" for n in range(_SESSIONS)]
        moves = [move(session_events()[0][0].name, session=name) for name in (*names, *names[:2])]
        yield plain.listing("names-sessions-many", f"a session among {_SESSIONS} of one account", [*plain.script, *moves])


def _of_catalogue(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields, by event and key, a list of names that are nearly one of the catalogue, where that one is accepted."""
    world = target.world(plain.policy, plain.catalogue)
    assert world is not None
    listed = {
        (event.name, key): list(world.catalogue.written()[SPEC.names[key]]) if key in SPEC.names else members
        for event in account(world.catalogue).events
        for key, members in (*listed_names(event), *((key.name, []) for key in event.keys if key.name in SPEC.names))
    }
    for edge in target.search(world).edges(target.begun(()), _WAYS):
        *before, last = edge.records()
        is_accepted = edge.steps[-1].event == last["event"] and edge.steps[-1].outcome[0] >= 0
        for key in [key for key in last if is_accepted and (last["event"], key) in listed]:
            names = listed.pop((last["event"], key))
            near = [
                *all_alike(last[key]),
                *(other for name in names if name != last[key] for other in (name.upper(), f"{name} ")),
            ]
            tried = [name for name in dict.fromkeys(near) if name not in names]
            entry = [{KEY: f"n{n}"} if begins(last["event"]) else {} for n in range(len(tried))]
            moves = [*before, *({**last, key: name, **new} for name, new in zip(tried, entry, strict=True)), last]
            told = f"{last['event'].replace('_', ' ')} with each name that is nearly a {key} of the catalogue"
            yield plain.listing(f"names-{last['event']}-{key}", told, moves)
