"""Implementations behind http:// and https://: paths, headers, services that come up late, and runs that time ends."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from command.conftest import Finished
from processes import PATIENCE_S, reserved_port, without_progress
from programs import path_of
from sut.calling import call, sut
from tokenspec.oracle.command import options
from tokenspec.oracle.fuzz import conformance
from tokenspec.oracle.fuzz import sut as fuzzing
from tokenspec.oracle.fuzz.campaign import Progress, drive
from tokenspec.oracle.fuzz.conformance import conform
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut import http
from tokenspec.oracle.sut.client import Client, Failed
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.http import HttpClient
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.settings import policy_from
from tokenspec.spec.catalogue import DEFAULT

SHORT = ("--examples", "2", "--steps", "10")
SECRET = "Bearer not to be shown"


class Service:
    """The oracle behind HTTP: at one path, for those alone who send a header, and up after a while."""

    def __init__(self, path: str = "/", secret: str | None = None, busy: int = 0, keeps: bool = True, port: int = 0) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        wallet, service, left = Server(), self, [busy]

        class Handler(BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm = "HTTP/1.1" if keeps else "HTTP/1.0", True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append((self.path, dict(self.headers)))
                if left[0]:
                    left[0] -= 1
                    self._say(503, b'{"message":"no upstream"}')
                elif self.path != path or (secret is not None and self.headers["Authorization"] != secret):
                    self._say(404, b"not here")
                else:
                    self._say(200, wallet.answer(body))

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True

    @contextmanager
    def up(self) -> Iterator[str]:
        """Its host and port, while it serves."""
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield "{}:{}".format(*self.server.server_address)
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


def fuzz(address: str, *more: str) -> Finished:
    return call("fuzz", "--sut", address, *SHORT, *more)


def test_a_path_and_a_header_reach_the_implementation() -> None:
    service = Service("/wallets/test", SECRET)
    with service.up() as at:
        done = fuzz(f"http://{at}/wallets/test", "--header", f"Authorization={SECRET}", "--header", "X-Run=1")
        assert (done.code, done.err) == (0, "")
        assert {(path, headers["X-Run"]) for path, headers in service.requests} == {("/wallets/test", "1")}
        assert fuzz(f"http://{at}/wallets/test").code == 15
        assert call("vectors", "run", "--sut", f"http://{at}/wallets/test", "--slice", "1/90", "-q").code == 15
        again = call(
            "vectors", "run", "--sut", f"http://{at}/wallets/test", "--slice", "1/90", "--header", f"Authorization={SECRET}"
        )
        assert again.code == 0


def test_the_value_of_a_header_is_not_shown() -> None:
    with Service(secret=SECRET).up() as at:
        for more in ((), ("--format", "json"), ("--format", "junit")):
            done = fuzz(f"http://{at}", "--header", f"Authorization={SECRET}", *more)
            assert (done.code, SECRET in done.out + done.err) == (0, False)
        assert "--header Authorization=..." in fuzz(f"http://{at}", "--header", f"Authorization={SECRET}").out


@pytest.mark.parametrize("keeps", [True, False])
def test_https_is_spoken_to_those_whose_certificate_is_trusted(
    keeps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {certificate} -subj /CN=127.0.0.1"
    name = ("-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run([path_of("openssl"), *words.split(), *name], check=True, capture_output=True)
    service, context = Service("/wallet", keeps=keeps), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service.server.socket = context.wrap_socket(service.server.socket, server_side=True)
    with service.up() as at:
        unknown = fuzz(f"https://{at}/wallet", "--wait", str(PATIENCE_S))
        assert (unknown.code, "certificate verify failed" in unknown.err) == (66, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        done = fuzz(f"https://{at}/wallet")
        assert (done.code, done.err) == (0, "")


def test_a_service_that_comes_up_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with reserved_port() as port, ExitStack() as late:
        assert fuzz(f"http://127.0.0.1:{port}").code == 66
        assert fuzz(f"http://127.0.0.1:{port}", "--wait", "0.3").code == 66
        pauses = list[float]()

        def come_up(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                late.enter_context(Service(port=port).up())

        # It comes up while it is waited for the third time.
        monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=time.monotonic, sleep=come_up))
        done = fuzz(f"http://127.0.0.1:{port}", "--wait", str(PATIENCE_S))
        assert (done.code, done.err, len(pauses)) == (0, "", 3)


def test_a_gateway_before_a_service_that_is_not_up_is_waited_for() -> None:
    with Service(busy=3).up() as at:
        assert fuzz(f"http://{at}", "--wait", str(PATIENCE_S)).code == 0
    with Service(busy=3).up() as at:
        assert fuzz(f"http://{at}").code == 15


def test_once_it_has_answered_nothing_is_sent_twice() -> None:
    service = Service(keeps=False)
    with service.up() as at:
        client = HttpClient(f"http://{at}", PATIENCE_S, {}, PATIENCE_S)
        assert not isinstance(client.ask({"op": "open"}), Failed)
    began = time.monotonic()
    failed = client.ask({"op": "apply"})
    client.end()
    assert isinstance(failed, Failed)
    assert time.monotonic() - began < PATIENCE_S / 2
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "https:///wallet",
        "http://host:port",
        "http://u@host:1",
        "http://host:1/?q=1",
        "http://host:1/a b",
        "http://host:1/#f",
        "localhost:8080/wallet",
    ],
)
def test_what_is_no_address_is_wrong_usage(address: str) -> None:
    done = fuzz(address)
    assert (done.code, "an address is http://HOST:PORT/PATH or https://HOST:PORT/PATH" in done.err) == (64, True)


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ("Authorization", "a header is NAME=VALUE"),
        ("=x", "a header is NAME=VALUE"),
        ("a b=x", "a header is NAME=VALUE"),
        (f"A={SECRET}\r\nB: c", "no header takes"),
        (f"A={SECRET}\N{SNOWMAN}", "no header takes"),
        ("Content-Length=1", "set by tokenspec"),
        ("host=x", "set by tokenspec"),
    ],
)
def test_what_is_no_header_is_wrong_usage(header: str, rule: str) -> None:
    done = fuzz("http://127.0.0.1:9", "--header", header)
    assert (done.code, rule in done.err, SECRET in done.err) == (64, True, False)


def test_a_header_given_twice_is_wrong_usage() -> None:
    assert fuzz("http://127.0.0.1:9", "--header", "A=1", "--header", "a=2").code == 64


@pytest.mark.parametrize("option", [("--header", "A=1"), ("--wait", "3"), ("--seconds", "3")])
def test_options_of_a_service_go_with_one(option: tuple[str, str]) -> None:
    assert call("fuzz", *option).code == 64
    if option[0] != "--seconds":
        assert fuzz(sut("small.py", "good"), *option).code == 64
        assert call("vectors", "run", "--sut", sut("small.py", "good"), *option).code == 64


# Time


class Slow(Client):
    """The oracle, which takes its time: on the clock that the fuzzer reads nothing else does."""

    def __init__(self, seconds: float, patch: pytest.MonkeyPatch) -> None:
        self._server, self._seconds, self._now = Server(), seconds, 0.0
        for module in (conformance, fuzzing):
            patch.setattr(module, "time", self)

    def monotonic(self) -> float:
        return self._now

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._now += self._seconds
        return self._server.handle(request)

    def end(self) -> None:
        pass


SETTING = SutSettings(policy_from({}), DEFAULT)


def test_time_ends_a_run_that_would_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = list[int]()

    def driven(world: Any, examples: int, steps: int, seed_number: int, tick: Progress) -> None:
        rounds.append(seed_number)
        drive(world, examples, steps, seed_number, tick)

    monkeypatch.setattr(conformance, "drive", driven)
    monkeypatch.setattr(conformance, "_ROUND", 2)
    # Searches come between the walks and Hypothesis, in the first round alone, and are tried elsewhere.
    for search in ("follow_searches", "follow_to"):
        monkeypatch.setattr(conformance, search, lambda *_: None)
    verdict = conform(Slow(0.01, monkeypatch), SETTING, None, 5, seconds=2)
    assert (verdict.word, verdict.ended_by_time) == ("conforms", True)
    assert len(set(rounds)) == len(rounds) > 1, "several rounds, of walks and of Hypothesis, each with a seed of its own"
    assert 2 < verdict.seconds < 2.1


def test_time_ends_a_slow_run_in_the_middle_of_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = conform(Slow(0.02, monkeypatch), SETTING, None, 10_000, seconds=1.0)
    assert (verdict.word, verdict.ended_by_time, verdict.count.examples) == ("conforms", True, 1)
    assert 40 < verdict.compared <= 50


def test_examples_that_are_not_reached_leave_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = conform(Slow(0.02, monkeypatch), SETTING, 500, 50, seconds=0.5)
    assert (verdict.word, verdict.ended_by_time) == ("no_verdict", True)
    assert verdict.why_none == "0.5 s ended it before all examples had been run (500 were asked for)"
    verdict = conform(Slow(0.02, monkeypatch), SETTING, 2, 10, seconds=60)
    assert (verdict.word, verdict.ended_by_time) == ("conforms", False)


def test_where_time_came_before_an_answer_there_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = conform(Slow(0.3, monkeypatch), SETTING, None, 20, seconds=0.1)
    assert (verdict.word, verdict.compared) == ("no_verdict", 0)


def test_a_divergence_is_made_short_though_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(Slow):
        def ask(self, request: dict[str, Any]) -> dict[str, Any]:
            bought = request.get("event") == "buy_api"
            # The time is up with the answer by which it is found.
            self._now += 60 if bought else 0
            return super().ask(request) | ({"outcome": "undecided"} if bought else {})

    verdict = conform(Wrong(0.001, monkeypatch), SETTING, None, 50, seconds=60)
    assert verdict.counterexample is not None
    assert (verdict.word, len(verdict.counterexample.records)) == ("diverges", 1)


@pytest.fixture
def _each_reading_takes_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which every reading takes a hundredth of a second, and nothing else takes any time."""
    readings = count()
    for module in (conformance, fuzzing, options):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(readings) / 100))


