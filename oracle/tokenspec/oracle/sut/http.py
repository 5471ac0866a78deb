"""An implementation behind `http://HOST:PORT`: each request a POST to `/`, over one connection while it lasts."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.sut.client import DIED, GARBAGE, HUNG, LONGEST, Failed, Message, read_answer

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


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
        return not idle.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


class HttpClient:
    """A client of the server at `url`. Raises `WrongUsage` for a wrong address, `OSError` where no server listens."""

    def __init__(self, url: str, timeout: float) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            http.client.HTTPConnection((host or "").encode("idna").decode(), port)
        except (ValueError, http.client.InvalidURL):
            # A name of a host that cannot be one: with a blank in it, an empty part, or one that is too long.
            host = port = None
        if not host or port is None or parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.username:
            raise WrongUsage("--sut", f"an address is http://HOST:PORT, found {one_line(url)!r}")
        self._url, self._timeout = url, timeout
        self._http = http.client.HTTPConnection(host, port)
        self._socket: socket.socket | None = None
        try:
            self._connect(time.monotonic() + timeout)
        except OSError as fault:
            raise OSError(fault.errno, fault.strerror or str(fault), url) from None

    def _connect(self, until: float) -> None:
        left = max(until - time.monotonic(), 0.001)
        self._socket = socket.create_connection((self._http.host, self._http.port), timeout=left)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: Message) -> Message | Failed:
        """Returns the answer to one request, whatever its HTTP status."""
        until = time.monotonic() + self._timeout
        try:
            body = self._exchange(msgspec.json.encode(request), until)
        except TimeoutError:
            return self._failed(HUNG, f"it did not answer within {self._timeout:g} s")
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
        self._http.request("POST", "/", body, _HEADERS)
        response = self._http.getresponse()
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
