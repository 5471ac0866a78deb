"""The declared account as text for other tools: formats, files, settings, and what is refused."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, tokenspec
from tokenspec.invariants.claims import claims
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.policies import DEFAULTS

pytestmark = pytest.mark.slow


def exported(*arguments: str, cwd: Path | None = None) -> str:
    done = tokenspec("export", *arguments, cwd=cwd)
    assert (done.code, done.err) == (0, "")
    return done.out


@pytest.mark.parametrize("form", ["tla", "promela", "json"])
def test_the_same_bytes_come_out_each_time_and_in_a_file(form: str, tmp_path: Path) -> None:
    name = {"tla": "Account.tla", "promela": "account.pml", "json": "account.json"}[form]
    said = exported(form, "--scope", "tiny")
    assert exported(form, "--scope", "tiny", "-o", name, "-q", cwd=tmp_path) == ""
    text = (tmp_path / name).read_text(encoding="utf-8")
    beside = tmp_path / "Account.cfg"
    assert said == (f"{text}\n(*\n{beside.read_text()}*)\n" if beside.exists() else text)
    assert said == exported(form, "--scope", "tiny", "-o", "-")


def test_a_module_is_called_like_its_file_and_its_configuration_lies_beside_it(tmp_path: Path) -> None:
    done = tokenspec("export", "tla", "-o", "Wallet_2.tla", "--policy", "refund=none", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, "", "written: Wallet_2.tla, Wallet_2.cfg\n")
    assert (tmp_path / "Wallet_2.tla").read_text().startswith("------------------------------- MODULE Wallet_2 ----")
    assert '\n    refund = "none"\n' in (tmp_path / "Wallet_2.cfg").read_text()


def test_the_scope_is_small_unless_another_is_asked_for() -> None:
    figures = {scope: exported("promela", *scope) for scope in ((), ("--scope", "small"), ("--scope", "standard"))}
    assert figures[()] == figures["--scope", "small"]
    assert "#define most_daily 2\n" in figures[()]
    assert "#define most_daily 3\n" in figures["--scope", "standard"]


def test_a_document_says_which_declaration_scope_and_policies_it_is_of() -> None:
    head = exported("promela", "--scope", "tiny", "--policy", "lapse_bank=frozen").splitlines()[:3]
    digest = exported_json("--scope", "tiny")["digest"]
    assert head[1] == f" * tokenspec {version('tokenspec')}, declaration {digest}"
    assert head[2] == " * scope tiny, policies lapse_bank=frozen"


def exported_json(*arguments: str) -> Any:
    done = tokenspec("export", "json", *arguments)
    assert (done.code, done.err) == (0, "")
    return done.report


def values(report: Any) -> dict[str, Any]:
    """The figures and answers of the account."""
    account = report["machines"][0]
    return {p["name"]: p["value"] for p in account["parameters"] + account["policies"]}


def test_json_is_the_declaration_with_the_published_figures() -> None:
    report = exported_json("--policy", "burn_order=rollover_fast_topup")
    assert (report["version"], len(report["digest"]), report["fixed"]) == (version("tokenspec"), 64, {})
    assert (report["policy"]["burn_order"], len(report["policy"])) == ("rollover_fast_topup", len(DEFAULTS))
    assert [m["name"] for m in report["machines"]] == ["account", "daily_job", "session"]
    assert (values(report)["allowance[premium]"], values(report)["burn_order"]) == (25_000, "rollover_fast_topup")
    assert (report["scope"], report["catalogue"]["plans"]["ultimate"]["relaxed"]) == (None, ["image", "video"])
    assert ([c["number"] for c in report["claims"]], len(report["clauses"])) == (
        [c.number for c in claims(DEFAULT.ranking)],
        len(CLAUSES),
    )


def test_json_says_what_surrounds_the_machines() -> None:
    report = exported_json()
    around, (renewal, daily) = report["around"], report["machines"][0]["clocks"]
    assert around["answer"]["clocks"] == {"daily": "next_daily_reset_at", "renewal": "next_renewal_at"}
    assert around["ids"] == report["ids"]
    assert around["session"] == {"machine": "session", "hears": "balance_changes"}
    assert [name for name, fact in around["facts"].items() if fact is None] == []
    named = {f["parameter"] for f in around["figures"]}
    assert {parameter["name"].partition("[")[0] for parameter in report["machines"][0]["parameters"]} == named
    assert (renewal["counts"], renewal["of"], daily["counts"], daily["of"]) == (True, None, False, "daily_allowance")


def test_json_takes_a_catalogue_or_a_scope() -> None:
    own = exported_json("--catalogue", str(EXAMPLES / "catalogue.toml"))
    assert own["digest"] == exported_json()["digest"]
    assert set(own["catalogue"]["plans"]) != {"free", "essential", "premium", "ultimate"}
    tiny = exported_json("--scope", "tiny")
    assert (tiny["scope"]["name"], tiny["scope"]["most"]["daily"], values(tiny)["daily_allowance"]) == ("tiny", 1, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("tla -o My-Spec.tla", "try My_Spec.tla"),
        ("tla -o Account", "try Account.tla"),
        ("tla -o Next.tla", "a TLA+ module is called like its file"),
        ("tla -o 1.tla", "try Account.tla"),
        ("tla -o nowhere/Account.tla", "nowhere/Account.cfg cannot be written: there is no such folder"),
        ("promela -o nowhere/a.pml", "nowhere/a.pml cannot be written: there is no such folder"),
        ("tla --catalogue own.toml", "take the figures of a --scope"),
        ("promela --catalogue own.toml", "take the figures of a --scope"),
        ("json --catalogue own.toml --scope tiny", "a scope has a catalogue of its own"),
        ("promela --policy refund=never", "'never' is not among its answers"),
        ("xml", "'xml' is not one of"),
        ("", "Missing argument 'FORMAT'"),
        ("promela --scope huge", "'huge' is not one of"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_reason(arguments: str, said: str, tmp_path: Path) -> None:
    done = tokenspec("export", *arguments.split(), cwd=tmp_path)
    assert (done.code, done.out, list(tmp_path.iterdir())) == (64, "", [])
    assert said in done.err


def test_a_catalogue_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    assert tokenspec("export", "json", "--catalogue", "own.toml", cwd=tmp_path).code == 66
    (tmp_path / "own.toml").write_text("daily = 'many'\n")
    done = tokenspec("export", "json", "--catalogue", "own.toml", cwd=tmp_path)
    assert (done.code, done.out) == (65, "")
    assert "own.toml" in done.err
    done = tokenspec("export", "json", "--catalogue", "own.toml", "-o", "own.toml", cwd=tmp_path)
    assert (done.code, (tmp_path / "own.toml").read_text()) == (64, "daily = 'many'\n")
