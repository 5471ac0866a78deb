"""Steps a second: the compiled reader, the live `transitions` machine, the reference, and a bare `transitions.Machine`.

All take the same walk of the account: a day and a month of an ordinary subscriber. The bare machine has the lifecycle's
states and triggers and nothing else: no pools, no refusals, no conditions. It is what the library costs by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import transitions
from common import interleaved, show

from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.live import live
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

MACHINE = account()
PARAMETERS = {**DEFAULT.parameters(), **DEFAULTS}
GENERATE: dict[str, bool | int | str] = {
    "cost": 24,
    "media": "image",
    "origin": "first_party",
    "model_is_known": True,
    "model_is_paid_only": False,
    "action_is_named": False,
    "price_is_listed": False,
    "listed_price": 0,
    "job_is_new": True,
}
WALK: list[tuple[str, dict[str, bool | int | str]]] = [
    ("open_account", {}),
    ("subscribe", {"plan_asked": "premium"}),
    *[("generate", GENERATE)] * 20,
    ("daily_reset_falls_due", {}),
    ("daily_reset", {}),
    *[("generate", GENERATE)] * 10,
    ("upgrade", {"plan_asked": "ultimate"}),
    ("downgrade", {"plan_asked": "essential"}),
    ("transfer", {"amount": 5}),
    ("renewal_falls_due", {}),
    ("renew", {}),
    ("cancel", {}),
]


def compiled_walk(repeat: int) -> Callable[[], int]:
    reader = Compiled(MACHINE, PARAMETERS)
    walk = [(reader.steps[e], tuple(f.values())) for e, f in WALK]

    def run() -> int:
        for _ in range(repeat):
            row = reader.initial
            for step, fields in walk:
                outcome = step(row, fields)
                if outcome[0] >= 0:
                    row = outcome[1]
        return repeat * len(walk)

    return run


def live_walk(repeat: int) -> Callable[[], int]:
    machine = live(MACHINE, PARAMETERS)
    start = dict(machine.state_values)

    def run() -> int:
        for _ in range(repeat):
            for name, value in start.items():
                setattr(machine, name, value)
            for event, fields in WALK:
                getattr(machine, event)(**fields)
        return repeat * len(WALK)

    return run


def reference_walk(repeat: int) -> Callable[[], int]:
    def run() -> int:
        for _ in range(repeat):
            state = reference.initial_state(MACHINE, PARAMETERS)
            for event, fields in WALK:
                step = reference.step(MACHINE, PARAMETERS, state, event, fields)
                state = dict(getattr(step, "state", state))
        return repeat * len(WALK)

    return run


def bare_walk(repeat: int) -> Callable[[], int]:
    states = list(MACHINE.states)
    arcs = [{"trigger": e.name, "source": s, "dest": r.target} for e in MACHINE.events for r in e.rules for s in r.source]
    model = type("Bare", (), {})()
    bare = transitions.Machine(
        model, states=states, initial="absent", transitions=arcs, auto_transitions=False, ignore_invalid_triggers=True
    )
    events = [e for e, _ in WALK if e != "transfer"]

    def run() -> int:
        for _ in range(repeat):
            bare.set_state("absent")
            for event in events:
                getattr(model, event)()
        return repeat * len(events)

    return run


if __name__ == "__main__":
    show(
        "steps of the account",
        "steps",
        interleaved(
            {
                "compiled reader": compiled_walk(2_000),
                "live transitions machine (guards, effects)": live_walk(40),
                "reference reader": reference_walk(20),
                "bare transitions.Machine (states only)": bare_walk(400),
            }
        ),
    )
