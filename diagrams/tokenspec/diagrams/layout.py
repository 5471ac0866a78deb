"""Graphviz without a Graphviz program: its WebAssembly build, which comes along, run in wasmtime.

The module is that of viz-js (vendor/NOTICES.md). What it asks of its surroundings is answered here: it may grow its memory and
say what is wrong with a text; there are no files, no environment and no clock. So the same DOT gives the same SVG everywhere.
"""

from __future__ import annotations

import lzma
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

import wasmtime

_PAGE = 65_536
_BAD_FILE = 8
"""Emscripten's number for a file that is not open."""

# The exports under the letters that the build gave them.
_MEMORY, _START, _MALLOC = "z", "A", "F"
_READ, _CONTEXT, _LAYOUT, _RENDER = "I", "V", "X", "_"
_ASSERTION, _THROW, _EXIT, _ABORT, _GROW, _ERROR, _NOW = "a", "b", "c", "h", "k", "p", "g"


class BadPicture(Exception):
    """Graphviz cannot draw the text, and says why."""


@cache
def _module() -> tuple[wasmtime.Engine, wasmtime.Module]:
    config = wasmtime.Config()
    # Compiling takes a second. Where the user has a place for caches, that is done once.
    with suppress(wasmtime.WasmtimeError):
        config.cache = True
    engine = wasmtime.Engine(config)
    packed = (files("tokenspec.diagrams") / "vendor" / "graphviz.wasm.xz").read_bytes()
    return engine, wasmtime.Module(engine, lzma.decompress(packed))


def drawn(dot: str, form: str) -> str:
    """A digraph laid out by Graphviz's `dot`, in a text form of its own: `svg`, `json`. Raises `BadPicture`."""
    return _Graphviz().drawn(dot, form)


class _Graphviz:
    """One instance, for one picture: nothing of an earlier one is left in it."""

    def __init__(self) -> None:
        engine, module = _module()
        self._store = wasmtime.Store(engine)
        self._said: list[str] = []
        wanted = [(i.name or "", i.type) for i in module.imports if isinstance(i.type, wasmtime.FuncType)]
        imports = [wasmtime.Func(self._store, kind, self._answer(name, kind)) for name, kind in wanted]
        self._exports: Any = wasmtime.Instance(self._store, module, imports).exports(self._store)
        self._memory: Any = self._exports[_MEMORY]
        self._call(_START)

    def drawn(self, dot: str, form: str) -> str:
        try:
            graph = self._call(_READ, self._text(dot))
            context = self._call(_CONTEXT)
            if graph and not self._call(_LAYOUT, context, graph, self._text("dot")):
                text = self._read(self._call(_RENDER, context, graph, self._text(form)))
                # An error is of a label that was left out; a warning, of a letter whose width is guessed.
                if not any("Error" in said for said in self._said):
                    return text
        except wasmtime.Trap as fault:
            self._said.append(str(fault))
        raise BadPicture(" ".join(" ".join(self._said).split()) or "Graphviz does not say why")

    def _call(self, name: str, *arguments: int) -> int:
        return int(self._exports[name](self._store, *arguments) or 0)

    def _text(self, text: str) -> int:
        data = text.encode() + b"\0"
        place = self._call(_MALLOC, len(data))
        self._memory.write(self._store, data, place)
        return place

    def _read(self, place: int) -> str:
        end = place
        while chunk := self._memory.read(self._store, end, min(end + 4_096, self._memory.data_len(self._store))):
            if (zero := chunk.find(0)) >= 0:
                return bytes(self._memory.read(self._store, place, end + zero)).decode()
            end += len(chunk)
        raise BadPicture("the text that Graphviz gave has no end")

    def _answer(self, name: str, kind: wasmtime.FuncType) -> Any:
        """Returns the answer to the module's call of `name`."""
        if name == _GROW:
            return self._grow
        if name == _ERROR:
            return self._hear
        if name in (_ASSERTION, _THROW, _EXIT, _ABORT):
            return self._stop
        if not kind.results:
            return lambda *_: None
        answer: int | float = 0.0 if name == _NOW else _BAD_FILE
        return lambda *_: answer

    def _grow(self, wanted: int) -> int:
        missing = (wanted & 0xFFFF_FFFF) - self._memory.data_len(self._store)
        try:
            self._memory.grow(self._store, -(-missing // _PAGE))
        except wasmtime.WasmtimeError:
            return 0
        return 1

    def _hear(self, place: int) -> int:
        self._said.append(self._read(place))
        return 0

    def _stop(self, *_: int) -> None:
        raise wasmtime.Trap("Graphviz gave up")
