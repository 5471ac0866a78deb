/** Where the documents of the service leave a question open, this wallet answers so. */
export const POLICY = {
  burn_order: "fast_rollover_topup",
  daily_position: "first",
  daily_reset_clock: "utc_time_of_day",
  paid_daily_guard: "out_of_tokens",
  paid_daily_leftover: "expires",
  upgrade_grant: "difference",
  downgrade_bank: "truncate",
  lapse_bank: "destroyed",
  month_end: "return_to_day",
  missed_renewals: "each",
  refund: "to_source",
  stranded_remainder: "refuse",
  past_due_spending: "frozen",
  renewal_time: "same_instant",
  downgrade_timing: "at_renewal",
  api_renewal: "adds",
  api_refund: "none",
  repeated_id: "first_answer",
  refused_id: "kept",
};

/** Faults that can be switched on, to see whether a test notices. README.md tells where each comes from. */
export const BUGS = [
  "api_pays_for_app",
  "bank_without_ceiling",
  "cancelled_subscription_renews",
  "daily_adds_up",
  "due_instant_is_missed",
  "month_end_overflows",
  "refund_ignores_expiry",
  "reset_only_when_looked_at",
  "third_party_relaxed",
  "upgrade_counts_as_renewal",
  "upgrade_moves_the_date",
];
