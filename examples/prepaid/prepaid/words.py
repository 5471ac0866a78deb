"""The words the account is declared in: states, policies, variables, figures, and the expressions that have a name."""

from __future__ import annotations

from tokenspec.machine.lang.build import Term, maximum, minimum, policy, var
from tokenspec.machine.lang.catalogue import CatalogueForm, Entries, Number
from tokenspec.machine.lang.phrases import Definitions, Figure, choosing
from tokenspec.machine.lang.types import COUNTABLE_MAX, Enum, Tokens

# fmt: off
ABSENT, OPEN, IN_DEBT = "absent", "open", "in_debt"
OPENED = (OPEN, IN_DEBT)
STATUS = Enum("Status", (ABSENT, *OPENED))
HOLDS = {"bonus": "tokens of the week", "credit": "tokens that were bought, or added by staff"}
POOLS = tuple(HOLDS)
AMOUNT = Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)
"""A number in a record. One that is out of place is well formed, and refused."""

# The figures, as users write them; the parameters of the machine come from them.
FORM: CatalogueForm = {
    "weekly_bonus": Number(),
    "debt_limit": Number(),
    "packs": Entries(Number(parameter="pack"), "pack", is_declared=True),
    "prices": Entries(Number(), "action", required=False),
}
weekly_bonus, debt_limit = var("weekly_bonus"), var("debt_limit")
size_of = Figure("pack[{}]", Tokens(), "tokens in a {} pack")


# The open questions: where the terms are silent, every answer that is admissible, the default first.
POLICIES = (
    policy("burn_order", "P05", "the terms do not say which tokens a hold takes first",
            bonus_first="the bonus, which expires sooner, then credit",
            credit_first="credit, then the bonus"),
    policy("settled_for_less", "P06 P07", "the terms do not say what becomes of the rest of a hold",
            returned="the rest goes back to where it came from",
            kept="the whole hold is charged"),
    policy("charge_back", "P09 P10", "two editions of the terms differ on a charge-back of credit that is spent",
            debt="the account goes into debt, up to the limit",
            refused="the charge-back is refused, and staff settles it with the bank"),
    policy("repeated_id", "P14", "the terms do not say what the answer to a repeated request is",
            first_answer="the first answer again",
            present_state="what the first answer said of the request, with the state of now",
            refused="a refusal"),
    policy("refused_id", "P14", "the terms do not say if a refused request may be sent again under its id",
            kept="it may not: the id is used",
            free="it may: the id is as if never used"),
)
by_policy, chosen = choosing(POLICIES)

# The variables of an account, the fields of an event, and what is remembered of a hold.
status, bonus, credit, debt = var("status"), var("bonus"), var("credit"), var("debt")
bonus_due, credit_due = var("bonus_due"), var("credit_due")
amount, quantity, pack_asked = var("amount"), var("quantity"), var("pack_asked")
hold_is_new, is_open = var("hold_is_new"), var("hold_is_open")
PART = {pool: var(f"{pool}_part") for pool in POOLS}
held = PART["bonus"] + PART["credit"]

DEFINED = Definitions()
define = DEFINED.define
bought = define("bought", size_of[pack_asked] * quantity, "tokens in the packs asked for")
most_taken_back = define("most_taken_back", credit + debt_limit - debt, "the most that a charge-back may take")
taken_back = define("taken_back", minimum(credit, amount), "what a charge-back finds in the account")


def _in_burn_order(of: dict[str, Term]) -> dict[str, Term]:
    """Each pool pays what those before it leave of the amount, as far as it reaches."""
    before = {"bonus": by_policy("burn_order", bonus_first=0, credit_first=of["credit"]),
              "credit": by_policy("burn_order", bonus_first=of["bonus"], credit_first=0)}
    return {pool: minimum(of[pool], maximum(0, amount - before[pool])) for pool in POOLS}


takes = {pool: define(f"{pool}_taken", part, f"what a hold takes of {pool}")
         for pool, part in _in_burn_order({"bonus": bonus, "credit": credit}).items()}
# These read the memory, so that they are written where they are used: a definition reads the state alone.
rest = {pool: by_policy("settled_for_less", returned=PART[pool] - part, kept=0) for pool, part in _in_burn_order(PART).items()}

# fmt: on