@pytest.mark.usefixtures("_each_reading_takes_a_moment")
def test_the_report_says_that_time_ended_it_and_what_was_not_met() -> None:
    done = fuzz_for(2, "--format", "json")
    assert (done.code, json.loads(done.out)["ended_by_time"]) == (0, True)
    done = fuzz_for(2)
    assert (done.code, "2 s ended it; the verdict is about what was tried by then" in done.out) == (0, True)
    assert "--seconds 2" in done.out
    assert " more were not met: " in done.out


@pytest.mark.parametrize(("number", "says"), [(1, "1 more was not met: "), (2, "2 more were not met: ")])
def test_what_was_not_met_is_counted(number: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance.Conformance, "cold", [("view", "views")] * number)
    with Service().up() as at:
        done = call("fuzz", "--sut", f"http://{at}", "--examples", "1", "--steps", "5")
    assert (done.code, says in done.out) == (0, True)


def fuzz_for(seconds: int, *more: str) -> Finished:
    with Service().up() as at:
        return call("fuzz", "--sut", f"http://{at}", "--seconds", str(seconds), *more)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "x", "inf"])
def test_what_is_no_length_of_time_is_wrong_usage(seconds: str) -> None:
    assert call("fuzz", "--sut", "http://127.0.0.1:9", "--seconds", seconds).code == 64


@pytest.mark.slow
@pytest.mark.usefixtures("_each_reading_takes_a_moment")
def test_progress_is_told_in_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "EVERY", 0.1)
    lines = fuzz_for(2).err.splitlines()
    assert 1 < len(lines) < 30
    assert all(line.startswith("fuzzing: ") and " so far, " in line for line in lines)
    assert [without_progress(f"{line}\n") for line in lines] == [""] * len(lines)
    with Service().up() as at:
        counted = call("fuzz", "--sut", f"http://{at}", "--examples", "60").err.splitlines()
    assert any(line.startswith("fuzzing: ") and "%" in line for line in counted)
    assert fuzz_for(1, "-q").err == ""


def test_a_module_may_take_longer_to_be_imported_than_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\n\ntime.sleep(0.3)\n\n\ndef made() -> None:\n    pass\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    connect("python:slow_to_import:made", 0.01).end()  # raises if not
