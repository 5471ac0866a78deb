"""An implementation behind an `http://` or `https://` address: each request a POST, over one connection while it lasts."""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.sut.client import DIED, GARBAGE, HUNG, LONGER, LONGEST, Client, Failed, Message, read_answer

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

_NOT_IN_A_PATH = re.compile(r"[^!-~]")
"""A character that cannot stand in a request as it is."""
_NOT_UP = (502, 503, 504)
"""The statuses of a gateway before a service that is not up."""
_PAUSE = 0.1
"""Seconds between two tries to reach a service that is not up."""


class _Timed(io.RawIOBase):
    """Reads from a socket until an instant, however often it is read; a socket's own timeout begins anew each time."""

    def __init__(self, source: socket.socket, until: float) -> None:
        self._source, self._until = source, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._source.settimeout(left)
        return self._source.recv_into(buffer)


class _TimedSocket:
    """The part of a socket that `http.client` needs, with one time limit for a request and its answer."""

    def __init__(self, source: socket.socket, until: float) -> None:
        self.source, self._until = source, until

    def sendall(self, data: bytes) -> None:
        self.source.settimeout(max(self._until - time.monotonic(), 0.001))
        self.source.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Timed(self.source, self._until))

    def close(self) -> None:
        """Does nothing: `http.client` closes before it reads a last answer; the client closes the socket at its end."""


def _was_closed(idle: socket.socket) -> bool:
    """Returns true if the server has closed an idle connection, as a server may after any answer (RFC 9112, 9.5)."""
    idle.setblocking(False)
    try:
        if isinstance(idle, ssl.SSLSocket):
            # It cannot be looked into without being read, and after what nobody asked for it is of no more use.
            idle.recv(1)
            return True
        return not idle.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


class HttpClient(Client):
    """A client of the server at `url`, which has `wait` seconds to come up; every request has `headers`.

    Raises `WrongUsage` for a wrong address, `OSError` where nobody listens.
    """

    def __init__(self, url: str, timeout: float, headers: Mapping[str, str] | None = None, wait: float = 0.0) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            http.client.HTTPConnection((host or "").encode("idna").decode(), port)
        except (ValueError, http.client.InvalidURL):
            # A name of a host that cannot be one: with a blank in it, an empty part, or one that is too long.
            host = port = None
        path = parts.path or "/"
        if not host or parts.query or parts.fragment or parts.username is not None or _NOT_IN_A_PATH.search(path):
            raise WrongUsage("--sut", f"an address is http://HOST:PORT/PATH or https://HOST:PORT/PATH, found {one_line(url)!r}")
        self._url, self._timeout, self._path, self._headers = url, timeout, path, {**_HEADERS, **(headers or {})}
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        connection = http.client.HTTPConnection if self._tls is None else http.client.HTTPSConnection
        self._http = connection(host, port)
        self._socket: socket.socket | None = None
        self._up_by: float | None = time.monotonic() + wait
        """The instant up to which it may come up; None once it has answered."""
        while True:
            try:
                self._connect(time.monotonic() + timeout)
                return
            except OSError as fault:
                if isinstance(fault, ssl.SSLCertVerificationError) or not self._may_come_up():
                    raise OSError(fault.errno, fault.strerror or str(fault), url) from None

    def _may_come_up(self) -> bool:
        """Returns whether to try again, after a pause."""
        if self._up_by is None or time.monotonic() + _PAUSE > self._up_by:
            return False
        time.sleep(_PAUSE)
        return True

    def _connect(self, until: float) -> None:
        left = max(until - time.monotonic(), 0.001)
        plain = socket.create_connection((self._http.host, self._http.port), timeout=left)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._http.host)
        except BaseException:
            plain.close()
            raise

    def ask(self, request: Message) -> Message | Failed:
        """Returns the answer to one request, whatever its HTTP status."""
        while True:
            answer = self._ask(request)
            is_silent = isinstance(answer, Failed) and answer.how in (DIED, HUNG)
            if not (is_silent or self._status in _NOT_UP) or not self._may_come_up():
                self._up_by = None
                return answer

    def _ask(self, request: Message) -> Message | Failed:
        self._status, until = 0, time.monotonic() + self._timeout
        try:
            body = self._exchange(msgspec.json.encode(request), until)
        except TimeoutError:
            return self._failed(HUNG, f"it did not answer within {self._timeout:g} s; {LONGER}")
        except (OSError, http.client.HTTPException) as fault:
            said = one_line(str(fault) or type(fault).__name__, 200).lower()
            return self._failed(DIED, f"the connection ended instead of an answer: {said}")
        except BaseException:
            self.end()
            raise
        if len(body) > LONGEST:
            return self._failed(GARBAGE, f"it answered more than {LONGEST:,} bytes")
        answer = read_answer(body)
        return self._failed(answer.how, answer.detail) if isinstance(answer, Failed) else answer

    def _exchange(self, body: bytes, until: float) -> bytes:
        if self._socket is None or _was_closed(self._socket):
            self.end()
            self._connect(until)
        assert self._socket is not None
        self._http.sock = _TimedSocket(self._socket, until)
        self._http.request("POST", self._path, body, self._headers)
        response = self._http.getresponse()
        self._status = response.status
        read = response.read(LONGEST + 1)
        if response.length and len(read) <= LONGEST:
            raise http.client.IncompleteRead(read, response.length)
        if not response.isclosed() or response.will_close:
            self.end()
        return read

    def _failed(self, how: str, detail: str) -> Failed:
        self.end()
        return Failed(how, detail)

    def end(self) -> None:
        """Closes the connection; the server was not started here and keeps running."""
        self._http.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
