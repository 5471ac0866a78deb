// Written by types.js from the module's description, declaration 547ac31bf889. Not edited by hand.

export type Pool = "daily" | "fast" | "rollover" | "topup" | "api";
export type Plan = "free" | "essential" | "premium" | "ultimate";
export type Status = "free" | "active" | "cancelling" | "past_due";
export type Refusal =
  | "account_must_be_new"
  | "account_must_exist"
  | "account_must_be_free"
  | "plan_must_exist"
  | "plan_must_be_paid"
  | "subscription_must_be_active"
  | "renewal_must_not_be_due"
  | "plan_must_be_higher"
  | "plan_must_be_lower"
  | "subscription_must_be_active_or_past_due"
  | "change_must_be_scheduled"
  | "subscription_must_exist"
  | "renewal_must_be_due"
  | "subscription_must_be_past_due"
  | "daily_reset_must_be_due"
  | "subscription_must_be_active_or_cancelling"
  | "pack_must_exist"
  | "quantity_must_be_at_least_one"
  | "balance_must_stay_countable"
  | "amount_must_be_at_least_one"
  | "tokens_cannot_be_transferred"
  | "model_must_be_listed"
  | "model_must_be_on_plan"
  | "cost_must_be_at_least_one"
  | "action_must_be_listed"
  | "cost_must_be_the_listed_price"
  | "job_must_be_new"
  | "tokens_must_be_used_up_before_relaxed"
  | "medium_must_be_relaxed_on_plan"
  | "third_party_model_must_be_paid_with_tokens"
  | "tokens_must_cover_cost"
  | "api_jobs_cannot_be_refunded"
  | "refunds_must_be_offered"
  | "job_must_have_been_charged"
  | "job_must_not_be_refunded_already"
  | "api_tokens_must_cover_cost"
  | "relaxed_cannot_be_switched_on"
  | "price_must_be_listed";

export interface Happening {
  account: string;
  /** RFC 3339, in UTC */
  at: string;
  id?: string;
}

/** Somebody opens an account. */
export interface OpenAccount extends Happening {
  event: "open_account";
  /** the UTC time of day of the account's daily reset */
  daily_reset_time?: string;
}

/** A free account takes out a paid plan. */
export interface Subscribe extends Happening {
  event: "subscribe";
  /** the plan wanted */
  plan: string;
}

/** A subscriber moves to a higher plan at once; the billing date stays. */
export interface Upgrade extends Happening {
  event: "upgrade";
  /** the plan wanted */
  plan: string;
}

/** A subscriber asks for a lower plan. */
export interface Downgrade extends Happening {
  event: "downgrade";
  /** the plan wanted */
  plan: string;
}

/** A subscriber gives the subscription up. */
export interface Cancel extends Happening {
  event: "cancel";
}

/** A subscriber takes back a cancellation or a scheduled downgrade. */
export interface Resume extends Happening {
  event: "resume";
}

/** The billing job runs for an anniversary. */
export interface Renew extends Happening {
  event: "renew";
}

/** The payment for a renewal does not arrive. */
export interface PaymentFailed extends Happening {
  event: "payment_failed";
}

/** The billing job gives up on an unpaid subscription. */
export interface Lapse extends Happening {
  event: "lapse";
}

/** The daily batch job reaches the account. */
export interface DailyReset extends Happening {
  event: "daily_reset";
}

/** A subscriber buys packs. */
export interface BuyTopup extends Happening {
  event: "buy_topup";
  /** the pack wanted */
  pack: string;
  /** how many of them */
  quantity: number;
}

/** Somebody buys API tokens. */
export interface BuyApi extends Happening {
  event: "buy_api";
  /** how many tokens */
  amount: number;
}

/** Somebody tries to give tokens to another account. */
export interface Transfer extends Happening {
  event: "transfer";
  /** how many tokens */
  amount: number;
  /** the other account */
  to: string;
}

/** Something is generated in the app. */
export interface Generate extends Happening {
  event: "generate";
  /** the price shown before the action */
  cost: number;
  /** what is generated */
  media: "image" | "video";
  /** whose model generates it */
  origin: "first_party" | "third_party";
  /** the generation's own id */
  job: string;
  /** the model's name, which tells its origin */
  model?: string;
  /** its key in the price list */
  action?: string;
}

/** A charged generation is given back. */
export interface Refund extends Happening {
  event: "refund";
  /** the generation's own id */
  job: string;
}

/** Something is generated through the API. */
export interface ApiGenerate extends Happening {
  event: "api_generate";
  /** the price shown before the action */
  cost: number;
  /** the generation's own id */
  job: string;
}

/** Somebody tries to turn unlimited generation on. */
export interface EnableRelaxed extends Happening {
  event: "enable_relaxed";
}

/** Somebody looks at what an action costs. */
export interface Quote extends Happening {
  event: "quote";
  /** its key in the price list */
  action: string;
}

export type AccountEvent =
  | OpenAccount
  | Subscribe
  | Upgrade
  | Downgrade
  | Cancel
  | Resume
  | Renew
  | PaymentFailed
  | Lapse
  | DailyReset
  | BuyTopup
  | BuyApi
  | Transfer
  | Generate
  | Refund
  | ApiGenerate
  | EnableRelaxed
  | Quote;
