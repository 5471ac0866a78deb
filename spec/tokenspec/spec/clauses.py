"""The clause register: the statements of the two public documents, one sentence a clause (clauses.toml)."""

from __future__ import annotations

import tomllib
from importlib.resources import files

CLAUSES: dict[str, str] = tomllib.loads(files(__package__).joinpath("clauses.toml").read_text("utf-8"))
"""Each clause by its number; F clauses come from the official FAQ, A clauses from a third-party article."""
