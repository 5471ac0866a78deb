"""Claims about the turnstile: right ones, and wrong ones, each put beside the right ones."""

from __future__ import annotations

from collections.abc import Callable

from lang.turnstile import barrier, coin, due, purse, room, turnstile
from lang.wrong import MISSING, NAME, Wrong
from tokenspec.machine.lang.build import Termlike, eq, negation, var
from tokenspec.machine.lang.claims import (
    CalendarPart,
    Claim,
    Law,
    LayerPart,
    LivenessPart,
    Part,
    StepPart,
    claim,
    flow,
    ghost,
    new,
    refuses,
    state,
    step,
    two_runs,
)
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import Tokens, Value
from tokenspec.machine.lang.validate_claims import validate_claims


def claims(*parts: Part, id: str = "C", number: int = 9) -> Callable[[], None]:
    """Validates a claim about the turnstile beside the right ones."""
    return lambda: validate_claims([*RIGHT_CLAIMS, claim(number, id, "Something holds.", "T1", *parts)], [turnstile()])


RIGHT_CLAIMS: list[Claim] = [
    claim(1, "fits", "The purse never holds more than fits.", "T1", state("fits", purse <= room, purse > 0, NAME)),
    claim(
        2,
        "paid",
        "What comes into the purse has been paid.",
        "T1 T3",
        step("grows", eq(new(purse), purse + flow(Kind.BOUGHT, purse)), flow(Kind.BOUGHT, purse) > 0, "pay", machine=NAME),
        step(
            "counted",
            new(var("paid")) >= var("paid"),
            var("paid") > 3,
            ghosts=[ghost("paid", Tokens(), 0, var("paid") + flow(Kind.BOUGHT, purse))],
            machine=NAME,
        ),
        two_runs("order", negation(due), ["evening_comes"], ["relock"], ["purse"], eq(barrier, "locked"), machine=NAME),
        LivenessPart("emptied", NAME, "empty", (), ("evening_comes",), ("passes",)),
        LayerPart("journal", "The porter signs."),
    ),
]


def goal(event: str, *fields: tuple[str, Value], without: str = "passes") -> LivenessPart:
    """A part by which `event` with `fields` stays possible."""
    return LivenessPart("p", NAME, event, fields, ("push",), (without,))


def haunted(initial: Termlike, after: Termlike) -> StepPart:
    """A part with a ghost."""
    return step("p", var("g") >= 0, var("g") > 1, ghosts=[ghost("g", Tokens(), initial, after)], machine=NAME)


