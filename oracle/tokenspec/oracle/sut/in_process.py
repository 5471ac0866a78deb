"""An implementation in this process: an object with `handle`. A call that hangs cannot be stopped."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import msgspec

from tokenspec.oracle.sut.client import DIED, GARBAGE, Failed, Message, read_answer

_FRAMES = 3
"""The number of frames, the last ones, that are shown of an exception's traceback."""


class CallClient:
    """A client of an object. Requests and answers pass as JSON, so that neither side holds parts of the other."""

    def __init__(self, implementation: Any) -> None:
        self._handle = implementation.handle

    def ask(self, request: Message) -> Message | Failed:
        """Returns the answer to one request."""
        asked = msgspec.json.decode(msgspec.json.encode(request))
        try:
            answer = self._handle(asked)
        except KeyboardInterrupt:
            raise
        except BaseException as fault:
            # An exception that ends a program, or a test, is a failure too.
            return Failed(DIED, f"it raised {type(fault).__name__}: {fault}", _places(fault))
        try:
            return read_answer(msgspec.json.encode(answer))
        except (TypeError, ValueError, RecursionError) as fault:
            return Failed(GARBAGE, f"it answered what is not JSON: {fault}")

    def end(self) -> None:
        """Does nothing: there is nothing to end."""


def _places(fault: BaseException) -> str:
    # The first frame is the call above.
    frames = traceback.extract_tb(fault.__traceback__)[1:][-_FRAMES:]
    return "; ".join(f"{Path(f.filename).name}:{f.lineno} in {f.name}: {f.line}" for f in frames)
