"""Marked blocks in documents of others: filled, checked, left alone where they are shown, and told where they are wrong."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from docutils.core import publish_doctree
from docutils.nodes import literal, row, system_message
from sphinx.application import Sphinx

from command.conftest import Finished, finished, within
from tokenspec.diagrams.blocks import MARKDOWN, RST, BadBlock, Markup, filled
from tokenspec.diagrams.markup import Content, Gallery, markdown, rst
from tokenspec.diagrams.tables import Table, events_by_state, refusals, table
from tokenspec.diagrams.words import opposite
from tokenspec.machine.interpreters import reference
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, ne, negation, requires, var
from tokenspec.oracle.publish.documents import contents, finder
from tokenspec.oracle.publish.gallery import pictures
from tokenspec.spec.account import account
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.system import IDS, system

ROOT = Path(__file__).parents[2]
HEARD = table(("a", "b"), [("1|2", "`x_y`"), ("_n_ *", "")])


def heard(name: str, options: object) -> Content:
    if name != "a table":
        raise BadBlock("unknown")
    return HEARD


def test_a_markdown_block_is_replaced_and_the_rest_kept() -> None:
    text = "# T\n\n<!-- tokenspec: a table -->\nold\n<!-- end -->\nafter\n"
    page = filled(text, MARKDOWN, heard)
    table = "| a | b |\n| --- | --- |\n| 1\\|2 | `x_y` |\n| _n_ * |  |"
    assert page.text == f"# T\n\n<!-- tokenspec: a table -->\n\n{table}\n\n<!-- end -->\nafter\n"
    assert filled(page.text, MARKDOWN, heard) == page
    assert filled(text.replace("\n", "\r\n"), MARKDOWN, heard).text == page.text.replace("\n", "\r\n")


def test_a_block_that_is_shown_as_code_is_left_alone() -> None:
    shown = "````md\n```\n<!-- tokenspec: nothing -->\n````\n"
    assert filled(shown, MARKDOWN, heard) == replace(filled("", MARKDOWN, heard), text=shown)
    assert filled(f"{shown}<!-- tokenspec: a table -->\n<!-- end -->", MARKDOWN, heard).blocks == 1
    indented = "::\n\n    .. tokenspec: nothing\n"
    assert filled(indented, RST, heard).blocks == 0


@pytest.mark.parametrize(("text", "line"), [("\n<!-- tokenspec: a table -->\n", 2), ("<!-- tokenspec: b -->\n<!-- end -->", 1)])
def test_a_wrong_block_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadBlock) as told:
        filled(text, MARKDOWN, heard)
    assert told.value.line == line


@pytest.mark.parametrize(
    ("markup", "nearly"),
    [(MARKDOWN, line) for line in (
        "<!--tokenspec: plans-->",
        "<!-- Tokenspec: plans -->",
        "<!-- tokenspec : plans -->",
        " <!-- tokenspec: plans -->",
        "> <!-- tokenspec: plans -->",
        "- <!-- tokenspec: plans -->",
        "<!-- tokenspec: plans --> and more",
        "<!-- tokenspec:",
    )] + [(RST, line) for line in ("..  tokenspec: plans", ".. tokenspec:: plans", ".. TokenSpec: plans")],
)  # fmt: skip
def test_what_is_nearly_a_marker_is_told_with_its_line(markup: Markup, nearly: str) -> None:
    marker = markup.ends.replace("end", "tokenspec: a table")
    right = f"{marker}\n{markup.ends}\n"
    with pytest.raises(BadBlock, match="nearly a marker") as told:
        filled(f"{right}\n{nearly}\nold\n", markup, heard)
    assert told.value.line == 4


def test_a_word_about_tokenspec_and_a_marker_in_code_are_no_markers() -> None:
    code = "    <!--tokenspec: plans-->\n```\n<!--tokenspec: plans-->\n```\n"
    text = f"<!-- tokenspec fills this page -->\nSee tokenspec: it is short.\n{code}"
    assert filled(text, MARKDOWN, heard).text == text


def test_restructured_text_holds_the_same_table() -> None:
    text = filled(".. tokenspec: a table\n.. end\n", RST, heard).text
    tree = publish_doctree(text)
    assert [[entry.astext() for entry in r.children] for r in tree.findall(row)] == [["a", "b"], ["1|2", "x_y"], ["_n_ *", ""]]
    assert [node.astext() for node in tree.findall(literal)] == ["x_y"]
    assert filled(text, RST, heard).text == text


def test_a_picture_is_mermaid_or_a_file_that_is_linked() -> None:
    graph = pictures()["session"].draw(False)
    assert markdown(graph, {}).text.startswith("```mermaid\nflowchart TB\n")
    assert rst(graph, {}).text.startswith(".. mermaid::\n\n   flowchart TB\n")
    linked = markdown(graph, {"svg": "a/b.svg"})
    assert linked.text.startswith("![Session: its states. ")
    assert linked.files["a/b.svg"].startswith("<svg")
    gallery = Gallery((("one", graph, "Says."), ("two", graph, "Too.")))
    assert set(rst(gallery, {"svg": "a"}).files) == {"a/one.svg", "a/two.svg"}


def test_every_table_can_be_written_both_ways() -> None:
    find = finder(ROOT)
    for name in contents(ROOT):
        if name == "gallery" or (name.startswith("diagram ") and name != "diagram session"):
            continue
        content = find(name, {})
        assert markdown(content, {}).text
        tree = publish_doctree(rst(content, {}).text.replace(".. mermaid::", "::"))
        assert not list(tree.findall(system_message))


def test_an_event_that_a_state_rules_out_has_a_dash_and_every_refusal_a_row() -> None:
    rows = {row[0]: row[1:] for row in events_by_state(account()).rows}
    assert rows["`buy_topup`"] == ("-", "-", "`buys_packs`", "`buys_packs`", "`buys_packs`")
    assert rows["`transfer`"] == ("-",) * 5
    codes = [need.code for event in account().events if event.actor.value != "clock" for need in event.requires]
    assert [row[2].strip("`") for row in refusals(account()).rows] == codes
    with_ids = refusals(account(), IDS).rows
    assert [row[2].strip("`") for row in with_ids] == ["id_must_be_new", *codes]
    assert with_ids[0][:2] == ("any", "0")


def sync(folder: Path, *arguments: str) -> Finished:
    return within("docs", "sync", *arguments, cwd=folder)


def test_a_document_is_written_checked_and_found_out_of_date(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("<!-- tokenspec: diagram session svg=s.svg -->\n<!-- end -->\n<!-- tokenspec: policies -->\n<!-- end -->\n")
    assert sync(tmp_path, "--check", "a.md").code == 16
    assert not (tmp_path / "s.svg").exists()
    assert (sync(tmp_path, "a.md").err, sync(tmp_path, "a.md").err) == ("written: a.md, s.svg\n", "")
    assert sync(tmp_path, "--check", "a.md").code == 0
    (tmp_path / "s.svg").write_text((tmp_path / "s.svg").read_text().replace("Session", "session"))
    stale = sync(tmp_path, "--check", "a.md")
    assert (stale.code, stale.err) == (16, "out of date: s.svg; `tokenspec docs sync` writes it anew\n")


CATALOGUE = ROOT / "examples/catalogue.toml"
SETTINGS = {
    "catalogue": (("--catalogue", "own.toml"), "plans", ["catalogue=../own.toml"]),
    "policy": (("--policy", "daily_position=last"), "diagram pools", ["policy=daily_position=last"]),
    "both": (
        ("--catalogue", "own.toml", "--policy", "daily_position=last", "--policy", "refund=none"), "diagram generate",
        ["catalogue=../own.toml", "policy=daily_position=last", "policy=refund=none"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("end", [".md", ".rst"])
@pytest.mark.parametrize(("options", "name", "kept"), list(SETTINGS.values()), ids=list(SETTINGS))
def test_a_block_keeps_the_settings_that_it_was_filled_with(
    options: tuple[str, ...], name: str, kept: list[str], end: str, tmp_path: Path
) -> None:
    begins, ends = ("<!-- tokenspec: {} -->", "<!-- end -->") if end == ".md" else (".. tokenspec: {}", ".. end")
    shutil.copy(CATALOGUE, tmp_path / "own.toml")
    (tmp_path / "docs").mkdir()
    page, file = tmp_path / "docs" / f"page{end}", f"docs/page{end}"
    page.write_text("".join(f"{begins.format(block)}\n{ends}\n" for block in (name, "clause-texts")))
    assert sync(tmp_path, file, *options).code == 0
    written = page.read_text()
    assert begins.format(" ".join([name, *kept])) in written
    assert begins.format("clause-texts") in written
    assert sync(tmp_path, "--check", file).code == 0
    assert sync(tmp_path, "--check", file, *options).code == 0
    assert (sync(tmp_path, file, *options).err, page.read_text()) == ("", written)
    assert (sync(tmp_path, file, "--policy", "daily_position=first").err, page.read_text()) == ("", written)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("policy=luck=good", "a.md:2: policy luck: there is no such policy"),
        ("policy=refund=perhaps", "a.md:2: policy refund: 'perhaps' is not among its answers"),
        ("policy=refund", "a.md:2: policy refund: a setting is written NAME=ANSWER"),
        ("policy=refund=none policy=refund=to_source", "a.md:2: policy refund: it is given twice"),
        ("catalogue=own.toml catalogue=own.toml", "a.md:2: catalogue= stands in it twice"),
        ("catalogue=a.md", "a.md:2: "),
        ("colour=red", "a.md:2: there is no option 'colour'"),
    ],
)
def test_a_wrong_setting_of_a_block_is_told_with_its_line(words: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"\n<!-- tokenspec: plans {words} -->\n<!-- end -->\n")
    done = sync(tmp_path, "a.md")
    assert (done.code, done.out) == (65, "")
    assert says in done.err


def test_a_catalogue_that_a_block_names_and_is_not_there_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("<!-- tokenspec: plans catalogue=nowhere.toml -->\n<!-- end -->\n")
    assert sync(tmp_path, "a.md").code == 66


def test_each_condition_of_a_refusal_stands_in_the_table() -> None:
    rows = refusals(account()).rows
    assert refusals(account()).headings == ("event", "no", "refused with", "when", "because", "clauses")
    assert all(cells[3] for cells in rows)
    when = {cells[2].strip("`"): cells[3].strip("`") for cells in rows}
    assert when["account_must_exist"] == "status = absent"
    assert when["renewal_must_be_due"] == "renewals_due < 1"
    assert when["tokens_cannot_be_transferred"] == "always"
    assert when["tokens_must_cover_cost"] == "(not tokens_serve) and (not relaxed_serves)"


def test_a_condition_and_its_opposite_never_hold_together_and_never_fail_together() -> None:
    p, q, a, b = (var(name) for name in "pqab")
    atoms: list[Term] = [p, q, eq(a, b), ne(a, 1), a <= b, a < b, negation(p)]
    conditions = [*atoms, *(join(x, negation(y)) for x in atoms for y in atoms for join in (all_of, any_of))]
    for condition in conditions:
        for values in product((True, False), (True, False), (0, 1), (0, 1)):
            bound = reference.Bindings(account(), dict(zip("pqab", values, strict=True)))
            assert reference.evaluate(condition.expr, bound) is not reference.evaluate(opposite(condition.expr), bound)


def test_nothing_is_written_where_one_document_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("<!-- tokenspec: policies -->\n<!-- end -->\n")
    (tmp_path / "b.rst").write_text("\n.. tokenspec: pollicies\n.. end\n")
    done = sync(tmp_path, "a.md", "b.rst")
    assert (done.code, done.out) == (65, "")
    assert "b.rst:2: there is nothing called 'pollicies'" in done.err
    assert (tmp_path / "a.md").read_text().count("\n") == 2
    (tmp_path / "c.md").write_text("no block\n")
    assert sync(tmp_path, "c.md").code == 65
    (tmp_path / "b.rst").unlink()
    done = sync(tmp_path, "a.md", "c.md")
    assert (done.code, done.err.splitlines()[0]) == (0, "without a block: c.md; --skip-unmarked takes that for right")
    assert sync(tmp_path, "--check", "--skip-unmarked", "a.md", "c.md").err == ""
    assert sync(tmp_path, "d.md").code == 66
    assert sync(tmp_path, "e.txt").code == 64


def test_the_pre_commit_hook_does_the_same_and_passes_over_other_files(tmp_path: Path) -> None:
    hook = dict(re.findall(r"(\w+): (.+)", (ROOT / ".pre-commit-hooks.yaml").read_text()))
    (tmp_path / "a.md").write_text("<!-- tokenspec: plans -->\n<!-- end -->\n")
    (tmp_path / "b.md").write_text("no block\n")
    words = [*hook["entry"].split(), *hook["args"].strip("[]").split(", ")]
    assert words[0] == "tokenspec"
    # No name of a document is an option.
    shutil.copy(tmp_path / "a.md", tmp_path / "--catalogue=b.md")
    done = within(*words[1:], "--catalogue=b.md", cwd=tmp_path)
    assert (done.code, done.err) == (0, "written: --catalogue=b.md\n")
    done = within(*words[1:], "a.md", "b.md", cwd=tmp_path)
    assert (done.code, done.err) == (0, "written: a.md\n")
    assert within(*words[1:], "b.md", cwd=tmp_path).code == 0
    assert hook["types_or"] == "[markdown, rst]"


@pytest.mark.slow
def test_what_is_added_to_the_declaration_appears_by_one_command_and_until_then_the_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "diagrams/pictures", tmp_path / "diagrams/pictures")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "diagrams/README.md", tmp_path / "diagrams")
    (tmp_path / "a.md").write_text("<!-- tokenspec: account-events-by-state -->\n<!-- end -->\n")
    assert sync(tmp_path, "a.md").code == 0
    assert sync(tmp_path, "--check", "a.md", "diagrams/README.md").code == 0
    whole = system()
    cancel = whole.machines[0].event_named["cancel"]
    rule = replace(cancel.rules[0], name="bans", target="past_due")
    need = requires("account_must_be_banned", eq(var("plan"), "free"), "somebody looks")
    ban = replace(cancel, name="ban", requires=(cancel.requires[0], need), rules=(rule,))
    changed = replace(whole.machines[0], events=(*whole.machines[0].events, ban))
    for module in ("gallery", "documents"):
        monkeypatch.setattr(
            f"tokenspec.oracle.publish.{module}.system", lambda _=None: replace(whole, machines=(changed, *whole.machines[1:]))
        )
    assert sync(tmp_path, "--check", "a.md").code == 16
    stale = sync(tmp_path, "--check", "diagrams/README.md")
    assert stale.code == 16
    assert all(f"{name}.svg" in stale.err for name in ("lifecycle", "account", "ban"))
    assert sync(tmp_path, "a.md", "diagrams/README.md").code == 0
    assert "| `ban` | - | - | `bans` | - | - |" in (tmp_path / "a.md").read_text()
    assert "account must be banned" in (tmp_path / "diagrams/pictures/lifecycle.svg").read_text()
    assert "pictures/ban.svg" in (tmp_path / "diagrams/README.md").read_text()
    assert sync(tmp_path, "--check", "a.md", "diagrams/README.md").code == 0


def test_what_can_be_shown_is_listed() -> None:
    listed = within("docs", "list", "-q").out.splitlines()
    assert {"policies", "claims", "account-refusals", "account-events-by-state", "gallery", "diagram lifecycle"} <= set(listed)


def test_a_block_can_show_some_clauses_and_the_answers_to_one_question_alone() -> None:
    find = finder(ROOT)
    assert [cells[0] for cells in shown_rows(find("clause-texts", {"of": "F10,A02"}))] == ["F10", "A02"]
    assert [cells[0] for cells in shown_rows(find("clause-texts", {}))] == list(CLAUSES)
    answers = [cells[0] for cells in shown_rows(find("answers", {"of": "refund"}))]
    assert answers == ["`to_source`", "`none`", "open because"]
    for name, of in (("clause-texts", "F10,F99"), ("answers", "luck")):
        with pytest.raises(BadBlock, match=of.split(",")[-1]):
            find(name, {"of": of})


def shown_rows(content: Content) -> tuple[tuple[str, ...], ...]:
    assert isinstance(content, Table)
    return content.rows


def test_a_sphinx_site_shows_tables_and_pictures(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text(
        'extensions = ["tokenspec.oracle.publish.sites.sphinx_extension"]\ntokenspec_policy = {"daily_position": "last"}\n'
    )
    (tmp_path / "index.rst").write_text(
        "T\n=\n\n.. tokenspec:: diagram pools\n\n.. tokenspec:: account-refusals\n\n.. tokenspec:: nix\n"
    )
    warnings = open(tmp_path / "warnings", "w+")
    Sphinx(tmp_path, tmp_path, tmp_path / "out", tmp_path / "doc", "html", status=None, warning=warnings).build()
    text = (tmp_path / "out" / "index.html").read_text()
    assert '<svg class="tokenspec"' in text
    assert re.search(r">daily</text>\s*<text[^>]*>no\. 4 to pay for generate<", text)
    assert "tokens_must_cover_cost" in text
    warnings.seek(0)
    assert "index.rst:8: ERROR: there is nothing called 'nix'" in warnings.read()


def test_a_mkdocs_site_shows_tables_and_pictures(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "index.md"
    page.write_text("# T\n\n<!-- tokenspec: diagram session -->\n<!-- end -->\n\n<!-- tokenspec: policies -->\n<!-- end -->\n")
    (tmp_path / "tokenspec_hook.py").write_text("from tokenspec.oracle.publish.sites.mkdocs_hook import on_page_markdown\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: T\ntheme: {name: null, custom_dir: theme}\nhooks: [tokenspec_hook.py]\n")
    (tmp_path / "theme").mkdir()
    (tmp_path / "theme" / "main.html").write_text("{{ page.content }}")
    built = finished((sys.executable, "-m", "mkdocs", "build", "--quiet"), cwd=tmp_path)
    assert built.code == 0, built.err
    text = (tmp_path / "site" / "index.html").read_text()
    assert "<desc" in text
    assert text.count("<text") > 10
    assert "<td><code>burn_order</code></td>" in text
    page.write_text("<!-- tokenspec: nix -->\n<!-- end -->\n")
    wrong = finished((sys.executable, "-m", "mkdocs", "build", "--quiet"), cwd=tmp_path)
    assert wrong.code != 0
    assert "index.md:1: there is nothing called 'nix'" in wrong.err + wrong.out
