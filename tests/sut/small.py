"""A small implementation, with one fault as a process: `small.py FAULT [NOTE]`. It knows which accounts there are, and no more.

NOTE is where it writes its number, once it is asked for an answer that counts.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

FAULT = sys.argv[1]
OPENED = '{"name":"small","version":"1","resets":"explicit","events":["open_account","cancel"],"observes":["outcome"]}'


ACCEPTED, REFUSED = b'{"outcome":"accepted"}', b'{"outcome":"refused"}'


def say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def answer_to_cancel() -> bytes:
    for note in sys.argv[2:]:
        Path(note).write_text(str(os.getpid()))
    if FAULT == "dies":
        print("the ledger\nis on fire", file=sys.stderr)
        sys.exit(3)
    if FAULT == "is_killed":
        os.kill(os.getpid(), 9)
    if FAULT == "dies_halfway":
        say(b'{"outcome":"acc')
        sys.exit(0)
    if FAULT == "stops_halfway":
        say(b'{"outcome":"acc')
        time.sleep(60)
    if FAULT == "stops_writing":
        os.close(1)
        time.sleep(60)
    if FAULT == "hangs":
        # What it started goes on for a minute, unless it is ended with it.
        child = subprocess.Popen(["sleep", "60"])
        print(f"pid {os.getpid()} and {child.pid}", file=sys.stderr, flush=True)
        time.sleep(60)
    if FAULT in ("leaves_a_child", "leaves_a_daemon"):
        child = subprocess.Popen(["sleep", "60"], start_new_session=FAULT == "leaves_a_daemon")
        print(f"pid {child.pid}", file=sys.stderr, flush=True)
        sys.exit(1)
    if FAULT == "talkative":
        print("x" * 300_000, file=sys.stderr, flush=True)
    return {
        "garbage": b"Stack overflow: \xff\x00",
        "a_million_characters": b"x" * 1_000_000,
        "an_endless_line": b"x" * 17_000_000,
        "not_a_number": b'{"outcome":NaN}',
        "too_deep": b"[" * 100_000,
        "a_name_twice": b'{"outcome":"accepted",' + REFUSED[1:],
        "no_object": b'["accepted"]',
        "an_empty_line": b"",
        "two_answers": REFUSED + b"\n" + REFUSED,
        "long_but_right": REFUSED[:-1] + b',"note":"' + b"x" * 1_000_000 + b'"}',
    }.get(FAULT, REFUSED)


if FAULT == "dies_at_once":
    sys.exit(0)
if FAULT == "hangs_at_once":
    time.sleep(60)
if FAULT == "talks_first":
    say(b"ready\n")
accounts = set[str]()
for line in sys.stdin.buffer:
    request = json.loads(line)
    if request["op"] == "open":
        if FAULT == "opens_once" and accounts:
            sys.exit(0)
        accounts.clear()
        say(OPENED.encode() + b"\n")
    elif request["op"] == "close":
        say(b"{}\n")
    elif request["event"] == "cancel":
        say(answer_to_cancel() + b"\n")
    else:
        say((REFUSED if request["account"] in accounts else ACCEPTED) + b"\n")
        accounts.add(request["account"])
