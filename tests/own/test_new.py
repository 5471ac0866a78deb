"""`tokenspec new NAME`: what it writes works, and it writes over nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from imported_once import copied
from own.test_prepaid import ROOT, tokenspec
from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.oracle.command.main import VERBS
from tokenspec.oracle.publish.new_specification import COPIED


@pytest.mark.slow
def test_what_is_written_checks_replays_and_passes_its_tests(tmp_path: Path) -> None:
    assert tokenspec("new", "coffer", cwd=tmp_path).stdout == ""
    folder = tmp_path / "coffer"
    assert "purse" not in "".join(f"{path} {path.read_text()}".lower() for path in folder.rglob("*.*") if path.is_file())
    assert "coffer.specification:COFFER" in tokenspec("policies", cwd=folder).stderr
    tokenspec("replay", "log.jsonl", cwd=folder)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout
    assert "3 passed" in ran.stdout


@pytest.mark.parametrize("name", ["", "3x", "class", "a-b", "a/b", "../x", ".", "käse"])
def test_a_name_that_is_no_package_is_wrong_usage(name: str, tmp_path: Path) -> None:
    assert "names a Python package" in tokenspec("new", name, cwd=tmp_path, code=64).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", ["file", "folder", "link"])
def test_what_is_there_stays(taken: str, tmp_path: Path) -> None:
    place = tmp_path / "coffer"
    match taken:
        case "file":
            place.write_text("mine")
        case "folder":
            place.mkdir()
        case _:
            place.symlink_to("nowhere")
    assert "is there already" in tokenspec("new", "coffer", cwd=tmp_path, code=64).stderr
    assert [each.name for each in tmp_path.iterdir()] == ["coffer"]
    assert taken != "folder" or list(place.iterdir()) == []


def test_a_package_that_it_would_hide_is_left_in_peace(tmp_path: Path) -> None:
    assert "already" in tokenspec("new", "json", cwd=tmp_path, code=64).stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_hold_what_is_copied() -> None:
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    copied = {f"examples/purse/{path}": f"tokenspec/oracle/publish/purse/{path}" for path in COPIED}
    assert {source: target for source, target in included.items() if "purse" in source} == copied
    assert all((ROOT / source).is_file() for source in copied)


def _with_parts(folder: Path, parts: str) -> Path:
    """A new specification called coffer, with further parts."""
    tokenspec("new", "coffer", cwd=folder)
    module = folder / "coffer" / "coffer" / "specification.py"
    module.write_text(module.read_text().replace("    answer=", f"    {parts},\n    answer=", 1))
    return folder / "coffer"


def test_every_name_in_a_specification_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    wrong = _with_parts(tmp_path, 'hints={"monsters": "a.b:C", "starts": "here"}, session="visit", names={"brand": "daily"}')
    _, *faults = tokenspec("policies", cwd=wrong, code=65).stderr.splitlines()
    places = [("TS122", "hint 'monsters'"), ("TS122", "hint 'starts'"), ("TS101", "session"), ("TS101", "names")]
    assert [fault.split(":")[0] for fault in faults] == [f"[{code}] specification 'coffer', {place}" for code, place in places]
    assert "Known here: bugs, diagnoses, " in faults[0]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("coffer.moves:MOVES", "there is no module 'coffer.moves'"),
        ("coffer.account:MOVES", "account.py has no 'MOVES'"),
        ("coffer.broken:MOVES", "its module raises ZeroDivisionError at "),
    ],
)
def test_a_hint_that_is_not_there_is_told_when_it_is_needed(place: str, said: str, tmp_path: Path) -> None:
    wrong = _with_parts(tmp_path, f'hints={{"tables": "{place}"}}')
    (wrong / "coffer" / "broken.py").write_text("MOVES = 1 // 0\n")
    told = tokenspec("docs", "list", cwd=wrong, code=65).stderr
    assert said in told
    assert "hint 'tables'" in told


def test_a_clause_that_nothing_cites_is_bad_data(tmp_path: Path) -> None:
    tokenspec("new", "coffer", cwd=tmp_path)
    with (tmp_path / "coffer" / "coffer" / "clauses.toml").open("a") as clauses:
        clauses.write('Z9 = "Nobody speaks of this."\n')
    assert "[TS107] clause Z9: nothing cites it" in tokenspec("check", cwd=tmp_path / "coffer", code=65).stderr


def _changed(folder: Path, module: str, old: str, new: str) -> Path:
    """A new specification called coffer, with a text of one of its modules replaced."""
    tokenspec("new", "coffer", cwd=folder)
    path = folder / "coffer" / "coffer" / f"{module}.py"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return folder / "coffer"


NO_CLAIMS = ("claims", "CLAIMS: tuple[Claim, ...] = (", "CLAIMS: tuple[Claim, ...] = ()\n_NOT_TAKEN = (")
TWO_RULES = ("account", '            when=chosen("leftover", "kept"),\n', "")
GAP = ("account", '"T02", buys(bought, amount))', '"T02", buys(bought, amount), when=bought + given + amount < 777_777_777)')
NEVER = (
    "claims",
    "CLAIMS: tuple[Claim, ...] = (",
    """from tokenspec.machine.lang.claims import LivenessPart