WRONG_CLAIMS: dict[str, Wrong] = {
    # a name is used that nothing declares
    "claim reads an unknown name": Wrong(
        "TS101", "claim 'C', part 'p'", "'pursee'", claims(state("p", MISSING <= 3, purse > 0, NAME))
    ),
    "claim about all events reads the field of one": Wrong(
        "TS101", "claim 'C', part 'p'", "'coin'", claims(step("p", eq(coin, "gold"), purse > 0, machine=NAME))
    ),
    "state claim speaks of the value after": Wrong(
        "TS101", "claim 'C', part 'p'", "'new.purse'", claims(state("p", new(purse) <= 3, purse > 0, NAME))
    ),
    "claim about an unknown machine": Wrong(
        "TS101", "claim 'C', part 'p'", "'revolving_door'", claims(state("p", purse <= room, purse > 0, "revolving_door"))
    ),
    "two runs agree on an unknown variable": Wrong(
        "TS101", "claim 'C', part 'p'", "'pursee'", claims(two_runs("p", due, ["push"], ["relock"], ["pursee"], machine=NAME))
    ),
    "way to the goal without an unknown rule": Wrong(
        "TS101", "claim 'C', part 'p'", "'shoves'", claims(goal("relock", without="shoves"))
    ),
    "goal with an unknown field": Wrong(
        "TS101", "claim 'C', part 'p'", "'weight'", claims(goal("pay", ("coin", "gold"), ("weight", 1)))
    ),
    "ghost that reads an unknown name": Wrong(
        "TS101", "claim 'C', part 'p', ghost 'g', value after", "'pursee'", claims(haunted(0, MISSING))
    ),
    "ghost that begins with a variable": Wrong(
        "TS101", "claim 'C', part 'p', ghost 'g', initial value", "'purse'", claims(haunted(purse, var("g")))
    ),
    "ghost that reads its own value after": Wrong(
        "TS101", "claim 'C', part 'p', ghost 'g', value after", "'new.g'", claims(haunted(0, new(var("g")) + 1))
    ),
    "layer claim about an unknown rule": Wrong(
        "TS101", "claim 'C', part 'p'", "'shoves'", claims(LayerPart("p", "It is shoved.", after=("shoves",)))
    ),
    # a name is declared twice
    "ghost named like a variable": Wrong(
        "TS102",
        "claim 'C', part 'p'",
        "'purse'",
        claims(step("p", due, purse > 1, ghosts=[ghost("purse", Tokens(), 0, purse)], machine=NAME)),
    ),
    "calendar part of an unknown clock": Wrong(
        "TS111", "claim 'C', part 'p'", "'noon'", claims(CalendarPart("p", "turnstile", "noon", Law.TILES))
    ),
    "part declared twice": Wrong("TS102", "claim 'C'", "part 'p'", claims(LayerPart("p", ""), LayerPart("p", ""))),
    # a requirement, a condition or a claim is not a truth value
    "claim that is a number": Wrong(
        "TS202", "claim 'C', part 'p'", "purse + 1 is Tokens", claims(state("p", purse + 1, purse > 0, NAME))
    ),
    "witness that is a name": Wrong(
        "TS202", "claim 'C', part 'p'", "barrier is Barrier", claims(state("p", purse >= 0, barrier, NAME))
    ),
    "layer claim where a number is": Wrong(
        "TS202", "claim 'C', part 'p'", "1 is ", claims(LayerPart("p", "It is one.", where=Lit(1)))
    ),
    # a value does not fit
    "ghost that begins with another type": Wrong(
        "TS203", "claim 'C', part 'p', ghost 'g', initial value", "gold is ?(gold), not Tokens", claims(haunted("gold", var("g")))
    ),
    "ghost that becomes another type": Wrong(
        "TS203", "claim 'C', part 'p', ghost 'g', value after", "due is Bool, not Tokens", claims(haunted(0, due))
    ),
    "ghost that begins out of range": Wrong(
        "TS204", "claim 'C', part 'p', ghost 'g', initial value", "-1 is not a Tokens", claims(haunted(-1, var("g")))
    ),
    "goal with a value that its field does not have": Wrong(
        "TS204", "claim 'C', part 'p'", "'brass', not a Coin", claims(goal("pay", ("coin", "brass")))
    ),
    "goal without a value for its field": Wrong("TS204", "claim 'C', part 'p'", "'coin' is given None", claims(goal("pay"))),
    # a claim without a witness
    "claim without a part": Wrong("TS301", "claim 'C'", "no part and no witness", claims()),
    "state claim whose witness is always true": Wrong(
        "TS301", "claim 'C', part 'p'", "true", claims(state("p", purse <= room, True, NAME))
    ),
    "step claim whose witness is always false": Wrong(
        "TS301", "claim 'C', part 'p'", "false", claims(step("p", new(purse) <= room, False, machine=NAME))
    ),
    "two runs that agree in nothing": Wrong(
        "TS301", "claim 'C', part 'p'", "no variable", claims(two_runs("p", due, ["push"], ["relock"], [], machine=NAME))
    ),
    "two runs that are one": Wrong(
        "TS301", "claim 'C', part 'p'", "with itself", claims(two_runs("p", due, ["push"], ["push"], ["purse"], machine=NAME))
    ),
    "refusals without one": Wrong("TS301", "claim 'C', part 'pay'", "no refusal", claims(refuses("pay", machine=NAME))),
    "two runs of an event with a field": Wrong(
        "TS204", "claim 'C', part 'p'", "'coin'", claims(two_runs("p", due, ["pay"], ["relock"], ["purse"], machine=NAME))
    ),
    "way to the goal by an event with a field": Wrong(
        "TS204", "claim 'C', part 'p'", "'coin'", claims(LivenessPart("p", NAME, "empty", (), ("pay",), ()))
    ),
    # two claims share an id
    "claim id declared twice": Wrong("TS302", "claim 'fits'", "taken", claims(LayerPart("l", ""), id="fits")),
    "claim number declared twice": Wrong("TS302", "claim 'C'", "number 1", claims(LayerPart("l", ""), number=1)),
    # a claim speaks of an event that the machine does not have
    "step claim of an unknown event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(step("p", new(purse) <= room, purse > 0, "pay", "shove", machine=NAME))
    ),
    "left run of an unknown event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(two_runs("p", due, ["shove"], ["push"], ["purse"], machine=NAME))
    ),
    "right run of an unknown event": Wrong(
        "TS303",
        "claim 'C', part 'p'",
        "'shove'",
        claims(two_runs("p", due, ["push"], ["push", "shove"], ["purse"], machine=NAME)),
    ),
    "goal that is no event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(LivenessPart("p", NAME, "shove", (), ("push",), ()))
    ),
    "way to the goal by an unknown event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(LivenessPart("p", NAME, "push", (), ("relock", "shove"), ()))
    ),
}
