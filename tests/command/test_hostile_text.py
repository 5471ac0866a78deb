"""Text from outside in everything that is written: a terminal obeys none of it, a runner of CI neither, no form breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from command.conftest import COMMAND, Finished, divergent, finished, opened, record, within, write_log
from tokenspec.oracle.command.main import tokenspec as verbs
from tokenspec.oracle.logs.narrative import story

FORMS = ("text", "json", "jsonl", "junit", "sarif", "md")
HIDDEN = "\x1b[2J\x07\x7f\x85\x9b31m\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}\N{LINE SEPARATOR}\N{TAG LATIN SMALL LETTER A}"
AT = "2026-07-15T09:00:00Z"
NOT_UTF8 = b"\xff\xfe".decode(errors="surrogateescape")
COMMANDS = ("::error::pwn", "##[error]pwn", "##vso[task.complete]pwn", "\n::error::pwn", " ::error::pwn")


def is_obeyed(line: str) -> bool:
    return line.lstrip().startswith("::") or re.search(r"##[a-z]*\[", line) is not None


def printed(done: Finished) -> Iterator[str]:
    for stream in (done.out, done.err):
        assert all(c.isprintable() or c == "\n" for c in stream)
        yield from stream.splitlines()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verb", ["replay", "infer"])
def test_nothing_that_does_not_print_comes_out_raw(verb: str, form: str, tmp_path: Path) -> None:
    name = f"log{HIDDEN.replace('/', '')}.jsonl"
    odd = opened(HIDDEN, observed={"status": HIDDEN}) | {HIDDEN: HIDDEN}
    write_log(tmp_path / name, [odd, record(HIDDEN, HIDDEN, "cancel"), {"account": HIDDEN, "at": 0, "event": HIDDEN}])
    done = within(verb, name, "--format", form, cwd=tmp_path)
    assert done.code in (15, 65)
    assert list(printed(done))
    if form == "json":
        assert name in {bad["file"] for bad in json.loads(done.out)["bad_records"]}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_of_output_is_a_command_to_a_runner(name: str, form: str, tmp_path: Path) -> None:
    log = write_log(tmp_path / f"{name}.jsonl", [divergent(name), {"account": name}, record(name, name, name)])
    done = within("replay", log.name, "--format", form, cwd=tmp_path)
    assert done.code == 15
    assert not any(map(is_obeyed, printed(done)))


@pytest.mark.parametrize(
    "words",
    [
        ("{}",),
        ("policies", "{}"),
        ("replay", "{}"),
        ("replay", "log.jsonl", "--catalogue", "{}"),
        ("export", "{}"),
        ("replay", "log.jsonl", "--format", "{}"),
        ("replay", "log.jsonl", "--{}"),
        ("diagram", "{}"),
        ("docs", "sync", "{}"),
        ("replay", "log.jsonl", "--policy", "{}"),
        ("replay", "log.jsonl", "--report", "{}"),
        ("explain", "log.jsonl", "--account", "{}"),
        ("explain", "log.jsonl", "--account", "a", "--shown", "{}"),
        ("explain", "log.jsonl", "--account", "a", "--at", "{}"),
        ("explain", "log.jsonl", "--account", "a", "--time-zone", "{}"),
        ("--digest", "{}", "policies"),
        ("export", "json", "--scope", "{}"),
        ("vectors", "run", "{}", "--sut", "true"),
        ("fuzz", "--sut", "{}"),
        ("fuzz", "--slice", "{}", "--sut", "true"),
        ("mutants", "--only", "{}"),
        ("diagram", "sequence", "--log", "log.jsonl", "--account", "{}"),
        ("serve", "--http", "{}"),
        ("fuzz", "--sut", "true", "--reasons", "{}"),
        ("diagram", "lifecycle", "--coverage", "{}"),
        ("verify-artefacts", "{}"),
        ("fuzz", "--save", "{}.json"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("text", [*COMMANDS, HIDDEN, NOT_UTF8], ids=ascii)
def test_an_argument_is_told_on_one_line_and_safely(words: tuple[str, ...], text: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened("a")])
    done = within(*(word.format(text) for word in words), cwd=tmp_path)
    assert done.code in (64, 65, 66)
    assert not any(map(is_obeyed, printed(done)))


WRITERS = {
    "replay": FORMS,
    "infer": FORMS,
    "verify-artefacts": ("text", "json", "junit", "sarif", "md"),
    "explain": ("text", "json", "md"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "form"), [(verb, form) for verb, forms in WRITERS.items() for form in forms])
def test_a_name_that_is_not_utf8_comes_out_in_every_form(verb: str, form: str, tmp_path: Path) -> None:
    write_log(tmp_path / NOT_UTF8, [divergent("a")])
    words = {"explain": ("--account", "a")}.get(verb, ())
    done = finished((*COMMAND, verb, NOT_UTF8, *words, "--format", form), cwd=tmp_path)
    assert done.code == {"explain": 0, "verify-artefacts": 65}.get(verb, 15)
    assert list(printed(done))


def names_of_files() -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    context = click.Context(verbs)
    for name in verbs.list_commands(context):
        command = verbs.get_command(context, name)
        assert command is not None
        parts = command.commands if isinstance(command, click.Group) else {"": command}
        for part, each in parts.items():
            for parameter in each.params:
                if isinstance(parameter.type, click.Path):
                    yield (name, *filter(None, [part])), parameter


NAMES = list(names_of_files())


@pytest.mark.parametrize("empty", ["", "\0"], ids=["empty", "NUL"])
@pytest.mark.parametrize(("verb", "parameter"), NAMES, ids=[f"{' '.join(verb)} {p.opts[-1]}" for verb, p in NAMES])
def test_no_file_has_an_empty_name(verb: tuple[str, ...], parameter: click.Parameter, empty: str, tmp_path: Path) -> None:
    required = [word for other in names_of(verb) if other.required and other is not parameter for word in asked(other, "x")]
    done = within(*verb, *asked(parameter, empty), *required, cwd=tmp_path)
    assert (done.code, done.out) == (64, "")
    assert "this name is empty" in done.err or "NUL" in done.err
    assert list(tmp_path.iterdir()) == []


def names_of(verb: tuple[str, ...]) -> list[click.Parameter]:
    command = verbs.get_command(click.Context(verbs), verb[0])
    assert command is not None
    return (command.commands[verb[1]] if isinstance(command, click.Group) else command).params


def asked(parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return (value,) if isinstance(parameter, click.Argument) else (parameter.opts[-1], value)


@pytest.mark.parametrize("form", ["dot", "mermaid", "svg", "png"])
@pytest.mark.parametrize("text", [*COMMANDS, HIDDEN, ']]>--"<b>'], ids=ascii)
def test_a_sequence_holds_names_of_unknown_fields_as_it_holds_values(text: str, form: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(text) | {text: {text: text}}])
    done = within("diagram", "sequence", "--log", "log.jsonl", "--format", form, "-o", "out", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    if form != "png":
        drawn = (tmp_path / "out").read_text(encoding="utf-8")
        assert all(c.isprintable() or c in "\n\t" for c in drawn)
        assert not any(line.lstrip().startswith("::") for line in drawn.splitlines())


ODD = json.dumps(f"plus{HIDDEN}\n::error::pwn", ensure_ascii=False).replace("\x7f", "\\u007f")


@pytest.mark.parametrize("block", ["plans", "diagram lifecycle", "diagram upgrade svg=a.svg", "account-rules", "definitions"])
@pytest.mark.parametrize("page", ["page.md", "page.rst"])
def test_documents_hold_no_name_of_a_catalogue_raw(page: str, block: str, tmp_path: Path) -> None:
    head = f'ranking = ["free", {ODD}]\ndaily = 1\nbank_months = 1\nplans.free.allowance = 0\nplans.{ODD}.allowance = 5\n'
    (tmp_path / "own.toml").write_text(f"{head}packs.{ODD} = 3\n", encoding="utf-8")
    begins, ends = ("<!-- tokenspec: {} -->", "<!-- end -->") if page.endswith(".md") else (".. tokenspec: {}", ".. end")
    (tmp_path / page).write_text(f"{begins.format(f'{block} catalogue=own.toml')}\n{ends}\n")
    done = within("docs", "sync", page, cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    for path in tmp_path.iterdir():
        if path.suffix != ".toml":
            written = path.read_text(encoding="utf-8")
            assert all(c.isprintable() or c == "\n" for c in written)
            assert not any(line.lstrip().startswith("::") for line in written.splitlines())


def test_a_story_tells_names_apart_that_look_the_same() -> None:
    ids = ["caf\u00e9", "cafe\u0301", " i40", "i40", "i  40", ""]
    told = [line for line in story([record("Zo\u00eb", AT, "cancel", id=name) for name in ids]) if "cancel" in line]
    assert [line.partition("(id ")[2] for line in told] == [
        r"caf\u00e9)", r"cafe\u0301)", '" i40")', "i40)", '"i  40")', '"")',
    ]  # fmt: skip
    assert "(id Zo\u00eb)" in next(story([record("ada", AT, "cancel", id="Zo\u00eb")]))
