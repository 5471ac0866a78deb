"""The shipped specification: the account of spec/ with its clauses, claims, scopes, and the form of its answers."""

from __future__ import annotations

from functools import partial

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import SCOPES
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.specification import AnswerForm, Shown, ShownList, Specification
from tokenspec.spec.catalogue import DEFAULT, FACTS, FORM, MEDIA
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.system import system
from tokenspec.spec.words import APP_POOLS

SPECIFICATION = Specification(
    name="tokenspec",
    says="A token account as Leonardo.Ai's users hold one.",
    system=system,
    form=FORM,
    catalogue=DEFAULT,
    catalogue_of=partial(Figures, FORM),
    facts=FACTS,
    clauses=CLAUSES,
    claims=lambda catalogue: claims(
        catalogue.ranking, catalogue.bank_months, min(catalogue.prices.values(), default=1), bool(catalogue.packs)
    ),
    lemmas=lemmas(),
    scopes=tuple(SCOPES.values()),
    session="session",
    answer=AnswerForm(
        state=(Shown("status"), Shown("plan"), Shown("scheduled_plan")),
        lists=(ShownList("relaxed", "plan", MEDIA),),
        clocks={"daily": "next_daily_reset_at", "renewal": "next_renewal_at"},
        total=APP_POOLS,
        said=("mode", "charge", "shown_is", "cost"),
    ),
    names={"model": "models", "action": "prices"},
    prices={"cost": "action"},
    other_account="to",
    in_place_of_jobs={"renewal": "payment_failed"},
    hints={
        kind: f"tokenspec.oracle.account.{place}"
        for kind, place in {
            "bugs": "transplanted_bugs:FAULTS",
            "diagnoses": "diagnosis:DIAGNOSES",
            "figures": "figures:FIGURES",
            "figures_in_words": "tables:in_words",
            "from_every_state": "from_every_state:FROM_EVERY_STATE",
            "known_ways": "known_ways:known_ways",
            "layer_checks": "layer_checks:AccountChecks",
            "map_words": "map_words:MAP_WORDS",
            "moves": "moves:moves",
            "opening_state": "map_words:complete",
            "races": "races:RACES",
            "scenarios": "scenarios:SCENARIOS",
            "situation": "situations:situation",
            "standing": "diagnosis:standing",
            "starts": "starts:STARTS",
            "tables": "tables:TABLES",
        }.items()
    },
)
