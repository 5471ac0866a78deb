// A token account with typed events. It runs its own jobs: whenever it is called, it first does what has fallen due since.

import type { AccountEvent, Refusal, Status } from "./account.ts";
import { DAY, monthsLater, nextMark, show } from "./calendar.ts";
import { POLICY } from "./settings.ts";
import type { About, Answer, Catalogue, Implementation, Request } from "./tokenspec.ts";

const EVENTS = ["open_account", "subscribe", "upgrade", "cancel", "resume", "buy_topup", "generate", "refund", "quote"] as const;
type Taken = Extract<AccountEvent, { event: (typeof EVENTS)[number] }>;

/** Faults that can be switched on, to see whether a test notices. */
export const BUGS = [
  "bank_without_ceiling",
  "daily_adds_up",
  "month_end_overflows",
  "refund_twice",
  "retry_is_charged_again",
  "upgrade_grants_in_full",
] as const;
export type Bug = (typeof BUGS)[number];

const MOST = Number.MAX_SAFE_INTEGER;
const PAYING = ["daily", "fast", "rollover", "topup"] as const;
type Balances = Record<(typeof PAYING)[number], number>;

interface Job {
  charge: Partial<Balances>;
  relaxed: boolean;
  refunded: boolean;
  day: number;
  month: number;
  subscription: number;
}

interface Account {
  status: Exclude<Status, "past_due">;
  plan: string;
  balances: Balances;
  nextReset: number;
  subscribedAt: number;
  /** The next renewal is so many months after `subscribedAt`; none without a subscription. */
  months: number;
  nextRenewal: number;
  /** Days, months and subscriptions that have begun: what was charged in one of them comes back in the same alone. */
  day: number;
  month: number;
  subscription: number;
  jobs: Map<string, Job>;
}

class Refused extends Error {
  readonly code: Refusal;
  constructor(code: Refusal) {
    super(code);
    this.code = code;
  }
}

function demand(condition: boolean, code: Refusal): asserts condition {
  if (!condition) throw new Refused(code);
}

const own = <T>(table: Record<string, T>, key: string): T | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);

export class Wallet implements Implementation {
  private catalogue!: Catalogue;
  private readonly accounts = new Map<string, Account>();
  /** By account and id, as one text, the first answer. */
  private readonly answers = new Map<string, string>();
  private readonly bugs: ReadonlySet<string>;

  constructor(bugs: readonly string[] = (process.env.WALLET_BUGS ?? "").split(",").filter((bug) => bug !== "")) {
    const unknown = bugs.filter((bug) => !BUGS.some((known) => known === bug));
    if (unknown.length > 0) throw new Error(`unknown bugs: ${unknown.join(", ")}; known are ${BUGS.join(", ")}`);
    this.bugs = new Set(bugs);
  }

  handle(request: Request): About | Answer | { error: string } | Record<string, never> {
    switch (request.op) {
      case "open":
        this.catalogue = request.catalogue;
        this.accounts.clear();
        this.answers.clear();
        return ABOUT;
      case "apply":
        return isTaken(request) ? this.apply(request) : { error: `it takes no ${request.event}` };
      case "close":
        return {};
    }
  }

  private has(bug: Bug): boolean {
    return this.bugs.has(bug);
  }

