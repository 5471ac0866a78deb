"""Shorter text for WebAssembly, and the places of what its code shares."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_SHORT = re.compile(r"([%@#~])(-?[A-Za-z0-9_]+)")
_LONG = {"%": "(local.get ${})", "@": "(global.get ${})", "#": "(i32.const {})", "~": "(i64.const {})"}


class NotCovered(ValueError):
    """A machine, or a choice of settings, that the kernel does not run."""


def long(text: str) -> str:
    """`text` in full: `%x` reads a local variable, `@x` a global one, `#1` is a number of 32 bits and `~1` one of 64."""
    return _SHORT.sub(lambda found: _LONG[found[1]].format(found[2]), text)


@dataclass
class Space:
    """Places in the first memory, from `end` on, and the data that is there from the start. A machine's are from `first` on."""

    end: int
    data: list[str] = field(default_factory=list)
    first: int = 0

    def take(self, size: int, align: int = 8) -> int:
        """Returns the address of `size` bytes that nobody else has; they are 0."""
        start = -(-self.end // align) * align
        self.end = start + size
        return start

    def put(self, content: bytes) -> int:
        """Returns the address of bytes with this content."""
        at = self.take(len(content))
        if any(content):
            escaped = "".join(f"\\{byte:02x}" for byte in content)
            self.data.append(f'(data (i32.const {at}) "{escaped}")')
        return at

    def flags(self, values: Iterable[int]) -> int:
        """Returns the address of small numbers, one byte each."""
        return self.put(bytes(values))
