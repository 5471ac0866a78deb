"""`tokenspec serve`: the protocol of the contract over standard input and output, and over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from command.conftest import tokenspec
from processes import PATIENCE_S
from sut.serving import JSON, Connection, serving
from tokenspec.oracle.serve import worlds as worlds_module
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.serve.worlds import UNUSED_SECONDS, OpenWorlds
from tokenspec.oracle.wire.protocol import JOBS
from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

OPEN = {"op": "open", "protocol": 1, "catalogue": catalogue_on_the_wire(DEFAULT), "policy": DEFAULTS}
OPENED = {"op": "apply", "account": "a", "at": "2026-07-15T09:00:00Z", "event": "open_account"}
VIEW = {"op": "apply", "account": "a", "at": "2026-07-15T09:00:00Z", "event": "login", "session": "s"}


def spoken(*lines: Any, options: tuple[str, ...] = ()) -> list[Any]:
    """The answers of a process to requests, each an object or a line as it is."""
    sent = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    done = tokenspec("serve", "--stdio", *options, stdin=sent)
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def test_a_world_is_opened_used_closed_and_opened_again() -> None:
    first, opened, again, _, closed, gone, *anew = spoken(OPEN, OPENED, OPENED, VIEW, {"op": "close"}, OPENED, OPEN, OPENED)
    assert first.keys() == {"name", "digest", "version", "resets", "events", "observes", "fields"}
    assert (opened["outcome"], opened["balances"]["daily"]) == ("accepted", 150)
    assert (again["outcome"], again["reason"]) == ("refused", "account_must_be_new")
    assert (closed, anew) == ({}, [first, opened])
    assert "no world is open" in gone["error"]


def test_an_open_that_joins_goes_on_with_the_world_there_is() -> None:
    server = Server()
    joining = OPEN | {"join": True}
    told = server.handle(joining)  # Where there is none yet, it begins one.
    assert server.handle(OPENED)["outcome"] == "accepted"
    assert server.handle(joining) == told
    assert server.handle(OPENED)["reason"] == "account_must_be_new"
    assert "join: it is true or false" in server.handle(OPEN | {"join": "yes"})["error"]
    server.handle(OPEN | {"join": False})
    assert server.handle(OPENED)["outcome"] == "accepted"


def test_an_open_that_fails_leaves_what_answers_hold_as_it_was() -> None:
    server = Server()
    server.handle(OPEN)
    assert "error" in server.handle(OPEN | {"observes": ["total"], "policy": {"refund": "maybe"}})
    assert "total" not in server.handle(OPENED)


def test_the_catalogue_and_the_policy_of_open_count() -> None:
    mine = OPEN | {"catalogue": OPEN["catalogue"] | {"daily": 7}, "policy": DEFAULTS | {"refund": "none"}}  # type: ignore[operator]
    refund = OPENED | {"event": "refund", "job": "j"}
    _, opened, refused = spoken(mine, OPENED, refund)
    assert (opened["balances"]["daily"], refused["reason"]) == (7, "refunds_must_be_offered")


def test_where_resets_are_implied_no_job_is_listed_and_all_run() -> None:
    first, _, later = spoken(
        OPEN, OPENED, OPENED | {"event": "enable_relaxed", "at": "2026-07-17T00:00:00Z"}, options=("--resets", "implied")
    )
    assert (first["resets"], set(JOBS) & set(first["events"])) == ("implied", set())
    assert later["next_daily_reset_at"] == "2026-07-18T00:00:00Z"


SPENT = OPENED | {"event": "generate", "job": "j", "cost": 24, "media": "image", "origin": "first_party", "id": "e"}


def test_total_and_delta_are_answered_where_open_asks_for_them() -> None:
    first, opened, spent, again, unknown = spoken(
        OPEN | {"observes": ["total", "delta"]}, OPENED, SPENT, SPENT | {"job": "j2"}, SPENT | {"account": "b"}
    )
    assert first["observes"][-2:] == ["total", "delta"]
    sums = [(answer["total"], answer["delta"]) for answer in (opened, spent, again, unknown)]
    assert sums == [(150, 150), (126, -24), (126, 0), (None, 0)]


def test_total_and_delta_are_answered_where_a_record_asks_for_them() -> None:
    _, opened, spent, usual = spoken(
        OPEN, OPENED | {"observed": {"total": None}}, SPENT | {"observed": {"delta": None}}, SPENT | {"job": "k", "id": "f"}
    )
    assert (opened["total"], spent["delta"]) == (150, -24)
    assert not {"total", "delta"} & {*usual, *(opened.keys() - {"total"}), *(spent.keys() - {"delta"})}


@pytest.mark.parametrize("names", [["totals"], ["total", 1], "total", {"total": True}])
def test_other_names_cannot_be_asked_for(names: Any) -> None:
    (refused,) = spoken(OPEN | {"observes": names})
    assert "observes: it lists" in refused["error"]


def test_a_fixed_policy_is_told_and_not_changed() -> None:
    first, _, refused = spoken(OPEN, OPENED, OPENED | {"event": "refund", "job": "j"}, options=("--policy", "refund=none"))
    assert (first["policy"], refused["reason"]) == ({"refund": "none"}, "refunds_must_be_offered")


WRONG: dict[str, Any] = {
    "no_json": b"{",
    "not_utf8": b'{"op":"\xff"}',
    "no_object": b"[]",
    "too_deep": b"[" * 100_000,
    "too_long": b'{"op":"' + b"x" * 2_000_000 + b'"}',
    "no_op": {},
    "an_unknown_op": {"op": "undo"},
    "an_op_that_is_no_text": {"op": ["open"]},
    "another_protocol": {"op": "open", "protocol": 2},
    "an_unknown_policy": {"op": "open", "policy": {"colour": "red"}},
    "a_policy_that_is_no_object": {"op": "open", "policy": ["burn_order"]},
    "an_empty_list_for_the_policy": {"op": "open", "policy": []},
    "false_for_what_is_observed": {"op": "open", "observes": False},
    "a_catalogue_that_cannot_be": {"op": "open", "catalogue": {"ranking": []}},
    "a_catalogue_without_end": {"op": "open", "catalogue": {"ranking": [f"p{n}" for n in range(2_000)]}},
    "a_bad_record": OPENED | {"at": "yesterday"},
    "time_going_back": OPENED | {"at": "2026-07-14T09:00:00Z"},
}


def test_what_cannot_be_done_is_answered_with_an_error_and_changes_nothing() -> None:
    answers = spoken(OPEN, OPENED, *WRONG.values(), OPENED)
    assert len(answers) == len(WRONG) + 3
    for name, answer in zip(WRONG, answers[2:-1], strict=True):
        assert list(answer) == ["error"], name
    assert answers[-1]["reason"] == "account_must_be_new"


@pytest.mark.parametrize("arguments", [(), ("--stdio", "--http", "localhost:0"), ("--http", "8080"), ("--http", "localhost:x")])
def test_a_way_to_speak_is_asked_for(arguments: tuple[str, ...]) -> None:
    assert tokenspec("serve", *arguments).code == 64


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with serving("--worlds", "3") as served:
        yield served


def test_each_connection_has_a_world_of_its_own_and_a_name_is_shared(server: tuple[Any, int]) -> None:
    one, other = Connection(server[1]), Connection(server[1])
    for connection in (one, other):
        connection.ask(OPEN)
    assert [c.ask(OPENED)["outcome"] for c in (one, other, one)] == ["accepted", "accepted", "refused"]
    one.ask(OPEN, "shared")
    assert [c.ask(OPENED, "shared")["outcome"] for c in (one, other)] == ["accepted", "refused"]
    assert "no world" in one.ask(OPENED, "nobody's")["error"]
    other.ask({"op": "close"}, "shared")
    for connection in (one, other):
        connection.end()


def test_the_number_of_worlds_is_limited_and_closing_one_makes_room(server: tuple[Any, int]) -> None:
    connection = Connection(server[1])
    for name in "123":
        assert "error" not in connection.ask(OPEN, name)
    assert "worlds are open" in connection.ask(OPEN, "4")["error"]
    connection.ask({"op": "close"}, "2")
    assert "error" not in connection.ask(OPEN, "4")
    for name in "134":
        connection.ask({"op": "close"}, name)


def test_a_client_that_connects_anew_for_each_request_is_served(server: tuple[Any, int]) -> None:
    url = f"http://127.0.0.1:{server[1]}/"

    def ask(request: Any) -> Any:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(request).encode(), JSON)) as answer:
            return json.load(answer)

    for _ in range(5):
        ask(OPEN)
        assert [ask(OPENED)["outcome"] for _ in range(2)] == ["accepted", "refused"]


def test_bodies_that_are_wrong_are_answered_and_the_rest_is_there(server: tuple[Any, int]) -> None:
    assert list(Connection(server[1]).ask(b"x" * 2_000_000)) == ["error"]
    assert [list(Connection(server[1]).ask(body)) for body in (b"{", b"[]", b"")] == [["error"]] * 3
    for page, key in (("health", "status"), ("openapi.json", "paths")):
        with urllib.request.urlopen(f"http://127.0.0.1:{server[1]}/{page}") as answer:
            assert key in json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to(number: signal.Signals) -> None:
    with serving() as (process, port):
        Connection(port).ask(OPEN)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_an_address_in_use_is_named(server: tuple[Any, int]) -> None:
    done = tokenspec("serve", "--http", f"127.0.0.1:{server[1]}")
    assert (done.code, "cannot be listened on" in done.err) == (64, True)


class Peer:
    """A connection that is there."""

    def is_closing(self) -> bool:
        return False


def test_what_open_worlds_remember_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenspec.oracle.serve.worlds.HELD_MAX", 8_000)
    worlds, peer = OpenWorlds(Server, 2), Peer()
    worlds.handle("w", peer, OPEN, 600)
    assert [worlds.handle("w", peer, OPENED, 300)[0] for _ in range(4)] == [200, 200, 503, 503]
    # One that holds less than its share is served all the same; so is whoever begins anew.
    assert [worlds.handle("other", peer, request, 300)[0] for request in (OPEN, OPENED)] == [200, 503]
    assert worlds.handle("w", peer, OPEN, 600)[0] == 200


def test_a_world_that_is_not_used_gives_way_and_one_that_is_does_not() -> None:
    now = [0.0]
    worlds, (one, two, three, late) = OpenWorlds(Server, 3, lambda: now[0]), [Peer() for _ in range(4)]
    for peer in (one, two, three):
        assert worlds.handle(None, peer, OPEN, 100)[0] == 200
    now[0] += UNUSED_SECONDS / 2
    assert worlds.handle(None, two, OPENED, 100)[0] == 200
    now[0] += UNUSED_SECONDS / 2
    assert worlds.handle(None, late, OPEN, 100)[0] == 200
    # It is told so, and never answered out of the world of somebody else.
    assert "gave way" in worlds.handle(None, one, OPENED, 100)[1]["error"]
    answers = [worlds.handle(None, peer, OPENED, 100)[1] for peer in (two, three, late)]
    assert [answer["outcome"] for answer in answers] == ["refused", "accepted", "accepted"]
    assert "3 worlds are open" in worlds.handle(None, Peer(), OPEN, 100)[1]["error"]


@pytest.mark.parametrize(
    "request_of",
    [
        lambda i: OPENED | {"account": i, "id": i},
        lambda i: OPENED | {"event": "login", "session": i},
        lambda i: OPENED | {"event": "generate", "job": i, "cost": 1, "media": "image", "origin": "first_party", "id": i},
    ],
    ids=["accounts", "sessions", "jobs"],
)
def test_what_is_counted_is_no_less_than_what_is_remembered(request_of: Callable[[str], dict[str, Any]]) -> None:
    worlds, peer, number = OpenWorlds(Server, 1), Peer(), 2_000
    subscribe = OPENED | {"event": "subscribe", "plan": "ultimate"}
    for request in (OPEN, OPENED, subscribe, request_of("first")):
        assert worlds.handle("w", peer, request, 0)[0] == 200
    tracemalloc.start()
    try:
        for i in range(number):
            # As it comes from outside: nothing of it is shared.
            request = json.loads(json.dumps(request_of(f"number {i}")))
            assert worlds.handle("w", peer, request, 0)[1]["outcome"] == "accepted"
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < held / number < worlds_module.REQUEST_HOLDS
