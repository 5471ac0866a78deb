"""The written runs of the shipped account: scenarios.toml, starting_points.toml."""

from __future__ import annotations

from tokenspec.oracle.runtime.script import move
from tokenspec.oracle.vectors.build.scenarios import Written

SCENARIOS = Written(
    __package__ or "",
    usual={"generate": {"media": "image", "origin": "first_party"}},
    spending=move("generate", job="b1", cost=7, media="image", origin="first_party"),
    plain="open_account\nsubscribe plan=premium",
)
