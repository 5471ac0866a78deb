"""An adapter for django-ai-tokens-meter 0.1.0: grants of an account, in Django on SQLite, over standard input and output.

`django_meter.py free` meters the daily tokens, `refunds` gives them back too, `paid` adds plans.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "ai_tokens"],
    USE_TZ=True,
    TIME_ZONE="UTC",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from ai_tokens.exceptions import InsufficientTokens, NoActiveGrant  # noqa: E402 - models need the settings
from ai_tokens.meter import TokenMeter  # noqa: E402
from ai_tokens.models import ResetInterval, TokenGrant, TokenLedger  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

EVENTS = {
    "free": ["open_account", "generate"],
    "refunds": ["open_account", "generate", "refund"],
    "paid": ["open_account", "subscribe", "generate"],
}
POOLS = {"free_tier": "daily", "plan": "fast"}
PLANS = {"free": 0, "basic": 1_000, "pro": 5_000}


class Adapter:
    def __init__(self, events: str) -> None:
        self.events = EVENTS[events]
        call_command("migrate", verbosity=0)
        # The package asks Django for the time.
        timezone.now = lambda: self.at

    def open(self, request: dict[str, Any]) -> dict[str, Any]:
        for model in (TokenLedger, TokenGrant, User):
            model.objects.all().delete()
        self.daily = request["catalogue"]["daily"]
        paid = ["balances.fast", "next_renewal_at"] if "subscribe" in self.events else []
        return {
            "name": "django-ai-tokens-meter",
            "version": "0.1.0",
            "resets": "implied",
            "events": self.events,
            "observes": ["outcome", "balances.daily", "next_daily_reset_at", *paid],
            "catalogue": {
                "bank_months": 0,
                "ranking": list(PLANS),
                "plans": {name: {"allowance": tokens} for name, tokens in PLANS.items()},
                "packs": {},
            },
            "policy": {
                "refund": "to_source",
                "daily_position": "first",
                "daily_reset_clock": "utc_time_of_day",
                "paid_daily_guard": "always",
            },
            "values": {"daily_reset_time": ["00:00"]},
            "refusals": ["tokens_must_cover_cost"],
        }

    def apply(self, request: dict[str, Any]) -> dict[str, Any]:
        self.at = datetime.fromisoformat(request["at"].replace("Z", "+00:00"))
        user, _ = User.objects.get_or_create(username=request["account"])
        meter, outcome = TokenMeter(user), "accepted"
        meter.breakdown()  # which resets what is due
        try:
            getattr(self, request["event"])(meter, request)
        except (InsufficientTokens, NoActiveGrant):
            outcome = "refused"
        rows = {POOLS[row["grant_type"]]: row for row in meter.breakdown()}
        due = {pool: row["next_reset_at"].isoformat() for pool, row in rows.items() if row["next_reset_at"]}
        balances = {pool: rows[pool]["balance"] if pool in rows else 0 for pool in POOLS.values()}
        dates = {"next_daily_reset_at": due.get("daily"), "next_renewal_at": due.get("fast")}
        return {"outcome": outcome, "balances": balances, **dates}

    def open_account(self, meter: Any, request: dict[str, Any]) -> None:
        midnight = self.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        meter.grant("free_tier", self.daily, ResetInterval.DAILY, priority=0, anchor_time=midnight)

    def subscribe(self, meter: Any, request: dict[str, Any]) -> None:
        meter.grant("plan", PLANS[request["plan"]], ResetInterval.MONTHLY, priority=10)

    def generate(self, meter: Any, request: dict[str, Any]) -> None:
        meter.consume(request["cost"], reason="usage", request_meta={"job": request["job"]})

    def refund(self, meter: Any, request: dict[str, Any]) -> None:
        # A second refund of a job would be refused with a code that is not listed, and so it is never asked for.
        for entry in TokenLedger.objects.filter(grant__object_id=meter.subject.pk, request_meta__job=request["job"]):
            meter.refund(-entry.delta, entry.grant.grant_type)

    def close(self, request: dict[str, Any]) -> dict[str, Any]:
        return {}


if __name__ == "__main__":
    adapter = Adapter(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(getattr(adapter, asked["op"])(asked)) + "\n")
        sys.stdout.flush()
