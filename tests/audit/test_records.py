"""Logs of records in several files, in any order: sorted, they give what they give in one file."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from audit.test_ready_maps import add_up
from command.conftest import EXAMPLES, within

pytest.importorskip("duckdb")
LINES = [line for path in sorted(EXAMPLES.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]


def in_files(folder: Path, number: int, seed: int, wrong: str | None = None) -> list[Path]:
    """The records of the examples over some files. Those of one account and instant stay in one, in their order."""
    dice, homes, contents = random.Random(seed), dict[tuple[str, str], int](), [list[str]() for _ in range(number)]
    for line in LINES:
        record = json.loads(line)
        contents[homes.setdefault((record["account"], record["at"]), dice.randrange(number))].append(line)
    if wrong is not None:
        contents[0].insert(3, wrong)
    paths = [folder / f"part [{n}].jsonl" for n in range(number)]
    for path, content in zip(paths, contents, strict=True):
        path.write_text("\n".join(content) + "\n", encoding="utf-8")
    return paths


@pytest.mark.parametrize("seed", range(3))
def test_records_in_any_order_of_files_conform_as_they_do_in_one(seed: int, tmp_path: Path) -> None:
    paths = in_files(tmp_path, 4, seed)
    random.Random(seed).shuffle(paths)
    assert within("replay", *paths).code == 15
    done = within("replay", *paths, "--map", "records", "--format", "json")
    whole = within("replay", *sorted(EXAMPLES.glob("*.jsonl")), "--format", "json").report
    assert (done.code, done.report["divergences"], done.report["bad_records"]) == (0, [], [])
    counts = ("records", "compared", "not_compared", "repeated", "accounts", "coverage")
    assert {name: done.report[name] for name in counts} == {name: whole[name] for name in counts}
    assert add_up(done.report["rows"])


def test_a_bad_line_of_a_record_keeps_its_place(tmp_path: Path) -> None:
    paths = in_files(tmp_path, 2, 0, wrong='{"account":"ines","at":')
    done = within("replay", *paths, "--map", "records", "--format", "json")
    [bad] = done.report["bad_records"]
    assert (done.code, Path(bad["file"]), bad["line"], add_up(done.report["rows"])) == (65, paths[0], 4, True)


def test_a_record_without_an_account_is_told_as_of_every_log(tmp_path: Path) -> None:
    paths = in_files(tmp_path, 2, 0, wrong='{"at":"2026-07-15T09:00:00Z","event":"open_account"}')
    done = within("replay", *paths, "--map", "records", "--format", "json")
    [bad] = done.report["bad_records"]
    assert (done.code, bad["field"], bad["line"]) == (65, "account", 4)


def test_instants_in_small_letters_have_their_place_in_the_order(tmp_path: Path) -> None:
    opened = '{"account":"a","at":"2026-07-15t09:00:00z","event":"open_account","observed":{"outcome":"accepted"}}'
    later = '{"account":"a","at":"2026-07-15T09:01:00Z","event":"cancel","observed":{"reason":"nothing_to_cancel"}}'
    (tmp_path / "log.jsonl").write_text(f"{opened}\n{later}\n")
    whole = within("replay", tmp_path / "log.jsonl", "--format", "json").report
    done = within("replay", tmp_path / "log.jsonl", "--map", "records", "--format", "json")
    assert (done.report["bad_records"], done.report["compared"]) == (whole["bad_records"], whole["compared"]) == ([], 2)


def test_records_take_no_other_part_of_a_map(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('[source]\nformat = "records"\n[time]\nunit = "s"\n')
    done = within("replay", *in_files(tmp_path, 1, 0), "--map", tmp_path / "m.toml")
    assert (done.code, "leave everything else out of the map" in done.err) == (65, True)


def test_a_default_origin_gives_way_to_a_model(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(
        "who,at,what,tokens,model\nann,2026-07-15 09:00:00,open_account,,\nann,2026-07-15 09:01:00,generate,24,Veo 3\n"
        "ann,2026-07-15 09:02:00,generate,24,\n"
    )
    (tmp_path / "m.toml").write_text(
        '[source]\nformat = "csv"\n[fields]\naccount = "who"\nat = "at"\ncost = "tokens"\nmodel = "model"\n[events]\n'
        'column = "what"\n[events.kinds]\nopen_account = "open_account"\ngenerate = "generate"\n[defaults]\nmedia = "image"\n'
        'origin = "first_party"\njob = { row = true }\n[observed]\noutcome = { value = "accepted" }\n'
    )
    done = within("replay", tmp_path / "log.csv", "--map", tmp_path / "m.toml", "--format", "json")
    assert (done.code, done.report["bad_records"], done.report["compared"]) == (0, [], 3)
