"""The specification: all that belongs to the account, under one name. pyproject.toml says where it is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from purse.account import FORM, system
from purse.claims import CLAIMS, LEMMAS
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.specification import AnswerForm, Scope, Shown, Specification


def _figures(read: Mapping[str, Any]) -> Figures:
    return Figures(FORM, read)


PURSE = Specification(
    name="purse",
    says="A token account that is filled every day.",
    system=lambda catalogue: system(),
    form=FORM,
    catalogue=_figures({"daily": 10}),  # what holds where nothing else is said
    catalogue_of=_figures,
    clauses=tomllib.loads(files(__package__).joinpath("clauses.toml").read_text("utf-8")),
    claims=lambda catalogue: CLAIMS,
    lemmas=LEMMAS,
    # Small worlds in which every state is visited: figures, values of fields, and the most that each balance may hold.
    scopes=(
        Scope("tiny", _figures({"daily": 1}), {"amount": (0, 1, 2)}, {"given": 2, "bought": 2}),
        Scope("small", _figures({"daily": 3}), {"amount": (0, 1, 2, 5)}, {"given": 12, "bought": 12}),
    ),
    # What an answer shows beside the balances: the status, and when the next tokens come.
    answer=AnswerForm(state=(Shown("status"),), clocks={"day": "next_tokens_at"}),
)
