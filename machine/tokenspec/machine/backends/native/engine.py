"""The one place that knows wasmtime: text in, a running instance out."""

from __future__ import annotations

from typing import Any

import wasmtime


class Instance:
    """A compiled module with its exports. A trap surfaces as `wasmtime.Trap`, never as a crash."""

    def __init__(self, text: str) -> None:
        config = wasmtime.Config()
        config.wasm_multi_memory = True
        engine = wasmtime.Engine(config)
        self._store = wasmtime.Store(engine)
        self._exports: Any = wasmtime.Instance(self._store, wasmtime.Module(engine, text), []).exports(self._store)

    def call(self, name: str, *arguments: int) -> int:
        """Calls an exported function of integers."""
        return int(self._exports[name](self._store, *arguments) or 0)

    def read(self, memory: str, start: int, size: int) -> bytes:
        """`size` bytes of a memory."""
        return bytes(self._exports[memory].read(self._store, start, start + size))

    def memory_bytes(self, memory: str) -> int:
        """How large a memory is."""
        return int(self._exports[memory].data_len(self._store))

    def value(self, name: str) -> int:
        """The value of an exported variable."""
        return int(self._exports[name].value(self._store))
