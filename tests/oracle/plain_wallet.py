"""A plain token wallet: one record in, one answer out, nothing clever.

It exists to be compared with another implementation of the same requirements, so it shares no code with it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oracle.plain_calendar import DAY_MS, MINUTE_MS, civil_date, format_instant, one_month_later, parse_instant

LARGEST_COUNT = 2**53 - 1

Record = dict[str, Any]  # an event as it comes in
Details = dict[str, Any]  # fields of an answer

APP_POOLS = ("daily", "fast", "rollover", "topup")

POLICY_ANSWERS: dict[str, tuple[str, ...]] = {  # the first answer is the default
    "burn_order": ("fast_rollover_topup", "rollover_fast_topup"),
    "daily_position": ("first", "last"),
    "daily_reset_clock": ("utc_time_of_day", "every_24h_from_opening"),
    "paid_daily_guard": ("out_of_tokens", "bank_and_topup_empty", "always"),
    "paid_daily_leftover": ("expires", "kept"),
    "upgrade_grant": ("difference", "full", "next_renewal"),
    "downgrade_bank": ("truncate", "keep"),
    "lapse_bank": ("destroyed", "frozen"),
    "month_end": ("return_to_day", "stay_clamped"),
    "missed_renewals": ("each", "once"),
    "refund": ("to_source", "none"),
    "stranded_remainder": ("refuse", "relax", "drain"),
    "past_due_spending": ("frozen", "allowed", "as_active"),
    "renewal_time": ("same_instant", "start_of_day"),
    "downgrade_timing": ("at_renewal", "at_once"),
    "api_renewal": ("adds", "refills"),
    "api_refund": ("none", "to_source"),
    "repeated_id": ("first_answer", "present_state", "refused"),
    "refused_id": ("kept", "free"),
}

OF_THE_EVENT = ("outcome", "reason", "mode", "charge", "cost", "shown_is")  # in an answer, beside the account's state

DEFAULT_CATALOGUE: dict[str, Any] = {
    "ranking": ["free", "essential", "premium", "ultimate"],
    "daily": 150,
    "bank_months": 3,
    "plans": {
        "free": {"allowance": 0, "api": 0, "relaxed": []},
        "essential": {"allowance": 8_500, "api": 0, "relaxed": []},
        "premium": {"allowance": 25_000, "api": 0, "relaxed": ["image"]},
        "ultimate": {"allowance": 60_000, "api": 0, "relaxed": ["image", "video"]},
    },
    # Pack sizes and prices are not public: placeholders.
    "packs": {"small": 1_000, "large": 10_000},
    "prices": {"image-small": 8, "image-large": 24, "video-short": 250},
}


class Refused(Exception):
    """A refusal; always raised before anything has been changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def require(condition: bool, reason: str) -> None:
    """Refuse with this reason unless the condition holds."""
    if not condition:
        raise Refused(reason)


@dataclass
class Job:
    """An accepted generation, and where the account's periods stood when it was charged."""

    charge: dict[str, int]  # empty for generations that took no token: nothing to refund
    by_api: bool
    daily_resets: int
    renewals: int
    subscriptions_ended: int
    refunded: bool = False


@dataclass
class Account:
    """One customer's balances, subscription, clocks, jobs and sessions."""

    plan: str
    pools: dict[str, int]
    next_daily: int | None  # None where the day brings no tokens
    status: str = "free"
    scheduled_plan: str | None = None
    next_renewal: int | None = None
    anchor_day: int = 0  # day of the month of subscribing
    # How often each period has ended: a refund compares these with what its job saw.
    daily_resets: int = 0
    renewals: int = 0
    subscriptions_ended: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    history: list[dict[str, int]] = field(default_factory=list)  # every app balance there has been, in order
    sessions: dict[str, int] = field(default_factory=dict)  # logged-in session -> place in history of its sync

    def remember_balances(self) -> None:
        """Note the app balances for later views, if they are not what was noted last."""
        balances = {pool: self.pools[pool] for pool in APP_POOLS}
        if not self.history or self.history[-1] != balances:
            self.history.append(balances)

    def renewal_is_due(self, now: int) -> bool:
        return self.next_renewal is not None and self.next_renewal <= now


