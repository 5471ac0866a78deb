"""Runs the shell of `action.yml` as a runner of GitHub would, without GitHub.

    python tests/kit/action.py verb=fuzz "sut=python examples/python-wallet/adapter.py" examples=20

It needs the extra `dev`, which reads YAML. Steps that use other actions, and the one that installs, are left out: tokenspec is
the one that is installed here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
COMMAND = f'exec "{sys.executable}" -m tokenspec.oracle.command "$@"'
_INPUT = re.compile(r"\$\{\{ inputs\.([\w-]+) \}\}")
_IS = re.compile(r"inputs\.([\w-]+) (==|!=) '([^']*)'")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    summary: str


def loaded(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def run_action(inputs: Mapping[str, str], folder: Path, command: str = COMMAND) -> Ran:
    """The steps that these inputs ask for, in `folder`, up to the first that fails; `command` is a script for `tokenspec`."""
    action = loaded(ROOT / "action.yml")
    unknown = sorted(inputs.keys() - action["inputs"].keys())
    assert unknown == []
    values = {name: one.get("default", "") for name, one in action["inputs"].items()} | dict(inputs)
    with TemporaryDirectory() as own:
        summary = Path(own) / "summary.md"
        summary.touch()
        (folder / values["reports"]).mkdir(parents=True, exist_ok=True)
        for step in action["runs"]["steps"]:
            if "run" not in step or "Install" in step["name"] or not _applies(step.get("if", "always()"), values):
                continue
            assert step["shell"] == "bash"
            env = {name: _INPUT.sub(lambda found: values[found[1]], value) for name, value in step["env"].items()}
            done = bash(step["run"], folder, {**env, "GITHUB_STEP_SUMMARY": str(summary)}, command)
            if done.returncode:
                break
        return Ran(done.returncode, done.stdout, done.stderr, summary.read_text())


def bash(script: str, folder: Path, env: Mapping[str, str], command_script: str = COMMAND) -> subprocess.CompletedProcess[str]:
    """The script as GitHub and GitLab run it, with the command and the Python of this environment."""
    with TemporaryDirectory() as own:
        command = Path(own) / "tokenspec"
        command.write_text(f"#!/bin/sh\n{command_script}\n")
        command.chmod(0o755)
        path = os.pathsep.join([own, str(Path(sys.executable).parent), os.environ["PATH"]])
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        whole = {**os.environ, **env, "PATH": path}
        return subprocess.run(words, cwd=folder, env=whole, capture_output=True, text=True, check=False, timeout=300)


def _applies(condition: str, values: Mapping[str, str]) -> bool:
    for part in condition.split(" && "):
        found = _IS.fullmatch(part)
        if part != "always()":
            assert found, f"{part}: not a condition that is understood here"
            if (values[found[1]] == found[3]) != (found[2] == "=="):
                return False
    return True


if __name__ == "__main__":
    ran = run_action(dict(word.split("=", 1) for word in sys.argv[1:]), Path.cwd())
    sys.stdout.write(ran.out)
    sys.stderr.write(ran.err)
    sys.exit(ran.code)
