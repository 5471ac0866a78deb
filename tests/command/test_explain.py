"""`tokenspec explain`: the ledger of each pool, what is due when, and the causes that fit what was shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from command.conftest import EXAMPLES, Record, generate, opened, read_lines, record, within, write_log
from command.test_reports import subscriber
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.logs.diagnosis import Asked, causes
from tokenspec.oracle.logs.history import Story, instant, tell
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Line, Logs
from tokenspec.oracle.wire.settings import RESETS
from tokenspec.spec.words import POOLS

LOGS = sorted(EXAMPLES.glob("*.jsonl"))
KEYS = {"digest", "version", "policy", "fixed", "pools", "due", "causes"}
POSTING_KEYS = {"at", "event", "line", "kind", "tokens"}
TOLD = Path(__file__).parent / "explained.txt"
"""What is said of every account of the shipped logs, reviewed line by line. A change is accepted by writing `all_told` anew."""


def story(log: Path, account: str, at: str | None = None, resets: str = "explicit", **policy: str) -> Story:
    return tell(Logs([str(log)]), Oracle(policy, None, resets), account, None if at is None else parse_instant(at))


def example(number: str) -> Path:
    return next(log for log in LOGS if log.name.startswith(number))


def found(number: str, account: str, shown: dict[str, int] | None = None, at: str | None = None) -> dict[str, str]:
    """By cause, what is said."""
    asked = Asked(story(example(number), account, at), shown, None)
    return {cause.cause: cause.sentence for cause in causes(asked)}


def accounts(log: Path) -> list[str]:
    return list(dict.fromkeys(r["account"] for r in read_lines(log)))


def all_told() -> Iterator[str]:
    for log in LOGS:
        for account in accounts(log):
            yield f"{log.name} {account}"
            yield from (
                f"  {c.cause}: {c.sentence} [{' '.join(c.clauses)}]"
                for c in causes(Asked(story(Path(log.name), account), None, None))
            )


def test_every_account_of_the_shipped_logs_is_explained_as_it_was_read() -> None:
    with chdir(EXAMPLES):
        assert "\n".join(all_told()) + "\n" == TOLD.read_text(encoding="utf-8")


@pytest.mark.parametrize("resets", RESETS)
def test_what_a_pool_gained_and_lost_is_what_it_holds(resets: str) -> None:
    postings = 0
    for log in LOGS:
        for account in accounts(log):
            told = story(log, account, "2029-01-01T00:00:00Z", resets)
            for pool in POOLS:
                assert sum(p.tokens if p.kind.adds else -p.tokens for p in told.postings if p.pool == pool) == told.balances[pool]
            instants = [p.at for p in told.postings]
            assert instants == sorted(instants)
            postings += len(instants)
    assert postings > 200


def test_a_job_that_runs_by_itself_is_told_at_the_instant_it_fell_due() -> None:
    told = story(example("02"), "tomas", "2027-01-01T00:00:00Z", "implied")
    renewals = [p for p in told.postings if p.event == "renew" and p.kind.value == "granted"]
    assert len(renewals) == 5
    assert {(p.at % 86_400_000, p.line) for p in renewals} == {(parse_instant("1970-01-01T09:01:00Z"), None)}


@pytest.mark.parametrize(
    ("cause", "number", "account", "shown", "at", "says"),
    [
        ("stale_session", "09", "yuki", {"daily": 0}, "2026-07-21T03:10:00Z", "until 2026-07-21T03:00:00Z"),
        ("stale_session", "10", "noor", {"daily": 0}, None, "2 sessions"),
        ("not_due_yet", "01", "ines", None, None, "daily reset is due at 2026-07-11T00:00:00Z"),
        ("not_due_yet", "07", "lena", {"fast": 22_000}, "2026-05-01T00:00:00Z", "renewal is due at 2026-05-10T15:20:00Z"),
        ("job_late", "09", "yuki", {"daily": 0}, "2026-07-21T02:00:00Z", "in 2 hours, and jobs may run hours late"),
        ("job_late", "09", "yuki", {"daily": 126}, "2026-07-21T23:00:00Z", ""),
        ("job_has_run", "09", "yuki", {"daily": 150, "fast": 0}, "2026-07-21T02:00:00Z", "once daily_reset has run"),
        (
            "overdue",
            "01",
            "ines",
            {"daily": 142},
            "2026-07-12T01:00:00Z",
            "48 hours have gone by since the job last ran, at 2026-07-10T",
        ),
        (
            "overdue",
            "02",
            "tomas",
            None,
            "2026-10-16T00:30:00Z",
            "the day on which it was due is over, in UTC: a case for support",
        ),
        ("job_late", "02", "tomas", None, "2026-10-15T23:30:00Z", "a case for support only once that day is over"),
        ("wrong_pool", "11", "stellan", {"fast": 4_000}, None, "4,000 is what api holds"),
        ("wrong_pool", "11", "stellan", None, None, "4,000 API tokens are held apart"),
        ("plan_change", "07", "lena", {"fast": 25_000}, "2026-05-01T00:00:00Z", "right where upgrade_grant is full"),
        ("plan_change", "07", "lena", {"fast": 22_000}, "2026-05-01T00:00:00Z", "added 16,500 fast tokens"),
        ("plan_change", "13", "hugo", {"fast": 8_476}, "2026-03-20T09:05:00Z", "right where downgrade_timing is at_once"),
        ("plan_change", "13", "hugo", None, "2026-03-20T09:05:00Z", "from premium to essential was put off to the renewal"),
        ("not_out_of_tokens", "05", "bruno", None, None, "brings a subscriber nothing"),
        ("subscription_ended", "08", "amara", {"topup": 3_000}, "2026-04-20T00:00:00Z", "3,000 topup tokens are kept"),
        ("payment_failed", "08", "amara", {"fast": 8_000}, "2026-04-11T00:00:00Z", "the app spends daily tokens alone"),
        ("real_fault", "09", "yuki", {"daily": 300}, None, "a case for support"),
        ("small_difference", "11", "stellan", {"fast": 24_999}, None, "no more than a fifth"),
        ("several_people", "10", "noor", None, None, "A hint, no more"),
    ],
)
def test_a_cause_fits_what_was_shown(
    cause: str, number: str, account: str, shown: dict[str, int] | None, at: str | None, says: str
) -> None:
    if cause == "job_late" and not says:
        assert cause not in found(number, account, shown, at)
    else:
        assert says in found(number, account, shown, at)[cause]


def test_a_job_is_overdue_a_millisecond_after_its_time_and_not_at_it() -> None:
    assert "overdue" not in found("01", "ines", None, "2026-07-12T00:00:00Z")
    assert "overdue" in found("01", "ines", None, "2026-07-12T00:00:00.001Z")
    assert "overdue" not in found("02", "tomas", {"fast": 25_000}, "2026-10-15T23:59:59.999Z")
    assert "overdue" in found("02", "tomas", {"fast": 25_000}, "2026-10-16T00:00:00Z")


def test_the_wait_for_a_daily_reset_counts_from_opening_where_none_has_run(tmp_path: Path) -> None:
    log = write_log(
        tmp_path / "log.jsonl", [opened(at="2026-07-15T00:30:00Z"), generate("ada", "2026-07-15T00:35:00Z", "j", 150)]
    )
    before, after = (
        {c.cause: c for c in causes(Asked(story(log, "ada", at), None, None))}
        for at in ("2026-07-17T00:30:00Z", "2026-07-17T00:30:00.001Z")
    )
    assert "longer than the usual one to four" in before["job_late"].sentence
    assert "since the account was opened, at 2026-07-15T00:30:00Z: a case for support" in after["overdue"].sentence
    assert after["overdue"].clauses == ("F21",)


def test_a_late_renewal_is_none_of_the_daily_batch(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", [*subscriber("ada"), generate("ada", "2026-01-10T10:00:00Z", "j", 8_650)])
    late = {c.cause: c for c in causes(Asked(story(log, "ada", "2026-02-10T12:00:00Z"), {"fast": 0}, None))}
    assert late["job_late"].clauses == ("F23",)
    shown = {c.cause: c for c in causes(Asked(story(log, "ada", "2026-02-10T12:00:00Z"), {"fast": 8_500}, None))}
    assert shown["job_has_run"].clauses == ("F22",)


WALLET = [
    opened(),
    record("ada", "2026-07-15T09:01:00Z", "subscribe", plan="premium"),
    generate("ada", "2026-07-15T09:05:00Z", "j", 24, observed={"balances": {"daily": 150, "fast": 24_976}}),
]


@pytest.mark.parametrize("shown", [{"fast": 24_976}, {"daily": 150, "fast": 24_976}, {"fast": 24_976, "api": 0}], ids=str)
def test_what_ones_own_system_recorded_is_told_with_its_line(shown: dict[str, int], tmp_path: Path) -> None:
    log = write_log(tmp_path / "wallet.jsonl", WALLET)
    told = causes(Asked(story(log, "ada"), shown, None))
    assert told[0].cause == "recorded"
    assert told[0].sentence == f"Your system recorded this at {log}:3, and is wrong there: see `tokenspec replay`."
    assert not {"real_fault", "small_difference", "recorded_otherwise"} & {c.cause for c in told}


@pytest.mark.parametrize("shown", [None, {"fast": 25_000}, {"fast": 7}], ids=str)
def test_a_wrong_record_is_told_whatever_was_shown(shown: dict[str, int] | None, tmp_path: Path) -> None:
    log = write_log(tmp_path / "wallet.jsonl", WALLET)
    told = {c.cause: c.sentence for c in causes(Asked(story(log, "ada"), shown, None))}
    assert "recorded" not in told
    assert told["recorded_otherwise"].startswith(f"Your system recorded balances.daily 150 at {log}:3, where 126 is right")


@pytest.mark.parametrize("counts", [False, True], ids=["of a log", "of an answer"])
def test_a_null_is_a_wrong_record_only_where_answers_are_observed(counts: bool, tmp_path: Path) -> None:
    form = {"observed_as": "answer"} if counts else {}
    log = write_log(tmp_path / "log.jsonl", [opened(observed={"status": None, "balances": {"daily": None, "fast": 0}}, **form)])
    told = [cause["cause"] for cause in within("explain", log, "--account", "ada", "--format", "json").report["causes"]]
    assert ("recorded_otherwise" in told) is counts is (within("replay", log).code == 15)


def test_a_right_record_of_another_day_is_an_old_screen(tmp_path: Path) -> None:
    seen = generate("ada", "2026-07-15T09:05:00Z", "j", 24, observed={"balances": {"daily": 126}})
    log = write_log(tmp_path / "wallet.jsonl", [opened(), seen, generate("ada", "2026-07-15T09:06:00Z", "k", 1)])
    assert next(c.cause for c in causes(Asked(story(log, "ada"), {"daily": 126}, None))) == "stale_session"


def test_a_skipped_record_of_the_account_is_named(tmp_path: Path) -> None:
    bad = [
        generate("ada", "2026-07-15T09:02:00Z", "j", 24) | {"cost": "24"},
        generate("bob", "2026-07-15T09:02:00Z", "j", 24) | {"cost": "1"},
    ]
    log = write_log(tmp_path / "wallet.jsonl", [opened(), *bad, opened("bob")])
    told = {name: {c.cause: c.sentence for c in causes(Asked(story(log, name), None, None))} for name in ("ada", "bob")}
    assert [f"{log}:2 could not be read" in told["ada"]["skipped_record"], f"{log}:3 " in told["bob"]["skipped_record"]] == [
        True,
        True,
    ]


def test_behind_a_record_that_could_not_be_read_no_figure_is_explained_nor_called_wrong(tmp_path: Path) -> None:
    """A purchase that was undone, and tokens given by staff: events that there are no words for here."""
    bought = [opened(), record("ada", "2026-07-15T09:00:00Z", "subscribe", plan="premium"),
              record("ada", "2026-07-15T09:01:00Z", "buy_topup", pack="large", quantity=1)]  # fmt: skip
    undone = record("ada", "2026-07-15T09:02:00Z", "chargeback", pack="large")
    later = record("ada", "2026-07-15T09:03:00Z", "login", session="s", observed={"balances": {"topup": 0}})
    for shown in ({"topup": 0}, {"topup": 10_000}, {"topup": 4_850}, {"daily": 126}, None):
        for records in ([*bought, undone], [*bought, undone, later]):
            log = write_log(tmp_path / "wallet.jsonl", records)
            told = [c.cause for c in causes(Asked(story(log, "ada"), shown, None))]
            assert (told[0], set(told) - {"skipped_record", "not_due_yet", "job_late"}) == ("skipped_record", set()), shown
    before = record("ada", "2026-07-15T09:01:30Z", "login", session="s", observed={"balances": {"topup": 5}})
    log = write_log(tmp_path / "wallet.jsonl", [*bought, before, undone, later])
    assert [c.cause for c in causes(Asked(story(log, "ada"), {"topup": 0}, None))][:2] == ["skipped_record", "recorded_otherwise"]


EMPTIED = {
    "spent": (
        [generate("ada", "2026-07-15T10:00:00Z", "j", 102), generate("ada", "2026-07-15T11:00:00Z", "k", 48)],
        "daily",
        "150 were spent by generate, the last of them on 2026-07-15T11:00:00Z",
    ),
    "ended": (
        [
            record("ada", "2026-07-15T10:00:00Z", "subscribe", plan="essential"),
            record("ada", "2026-07-15T11:00:00Z", "cancel"),
            record("ada", "2026-08-15T10:00:00Z", "renew"),
        ],
        "fast",
        "8,500 expired at renew",
    ),
    "banked_and_spent": (
        [
            record("ada", "2026-07-15T10:00:00Z", "subscribe", plan="essential"),
            record("ada", "2026-07-15T10:01:00Z", "buy_api", amount=5),
            record("ada", "2026-07-15T10:02:00Z", "api_generate", job="a", cost=5),
        ],
        "api",
        "after buy_api of 2026-07-15T10:01:00Z 5 were spent by api_generate",
    ),
}


@pytest.mark.parametrize(("records", "pool", "says"), list(EMPTIED.values()), ids=list(EMPTIED))
def test_where_the_tokens_of_an_empty_pool_went_is_told_in_words(
    records: list[Record], pool: str, says: str, tmp_path: Path
) -> None:
    told = story(write_log(tmp_path / "log.jsonl", [opened(), *records]), "ada")
    emptied = [c for c in causes(Asked(told, {pool: 0}, None)) if c.cause == "emptied"]
    assert [(c.sentence.split()[0], says in c.sentence) for c in emptied] == [(pool, True)]
    assert not [c for c in causes(Asked(told, {"topup": 0}, None)) if c.cause == "emptied"]


@pytest.mark.parametrize(
    "at", ["2026-07-21T05:30:00+02:00", "2026-07-20T22:30:00-05:00", "1784604600000", "2026-07-21T03:30:00Z"]
)
def test_an_instant_may_have_an_offset(at: str) -> None:
    report = within("explain", example("09"), "--account", "yuki", "--at", at, "--format", "json").report
    assert report["at"] == "2026-07-21T03:30:00Z"


@pytest.mark.parametrize("tokens", [0, 4_000, 1])
def test_the_api_balance_can_be_asked_about(tokens: int) -> None:
    done = within("explain", example("11"), "--account", "stellan", "--shown", f'{{"api": {tokens}}}', "--format", "json")
    assert (done.code, done.report["shown"]) == (0, {"api": tokens})


def test_a_reset_that_would_bring_nothing_is_no_case_for_support(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", [*subscriber("ada"), generate("ada", "2026-01-10T10:00:00Z", "j", 10)])
    late = "2026-01-20T00:00:00Z"
    letter = {"paid_daily_guard": "bank_and_topup_empty"}
    without, within = (
        {c.cause for c in causes(Asked(story(log, "ada", late, **policy), {"daily": 140}, None))} for policy in ({}, letter)
    )
    assert without == {"not_out_of_tokens"}
    assert within == {"overdue"}


def test_a_fifth_of_the_allowance_is_no_fault_yet_and_one_token_more_is() -> None:
    assert "small_difference" in found("11", "stellan", {"fast": 20_000})
    assert "real_fault" in found("11", "stellan", {"fast": 19_999})
    # Of a free account, the allowance is the daily one.
    assert "small_difference" in found("01", "ines", {"daily": 112})
    assert "real_fault" in found("01", "ines", {"daily": 111})
    # Packs and a free account's fast tokens have none: nothing of them may be off.
    assert "real_fault" in found("11", "stellan", {"topup": 1})
    assert "real_fault" in found("01", "ines", {"fast": 1})


def test_a_true_balance_has_no_wrong_figure_to_explain() -> None:
    wrong = {"stale_session", "job_has_run", "real_fault", "small_difference"}
    assert not wrong & set(found("09", "yuki", {"daily": 150}))


def test_instants_are_told_in_the_zone_as_its_clocks_show_them() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    summer, winter = (instant(parse_instant(f"2026-{month}-21T00:00:00Z"), zone) for month in ("07", "12"))
    assert summer == "2026-07-21T00:00:00Z (2026-07-20 17:00 in America/Los_Angeles)"
    assert winter == "2026-12-21T00:00:00Z (2026-12-20 16:00 in America/Los_Angeles)"


def test_a_json_report_has_the_keys_of_the_contract() -> None:
    shown = json.dumps({"daily": 0})
    done = within(
        "explain", example("09"), "--account", "yuki", "--shown", shown, "--at", "2026-07-21T03:30:00Z",
        "--time-zone", "Asia/Tokyo", "--format", "json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert done.report.keys() >= KEYS
    assert list(done.report["pools"]) == list(POOLS)
    assert [(p["kind"], p["tokens"], p["line"]) for p in done.report["pools"]["daily"]] == [
        ("granted", 150, 1), ("spent", 102, 3), ("spent", 48, 4), ("granted", 150, 8), ("spent", 24, 13),
    ]  # fmt: skip
    assert all(p.keys() >= POSTING_KEYS for p in done.report["pools"]["daily"])
    (due,) = done.report["due"]
    assert (due["clock"], due["at"], due["local"]) == ("daily", "2026-07-22T00:00:00Z", "2026-07-22T09:00:00+09:00")
    assert [c["cause"] for c in done.report["causes"]] == ["stale_session", "not_due_yet"]
    assert {frozenset(c) for c in done.report["causes"]} == {frozenset({"cause", "clauses", "sentence"})}


def test_text_has_sentences_first_and_the_ledger_after_them() -> None:
    done = within("explain", example("09"), "--account", "yuki", "--shown", '{"daily": 0}', "--at", "1784604600000")
    assert (done.code, done.err) == (0, "")
    standing, is_due, shown, cause, *rest = done.out.splitlines()
    assert standing == "At 2026-07-21T03:30:00Z account yuki is free: daily 126, fast 0, rollover 0, topup 0, api 0."
    assert is_due == "The daily reset is next due at 2026-07-22T00:00:00Z."
    assert shown == "It was shown as daily 0, which is not the true balance."
    assert cause.startswith("- What is shown was the true balance from ")
    assert any(line.split()[1:] == ["open_account", "line", "1", "granted", "+150", "150"] for line in rest)


def test_other_policies_catalogues_and_resets_count(tmp_path: Path) -> None:
    log = write_log(
        tmp_path / "log.jsonl", [opened(at="2026-07-15T09:00:00Z"), generate("ada", "2026-07-15T10:00:00Z", "j", 150)]
    )
    options = ("--policy", "daily_reset_clock=every_24h_from_opening", "--resets", "implied", "--at", "2026-07-16T09:00:00Z")
    report = within("explain", log, "--account", "ada", *options, "--format", "json").report
    assert [(p["at"], p["line"]) for p in report["pools"]["daily"]][-1] == ("2026-07-16T09:00:00Z", None)
    own = within("explain", log, "--account", "ada", "--catalogue", EXAMPLES / "catalogue.toml", "--format", "json").report
    assert own["pools"]["daily"][0]["tokens"] != 150


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--account", "nobody"), 64, "no good record of nobody"),
        (("--account", "yuki", "--at", "2020-01-01T00:00:00Z"), 64, "up to 2020-01-01T00:00:00Z"),
        (("--account", "yuki", "--at", "tomorrow"), 64, "--at"),
        (("--account", "yuki", "--at", "9" * 30), 64, "--at"),
        (("--account", "yuki", "--shown", "{}"), 64, "--shown"),
        (("--account", "yuki", "--shown", '{"bank": 1}'), 64, "--shown"),
        (("--account", "yuki", "--shown", "0"), 64, '"fast": 0}'),
        (("--account", "yuki", "--shown", '{"fast": 9007199254740992}'), 64, "--shown"),
        (("--account", "yuki", "--policy", "infer"), 64, "this run needs every setting, as NAME=ANSWER"),
        (("--account", "yuki", "--at", "1784604600"), 64, "this looks like seconds"),
        (("--account", "yuki", "--time-zone", "Mars/Olympus"), 64, "Mars/Olympus"),
        (("--account", "yuki", "--catalogue", "nowhere.toml"), 66, "nowhere.toml"),
    ],
)
def test_what_cannot_be_asked_is_said_to(options: tuple[str, ...], code: int, says: str) -> None:
    done = within("explain", example("09"), *options)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff", "{}\n"])
def test_a_log_without_a_good_record_is_bad_data_whatever_account_is_asked_about(tmp_path: Path, text: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(text, encoding="utf-8")
    done = within("explain", log, "--account", "ada")
    assert (done.code, done.out) == (65, "")
    assert "log.jsonl: it holds no good record" in done.err


def test_a_bad_record_is_reported_and_the_rest_is_told(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", [opened(), {"account": "ada"}, record("ada", "2026-07-15T08:00:00Z", "cancel")])
    done = within("explain", log, "--account", "ada", "--format", "json")
    assert done.code == 65
    assert [b["line"] for b in done.report["bad_records"]] == [2, 3]


def test_an_account_that_was_never_opened_has_nothing_to_explain() -> None:
    line: Any = Line("log", 1, 0, json.dumps(record("ada", "2026-07-15T08:00:00Z", "cancel")).encode())
    told = tell([line], Oracle(), "ada")
    assert (told.due, told.postings, causes(Asked(told, None, None))) == ([], [], [])
