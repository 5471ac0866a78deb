"""An implementation in the foreground, which the tester starts, kills and starts again (`--restart`)."""

from __future__ import annotations

import http.client
import shlex
import socket
import ssl
import tempfile
import time
from contextlib import suppress
from subprocess import DEVNULL, TimeoutExpired
from urllib.parse import urlsplit

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.races.crew import last_words_in
from tokenspec.oracle.sut.client import DIED, HUNG, Failed
from tokenspec.oracle.sut.programs import Program, words_of
from tokenspec.oracle.sut.world import NotThere

_GRACE = 2.0
"""Seconds that it has to end by itself, once it is not needed any more."""


class Service:
    """The program that `command` starts, in a group of its own; it serves `url`, where that is an address."""

    def __init__(self, command: str, url: str, wait: float) -> None:
        self._words = words_of(command, "--restart")
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self._serves, self._wait, self._url = url.startswith(("http://", "https://")), wait, url
        self._process: Program | None = None
        self._said = tempfile.TemporaryFile()
        if self._serves and self._accepts():
            says = f"{one_line(url)} answers before it was started; end what listens there, since it could not be killed"
            raise WrongUsage("--restart", says)

    def start(self) -> None:
        """Starts it, and waits until it answers. Raises `NotThere`, and `OSError` where there is no such program."""
        self._process = Program(self._words, stdin=DEVNULL, stdout=self._said, stderr=self._said)
        until, accepts = time.monotonic() + self._wait, False
        while self._serves and not self._answers():
            accepts = self._accepts()
            if self._process.poll() is not None:
                raise self._not_there(DIED, f"it ended with exit code {self._process.returncode}")
            if time.monotonic() > until:
                if accepts:
                    # It takes connections, and does not care for a request that is none of the protocol.
                    return
                raise self._not_there(
                    HUNG, f"nobody answers at {one_line(self._url)} after {self._wait:g} s; --wait gives it more"
                )
            time.sleep(0.01)

    def crash(self) -> None:
        """Kills it, with everything that it started. Raises `NotThere` where it serves no address, and had ended by itself."""
        if self._process is not None and not self._serves and self._process.poll() is not None:
            raise self._not_there(DIED, f"it ended with exit code {self._process.returncode}, and has to run in the foreground")
        self.kill()

    def kill(self) -> None:
        """Kills it, with everything that it started."""
        if self._process is not None:
            self._process.kill()

    def end(self) -> None:
        """Ends it: it is asked to, and killed if it does not."""
        if self._process is not None:
            self._process.interrupt()
            with suppress(TimeoutExpired):
                self._process.wait(_GRACE)
            self.kill()
        self._said.close()

    def _accepts(self) -> bool:
        try:
            socket.create_connection(self._address, 1.0).close()
        except OSError:
            return False
        return True

    def _answers(self) -> bool:
        """Returns whether anything comes back from the server, be it that it does not know the request."""
        is_plain = self._url.startswith("http://")
        connection = (http.client.HTTPConnection if is_plain else http.client.HTTPSConnection)(*self._address, timeout=1.0)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except http.client.RemoteDisconnected:
            return False
        except (http.client.HTTPException, ssl.SSLError):
            return True
        except OSError:
            return False
        finally:
            connection.close()
        return True

    def _not_there(self, how: str, detail: str) -> NotThere:
        self.kill()
        return NotThere(Failed(how, f"--restart {shlex.join(self._words)}: {detail}", last_words_in(self._said)))
