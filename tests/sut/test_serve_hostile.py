"""What clients send, or fail to send, costs a server that was really started neither its log, nor its places, nor its memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from processes import PATIENCE_S, comes
from sut.serving import Connection, said, serving

OPEN = {"op": "open"}
OPENED = {"op": "apply", "account": "a", "at": 10**12, "event": "open_account"}
HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
MALFORMED = {
    "http_2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "wrong_chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n0\r\n\r\n",
    "two_lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length_and_chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a_length_that_is_no_number": HEAD + b"Content-Length: two\r\n\r\n{}",
    "a_long_header": HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "many_headers": HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"Content-Length: 2\r\n\r\n{}",
    "a_long_path": b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a_zero_in_the_path": b"POST /\0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a_zero_in_a_header": HEAD + b"X: \0\r\n\r\n",
    "no_utf8_in_a_header": HEAD + b"Tokenspec-World: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
    "compressed": HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "an_unknown_expectation": HEAD + b"Expect: miracles\r\nContent-Length: 2\r\n\r\n{}",
    "an_upgrade": HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\n{}",
    "another_method": b"DELETE / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "no_such_page": b"GET /etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "no_host": b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    + b'{"op":"open"}',
    "not_even_http": b"\n\n\n",
}


@pytest.fixture(scope="module")
def hasty() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with serving("--worlds", "3", hasty=True) as served:
        yield served


def raw(port: int, sent: bytes) -> bytes:
    """All that the server answers to bytes until it ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as to:
        answer = b""
        try:
            to.sendall(sent)
            while read := to.recv(65_536):
                answer += read
        except ConnectionError:
            pass
        return answer


@pytest.mark.slow
def test_what_is_malformed_is_refused_and_nothing_is_logged() -> None:
    with serving(hasty=True) as (process, port):
        for name, sent in MALFORMED.items():
            answer = raw(port, sent)
            assert answer or name in ("tls", "not_even_http"), name
            if answer:
                head, _, body = answer.partition(b"\r\n\r\n")
                assert 400 <= int(head.split()[1]) < 500, (name, head)
                assert list(json.loads(body)) == ["error"], name
                assert b"Traceback" not in body, name
        assert Connection(port).health() == {"status": "ok", "worlds": 0}
        assert said(process) == ""


def test_clients_that_go_away_in_the_midst_are_not_logged() -> None:
    with serving() as (process, port):
        for sent in (b"", HEAD, HEAD + b"Content-Length: 100\r\n\r\n{", HEAD + b"Content-Length: 13\r\n\r\n" + b'{"op":"open"}'):
            for abrupt in (False, True):
                to = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
                to.sendall(sent)
                if abrupt:
                    to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                to.close()
        assert Connection(port).health()["status"] == "ok"
        assert said(process) == ""


@pytest.mark.skipif(os.name == "nt", reason="there is no limit of descriptors")
def test_half_heads_use_nobody_elses_place_up() -> None:
    with serving(descriptors=128) as (process, port):
        held = []
        for _ in range(600):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S))
            with suppress(ConnectionError):
                held[-1].sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            if len(held) % 200 == 0:
                connection = Connection(port)
                assert "error" not in connection.ask(OPEN)
                assert connection.health()["status"] == "ok"
        assert len(list(Path(f"/proc/{process.pid}/fd").glob("*"))) < 128 if Path("/proc/self/fd").exists() else True
        for one in held:
            one.close()
        assert said(process) == ""


