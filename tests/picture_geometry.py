"""Where the parts of a picture lie, as Graphviz laid them out: texts, frames and edges, in points."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from tokenspec.diagrams.layout import drawn

_STEPS = 24
"""Points at which a piece of a curve is looked at."""
_BELOW, _ABOVE = 0.15, 0.7
"""How far letters reach from their line, in parts of their size."""


@dataclass(frozen=True)
class Box:
    left: float
    low: float
    right: float
    high: float

    def holds(self, x: float, y: float) -> bool:
        return self.left < x < self.right and self.low < y < self.high

    def crosses(self, frame: Box) -> bool:
        """True if a side of the frame runs through this box."""
        apart = self.right < frame.left or self.left > frame.right or self.high < frame.low or self.low > frame.high
        within = self.left > frame.left and self.right < frame.right and self.low > frame.low and self.high < frame.high
        return not apart and not within


class Geometry:
    """A digraph as it is laid out."""

    def __init__(self, text: str) -> None:
        self._laid: dict[str, Any] = json.loads(drawn(text, "json"))

    @cached_property
    def texts(self) -> list[tuple[str, Box]]:
        """Every line of text, with the room that it takes."""
        parts = [*self._laid.get("objects", []), *self._laid.get("edges", [])]
        return [text for part in parts for text in _texts(part.get("_ldraw_", []))]

    @cached_property
    def frames(self) -> dict[str, Box]:
        """The frame of each group."""
        parts = self._laid.get("objects", [])
        return {part["name"]: Box(*map(float, part["bb"].split(","))) for part in parts if part["name"].startswith("cluster")}

    @cached_property
    def lines(self) -> list[list[tuple[float, float]]]:
        """The points of every edge that is seen."""
        return [
            list(_curve([(x, y) for x, y in drawing["points"]]))
            for edge in self._laid.get("edges", [])
            for drawing in edge.get("_draw_", [])
            if drawing["op"] == "b"
        ]

    def across_a_frame(self) -> list[tuple[str, str]]:
        """Texts through which the frame of a group runs."""
        return [(text, name) for text, box in self.texts for name, frame in self.frames.items() if box.crosses(frame)]

    def run_through(self) -> set[str]:
        """Texts through which an edge runs."""
        return {text for text, box in self.texts for line in self.lines if any(box.holds(*point) for point in line)}


def _texts(drawings: list[dict[str, Any]]) -> Iterator[tuple[str, Box]]:
    size = 0.0
    for drawing in drawings:
        if drawing["op"] == "F":
            size = drawing["size"]
        if drawing["op"] == "T" and drawing["text"].strip():
            (x, y), width = drawing["pt"], drawing["width"]
            left = x - {"l": 0.0, "c": 0.5, "r": 1.0}[drawing["align"]] * width
            indent = width * (len(drawing["text"]) - len(drawing["text"].lstrip())) / len(drawing["text"])
            yield drawing["text"], Box(left + indent, y - _BELOW * size, left + width, y + _ABOVE * size)


def _curve(points: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Points on a chain of Bézier curves, each of which begins where the one before it ends."""
    for start in range(0, len(points) - 1, 3):
        for step in range(_STEPS + 1):
            piece = points[start : start + 4]
            while len(piece) > 1:
                part = step / _STEPS
                piece = [(a + (c - a) * part, b + (d - b) * part) for (a, b), (c, d) in pairwise(piece)]
            yield piece[0]
