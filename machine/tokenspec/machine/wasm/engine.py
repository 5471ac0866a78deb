"""The one place that knows wasmtime: text in, a module or a running instance out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import wasmtime

FAILURES = (wasmtime.Trap, wasmtime.WasmtimeError)
"""The errors of a module that stops, or cannot be made or have its memory."""


def assembled(text: str) -> bytes:
    """A module's text as bytes."""
    return bytes(wasmtime.wat2wasm(text))


@cache
def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_multi_memory = True
    return wasmtime.Engine(config)


# A host that opens one world after another runs the same few modules again and again.
@lru_cache(maxsize=4)
def _compiled(module: str | bytes) -> wasmtime.Module:
    return wasmtime.Module(_engine(), module)


class Instance:
    """A compiled module, given as text or as bytes, with its exports. A trap surfaces as `wasmtime.Trap`, never as a crash.

    What it imports it has from the instance that it is `beside`.
    """

    def __init__(self, module: str | bytes, beside: Instance | None = None) -> None:
        self._store: wasmtime.Store = wasmtime.Store(_engine()) if beside is None else beside._store
        compiled = _compiled(module)
        imported = [] if beside is None else [beside._exports[each.name] for each in compiled.imports]
        self._exports: Any = wasmtime.Instance(self._store, compiled, imported).exports(self._store)

    def call(self, name: str, *arguments: int) -> int:
        """Calls an exported function of integers."""
        return int(self._exports[name](self._store, *arguments) or 0)

    def function(self, name: str) -> Callable[..., int]:
        """An exported function of integers, for many calls."""
        found, store = self._exports[name], self._store
        return lambda *arguments: int(found(store, *arguments) or 0)

    def read(self, memory: str, start: int, size: int) -> bytes:
        """`size` bytes of a memory."""
        return bytes(self._exports[memory].read(self._store, start, start + size))

    def write(self, memory: str, start: int, content: bytes) -> None:
        """Writes to a memory."""
        self._exports[memory].write(self._store, content, start)

    def view(self, memory: str) -> Any:
        """A memory that does not grow, as an array of its bytes: what is written there the module reads."""
        return self._exports[memory].get_buffer_ptr(self._store)

    def memory_bytes(self, memory: str) -> int:
        """The size of a memory."""
        return int(self._exports[memory].data_len(self._store))

    def beside(self, module: str) -> Instance:
        """Returns an instance of another module, which has from this one what it imports."""
        return Instance(module, self)

    def grow(self, memory: str, size: int) -> None:
        """Lets a memory have at least `size` bytes."""
        pages = -(-size // 65_536) - self._exports[memory].size(self._store)
        self._exports[memory].grow(self._store, max(pages, 0))

    def set_function(self, table: str, of: Instance, name: str) -> None:
        """Puts a function of another instance beside this one into a table."""
        self._exports[table].set(self._store, 0, of._exports[name])

    def value(self, name: str) -> int:
        """The value of an exported variable."""
        return int(self._exports[name].value(self._store))

    def set_value(self, name: str, value: int) -> None:
        """Sets an exported variable."""
        self._exports[name].set_value(self._store, value)