def ended_after(port: int, parts: Iterable[bytes]) -> float:
    """Seconds until the server ends a connection on which these parts are sent, with a pause after each."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as to:
        try:
            for part in parts:
                to.sendall(part)
                time.sleep(0.1)
                assert time.monotonic() - began < PATIENCE_S
            while to.recv(65_536):
                pass
        except ConnectionError:
            pass
        return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [HEAD],
        # Without an end: whoever begins to count anew at each of them never ends it.
        chain((bytes([byte]) for byte in HEAD), repeat(b"X")),
        [b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /he"],
        [HEAD + b"Content-Length: 13\r\n\r\n", b'{"op":'],
    ],
    ids=["nothing", "half_a_head", "a_byte_at_a_time", "half_a_head_after_an_answer", "half_a_body"],
)
def test_heads_and_bodies_have_so_long_to_come(parts: Iterable[bytes], hasty: tuple[Any, int]) -> None:
    assert ended_after(hasty[1], parts) > 0.5


@pytest.mark.slow
def test_a_connection_that_waits_between_requests_is_kept(hasty: tuple[Any, int]) -> None:
    connection = Connection(hasty[1])
    connection.ask(OPEN)
    time.sleep(2.5)
    assert connection.ask(OPENED)["outcome"] == "accepted"
    connection.ask({"op": "close"})
    connection.end()


@pytest.mark.slow
def test_whoever_reads_no_answers_is_ended(hasty: tuple[Any, int]) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10_000
    with socket.create_connection(("127.0.0.1", hasty[1]), timeout=PATIENCE_S) as to, pytest.raises(ConnectionError):
        to.sendall(request * 100)
    assert Connection(hasty[1]).health()["status"] == "ok"


def test_a_world_that_is_not_used_gives_way(hasty: tuple[Any, int]) -> None:
    idle = [Connection(hasty[1]) for _ in range(3)]
    for connection in idle:
        connection.ask(OPEN)
    time.sleep(1)
    for connection in idle[1:]:
        assert connection.ask(OPENED)["outcome"] == "accepted"
    late = Connection(hasty[1])
    assert "error" not in late.ask(OPEN)
    # It is told so, and never answered out of the world of somebody else.
    assert "gave way" in idle[0].ask(OPENED)["error"]
    assert [connection.ask(OPENED)["outcome"] for connection in (*idle[1:], late)] == ["refused", "refused", "accepted"]
    for connection in (*idle, late):
        connection.end()


def test_the_world_of_a_connection_that_is_gone_is_dropped(hasty: tuple[Any, int]) -> None:
    for _ in range(10):
        connection, other = Connection(hasty[1]), Connection(hasty[1])
        for each in (connection, other):
            assert "error" not in each.ask(OPEN)
        for each in (connection, other):
            each.end()
        assert comes(lambda: Connection(hasty[1]).health()["worlds"] <= 1)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:80"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "127.0.0.1@evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "10.0.0.1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "text/plain;application/json"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "127.0.0.2"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "Application/JSON"}, 200),
    ],
    ids=str,
)
def test_a_page_of_another_site_opens_no_world(headers: dict[str, str], status: int, hasty: tuple[Any, int]) -> None:
    connection = Connection(hasty[1])
    before = connection.health()["worlds"]
    answered, answer = connection.answer(OPEN, headers)
    assert (answered, list(answer)[:1]) == (status, ["name"] if status == 200 else ["error"])
    if status == 200:
        connection.ask({"op": "close"})
    assert connection.health()["worlds"] <= before
    connection.end()


def test_health_is_not_shown_to_a_page_of_another_site(hasty: tuple[Any, int]) -> None:
    for headers in (
        b"Host: evil.example\r\n",
        b"Host: localhost\r\nOrigin: https://evil.example\r\n",
        b"Host: a\r\nHost: localhost\r\n",
    ):
        answer = raw(hasty[1], b"GET /health HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n")
        assert 400 <= int(answer.split()[1]) < 500, headers


DEEP = b"[" * 900 + b"]" * 900
HUGE = {
    "deep": b"[" * 500_000,
    "deep_and_closed": b"[" * 500_000 + b"]" * 500_000,
    "deep_op": b'{"op":' + DEEP + b"}",
    "deep_account": b'{"op":"apply","event":"open_account","at":1784106000000,"account":' + DEEP + b"}",
    "deep_catalogue": b'{"op":"open","catalogue":{"ranking":' + DEEP + b"}}",
    "deep_policy": b'{"op":"open","policy":{"refund":' + DEEP + b"}}",
    "long_number": b'{"op":"apply","account":"a","event":"open_account","at":' + b"9" * 500_000 + b"}",
    "long_name": b'{"op":"' + b"x" * 900_000 + b'"}',
    "many_keys": b"{" + b",".join(b'"k%d":0' % n for n in range(70_000)) + b"}",
    "too_long": b"x" * 2_000_000,
}


def test_huge_and_deep_bodies_are_refused_and_leave_nothing_behind() -> None:
    with serving() as (process, port):
        connection = Connection(port)
        connection.ask(OPEN)
        for body in HUGE.values():
            connection.answer(body, {})
        before = resident(process.pid)
        for _ in range(3):
            for name, body in HUGE.items():
                status, answer = connection.answer(body, {})
                assert (status in (400, 413), list(answer)) == (True, ["error"]), name
                assert "bug" not in answer["error"], name
                assert len(answer["error"]) < 1_000, name
        assert resident(process.pid) - before < 20 * 2**20
        assert connection.ask(OPENED)["outcome"] == "accepted"
        assert said(process) == ""


def resident(process: int) -> int:
    """Bytes of memory that a process has, 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
