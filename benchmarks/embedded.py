"""Steps a second of the module that others embed: from Python, from Node, and beside it the compiled reader in Python.

All take the walk of readers.py. Node is asked for a number of walks over a pipe, so that its start does not count.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from common import interleaved, show
from readers import MACHINE, PARAMETERS, WALK, compiled_walk

from tokenspec.invariants.claims import claims
from tokenspec.machine.interpreters.embedded.host import Embedded, embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.spec.catalogue import DEFAULT

SCRIPT = Path(__file__).with_name("embedded.js")


def python_walk(module: bytes, repeat: int) -> Callable[[], int]:
    reader = Embedded(module, PARAMETERS)
    walk = [(reader.steps[event], tuple(fields.values())) for event, fields in WALK]

    def run() -> int:
        for _ in range(repeat):
            row = reader.initial
            for step, fields in walk:
                outcome = step(row, fields)
                if outcome[0] >= 0:
                    row = outcome[1]
        return repeat * len(walk)

    return run


def node_walk(stack: ExitStack, path: Path, name: str, repeat: int) -> Callable[[], int]:
    command = ["node", str(SCRIPT), str(path), name]
    node = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    asking, answering = node.stdin, node.stdout
    assert asking is not None
    assert answering is not None
    asking.write(json.dumps(WALK) + "\n")

    def run() -> int:
        asking.write(f"{repeat}\n")
        asking.flush()
        if answering.readline() != "done\n":
            sys.exit("node has ended")
        return repeat * len(WALK)

    run()  # while its code is still being compiled
    return run


if __name__ == "__main__":
    module = embedded(Interface(MACHINE, claims(DEFAULT.ranking)), PARAMETERS, {"digest": "", "version": ""})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "account.wasm"
        file.write_bytes(module)
        contestants = {
            "module in Node, called directly": node_walk(stack, file, "module", 20_000),
            "module in Node, through the example host": node_walk(stack, file, "host", 2_000),
            "module in Python (wasmtime)": python_walk(module, 100),
            "compiled reader": compiled_walk(2_000),
        }
        show("steps of the account, embedded", "steps", interleaved(contestants))