class PlainWallet:
    """A world of accounts; `apply` takes one record and gives its answer."""

    def __init__(
        self, policy: dict[str, str] | None = None, catalogue: dict[str, Any] | None = None, resets: str = "explicit"
    ) -> None:
        self.policy = {name: answers[0] for name, answers in POLICY_ANSWERS.items()}
        for name, answer in (policy or {}).items():
            if answer not in POLICY_ANSWERS.get(name, ()):
                raise ValueError(f"no such policy setting: {name}={answer}")
            self.policy[name] = answer
        if resets not in ("explicit", "implied"):
            raise ValueError(f"resets is explicit or implied, not {resets!r}")
        self.implied = resets == "implied"

        chosen = copy.deepcopy(DEFAULT_CATALOGUE if catalogue is None else catalogue)
        self.ranking: list[str] = chosen["ranking"]
        self.daily_allowance: int = chosen["daily"]
        self.bank_months: int = chosen["bank_months"]
        self.plans: dict[str, dict[str, Any]] = chosen["plans"]
        self.packs: dict[str, int] = chosen["packs"]
        self.prices: dict[str, int] = chosen.get("prices") or {}
        self.models: dict[str, dict[str, Any]] = chosen.get("models") or {}

        self.accounts: dict[str, Account] = {}
        self.first_answers: dict[tuple[str, str], Details] = {}
        self.handlers: dict[str, Callable[[Account, Record, int], Details | None]] = {
            "subscribe": self.subscribe,
            "upgrade": self.upgrade,
            "downgrade": self.downgrade,
            "cancel": self.cancel,
            "resume": self.resume,
            "renew": self.renew,
            "payment_failed": self.payment_failed,
            "lapse": self.lapse,
            "daily_reset": self.daily_reset,
            "buy_topup": self.buy_topup,
            "generate": self.generate,
            "refund": self.refund,
            "quote": self.quote,
            "buy_api": self.buy_api,
            "api_generate": self.api_generate,
            "transfer": self.transfer,
            "enable_relaxed": self.enable_relaxed,
            "login": self.login,
            "refresh": self.refresh,
            "logout": self.logout,
            "view": self.view,
        }

    # -- one record --------------------------------------------------------------------------------

    def apply(self, record: Record) -> Details:
        """Carry out one well-formed record and answer it."""
        name: str = record["account"]
        event_id: str | None = record.get("id")
        first = self.first_answers.get((name, event_id)) if event_id is not None else None
        if first is not None and self.policy["repeated_id"] == "first_answer":
            # Before everything else, even before implied jobs: a repeated id changes nothing.
            return {**copy.deepcopy(first), "duplicate": True}

        now = parse_instant(record["at"])
        event: str = record["event"]
        account = self.accounts.get(name)
        if first is not None:
            # A retry takes no renewal's place: all that is due by now runs.
            if self.implied and account is not None:
                self.run_due_jobs(account, now)
            if self.policy["repeated_id"] == "refused":
                said: Details = {"outcome": "refused", "reason": "id_must_be_new"}
            else:
                said = {part: copy.deepcopy(first[part]) for part in OF_THE_EVENT if part in first}
            return {**said, **self.state_fields(account), "duplicate": True}
        if self.implied and account is not None:
            self.run_due_jobs(account, now, spare_renewal_at=now if event == "payment_failed" else None)
        try:
            details = {"outcome": "accepted", **self.carry_out(name, event, record, now)}
        except Refused as refusal:
            details = {"outcome": "refused", "reason": refusal.reason}
        account = self.accounts.get(name)
        if account is not None:
            account.remember_balances()
            if self.implied:
                # Only a payment_failed in a renewal's place leaves something: that instant's daily job.
                self.run_due_jobs(account, now)

        answer = {**details, **self.state_fields(account)}
        if event_id is not None and (answer["outcome"] == "accepted" or self.policy["refused_id"] == "kept"):
            self.first_answers[name, event_id] = copy.deepcopy(answer)
        return answer

    def carry_out(self, name: str, event: str, record: Record, now: int) -> Details:
        """Do the event, or raise Refused; gives the answer's fields beyond the state."""
        if event == "open_account":
            require(name not in self.accounts, "account_must_be_new")
            self.accounts[name] = self.open_account(record, now)
            return {}
        account = self.accounts.get(name)
        if account is None:
            raise Refused("account_must_exist")
        return self.handlers[event](account, record, now) or {}

    def state_fields(self, account: Account | None) -> Details:
        """The part of every answer that shows the account."""
        if account is None:
            nothing = dict.fromkeys(("status", "plan", "scheduled_plan", "relaxed", "next_daily_reset_at", "next_renewal_at"))
            return {**nothing, "balances": {}}
        renewal = account.next_renewal
        return {
            "status": account.status,
            "plan": account.plan,
            "scheduled_plan": account.scheduled_plan,
            "balances": dict(account.pools),
            "relaxed": list(self.plans[account.plan]["relaxed"]),
            "next_daily_reset_at": None if account.next_daily is None else format_instant(account.next_daily),
            "next_renewal_at": None if renewal is None else format_instant(renewal),
        }

    def run_due_jobs(self, account: Account, now: int, spare_renewal_at: int | None = None) -> None:
        """Implied resets: run every job up to now at the instant it fell due, a renewal before a daily reset.

        A renewal whose payment failed waits for a written event: past due, none is implied.
        `spare_renewal_at` is the instant of a payment_failed record: it stops just before an active account's
        renewal due at exactly that instant, because the record takes that renewal's place.
        """
        while True:
            renewal = account.next_renewal if account.status in ("active", "cancelling") else None
            daily_until = now
            if renewal is not None and renewal <= now:
                if account.next_daily is None or renewal <= account.next_daily:
                    if renewal == spare_renewal_at and account.status == "active":
                        return
                    self.run_renewal(account, renewal)
                    account.remember_balances()
                    continue
                daily_until = renewal - 1
            if account.next_daily is None or account.next_daily > daily_until:
                return
            # Daily resets with nothing between them do what the last one does: one run settles them.
            self.run_daily_reset(account, daily_until)
            account.remember_balances()

    # -- what plans and statuses allow -------------------------------------------------------------

    def allowance(self, plan: str) -> int:
        return int(self.plans[plan]["allowance"])

    def bank_ceiling(self, plan: str) -> int:
        return self.bank_months * self.allowance(plan)

    def rank(self, plan: str) -> int:
        return self.ranking.index(plan)

    def require_plan(self, plan: str) -> None:
        require(plan in self.ranking, "plan_must_exist")

    def require_paid_plan(self, plan: str) -> None:
        require(self.rank(plan) > 0, "plan_must_be_paid")

    def spendable_pools(self, account: Account) -> list[str]:
        """The app pools that the status allows, in burn order."""
        frozen = account.status == "past_due" and self.policy["past_due_spending"] == "frozen"
        if account.status == "free" or frozen:
            return ["daily"]
        order = self.policy["burn_order"].split("_")
        return ["daily", *order] if self.policy["daily_position"] == "first" else [*order, "daily"]

    def counts_as_active(self, account: Account) -> bool:
        """A subscription in good standing, or an unpaid one that is treated as such."""
        unpaid_counts = self.policy["past_due_spending"] == "as_active"
        return account.status in ("active", "cancelling") or (account.status == "past_due" and unpaid_counts)

    def grant_included_api(self, account: Account) -> None:
        included = int(self.plans[account.plan]["api"])
        if self.policy["api_renewal"] == "refills":
            account.pools["api"] = max(account.pools["api"], included)
        else:
            account.pools["api"] = min(LARGEST_COUNT, account.pools["api"] + included)

    # -- opening and the subscription --------------------------------------------------------------

    def open_account(self, record: Record, now: int) -> Account:
        if self.policy["daily_reset_clock"] == "every_24h_from_opening":
            first_reset: int | None = now + DAY_MS
        else:
            hour, minute = (record.get("daily_reset_time") or "00:00").split(":")
            first_reset = now - now % DAY_MS + (int(hour) * 60 + int(minute)) * MINUTE_MS
            if first_reset <= now:
                first_reset += DAY_MS
        if self.daily_allowance == 0:
            first_reset = None
        pools = {"daily": self.daily_allowance, "fast": 0, "rollover": 0, "topup": 0, "api": 0}
        return Account(plan=self.ranking[0], pools=pools, next_daily=first_reset)

    def subscribe(self, account: Account, record: Record, now: int) -> None:
        plan: str = record["plan"]
        require(account.status == "free", "account_must_be_free")
        self.require_plan(plan)
        self.require_paid_plan(plan)
        account.status = "active"
        account.plan = plan
        account.pools["fast"] = self.allowance(plan)
        # A bank frozen at the end of an earlier subscription comes back, as far as the new plan holds it.
        account.pools["rollover"] = min(account.pools["rollover"], self.bank_ceiling(plan))
        self.grant_included_api(account)
        account.anchor_day = civil_date(now // DAY_MS)[2]
        account.next_renewal = self.following_anniversary(account, now)

    def upgrade(self, account: Account, record: Record, now: int) -> None:
        plan: str = record["plan"]
        require(account.status == "active", "subscription_must_be_active")
        require(not account.renewal_is_due(now), "renewal_must_not_be_due")
        self.require_plan(plan)
        require(self.rank(plan) > self.rank(account.plan), "plan_must_be_higher")
        if self.policy["upgrade_grant"] == "difference":
            account.pools["fast"] += self.allowance(plan) - self.allowance(account.plan)
        elif self.policy["upgrade_grant"] == "full":
            account.pools["fast"] = self.allowance(plan)
        account.plan = plan
        account.scheduled_plan = None

    def downgrade(self, account: Account, record: Record, now: int) -> None:
        plan: str = record["plan"]
        require(account.status == "active", "subscription_must_be_active")
        require(not account.renewal_is_due(now), "renewal_must_not_be_due")
        self.require_plan(plan)
        self.require_paid_plan(plan)
        require(self.rank(plan) < self.rank(account.plan), "plan_must_be_lower")
        if self.policy["downgrade_timing"] == "at_renewal":
            account.scheduled_plan = plan
            return
        difference = self.allowance(account.plan) - self.allowance(plan)
        account.plan = plan
        account.pools["fast"] -= min(difference, account.pools["fast"])
        if self.policy["downgrade_bank"] == "truncate":
            account.pools["rollover"] = min(account.pools["rollover"], self.bank_ceiling(plan))

    def cancel(self, account: Account, record: Record, now: int) -> None:
        require(account.status in ("active", "past_due"), "subscription_must_be_active_or_past_due")
        if account.status == "past_due":
            self.end_subscription(account)
        else:
            account.status = "cancelling"
            account.scheduled_plan = None

    def resume(self, account: Account, record: Record, now: int) -> None:
        downgrading = account.status == "active" and account.scheduled_plan is not None
        require(account.status == "cancelling" or downgrading, "change_must_be_scheduled")
        require(not account.renewal_is_due(now), "renewal_must_not_be_due")
        account.status = "active"
        account.scheduled_plan = None

    def renew(self, account: Account, record: Record, now: int) -> None:
        require(account.status != "free", "subscription_must_exist")
        require(account.renewal_is_due(now), "renewal_must_be_due")
        self.run_renewal(account, now)

    def payment_failed(self, account: Account, record: Record, now: int) -> None:
        require(account.status == "active", "subscription_must_be_active")
        require(account.renewal_is_due(now), "renewal_must_be_due")
        account.status = "past_due"

    def lapse(self, account: Account, record: Record, now: int) -> None:
        require(account.status == "past_due", "subscription_must_be_past_due")
        self.end_subscription(account)

    def run_renewal(self, account: Account, now: int) -> None:
        """The billing job: start a new period for each anniversary due, or end a cancelled subscription."""
        account.renewals += 1
        if account.status == "cancelling":
            self.end_subscription(account)
            return
        periods_started = 0
        while account.next_renewal is not None and account.next_renewal <= now:
            if periods_started == 0 or self.policy["missed_renewals"] == "each":
                self.start_period(account)
            periods_started += 1
            account.next_renewal = self.following_anniversary(account, account.next_renewal)

    def start_period(self, account: Account) -> None:
        """Bank what is left of the fast tokens and grant the month's allowance."""
        if account.scheduled_plan is not None:
            account.plan = account.scheduled_plan
            account.scheduled_plan = None
        account.status = "active"
        old_bank = account.pools["rollover"]
        new_bank = min(self.bank_ceiling(account.plan), old_bank + account.pools["fast"])
        if self.policy["downgrade_bank"] == "keep":
            new_bank = max(new_bank, old_bank)  # a bank above the new ceiling stays, but does not grow
        account.pools["rollover"] = new_bank
        account.pools["fast"] = self.allowance(account.plan)
        self.grant_included_api(account)

    def end_subscription(self, account: Account) -> None:
        account.subscriptions_ended += 1
        account.status = "free"
        account.plan = self.ranking[0]
        account.scheduled_plan = None
        account.next_renewal = None
        account.pools["fast"] = 0
        if self.policy["lapse_bank"] == "destroyed":
            account.pools["rollover"] = 0

    def following_anniversary(self, account: Account, anniversary: int) -> int:
        """The anniversary after this one; `stay_clamped` goes on from the day the last one was on."""
        wanted_day = account.anchor_day
        if self.policy["month_end"] == "stay_clamped":
            wanted_day = civil_date(anniversary // DAY_MS)[2]
        following = one_month_later(anniversary, wanted_day)
        return following - following % DAY_MS if self.policy["renewal_time"] == "start_of_day" else following

    # -- the daily reset ---------------------------------------------------------------------------

    def daily_reset(self, account: Account, record: Record, now: int) -> None:
        require(account.next_daily is not None and account.next_daily <= now, "daily_reset_must_be_due")
        self.run_daily_reset(account, now)

    def run_daily_reset(self, account: Account, now: int) -> None:
        """The batch job: settle every daily instant up to now in one run."""
        assert account.next_daily is not None
        account.daily_resets += 1
        account.next_daily += ((now - account.next_daily) // DAY_MS + 1) * DAY_MS
        if account.status == "free" or self.subscriber_gets_daily(account):
            account.pools["daily"] = self.daily_allowance
        elif self.policy["paid_daily_leftover"] == "expires":
            account.pools["daily"] = 0

    def subscriber_gets_daily(self, account: Account) -> bool:
        pools = [] if self.policy["paid_daily_guard"] == "always" else ["rollover", "topup"]
        if self.policy["paid_daily_guard"] == "out_of_tokens":
            pools = [pool for pool in self.spendable_pools(account) if pool != "daily"]
        return all(account.pools[pool] == 0 for pool in pools)

    # -- buying, generating, refunding -------------------------------------------------------------

    def buy_topup(self, account: Account, record: Record, now: int) -> None:
        pack, quantity = record["pack"], record["quantity"]
        require(self.counts_as_active(account), "subscription_must_be_active_or_cancelling")
        require(pack in self.packs, "pack_must_exist")
        require(quantity >= 1, "quantity_must_be_at_least_one")
        topup = account.pools["topup"] + self.packs[pack] * quantity
        require(topup <= LARGEST_COUNT, "balance_must_stay_countable")
        account.pools["topup"] = topup

    def generate(self, account: Account, record: Record, now: int) -> Details:
        job, cost, action = record["job"], record["cost"], record.get("action")
        origin = record.get("origin")
        if origin is None:
            listed = self.listed_model(record["model"])
            if listed is None:
                raise Refused("model_must_be_listed")
            origin = listed["origin"]
            require(not listed.get("paid_only") or account.status != "free", "model_must_be_on_plan")
        require(cost >= 1, "cost_must_be_at_least_one")
        if action is not None:
            require(action in self.prices, "action_must_be_listed")
            require(cost == self.prices[action], "cost_must_be_the_listed_price")
        require(job not in account.jobs, "job_must_be_new")
        charge: dict[str, int] = {}
        pools = self.spendable_pools(account)
        if cost <= sum(account.pools[pool] for pool in pools):
            still_to_pay = cost
            for pool in pools:
                part = min(still_to_pay, account.pools[pool])
                if part > 0:
                    account.pools[pool] -= part
                    charge[pool] = part
                    still_to_pay -= part
            mode = "tokens"
        else:
            self.require_relaxed(account, record["media"], origin)
            mode = "relaxed"
            if self.policy["stranded_remainder"] == "drain":
                for pool in pools:
                    if account.pools[pool] > 0:
                        charge[pool] = account.pools[pool]
                        account.pools[pool] = 0
        self.record_job(account, job, charge)
        return {"mode": mode, "charge": dict(charge)}

    def listed_model(self, name: str) -> dict[str, Any] | None:
        """The catalogue's entry for a model or for a variant of it: the listed name, cut off at a blank, a dot or a hyphen."""
        for end in range(len(name), -1, -1):
            if name[:end] in self.models and (end == len(name) or name[end] in (" ", ".", "-")):
                return self.models[name[:end]]
        return None

    def require_relaxed(self, account: Account, media: str, origin: str) -> None:
        """Refuse unless relaxed generation serves, naming the condition that failed if it is the only one."""
        relaxed_media: list[str] = self.plans[account.plan]["relaxed"]
        spendable = sum(account.pools[pool] for pool in self.spendable_pools(account))
        failed: list[str] = []
        if spendable > 0 and self.policy["stranded_remainder"] == "refuse":
            failed.append("tokens_must_be_used_up_before_relaxed")
        if not relaxed_media:
            failed.append("tokens_must_cover_cost")  # no relaxed at all on this plan
        elif media not in relaxed_media:
            failed.append("medium_must_be_relaxed_on_plan")
        if not self.counts_as_active(account):
            failed.append("tokens_must_cover_cost")  # this condition has no code of its own
        if origin != "first_party":
            failed.append("third_party_model_must_be_paid_with_tokens")
        if failed:
            raise Refused(failed[0] if len(failed) == 1 else "tokens_must_cover_cost")

    def record_job(self, account: Account, job: str, charge: dict[str, int], by_api: bool = False) -> None:
        account.jobs[job] = Job(charge, by_api, account.daily_resets, account.renewals, account.subscriptions_ended)

    def refund(self, account: Account, record: Record, now: int) -> None:
        job = account.jobs.get(record["job"])
        if job is not None and job.by_api:
            require(self.policy["api_refund"] == "to_source", "api_jobs_cannot_be_refunded")
        else:
            require(self.policy["refund"] == "to_source", "refunds_must_be_offered")
        if job is None or not job.charge:
            raise Refused("job_must_have_been_charged")
        require(not job.refunded, "job_must_not_be_refunded_already")
        subscription_ended = account.subscriptions_ended != job.subscriptions_ended
        period_over = {
            "daily": account.daily_resets != job.daily_resets,
            "fast": account.renewals != job.renewals or subscription_ended,
            "rollover": subscription_ended,
            "topup": False,
            "api": False,
        }
        maximum = {
            "daily": self.daily_allowance,
            "fast": self.allowance(account.plan),
            "rollover": self.bank_ceiling(account.plan),
            "topup": LARGEST_COUNT,
            "api": LARGEST_COUNT,
        }
        for pool, part in job.charge.items():
            if not period_over[pool]:
                # A kept bank may stand above its maximum: then nothing fits, and nothing is taken.
                room = max(0, maximum[pool] - account.pools[pool])
                account.pools[pool] += min(part, room)
        job.refunded = True

    def quote(self, account: Account, record: Record, now: int) -> Details:
        require(record["action"] in self.prices, "price_must_be_listed")
        return {"cost": self.prices[record["action"]]}

    def buy_api(self, account: Account, record: Record, now: int) -> None:
        require(record["amount"] >= 1, "amount_must_be_at_least_one")
        require(account.pools["api"] + record["amount"] <= LARGEST_COUNT, "balance_must_stay_countable")
        account.pools["api"] += record["amount"]

    def api_generate(self, account: Account, record: Record, now: int) -> Details:
        job, cost = record["job"], record["cost"]
        require(cost >= 1, "cost_must_be_at_least_one")
        require(job not in account.jobs, "job_must_be_new")
        require(cost <= account.pools["api"], "api_tokens_must_cover_cost")
        account.pools["api"] -= cost
        self.record_job(account, job, {"api": cost}, by_api=True)
        return {"charge": {"api": cost}}

    def transfer(self, account: Account, record: Record, now: int) -> Details:
        raise Refused("tokens_cannot_be_transferred")

    def enable_relaxed(self, account: Account, record: Record, now: int) -> Details:
        raise Refused("relaxed_cannot_be_switched_on")

    # -- sessions ----------------------------------------------------------------------------------

    def login(self, account: Account, record: Record, now: int) -> None:
        require(record["session"] not in account.sessions, "session_must_be_logged_out")
        account.sessions[record["session"]] = len(account.history) - 1

    def refresh(self, account: Account, record: Record, now: int) -> None:
        require(record["session"] in account.sessions, "session_must_be_logged_in")
        account.sessions[record["session"]] = len(account.history) - 1

    def logout(self, account: Account, record: Record, now: int) -> None:
        require(record["session"] in account.sessions, "session_must_be_logged_in")
        del account.sessions[record["session"]]

    def view(self, account: Account, record: Record, now: int) -> Details:
        """Judge the pools shown, together, against what was true since the session's last sync."""
        require(record["session"] in account.sessions, "session_must_be_logged_in")
        shown = {pool: tokens for pool, tokens in record["shown"].items() if tokens is not None}

        def was_shown_by(balances: dict[str, int]) -> bool:
            return all(balances[pool] == tokens for pool, tokens in shown.items())

        if was_shown_by(account.pools):
            return {"shown_is": "current"}
        since_sync = account.history[account.sessions[record["session"]] :]
        return {"shown_is": "stale" if any(was_shown_by(past) for past in since_sync) else "impossible"}
