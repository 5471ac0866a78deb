"""Six tiny machines for the tests of the language, small enough to be walked from end to end.

The first, the turnstile, has a file of its own.
"""

from __future__ import annotations

from lang.turnstile import turnstile
from tokenspec.machine.lang.build import (
    all_of,
    definition,
    eq,
    ite,
    maximum,
    minimum,
    ne,
    one_of,
    posting,
    requires,
    rule,
    var,
    variable,
)
from tokenspec.machine.lang.declaration import Actor, Event, Field, Kind, Machine, Origin, Parameter
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type, Value

# -- a counter with a ceiling ----------------------------------------------------------------------------------------

count, amount, ceiling = var("count"), var("amount"), var("ceiling")
ONLY = variable("mode", Enum("Mode", ("on",)), "on", "there is one state")


def counter() -> Machine:
    """Adding stops at the ceiling, draining at 0, taking more than there is is refused."""
    amounts = (Field("amount", Tokens(0, 3), "how many"),)
    return Machine(
        name="counter",
        says="A counter that never passes its ceiling.",
        control="mode",
        variables=(ONLY, variable("count", Tokens(0, 5), minimum(1, ceiling), "the count")),
        parameters=(Parameter("ceiling", Tokens(0, 5), None, "the highest count"),),
        definitions=(
            definition("left", ceiling - count, "what still fits"),
            definition("taken_in", minimum(amount, var("left")), "what of the amount fits"),
        ),
        pools=("count",),
        events=(
            Event(
                "add",
                Actor.USER,
                "More.",
                amounts,
                (requires("amount_must_be_positive", amount > 0, ""),),
                (
                    rule(
                        "adds",
                        "on",
                        None,
                        "",
                        effect=[count.becomes(minimum(count + amount, ceiling))],
                        ledger=[posting(Kind.GRANTED, count, var("taken_in"))],
                        answer={"lost": amount - var("taken_in")},
                    ),
                ),
            ),
            Event(
                "drain",
                Actor.USER,
                "Less, as far as there is any.",
                amounts,
                (),
                (
                    rule("drains", "on", None, "", when=count > 0, effect=[count.becomes(maximum(count - amount, 0))]),
                    rule("stays_empty", "on", None, "", when=eq(count, 0), answer={"was_empty": True}),
                ),
            ),
            Event(
                "take",
                Actor.USER,
                "Less, all or nothing.",
                amounts,
                (requires("count_must_cover_amount", amount <= count, ""),),
                (rule("takes", "on", "on", "", effect=[count.becomes(count - amount)]),),
            ),
        ),
    )


# -- a wallet with two pools -----------------------------------------------------------------------------------------

bonus, main, cost, stopped = var("bonus"), var("main"), var("cost"), var("stopped")


