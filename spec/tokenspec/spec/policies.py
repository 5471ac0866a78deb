"""The open questions: where the documents are silent or disagree, each a policy with every admissible choice (policies.toml).

The first choice is the default. An implementation with another one is not wrong; it conforms under that choice.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files

from tokenspec.machine.lang.build import policy
from tokenspec.machine.lang.declaration import Policy

_ASKED = tomllib.loads(files(__package__).joinpath("policies.toml").read_text("utf-8"))
POLICIES: tuple[Policy, ...] = tuple(policy(n, asked["clauses"], asked["why"], **asked["answers"]) for n, asked in _ASKED.items())
DEFAULTS: dict[str, str] = {p.name: p.answers[0][0] for p in POLICIES}