  /** Carries one event out and answers it. A repeated id gets its first answer and changes nothing. */
  private apply(event: Taken): Answer {
    const now = Date.parse(event.at);
    const known = this.accounts.get(event.account);
    if (known !== undefined) this.runWhatIsDue(known, now);
    const key = event.id === undefined ? undefined : JSON.stringify([event.account, event.id]);
    const first = key === undefined ? undefined : this.answers.get(key);
    if (first !== undefined && !this.has("retry_is_charged_again")) return { ...JSON.parse(first), duplicate: true };
    let answer: Pick<Answer, "outcome" | "reason" | "mode" | "charge" | "cost">;
    try {
      answer = { outcome: "accepted", ...this.carryOut(event, known, now) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer = { outcome: "refused", reason: error.code };
    }
    const whole = { ...answer, ...stateOf(this.accounts.get(event.account)) };
    if (key !== undefined) this.answers.set(key, JSON.stringify(whole));
    return whole;
  }

  private carryOut(event: Taken, account: Account | undefined, now: number): Partial<Answer> {
    if (event.event === "open_account") {
      demand(account === undefined, "account_must_be_new");
      this.accounts.set(event.account, this.opened(now, event.daily_reset_time));
      return {};
    }
    demand(account !== undefined, "account_must_exist");
    switch (event.event) {
      case "subscribe": {
        demand(account.status === "free", "account_must_be_free");
        const { allowance } = this.planOf(event.plan);
        demand(this.rank(event.plan) > 0, "plan_must_be_paid");
        Object.assign(account, { status: "active", plan: event.plan, subscribedAt: now, months: 1 });
        account.nextRenewal = this.anniversary(account);
        account.subscription += 1;
        account.balances.fast = allowance;
        return {};
      }
      case "upgrade": {
        demand(account.status === "active", "subscription_must_be_active");
        const { allowance } = this.planOf(event.plan);
        demand(this.rank(event.plan) > this.rank(account.plan), "plan_must_be_higher");
        account.balances.fast += allowance - (this.has("upgrade_grants_in_full") ? 0 : this.planOf(account.plan).allowance);
        account.plan = event.plan;
        return {};
      }
      case "cancel":
        demand(account.status === "active", "subscription_must_be_active_or_past_due");
        account.status = "cancelling";
        return {};
      case "resume":
        demand(account.status === "cancelling", "change_must_be_scheduled");
        account.status = "active";
        return {};
      case "buy_topup": {
        demand(account.status !== "free", "subscription_must_be_active_or_cancelling");
        const size = own(this.catalogue.packs, event.pack);
        demand(size !== undefined, "pack_must_exist");
        demand(event.quantity >= 1, "quantity_must_be_at_least_one");
        // A quotient of whole numbers below 2^53 is exact where nothing is left over; their product need not be.
        const room = MOST - account.balances.topup;
        demand(event.quantity <= (room - (room % size)) / size, "balance_must_stay_countable");
        account.balances.topup += size * event.quantity;
        return {};
      }
      case "generate":
        return this.generate(account, event);
      case "refund":
        return this.refund(account, event.job);
      case "quote": {
        const cost = own(this.catalogue.prices, event.action);
        demand(cost !== undefined, "price_must_be_listed");
        return { cost };
      }
      default:
        return event satisfies never;
    }
  }

  private opened(now: number, resetTime = "00:00"): Account {
    const balances = { daily: this.catalogue.daily, fast: 0, rollover: 0, topup: 0 };
    const [plan = ""] = this.catalogue.ranking;
    const nextReset = this.catalogue.daily > 0 ? nextMark(resetTime, now) : Infinity;
    const clocks = { nextReset, subscribedAt: 0, months: 0, nextRenewal: Infinity };
    const begun = { day: 0, month: 0, subscription: 0, jobs: new Map() };
    return { status: "free", plan, balances, ...clocks, ...begun };
  }

  private generate(account: Account, { job, cost, media, origin }: Extract<Taken, { event: "generate" }>): Partial<Answer> {
    demand(cost >= 1, "cost_must_be_at_least_one");
    demand(!account.jobs.has(job), "job_must_be_new");
    const charge: Partial<Balances> = {};
    let rest = cost;
    for (const pool of PAYING) {
      const part = account.status === "free" && pool !== "daily" ? 0 : Math.min(rest, account.balances[pool]);
      if (part > 0) charge[pool] = part;
      rest -= part;
    }
    const isRelaxed = rest > 0;
    if (isRelaxed) this.demandRelaxed(account, media, origin, rest === cost);
    else for (const pool of PAYING) account.balances[pool] -= charge[pool] ?? 0;
    const { day, month, subscription } = account;
    account.jobs.set(job, { charge, relaxed: isRelaxed, refunded: false, day, month, subscription });
    return isRelaxed ? { mode: "relaxed", charge: {} } : { mode: "tokens", charge };
  }

  /** Refuses, unless the generation goes on without tokens; where one condition alone is missing, names that one. */
  private demandRelaxed({ plan }: Account, media: string, origin: string, isUsedUp: boolean): void {
    const { relaxed } = this.planOf(plan);
    const missing: Refusal[] = [];
    if (!isUsedUp) missing.push("tokens_must_be_used_up_before_relaxed");
    if (!relaxed.includes(media)) missing.push("medium_must_be_relaxed_on_plan");
    if (origin !== "first_party") missing.push("third_party_model_must_be_paid_with_tokens");
    const [only, ...others] = missing;
    demand(relaxed.length > 0 && others.length === 0, "tokens_must_cover_cost");
    if (only !== undefined) throw new Refused(only);
  }

  private refund(account: Account, name: string): Partial<Answer> {
    const job = account.jobs.get(name);
    demand(job !== undefined && !job.relaxed, "job_must_have_been_charged");
    demand(!job.refunded || this.has("refund_twice"), "job_must_not_be_refunded_already");
    job.refunded = true;
    const isSubscribed = job.subscription === account.subscription;
    const { allowance } = this.planOf(account.plan);
    const most: Balances = {
      daily: job.day === account.day ? this.catalogue.daily : 0,
      fast: isSubscribed && job.month === account.month ? allowance : 0,
      rollover: isSubscribed ? this.catalogue.bank_months * allowance : 0,
      topup: MOST,
    };
    for (const pool of PAYING) {
      const held = account.balances[pool];
      account.balances[pool] += Math.max(0, Math.min(job.charge[pool] ?? 0, most[pool] - held));
    }
    return {};
  }

  /** Runs both jobs up to now, in the order in which they fell due; at one instant the renewal comes first. */
  private runWhatIsDue(account: Account, now: number): void {
    for (;;) {
      if (account.nextRenewal <= Math.min(now, account.nextReset)) this.renew(account);
      else if (account.nextReset <= now) this.resetDaily(account, Math.min(now, account.nextRenewal - 1));
      else return;
    }
  }

  private renew(account: Account): void {
    const { balances } = account;
    if (account.status === "cancelling") {
      const [plan = ""] = this.catalogue.ranking;
      Object.assign(account, { status: "free", plan, nextRenewal: Infinity });
      Object.assign(balances, { fast: 0, rollover: 0 });
      account.subscription += 1;
      return;
    }
    const { allowance } = this.planOf(account.plan);
    const ceiling = this.has("bank_without_ceiling") ? Infinity : this.catalogue.bank_months * allowance;
    balances.rollover = Math.min(balances.rollover + balances.fast, ceiling);
    balances.fast = allowance;
    account.month += 1;
    account.months += 1;
    account.nextRenewal = this.anniversary(account);
  }

  /** Nothing happens between the marks up to `until`, so that one run settles them all. */
  private resetDaily(account: Account, until: number): void {
    const { balances } = account;
    const isOut = balances.fast + balances.rollover + balances.topup === 0;
    const allowance = account.status === "free" || isOut ? this.catalogue.daily : 0;
    balances.daily = allowance + (this.has("daily_adds_up") ? balances.daily : 0);
    account.day += 1;
    account.nextReset += (Math.floor((until - account.nextReset) / DAY) + 1) * DAY;
  }

  private anniversary({ subscribedAt, months }: Account): number {
    return monthsLater(subscribedAt, months, this.has("month_end_overflows"));
  }

  private planOf(name: string): Catalogue["plans"][string] {
    const plan = own(this.catalogue.plans, name);
    demand(plan !== undefined, "plan_must_exist");
    return plan;
  }

  private rank(plan: string): number {
    return this.catalogue.ranking.indexOf(plan);
  }
}

function isTaken(request: { op: "apply" } & AccountEvent): request is { op: "apply" } & Taken {
  return EVENTS.some((event) => event === request.event);
}

function stateOf(account: Account | undefined): Omit<Answer, "outcome"> {
  if (account === undefined) return { status: null, plan: null, balances: {}, next_daily_reset_at: null, next_renewal_at: null };
  const { status, plan, balances, nextReset, nextRenewal } = account;
  return { status, plan, balances: { ...balances }, next_daily_reset_at: show(nextReset), next_renewal_at: show(nextRenewal) };
}

const ABOUT: About = {
  name: "typescript-wallet",
  version: "1",
  resets: "implied",
  events: EVENTS,
  observes: [
    ...["outcome", "reason", "mode", "charge", "cost", "status", "plan", "duplicate", "next_daily_reset_at", "next_renewal_at"],
    ...PAYING.map((pool) => `balances.${pool}`),
  ],
  policy: POLICY,
};