def wallet() -> Machine:
    """Bonus tokens pay first; a closed wallet has none of them; a stopped one does not pay."""
    small = Tokens(0, 2)
    gone = {Kind.EXPIRED: bonus, Kind.MOVED_OUT: main}
    return Machine(
        name="wallet",
        says="Two pools, one of which pays first.",
        control="life",
        variables=(
            variable("life", Enum("Life", ("unopened", "open", "closed")), "unopened", "where it is in its life"),
            variable("bonus", small, 0, "gifts"),
            variable("main", small, 0, "bought"),
            variable("stopped", Bool(), False, "whether it is stopped"),
        ),
        parameters=(Parameter("gift", small, 1, "bonus tokens at the start"),),
        definitions=(
            definition("bonus_pays", minimum(cost, bonus), "what comes from the gifts"),
            definition("main_pays", cost - var("bonus_pays"), "what comes from the rest"),
        ),
        pools=("bonus", "main"),
        events=(
            Event(
                "begin",
                Actor.USER,
                "The wallet is opened.",
                (Field("first_time", Bool(), "whether its owner had none before", Origin.FACT),),
                (requires("wallet_must_be_unopened", eq(var("life"), "unopened"), ""),),
                (
                    rule(
                        "begins",
                        "unopened",
                        "open",
                        "",
                        effect=[bonus.becomes(ite(var("first_time"), var("gift"), 0))],
                        ledger=[posting(Kind.GRANTED, bonus, ite(var("first_time"), var("gift"), 0))],
                    ),
                ),
            ),
            Event(
                "buy",
                Actor.USER,
                "Tokens are bought.",
                (Field("tokens", small, "how many", wire="quantity"),),
                (
                    requires("wallet_must_be_open", eq(var("life"), "open"), ""),
                    requires("tokens_must_fit", main + var("tokens") <= 2, ""),
                ),
                (
                    rule(
                        "buys",
                        "open",
                        None,
                        "",
                        effect=[main.becomes(main + var("tokens"))],
                        ledger=[posting(Kind.BOUGHT, main, var("tokens"))],
                    ),
                ),
            ),
            Event(
                "spend",
                Actor.USER,
                "Tokens pay for something.",
                (Field("cost", Tokens(0, 3), "the price"),),
                (
                    requires("wallet_must_be_open", eq(var("life"), "open"), ""),
                    requires("wallet_must_not_be_stopped", ne(stopped, True), ""),
                    requires("tokens_must_cover_cost", cost <= bonus + main, ""),
                ),
                (
                    rule(
                        "spends",
                        "open",
                        None,
                        "",
                        effect=[bonus.becomes(bonus - var("bonus_pays")), main.becomes(main - var("main_pays"))],
                        ledger=[posting(Kind.SPENT, bonus, var("bonus_pays")), posting(Kind.SPENT, main, var("main_pays"))],
                        answer={"from_bonus": var("bonus_pays"), "from_main": var("main_pays")},
                    ),
                ),
            ),
            Event(
                "stop",
                Actor.USER,
                "Paying is switched off, or on again.",
                (Field("off", Bool(), "whether it is to be off"),),
                (requires("wallet_must_change", ne(stopped, var("off")), ""),),
                (
                    rule("switches", ("unopened", "open"), None, "", effect=[stopped.becomes(var("off"))]),
                    rule("ignores", "closed", None, ""),
                ),
            ),
            Event(
                "close",
                Actor.USER,
                "The end.",
                (),
                (requires("wallet_must_be_open", eq(var("life"), "open"), ""),),
                (
                    rule(
                        "closes",
                        "open",
                        "closed",
                        "",
                        effect=[pool.becomes(0) for pool in gone.values()],
                        ledger=[posting(kind, pool, pool) for kind, pool in gone.items()],
                        answer={"refund": main},
                    ),
                ),
            ),
        ),
    )


# -- members of an enum, compared by its order -----------------------------------------------------------------------

LEVEL = Enum("Level", ("low", "middle", "high", "top"))
level, asked = var("level"), var("asked")


def ladder() -> Machine:
    """One climbs and descends by levels; the alphabet would order them otherwise."""
    return Machine(
        name="ladder",
        says="A ladder of levels of which the top is out of reach.",
        control="mode",
        variables=(ONLY, variable("level", LEVEL.only("low", "middle", "high"), "low", "the present level")),
        definitions=(definition("is_higher", asked > level, "whether one would climb"),),
        events=(
            Event(
                "climb",
                Actor.USER,
                "Up.",
                (Field("asked", LEVEL, "the level asked for"),),
                (requires("level_must_be_higher", var("is_higher"), ""), requires("level_must_be_below_top", asked < "top", "")),
                (rule("climbs", "on", None, "", effect=[level.becomes(asked)]),),
            ),
            Event(
                "descend",
                Actor.USER,
                "Down.",
                (Field("asked", LEVEL, "the level asked for"),),
                (requires("level_must_not_be_higher", asked <= level, ""),),
                (
                    rule("stays", "on", None, "", when=asked >= level),
                    rule(
                        "descends",
                        "on",
                        None,
                        "",
                        when=all_of(asked < level, one_of(asked, "low", "middle")),
                        effect=[level.becomes(asked)],
                        answer={"left": level},
                    ),
                ),
            ),
        ),
    )


