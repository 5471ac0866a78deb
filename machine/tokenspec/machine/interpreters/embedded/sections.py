"""Sections of a WebAssembly module: which custom ones it has, and the same module with others."""

from __future__ import annotations

from collections.abc import Iterator

_HEADER = b"\0asm\1\0\0\0"
_CUSTOM = 0


def with_custom(module: bytes, name: str, content: bytes) -> bytes:
    """`module` with one custom section, its last, in place of those that it has."""
    kept = [bytes([kind]) + _number(len(body)) + body for kind, body in _sections(module) if kind != _CUSTOM]
    label = name.encode()
    body = _number(len(label)) + label + content
    return b"".join([_HEADER, *kept, bytes([_CUSTOM]), _number(len(body)), body])


def custom(module: bytes, name: str) -> bytes:
    """The content of a custom section. Raises `ValueError` where the module has none of that name, or is none."""
    for kind, body in _sections(module):
        if kind == _CUSTOM:
            length, start = _read(body, 0)
            if body[start : start + length] == name.encode():
                return body[start + length :]
    raise ValueError(f"there is no section {name!r} in the module")


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """The sections with their kinds, in order."""
    if not module.startswith(_HEADER):
        raise ValueError("it is not a WebAssembly module")
    at = len(_HEADER)
    while at < len(module):
        kind = module[at]
        size, start = _read(module, at + 1)
        yield kind, module[start : start + size]
        at = start + size


def _read(text: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = text[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _number(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