SPENT = LivenessPart("p", "coffer", "spend", (("amount", 1),), (), ())
CLAIMS: tuple[Claim, ...] = (
    claim(9, "spends", "Spending stays possible.", "T03", SPENT),""",
)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        pytest.param(NO_CLAIMS, 20, "no verdict: the specification makes no claim", marks=pytest.mark.slow),
        (TWO_RULES, 12, "begins_anew and adds_up apply to it"),
        pytest.param(GAP, 12, "refuted: claim exactly_one_outcome", marks=pytest.mark.slow),
        (NEVER, 13, "claim spends (p) does not hold"),
    ],
)
def test_a_specification_of_which_nothing_holds_is_not_green(
    change: tuple[str, str, str], code: int, said: str, tmp_path: Path
) -> None:
    """Nothing is claimed, an event has two outcomes or none, a claim is false before the first event."""
    wrong = _changed(tmp_path, *change)
    assert said in tokenspec("check", "--scope", "tiny", cwd=wrong, code=code).stdout


NARROW = ("account", 'Tokens(-COUNTABLE_MAX, COUNTABLE_MAX), "how many', 'Tokens(0, 9), "how many')
BY_KERNEL = """
import json, sys
from tokenspec.oracle import Oracle
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.wire.log_files import Logs
report, left = replay_by_kernel(Logs(["log.jsonl"]), Oracle(), smallest=0)
print(json.dumps([str(bad.fault) for bad in report.bad] + [report.compared]))
"""


def test_a_number_that_its_type_does_not_have_never_comes_to_the_account(tmp_path: Path) -> None:
    """What was proved of numbers from 0 to 9 says nothing of -5: `buys` would have left the account with less than nothing."""
    folder, opened = _changed(tmp_path, *NARROW), {"account": "ann", "at": "2026-07-15T09:00:00Z", "event": "open_account"}
    bought = [opened | {"event": "buy", "amount": amount, "observed": {"balances": {"bought": 9}}} for amount in (-5, 9, 10)]
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in (opened, *bought)))
    told = tokenspec("replay", "log.jsonl", cwd=folder, code=65).stdout
    rules = ["amount: expected integer >= 0", "amount: expected integer <= 9"]
    assert all(f"{rule}, found {amount}" in told for rule, amount in zip(rules, (-5, 10), strict=True))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOKENSPEC")}
    spec = {"TOKENSPEC_SPEC": "coffer.specification:COFFER", "PYTHONPATH": "."}
    ran = subprocess.run([sys.executable, "-c", BY_KERNEL], cwd=folder, env=clean | spec, capture_output=True, text=True)
    assert json.loads(ran.stdout) == [f"{rule} (found {amount})" for rule, amount in zip(rules, (-5, 10), strict=True)] + [1]


def test_kinds_of_faults_that_it_does_not_have_are_not_named(tmp_path: Path) -> None:
    tokenspec("new", "coffer", cwd=tmp_path)
    said = tokenspec("mutants", "--only", "id", cwd=tmp_path / "coffer", code=64).stderr
    assert (" rule_dropped," in said, " id," in said) == (True, False)


def test_a_figure_that_its_parameters_type_does_not_have_is_bad_data(tmp_path: Path) -> None:
    folder = _changed(tmp_path, "account", 'Parameter("daily", Tokens()', 'Parameter("daily", Tokens(0, 50)')
    (folder / "figures.toml").write_text("daily = 51")
    said = "figures.toml: daily: it is a value of the declared type, Tokens(0..50); found 51"
    assert said in tokenspec("replay", "log.jsonl", "--catalogue", "figures.toml", cwd=folder, code=65).stderr


GIFT = ("account", '"T02",\n        AMOUNT,', '"T02",\n        AMOUNT,\n        Field("is_gift", Bool(), "it is a present"),')
GIFTS = """
[source]
format = "csv"
[fields]
account = "who"
at = "at"
amount = "tokens"
is_gift = "gift"
[events]
column = "kind"
kinds = { open = "open_account", buy = "buy" }
[observed]
"balances.bought" = "left"
"""


def test_a_column_may_say_whether_something_is_so(tmp_path: Path) -> None:
    folder = _changed(tmp_path, *GIFT)
    (folder / "map.toml").write_text(GIFTS)
    rows = ["who,at,kind,tokens,gift,left", "ann,2026-07-15T09:00:00Z,open,,,0", "ann,2026-07-15T09:01:00Z,buy,3,True,3"]
    (folder / "rows.csv").write_text("\n".join([*rows, "ann,2026-07-15T09:02:00Z,buy,3,f,6\n"]))
    assert "3 compared" in tokenspec("replay", "rows.csv", "--map", "map.toml", cwd=folder).stdout
    (folder / "rows.csv").write_text("\n".join([*rows, "ann,2026-07-15T09:02:00Z,buy,3,perhaps,6\n"]))
    said = "is_gift: expected truth value, got string"
    assert said in tokenspec("replay", "rows.csv", "--map", "map.toml", cwd=folder, code=65).stdout


ODD = {
    '"T02",\n        AMOUNT,': '"T02",\n        Actor.JOB,\n        AMOUNT,',
    '"T03",\n        AMOUNT,': """"T03",
        AMOUNT,
        Key("screen", "what was seen", Shape.POOLS),
        Key("hour", "when it was wanted", Shape.TIME_OF_DAY),""",
    "Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)": "Tokens(0, 9)",
    "import Actor, Clock, Field,": "import Actor, Clock, Field, Key, Shape,",
}
"""A job of no clock, balances and a time of day that a record needs, and a number with a narrow type."""


@pytest.mark.slow
def test_what_the_shipped_account_does_not_have_is_fuzzed_and_stands_in_vectors(tmp_path: Path) -> None:
    folder, serve = (
        _changed(tmp_path, "account", *next(iter(ODD.items()))),
        f'"{sys.executable}" -m tokenspec.oracle.command serve --stdio',
    )
    path = folder / "coffer" / "account.py"
    text = path.read_text()
    for old, new in list(ODD.items())[1:]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    for resets in ("explicit", "implied"):
        done = tokenspec("fuzz", "--sut", f"{serve} --resets {resets}", "--examples", "30", cwd=folder)
        assert "conforms" in done.stdout
    tokenspec("vectors", "build", "--out", "vectors", cwd=folder)
    assert " 0 failed" in tokenspec("vectors", "run", "vectors", "--sut", serve, cwd=folder).stdout


HELP = ("", *VERBS, "vectors run", "vectors add", "vectors build", "docs list", "docs sync")


@pytest.mark.slow
def test_no_help_speaks_of_another_account(tmp_path: Path) -> None:
    """Words of the shipped account have no place there, and every setting and picture of an example is one of this account."""
    tokenspec("new", "coffer", cwd=tmp_path)
    folder, known = tmp_path / "coffer", {"leftover=expires", "leftover=kept", "infer"}
    of_another = {*SPECIFICATION.defaults, *SPECIFICATION.pools, *SPECIFICATION.form, "Leonardo.Ai", "daily_job", "renewal"}
    # It has a figure of this name too.
    of_another -= {"daily"}
    # Of this specification, which no process but its own has imported.
    program = copied(folder)
    pictures = tokenspec("diagram", cwd=folder, program=program).stdout
    for verb in HELP:
        shown = tokenspec(*verb.split(), "--help", cwd=folder, program=program).stdout
        assert of_another & set(re.findall(r"[\w.]+\w", shown)) == set(), verb
        examples = [line.strip() for line in shown.splitlines() if line.startswith("  tokenspec ")]
        assert {given for line in examples for given in re.findall(r"(?:--policy|--against) (\S+)", line)} <= known
        for picture in re.findall(r"tokenspec diagram (\w+)", "\n".join(examples)):
            assert f" {picture} " in pictures
