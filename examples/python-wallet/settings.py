# ruff: noqa: INP001
"""What this wallet answers where the documents leave a question open, and the faults it offers."""

from __future__ import annotations

POLICY = {
    "burn_order": "fast_rollover_topup",
    "daily_position": "first",
    "daily_reset_clock": "utc_time_of_day",
    "paid_daily_guard": "out_of_tokens",
    "paid_daily_leftover": "expires",
    "upgrade_grant": "difference",
    "downgrade_bank": "truncate",
    "lapse_bank": "destroyed",
    "month_end": "return_to_day",
    "missed_renewals": "each",
    "refund": "to_source",
    "stranded_remainder": "refuse",
    "past_due_spending": "frozen",
    "renewal_time": "same_instant",
    "downgrade_timing": "at_renewal",
    "api_renewal": "adds",
    "api_refund": "none",
    "repeated_id": "first_answer",
    "refused_id": "kept",
}
# Faults that can be switched on, to see whether a test notices. Where each comes from is told in README.md.
BUGS = frozenset({
    "bank_without_ceiling",
    "cancel_ends_at_once",
    "daily_adds_up",
    "lapse_takes_topup",
    "late_reset_moves_the_mark",
    "month_end_drifts",
    "refund_to_fast_first",
    "refund_twice",
    "renewal_job_runs_twice",
    "retry_is_charged",
    "third_party_relaxed",
    "topup_before_bank",
    "upgrade_adds_whole_allowance",
})  # fmt: skip