# -- two variables that change places --------------------------------------------------------------------------------

x, y = var("x"), var("y")


def swap() -> Machine:
    """`x` and `y` change places, which needs simultaneous effects; the ledger reads the state before too."""
    small = Tokens(0, 2)
    return Machine(
        name="swap",
        says="Two numbers.",
        control="mode",
        variables=(
            variable("mode", Enum("Mode", ("on", "off")), "on", "whether they move"),
            variable("x", small, 1, "one"),
            variable("y", small, 2, "the other"),
        ),
        pools=("x", "y"),
        events=(
            Event(
                "exchange",
                Actor.USER,
                "They change places.",
                (),
                (requires("mode_must_be_on", eq(var("mode"), "on"), ""),),
                (
                    rule(
                        "exchanges",
                        "on",
                        "off",
                        "",
                        effect=[x.becomes(y), y.becomes(x)],
                        ledger=[posting(Kind.MOVED_OUT, x, x), posting(Kind.MOVED_IN, x, y)],
                        answer={"was_x": x, "was_y": y},
                    ),
                ),
            ),
            Event(
                "put",
                Actor.USER,
                "Both are given.",
                (Field("left", small, "the new x"), Field("right", small, "the new y")),
                (),
                (rule("puts", ("on", "off"), "on", "", effect=[x.becomes(var("left")), y.becomes(var("right"))]),),
            ),
        ),
    )


# -- a job that repeats ----------------------------------------------------------------------------------------------

backlog, done = var("backlog"), var("done")


def repeating_job() -> Machine:
    """The job takes one request each time, and is run again for as long as it is accepted."""
    return Machine(
        name="repeating_job",
        says="Requests and the job that serves them.",
        control="phase",
        variables=(
            variable("phase", Enum("Phase", ("idle", "busy")), "idle", "whether anything waits"),
            variable("backlog", Tokens(0, 3), 0, "requests that wait"),
            variable("done", Bool(), False, "whether the job has ever run"),
        ),
        events=(
            Event(
                "request",
                Actor.USER,
                "One more.",
                (),
                (requires("backlog_must_have_room", backlog < 3, ""),),
                (rule("queues", ("idle", "busy"), "busy", "", effect=[backlog.becomes(backlog + 1)]),),
            ),
            Event(
                "serve",
                Actor.JOB,
                "The job.",
                (),
                (requires("backlog_must_not_be_empty", backlog > 0, ""),),
                (
                    rule(
                        "serves_one",
                        "busy",
                        None,
                        "",
                        when=backlog > 1,
                        effect=[backlog.becomes(backlog - 1), done.becomes(True)],
                        answer={"still": backlog - 1},
                    ),
                    rule(
                        "serves_last",
                        "busy",
                        "idle",
                        "",
                        when=eq(backlog, 1),
                        effect=[backlog.becomes(0), done.becomes(True)],
                        answer={"still": 0},
                    ),
                ),
                repeats=True,
            ),
        ),
    )


CORPUS: dict[str, tuple[Machine, Values]] = {
    "turnstile": (turnstile(), {"room": 4, "ahead": "kept"}),
    "strict turnstile": (turnstile(), {"room": 3, "ahead": "refused"}),
    "counter": (counter(), {"ceiling": 4}),
    "wallet": (wallet(), {"gift": 2}),
    "ladder": (ladder(), {}),
    "swap": (swap(), {}),
    "repeating job": (repeating_job(), {}),
}
"""Each machine with its parameters, by name."""


def all_values(kind: Type) -> list[Value]:
    """Every value of a small type."""
    match kind:
        case Bool():
            return [False, True]
        case Enum(_, members):
            return list(members)
        case Tokens(lo, hi):
            assert hi - lo < 100, "only small ranges are walked"
            return list(range(lo, hi + 1))
