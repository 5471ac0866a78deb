"""Used ids that come again, under each answer to the question what then, and sessions: the kernel judges as the oracle does."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.ids import OfRefused, Repeat
from tokenspec.oracle import Oracle
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import IDS
from tokenspec.oracle.logs.as_data import divergence_data
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.runtime.snapshot import state_digest
from tokenspec.oracle.wire.log_files import Logs

assert IDS is not None, "the shipped account has ids"
REPEATED, REFUSED = IDS.repeated, IDS.refused
OBSERVED = ("outcome", "reason", "duplicate", "shown_is", "balances", "status", "next_daily_reset_at")
EVENTS = ("open_account", "daily_reset", "refund", *["generate"] * 3, "login", "login", "refresh", "logout", *["view"] * 4)


def lives(policy: dict[str, str], wrong: int) -> list[dict[str, Any]]:
    """Records of forty accounts over a month with many retries, later ones too, and the right answers but for some.

    Each account has three sessions, which show balances that it has, had, or never had.
    """
    dice, oracle, made = random.Random(3), Oracle(policy), list[dict[str, Any]]()
    start, used, held = parse_instant("2026-01-01T00:00:00Z"), list[dict[str, Any]](), dict[str, list[int]]()
    for n in range(1_500):
        account, at = f"a{dice.randrange(40)}", start + n * DAY_MS // 30
        event: dict[str, Any] = {"event": dice.choice(EVENTS)}
        if event["event"] == "generate":
            event |= {"job": f"j{n}", "cost": dice.choice((5, 90)), "media": "image", "origin": "first_party"}
        elif event["event"] == "refund":
            event |= {"job": f"j{max(0, n - dice.randrange(90))}"}
        elif event["event"] in ("login", "refresh", "logout", "view"):
            event |= {"session": f"s{dice.choice((0, 0, 1, 2))}"}
        if event["event"] == "view":
            # A null says nothing of a pool.
            event |= {
                "shown": {
                    "daily": dice.choice([*held.get(account, [])[-6:], 7]),
                    **dice.choice(({}, {"fast": None}, {"topup": 0})),
                }
            }
        asked = [{"account": account, **event, "id": f"i{n}"}]
        used += asked
        if n % 3 == 0:
            asked.append(dice.choice(used[-40:]))
        for each in asked:
            record = {**each, "at": format_instant(at)}
            answer = oracle.apply(record).as_dict()
            held.setdefault(account, []).append((answer["balances"] or {"daily": 0})["daily"])
            observed = {name: answer[name] for name in OBSERVED if answer.get(name) is not None}
            if policy[REPEATED] == Repeat.PRESENT_STATE.value and answer.get("duplicate"):
                # What the first answer said beside the state is what the kernel does not know.
                observed.pop("shown_is", None)
            made.append({**record, "observed": observed})
    for record in dice.sample(made, wrong):
        if "shown_is" in record["observed"]:
            record["observed"]["shown_is"] = {"stale": "current"}.get(record["observed"]["shown_is"], "stale")
            continue
        record["observed"] |= dice.choice(({"duplicate": "duplicate" not in record["observed"]}, {"balances": {"daily": 151}}))
    return made


@pytest.mark.parametrize("refused", [each.value for each in OfRefused])
@pytest.mark.parametrize("repeated", [each.value for each in Repeat])
def test_the_kernel_judges_ids_that_come_again(repeated: str, refused: str, tmp_path: Path) -> None:
    policy = {REPEATED: repeated, REFUSED: refused}
    for wrong in (0, 12):
        records, log = lives(policy, wrong), tmp_path / "log.jsonl"
        verdicts = Counter(record["observed"].get("shown_is") for record in records)
        assert min(verdicts[each] for each in ("current", "stale", "impossible")) > 10, verdicts
        log.write_text("".join(json.dumps(record) + "\n" for record in records))
        logs, found = Logs([str(log)]), []
        oracle = Oracle(policy)
        kernel = AuditKernel(logs, oracle)
        kernel.find_dirty(None)
        assert 0 < kernel.dirty < 30 if wrong else not kernel.has_dirty
        for by_kernel in (True, False):
            oracle = Oracle(policy)
            fast = replay_by_kernel(logs, oracle, smallest=0, keeps_state=True) if by_kernel else None
            assert (fast is not None) == by_kernel
            report = fast[0] if fast is not None else replay(logs, oracle)
            sums = report.compared, report.not_compared, report.repeated, report.same, report.another, report.coverage.refusals
            found.append((sums, list(map(divergence_data, report.divergences)), state_digest(oracle.accounts)))
        assert found[0] == found[1]
        assert sum(found[0][0][2].values()) > 100
        assert bool(found[0][1]) == bool(wrong)


@pytest.mark.parametrize("is_in", [True, False])
def test_a_state_whose_sessions_know_other_balances_is_left_to_the_oracle(is_in: bool, tmp_path: Path) -> None:
    """Only a file made by hand holds one; the oracle takes it as it stands."""
    asked, log = {"account": "a", "session": "s"}, tmp_path / "log.jsonl"
    before = Oracle()
    for record in ({"account": "a", "event": "open_account"}, {**asked, "event": "login"}):
        before.apply({**record, "at": "2026-01-01T00:00:00Z"})
    account = before.accounts["a"]
    account.timeline = [(149, 0, 0, 0)]
    if not is_in:
        account.sessions = {}
    views = [{**asked, "event": "login"}] * (not is_in) + [{**asked, "event": "view", "shown": {"daily": 149}}]
    at = {"at": "2026-01-01T01:00:00Z", "observed": {"outcome": "accepted"}}
    lines = [{**each, **at} for each in views]
    # Right only where the session fetched it.
    lines[-1]["observed"] = {"shown_is": "stale"}
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = []
    for by_kernel in (True, False):
        oracle = before.fork({"a": account.copy()})
        fast = replay_by_kernel(Logs([str(log)]), oracle, smallest=0, keeps_state=True) if by_kernel else None
        report = fast[0] if fast is not None else replay(Logs([str(log)]), oracle)
        assert (fast is not None) == by_kernel
        found.append((len(report.divergences), report.compared, report.coverage.rules, state_digest(oracle.accounts)))
    assert found[0] == found[1]
    assert found[0][0] == (not is_in)
