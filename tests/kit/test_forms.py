"""JUnit, SARIF and Markdown of replay and fuzz: they keep to their schemas whatever happened, and say what the text says."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from command.conftest import divergent, line_of, opened, record, tokenspec, within, write_log
from kit import valid
from sut.calling import call
from tokenspec.oracle.report.markdown import markdown
from tokenspec.oracle.report.model import Notes, RunReport

DYING = """
import sys
sys.stdin.readline()
print('{"name":"x","version":"1","resets":"explicit","events":["open_account"],"observes":["outcome"]}', flush=True)
sys.stdin.readline()
sys.exit("```\\n## <b>|last\\x1b[31m")
"""


def reports(folder: Path) -> list[str]:
    return [word for form in ("junit", "sarif", "md") for word in ("--report", f"{form}={folder / form}")]


def test_a_log_that_diverges_fails_and_one_with_a_bad_record_is_an_error(tmp_path: Path) -> None:
    write_log(tmp_path / "good log.jsonl", [opened("ann", observed={"status": "free"})])
    write_log(tmp_path / "wrong.jsonl", [opened("bob"), {**divergent("cy"), "at": "2026-07-16T09:00:00Z"}])
    write_log(tmp_path / "bad.jsonl", [record("dan", "2026-07-15T09:00:00Z", "explode")])
    done = within("replay", "good log.jsonl", "wrong.jsonl", "bad.jsonl", *reports(tmp_path), cwd=tmp_path)
    assert done.code == 15
    cases = {case.attrib["name"]: [each.tag for each in case] for case in valid.junit(read(tmp_path, "junit")).iter("testcase")}
    assert cases == {"good log.jsonl": [], "wrong.jsonl": ["failure"], "bad.jsonl": ["error"]}
    places = [
        (result["ruleId"], result["locations"][0]["physicalLocation"])
        for result in valid.sarif(read(tmp_path, "sarif"))["results"]
    ]
    assert places == [
        ("opens", {"artifactLocation": {"uri": "wrong.jsonl"}, "region": {"startLine": 2}}),
        ("well_formed_record", {"artifactLocation": {"uri": "bad.jsonl"}, "region": {"startLine": 1}}),
    ]
    page = read(tmp_path, "md")
    assert page.startswith("## tokenspec replay: diverges\n")
    assert "  balances.daily  expected 150, observed 151\n" in page


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("burn_order=fast_rollover_topup", "burn_order=fast_rollover_topup"),
        ("älter_ñ_1", "älter_ñ_1"),
        ("_private and closed_", "\\_private and closed\\_"),
        ("two__inside", "two\\_\\_inside"),
        ("a *star* and a `mark`", "a \\*star\\* and a \\`mark\\`"),
        ("<b> [link](x) #1 | $a$ ~b~ &amp;", "\\<b\\> \\[link\\](x) \\#1 \\| \\$a\\$ \\~b\\~ \\&amp;"),
    ],
)
def test_markdown_escapes_what_would_be_markup_and_nothing_else(line: str, written: str) -> None:
    report = RunReport(verb="replay", code=0, body=lambda: [Notes([line])], data=dict)
    assert written in markdown(report).splitlines()


def read(folder: Path, form: str) -> str:
    return (folder / form).read_text(encoding="utf-8")


def test_standard_input_is_no_file(tmp_path: Path) -> None:
    done = tokenspec("replay", "-", "--format", "sarif", stdin=line_of(divergent()))
    (place,) = valid.sarif(done.out)["results"][0]["locations"]
    assert place == {"logicalLocations": [{"fullyQualifiedName": "standard input, line 1"}]}


@pytest.mark.parametrize(("records", "code", "outcome"), [([], 65, "error"), ([opened()], 20, "error")])
def test_where_nothing_was_compared_no_case_passes(
    records: list[dict[str, object]], code: int, outcome: str, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "log.jsonl", records)
    done = within("replay", log, "--format", "junit")
    (case,) = valid.junit(done.out).iter("testcase")
    assert (done.code, [each.tag for each in case]) == (code, [outcome])


def test_a_log_that_no_setting_explains_is_told_in_every_form(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [divergent()])
    done = within("replay", "log.jsonl", "--policy", "infer", *reports(tmp_path), cwd=tmp_path)
    assert done.code == 15
    assert valid.junit(read(tmp_path, "junit")).attrib["failures"] == "1"
    (result,) = valid.sarif(read(tmp_path, "sarif"))["results"]
    assert "no setting explains account ada" in result["message"]["text"]
    assert "no setting explains account ada" in read(tmp_path, "md")


def test_the_machines_alone_fail_for_each_rule_that_was_never_met(tmp_path: Path) -> None:
    done = within("fuzz", "--examples", "1", "--steps", "5", "--format", "json", *reports(tmp_path))
    cold = sum(not row["hits"] for row in done.report["coverage"])
    root = valid.junit(read(tmp_path, "junit"))
    assert (done.code, root.attrib["failures"]) == (16, str(cold))
    (invocation,) = valid.sarif(read(tmp_path, "sarif"))["invocations"]
    assert (invocation["executionSuccessful"], len(invocation["toolExecutionNotifications"])) == (False, cold)
    page = read(tmp_path, "md")
    assert (page.splitlines()[0], page.count("- never met: ")) == ("## tokenspec fuzz: coverage gate failed", cold)


def test_without_a_verdict_no_case_passes(tmp_path: Path) -> None:
    script = tmp_path / "unable.py"
    script.write_text("""input()\nprint('{"error": "no such catalogue"}')\n""")
    done = call("fuzz", "--sut", shlex.join([sys.executable, str(script)]), *reports(tmp_path))
    assert done.code == 20
    assert valid.junit(read(tmp_path, "junit")).attrib["errors"] == "1"
    assert valid.sarif(read(tmp_path, "sarif"))["invocations"][0]["executionSuccessful"] is False
    assert read(tmp_path, "md").startswith("## tokenspec fuzz: no verdict: ")


def test_where_the_exit_code_is_not_0_no_form_is_green(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    write_log(tmp_path / "log.jsonl", [opened("ann", observed={"status": "free"}), record("ann", "2026-07-15T09:00:00Z", "gift")])
    kinds = '[events]\ncolumn = "event"\n[events.kinds]\nopen_account = "open_account"\n[observed]\nstatus = "observed.status"\n'
    (tmp_path / "m.toml").write_text(f'[source]\nformat = "jsonl"\n[fields]\naccount = "account"\nat = "at"\n{kinds}')
    done = within("replay", "log.jsonl", "--map", "m.toml", *reports(tmp_path), cwd=tmp_path)
    assert (done.code, "1 row is unmapped" in done.out) == (65, True)
    cases = {case.attrib["name"]: [each.tag for each in case] for case in valid.junit(read(tmp_path, "junit")).iter("testcase")}
    assert cases == {"log.jsonl": [], "verdict": ["error"]}
    run = valid.sarif(read(tmp_path, "sarif"))
    assert not run["invocations"][0]["executionSuccessful"]
    # In a suite of which every vector is skipped no case fails by itself.
    nothing = "from tokenspec.oracle.serve.server import Server\nclass Nothing(Server):\n    def handle(self, request):\n"
    nothing += '        return super().handle(request) | ({"events": []} if request["op"] == "open" else {})\n'
    (tmp_path / "nothing.py").write_text(nothing)
    sut = ("--sut", "python:nothing:Nothing", "--slice", "1/100", *reports(tmp_path))
    assert tokenspec("vectors", "run", *sut, cwd=tmp_path, settings={"PYTHONPATH": str(tmp_path)}).code == 20
    assert [case[0].tag for case in valid.junit(read(tmp_path, "junit")).iter("testcase")].count("error") == 1


def test_last_words_cannot_leave_the_place_where_they_are_shown(tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    done = call("fuzz", "--sut", shlex.join([sys.executable, str(script)]), "--examples", "1", *reports(tmp_path))
    assert done.code == 15
    valid.junit(read(tmp_path, "junit"))
    (result,) = valid.sarif(read(tmp_path, "sarif"))["results"]
    assert (result["ruleId"], result["locations"]) == ("died", [])
    page = read(tmp_path, "md")
    fence = re.search(r"^(`{3,})text\n(.*?)^\1$", page, re.MULTILINE | re.DOTALL)
    assert fence is not None
    assert "last" in fence[2]
    assert "<b>" not in page.replace(fence[0], "")
    assert "\x1b" not in page


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--report", "pdf=x"], "it is FORM=FILE"),
        (["--report", "junit"], "it is FORM=FILE"),
        (["--report", "junit=log.jsonl"], "is also read"),
        (["--report", "junit=x", "--report", "md=x"], "is written by"),
        (["--report", "md=none/x"], "there is no such folder"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_run(wrong: list[str], says: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened()])
    done = within("replay", "log.jsonl", *wrong, cwd=tmp_path)
    assert (done.code, done.out, [path.name for path in tmp_path.iterdir()]) == (64, "", ["log.jsonl"])
    assert says in done.err


def test_the_environment_counts_where_the_command_line_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write_log(tmp_path / "log.jsonl", [opened()])
    monkeypatch.setenv("TOKENSPEC_REPLAY_POLICY", "refund=none month_end=stay_clamped")
    monkeypatch.setenv("TOKENSPEC_VERSION", "9")
    settings = json.loads(within("replay", log, "--format", "json").out)["policy"]
    assert (settings["refund"], settings["month_end"]) == ("none", "stay_clamped")
    settings = json.loads(within("replay", log, "--format", "json", "--policy", "refund=to_source").out)["policy"]
    assert (settings["refund"], settings["month_end"]) == ("to_source", "return_to_day")


FORMS = ("json", "jsonl", "junit", "sarif", "md")
VERBS = {
    "replay": (("wrong.jsonl",), FORMS),
    "infer": (("wrong.jsonl",), FORMS),
    "explain": (("wrong.jsonl", "--account", "ada"), ("json", "md")),
    "policies": ((), ("json", "md")),
    "verify-artefacts": (("wrong.jsonl",), ("json", "junit", "sarif", "md")),
}


@pytest.mark.parametrize("verb", VERBS)
def test_one_run_is_told_in_every_form_that_its_verb_has(verb: str, tmp_path: Path) -> None:
    write_log(tmp_path / "wrong.jsonl", [divergent()])
    arguments, forms = VERBS[verb]
    others = [word for form in forms for word in ("--report", f"{form}=report.{form}")]
    done = within(verb, *arguments, *others, cwd=tmp_path)
    told = {form: (tmp_path / f"report.{form}").read_text(encoding="utf-8") for form in forms}
    verdict = done.out.splitlines()[-1] if done.code else ""
    assert json.loads(told["json"])["version"] in told["md"]
    assert told["md"].startswith(f"## tokenspec {verb}")
    assert re.sub(r"\\(.)", r"\1", told["md"].splitlines()[0]).endswith(verdict)
    if "junit" in forms:
        assert valid.junit(told["junit"]).attrib["failures"] == "1"
        assert len(valid.sarif(told["sarif"])["results"]) == 1
    if "jsonl" in forms:
        assert "summary" in json.loads(told["jsonl"].splitlines()[-1])
