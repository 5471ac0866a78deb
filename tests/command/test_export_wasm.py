"""`tokenspec export wasm`: the module, its page, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime

from command.conftest import EXAMPLES, Finished, tokenspec
from tokenspec.machine.interpreters.embedded.host import SECTION, Embedded, custom, described
from tokenspec.machine.lang.types import Bool, Value
from tokenspec.machine.wasm.engine import Instance
from tokenspec.spec.account import account


def exported(folder: Path, *arguments: str, name: str = "account.wasm") -> bytes:
    done = tokenspec("export", "wasm", *arguments, "-o", name, cwd=folder)
    page = name.replace(".wasm", ".md")
    assert done == Finished(0, "", f"written: {name}, {page}\n")
    return (folder / name).read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    exported(folder)
    return folder


@pytest.fixture(scope="module")
def module(place: Path) -> bytes:
    return (place / "account.wasm").read_bytes()


@pytest.mark.slow
def test_the_same_bytes_come_out_each_time_small_and_without_imports(module: bytes, tmp_path: Path) -> None:
    assert exported(tmp_path, name="again.wasm") == module
    compiled = wasmtime.Module(wasmtime.Engine(), module)
    assert compiled.imports == []
    areas = {"memory", "parameters", "state", "fields", "answers", "ledger", "definitions", "entry", "dial"}
    functions = {"init", "check_parameters", "step", "decide", "evaluate", "broken_state", "broken_step"}
    functions |= {"recall", "first", "beyond"}
    assert {e.name for e in compiled.exports} == areas | functions
    assert len(module) - len(custom(module, SECTION)) < 40_000
    assert len(module) < 110_000


@pytest.mark.slow
def test_it_says_of_which_declaration_it_is_and_begins_with_what_was_asked_for(tmp_path: Path) -> None:
    module = exported(tmp_path, "--policy", "refund=none", "--catalogue", str(EXAMPLES / "catalogue.toml"))
    report = tokenspec("export", "json", "--catalogue", EXAMPLES / "catalogue.toml").report
    about = described(module)
    assert (about["digest"], about["version"]) == (report["digest"], report["version"])
    figures = {p["name"]: p["value"] for p in report["machines"][0]["parameters"]}
    assert {p["name"]: p["value"] for p in about["parameters"]} == figures
    assert {p["name"]: p["value"] for p in about["policies"]}["refund"] == "none"
    reader = Embedded(module)
    row = reader.steps["open_account"](reader.initial, ())[1]
    assert row[3] == figures["daily_allowance"]
    known: dict[str, Value] = {"job_was_through": "app", "job_was_charged": True, "job_is_refunded": False, "daily_part": 5}
    kinds = {field.name: field.type for field in account().event_named["refund"].fields}
    facts: tuple[Value, ...] = tuple(known.get(name, isinstance(kind, Bool) or 0) for name, kind in kinds.items())
    assert reader.codes[-1 - reader.steps["refund"](row, facts)[0]] == "refunds_must_be_offered"


def test_the_page_names_every_number_and_address(place: Path, module: bytes) -> None:
    about = described(module)
    page = (place / "account.md").read_text(encoding="utf-8")
    slots = [*about["parameters"], *about["policies"], *about["variables"], *(f for e in about["events"] for f in e["fields"])]
    assert [s["name"] for s in slots if f"| {s['at']} | `{s['name']}` |" not in page] == []
    assert [e["name"] for e in about["events"] if f"### {e['number']}: `{e['name']}`\n" not in page] == []
    rules = [(r["number"], r["name"]) for e in about["events"] for r in e["rules"]]
    refusals = [(n["refusal"], n["code"]) for e in about["events"] for n in e["requires"]]
    assert [name for number, name in (*rules, *refusals) if f"| {number} | `{name}` |" not in page] == []
    assert f"declaration {about['digest']}." in page
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert len(set(headings)) == len(headings)


def test_the_page_says_how_clocks_and_the_memory_are_kept(place: Path, module: bytes) -> None:
    about = described(module)
    page = (place / "account.md").read_text(encoding="utf-8")
    memory = about["memory"]
    slots = [*memory["holds"], *memory["periods"], memory["is_new"], *memory["facts"], *about["dial"]]
    assert [s["name"] for s in slots if f"| {s['at']} | `{s['name']}` |" not in page] == []
    assert [c["name"] for c in about["clocks"] if f"- clock {c['number']}, `{c['name']}`" not in page] == []
    assert "`month_lasts` until a rule that settles `renewal` or a rule that stops `renewal`" in page
    assert f"{about['never']} where nothing is left to fall due" in page
    functions = ("recall() -> i32", "first(clock: i32) -> i32", "beyond(clock: i32) -> i32")
    assert [f for f in functions if f"`{f}`" not in page] == []


def test_other_machines_are_compiled_as_well(tmp_path: Path) -> None:
    reader = Embedded(exported(tmp_path, "--machine", "session", name="session.wasm"))
    assert reader.steps["login"](reader.initial, (True,))[1] == ("current",)


def test_parameters_that_no_catalogue_has_are_not_taken(module: bytes) -> None:
    with pytest.raises(ValueError, match="a pack holds at least one token"):
        Embedded(module, {"pack[small]": 0})
    with pytest.raises(ValueError, match=r"pack\[crate\]: there is no such parameter"):
        Embedded(module, {"pack[crate]": 5})
    with pytest.raises(ValueError, match=r"allowance\[premium\]: it is not a value of its type"):
        Embedded(module, {"allowance[premium]": -1})


def test_what_is_no_value_is_neither_accepted_nor_refused(module: bytes) -> None:
    reader = Embedded(module)
    row = reader.steps["open_account"](reader.initial, ())[1]
    for fields, state in (((2**53,), row), ((1,), (*row[:3], -(2**53), *row[4:]))):
        with pytest.raises(ValueError, match="is not one of its values"):
            reader.steps["buy_api"](state, fields)
    assert Instance(module).call("step", 99) == reader.described["neither"]["not_a_value"]


def test_what_is_no_module_of_ours_is_told_apart() -> None:
    with pytest.raises(ValueError, match="not a WebAssembly module"):
        described(b"GIF89a")
    with pytest.raises(ValueError, match="no section 'tokenspec'"):
        described(bytes(wasmtime.wat2wasm("(module)")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "give a file that ends in .wasm"),
        ("-o account.json", "give a file that ends in .wasm"),
        ("-o nowhere/account.wasm", "there is no such folder"),
        ("--scope tiny -o account.wasm", "a module takes any figures"),
        ("--machine wallet -o account.wasm", "'wallet' is not one of"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_reason(arguments: str, said: str, tmp_path: Path) -> None:
    done = tokenspec("export", "wasm", *arguments.split(), cwd=tmp_path)
    assert (done.code, done.out, list(tmp_path.iterdir())) == (64, "", [])
    assert said in done.err


def test_only_a_module_is_of_another_machine(tmp_path: Path) -> None:
    done = tokenspec("export", "json", "--machine", "session", cwd=tmp_path)
    assert (done.code, done.out) == (64, "")
    assert "--machine" in done.err
