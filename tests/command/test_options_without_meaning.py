"""An option that says nothing in a run is refused: whoever gave it would believe that the run was about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from command.conftest import within

WITHOUT_MEANING = (
    "check --verify certificate --policy refund=none",
    "check --verify certificate --catalogue own.toml",
    "check --verify certificate --scope standard",
    "check --verify certificate --seed 1",
    "check --verify certificate --max-states 5",
    "check --verify certificate --time-limit 5",
    "check --verify certificate --certificate other",
    "check --verify certificate --save stem",
    "diagram --coverage none.json",
    "diagram --log none.jsonl",
    "diagram --account ada",
    "diagram --refusals",
    "diagram --format png",
    "diagram --resets implied",
    "diagram lifecycle --resets implied",
    "diagram sequence --refusals --log none.jsonl",
    "fuzz --sut none --clients 2 --steps 3",
    "fuzz --sut none --restart none --steps 3",
    "fuzz --sut none --again none.jsonl --steps 3",
    "fuzz --sut none --again none.jsonl --seed 1",
    "map --ready stripe --table entries",
    "map --ready stripe --query SELECT",
    "map --ready stripe --policy refund=none",
    "serve --stdio --worlds 3",
)
WITH_MEANING = ("--verify", "--ready", "--stdio", "--sut", "--clients", "--restart", "--again")


@pytest.mark.parametrize("words", WITHOUT_MEANING)
def test_it_is_refused_with_its_name_and_the_reason(words: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('ranking = ["free"]\ndaily = 1\nbank_months = 0\nplans.free.allowance = 0\npacks = {}\n')
    done = within(*words.split(), cwd=tmp_path)
    option = next(word for word in words.split() if word.startswith("--") and word not in WITH_MEANING)
    assert (done.code, done.out) == (64, "")
    assert done.err.startswith(f"tokenspec: {option}: ")
    assert done.err.endswith("; leave it out\n")
    assert {path.name for path in tmp_path.iterdir()} == {"own.toml"}
