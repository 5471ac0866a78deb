"""Four sentences about a token account that always hold, tried by Hypothesis on random lives of two accounts.

For an account of your own, change `opened`: its events are methods that return true if accepted, its balances are attributes.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.machine.interpreters.live import live_account

APP_POOLS = ("daily", "fast", "rollover", "topup")
ALLOWANCE = {"free": 0, "essential": 8_500, "premium": 25_000, "ultimate": 60_000}
OPEN = ("stranded_remainder", "downgrade_bank", "lapse_bank", "past_due_spending")  # the open questions that matter here
ANSWERS = {p.name: st.sampled_from([answer for answer, _ in p.answers]) for p in SPECIFICATION.policies if p.name in OPEN}
WHO = st.sampled_from(["ada", "ben"])


class TwoAccounts(RuleBasedStateMachine):
    def opened(self) -> Any:
        account = live_account(SPECIFICATION, self.policy)
        assert account.open_account()
        return account

    @initialize(policy=st.fixed_dictionaries(ANSWERS), plan=st.sampled_from(list(ALLOWANCE)))
    def begin(self, policy: dict[str, str], plan: str) -> None:
        self.policy, self.jobs = policy, 0
        self.accounts = {"ada": self.opened(), "ben": self.opened()}
        self.seen = {who: self.balances(who) for who in self.accounts}
        self.happens("ada", "subscribe", plan=plan)

    def balances(self, who: str) -> dict[str, int]:
        return {pool: getattr(self.accounts[who], pool) for pool in (*APP_POOLS, "api")}

    def happens(self, who: str, event: str, **fields: Any) -> bool:
        accepted: bool = getattr(self.accounts[who], event)(**fields)
        self.seen[who] = self.balances(who)
        return accepted

    @rule(who=WHO, event=st.sampled_from(["subscribe", "upgrade", "downgrade"]), plan=st.sampled_from(list(ALLOWANCE)))
    def changes_plan(self, who: str, event: str, plan: str) -> None:
        self.happens(who, event, plan=plan)

    @rule(who=WHO, event=st.sampled_from(["cancel", "resume", "payment_failed", "lapse"]))
    def stops_or_goes_on(self, who: str, event: str) -> None:
        self.happens(who, event)

    @rule(who=WHO, quantity=st.integers(1, 3))
    def buys(self, who: str, quantity: int) -> None:
        self.happens(who, "buy_topup", pack="small", quantity=quantity)
        assert not self.happens(who, "transfer", to="somebody", amount=quantity), "tokens are never given away"

    @rule(who=WHO, job=st.sampled_from(["daily_reset", "renew"]), falls_due=st.integers(1, 5))
    def time_goes_by(self, who: str, job: str, falls_due: int) -> None:
        for _ in range(falls_due):
            self.happens(who, "renewal_falls_due" if job == "renew" else "daily_reset_falls_due")
            self.happens(who, job)

    @rule(who=WHO, left=st.sampled_from([-20, 0, 20]), of=st.sampled_from(["first_party", "third_party"]), refunded=st.booleans())
    def generates(self, who: str, left: int, of: str, refunded: bool) -> None:
        held, self.jobs = sum(self.balances(who)[pool] for pool in APP_POOLS), self.jobs + 1
        cost, job = max(1, held - left), str(self.jobs)
        accepted = self.happens(who, "generate", job=job, cost=cost, media="image", origin=of)
        if accepted and self.accounts[who].answer["mode"] == "relaxed":
            counts = held >= cost or self.policy["stranded_remainder"] == "refuse"
            assert held == 0 or not counts, "unlimited only when every spendable pool is empty"
        if refunded:
            self.happens(who, "refund", job=job)
        self.happens(who, "api_generate", job=f"{job} by API", cost=1)

    @invariant()
    def no_pool_is_negative(self) -> None:
        assert all(tokens >= 0 for balances in self.seen.values() for tokens in balances.values())

    @invariant()
    def the_bank_holds_three_months(self) -> None:
        for account in self.accounts.values():
            is_kept = self.policy["downgrade_bank"] == "keep" or (account.status, self.policy["lapse_bank"]) == ("free", "frozen")
            assert account.rollover <= 3 * (max(ALLOWANCE.values()) if is_kept else ALLOWANCE[account.plan])

    @invariant()
    def nobody_gives_tokens_away(self) -> None:
        assert self.seen == {who: self.balances(who) for who in self.accounts}


TestTwoAccounts = TwoAccounts.TestCase
TestTwoAccounts.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
