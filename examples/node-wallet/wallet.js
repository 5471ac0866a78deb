// The rules of the wallet. It runs its own jobs: whenever it is called, it first does what has fallen due since.

import { DAY, monthsLater, nextMark, show } from "./calendar.js";
import { BUGS } from "./settings.js";

const MOST = Number.MAX_SAFE_INTEGER; // 2^53 - 1
const APP_POOLS = ["daily", "fast", "rollover", "topup"];

class Refused extends Error {}

function require(condition, reason) {
  if (!condition) throw new Refused(reason);
}

/** A value of a table under a name that came from outside ("constructor" is not in an empty table). */
function lookUp(table, key) {
  return table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}

export class Wallet {
  constructor(catalogue, bugs = []) {
    this.catalogue = catalogue;
    this.accounts = new Map();
    this.answers = new Map(); // account -> event id -> first answer, as text
    this.bugs = new Set(bugs);
    const unknown = bugs.filter((bug) => !BUGS.includes(bug));
    if (unknown.length > 0) throw new Error(`unknown bugs: ${unknown.join(", ")}; known are ${BUGS.join(", ")}`);
  }

  /** Carries one record out and answers it. A repeated event id gets its first answer and changes nothing. */
  apply(record) {
    const now = Date.parse(record.at);
    const account = this.accounts.get(record.account);
    const lookedAt = ["login", "refresh", "view"].includes(record.event);
    if (account && (lookedAt || !this.bugs.has("reset_only_when_looked_at"))) this.runWhatIsDue(account, now);

    const id = record.id ?? null;
    const first = id === null ? undefined : this.answers.get(record.account)?.get(id);
    if (first !== undefined) return { ...JSON.parse(first), duplicate: true };

    const answer = this.run(account, record, now);
    if (id !== null) {
      if (!this.answers.has(record.account)) this.answers.set(record.account, new Map());
      this.answers.get(record.account).set(id, JSON.stringify(answer));
    }
    return answer;
  }

  run(account, record, now) {
    let answer;
    try {
      if (record.event === "open_account") {
        require(account === undefined, "account_must_be_new");
        account = this.openAccount(record, now);
        answer = {};
      } else {
        require(account !== undefined, "account_must_exist");
        answer = HANDLERS[record.event].call(this, account, record, now) ?? {};
      }
      answer = { outcome: "accepted", ...answer };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer = { outcome: "refused", reason: error.message };
    }
    if (account) noteBalances(account);
    return { ...answer, ...stateOf(account) };
  }

  openAccount(record, now) {
    const account = {
      status: "free",
      plan: this.catalogue.ranking[0],
      scheduledPlan: null,
      balances: { daily: this.catalogue.daily, fast: 0, rollover: 0, topup: 0, api: 0 },
      // Without daily tokens no day ever falls due.
      nextDailyReset: this.catalogue.daily > 0 ? nextMark(record.daily_reset_time ?? "00:00", now) : Infinity,
      subscribedAt: null,
      months: 0, // the next renewal is this many months after subscribedAt
      nextRenewal: null,
      day: 0, // daily resets that have run
      month: 0, // renewals that have run
      subscription: 0, // begins and ends of a subscription
      jobs: new Map(),
      sessions: new Map(), // session -> its place in `history` when it last synced
      history: [], // every breakdown that was ever true, in order
    };
    this.accounts.set(record.account, account);
    return account;
  }

  // What falls due

  /** Runs both jobs up to now, in the order in which they fell due; at one instant the renewal comes first. */
  runWhatIsDue(account, now) {
    const until = this.bugs.has("due_instant_is_missed") ? now - 1 : now;
    for (;;) {
      const renewal = account.nextRenewal ?? Infinity;
      if (renewal <= Math.min(until, account.nextDailyReset)) {
        this.renew(account);
      } else if (account.nextDailyReset <= until) {
        // Nothing happens between the marks before the next renewal, so that one run settles them all.
        this.resetDaily(account, Math.min(until, renewal - 1));
      } else {
        return;
      }
      noteBalances(account);
    }
  }

  renew(account) {
    if (account.status === "cancelling" && !this.bugs.has("cancelled_subscription_renews")) {
      this.end(account);
      return;
    }
    if (account.scheduledPlan !== null) {
      account.plan = account.scheduledPlan;
      account.scheduledPlan = null;
    }
    this.turnMonth(account);
    account.months += 1;
    account.nextRenewal = this.anniversary(account);
  }

  turnMonth(account) {
    const { balances } = account;
    const ceiling = this.bugs.has("bank_without_ceiling") ? MOST : this.ceiling(account);
    balances.rollover = Math.min(ceiling, lifted(balances.rollover, balances.fast, ceiling));
    account.month += 1;
    this.grantMonth(account);
  }

  anniversary({ subscribedAt, months }) {
    if (!this.bugs.has("month_end_overflows")) return monthsLater(subscribedAt, months);
    const date = new Date(subscribedAt);
    date.setUTCMonth(date.getUTCMonth() + months);
    return date.getTime();
  }

  resetDaily(account, until) {
    const { balances } = account;
    const outOfTokens = balances.fast === 0 && balances.rollover === 0 && balances.topup === 0;
    const allowance = account.status === "free" || outOfTokens ? this.catalogue.daily : 0;
    balances.daily = this.bugs.has("daily_adds_up") ? balances.daily + allowance : allowance;
    account.day += 1;
    account.nextDailyReset += (Math.floor((until - account.nextDailyReset) / DAY) + 1) * DAY;
  }

  grantMonth({ plan, balances }) {
    const { allowance, api } = this.catalogue.plans[plan];
    balances.fast = allowance;
    balances.api = lifted(balances.api, api, MOST);
  }

  end(account) {
    account.status = "free";
    account.plan = this.catalogue.ranking[0];
    account.scheduledPlan = null;
    account.balances.fast = 0;
    account.balances.rollover = 0;
    account.nextRenewal = null;
    account.subscription += 1;
  }

  // The subscription

  rank(plan) {
    require(lookUp(this.catalogue.plans, plan) !== undefined, "plan_must_exist");
    return this.catalogue.ranking.indexOf(plan);
  }

  ceiling({ plan }) {
    return this.catalogue.bank_months * this.catalogue.plans[plan].allowance;
  }

  subscribe(account, { plan }, now) {
    require(account.status === "free", "account_must_be_free");
    require(this.rank(plan) > 0, "plan_must_be_paid");
    account.status = "active";
    account.plan = plan;
    account.subscribedAt = now;
    account.months = 1;
    account.nextRenewal = this.anniversary(account);
    account.subscription += 1;
    this.grantMonth(account);
  }

  upgrade(account, { plan }, now) {
    require(account.status === "active", "subscription_must_be_active");
    require(this.rank(plan) > this.rank(account.plan), "plan_must_be_higher");
    account.balances.fast += this.catalogue.plans[plan].allowance - this.catalogue.plans[account.plan].allowance;
    account.plan = plan;
    account.scheduledPlan = null;
    if (this.bugs.has("upgrade_counts_as_renewal")) this.turnMonth(account);
    if (this.bugs.has("upgrade_moves_the_date")) {
      account.subscribedAt = now;
      account.months = 1;
      account.nextRenewal = this.anniversary(account);
    }
  }

  downgrade(account, { plan }) {
    require(account.status === "active", "subscription_must_be_active");
    const rank = this.rank(plan);
    require(rank > 0, "plan_must_be_paid");
    require(rank < this.rank(account.plan), "plan_must_be_lower");
    account.scheduledPlan = plan;
  }

  cancel(account) {
    require(account.status === "active", "subscription_must_be_active_or_past_due");
    account.status = "cancelling";
    account.scheduledPlan = null;
  }

  resume(account) {
    require(account.status === "cancelling" || account.scheduledPlan !== null, "change_must_be_scheduled");
    account.status = "active";
    account.scheduledPlan = null;
  }

  // Tokens

  buyTopup({ status, balances }, { pack, quantity }) {
    require(status !== "free", "subscription_must_be_active_or_cancelling");
    const size = lookUp(this.catalogue.packs, pack);
    require(size !== undefined, "pack_must_exist");
    require(quantity >= 1, "quantity_must_be_at_least_one");
    // Beyond 2^53 a product of two numbers is no longer exact.
    const after = BigInt(balances.topup) + BigInt(size) * BigInt(quantity);
    require(after <= BigInt(MOST), "balance_must_stay_countable");
    balances.topup = Number(after);
  }

  generate(account, { job, cost, media, origin }) {
    require(cost >= 1, "cost_must_be_at_least_one");
    require(!account.jobs.has(job), "job_must_be_new");
    const charge = {};
    let rest = cost;
    const pools = account.status === "free" ? ["daily"] : APP_POOLS;
    for (const pool of this.bugs.has("api_pays_for_app") ? [...pools, "api"] : pools) {
      const part = Math.min(rest, account.balances[pool]);
      if (part > 0) charge[pool] = part;
      rest -= part;
    }
    if (rest > 0) {
      this.requireRelaxed(account, media, origin, rest === cost);
      account.jobs.set(job, { refundable: false });
      return { mode: "relaxed", charge: {} };
    }
    for (const [pool, part] of Object.entries(charge)) account.balances[pool] -= part;
    const { day, month, subscription } = account;
    account.jobs.set(job, { refundable: true, refunded: false, charge, day, month, subscription });
    return { mode: "tokens", charge };
  }

  /** Refuses, unless the generation goes on without tokens; where one condition alone is missing, names that one. */
  requireRelaxed(account, media, origin, usedUp) {
    const { relaxed } = this.catalogue.plans[account.plan];
    require(relaxed.length > 0, "tokens_must_cover_cost");
    const missing = [];
    if (!usedUp) missing.push("tokens_must_be_used_up_before_relaxed");
    if (!relaxed.includes(media)) missing.push("medium_must_be_relaxed_on_plan");
    if (origin !== "first_party" && !this.bugs.has("third_party_relaxed")) missing.push("third_party_model_must_be_paid_with_tokens");
    require(missing.length === 0, missing.length === 1 ? missing[0] : "tokens_must_cover_cost");
  }

  refund(account, { job }) {
    const entry = account.jobs.get(job);
    require(!entry?.api, "api_jobs_cannot_be_refunded");
    require(entry?.refundable, "job_must_have_been_charged");
    require(!entry.refunded, "job_must_not_be_refunded_already");
    entry.refunded = true;
    const { balances } = account;
    const all = this.bugs.has("refund_ignores_expiry");
    const sameSubscription = all || entry.subscription === account.subscription;
    const maximum = {
      daily: all || entry.day === account.day ? this.catalogue.daily : 0,
      fast: all || (sameSubscription && entry.month === account.month) ? this.catalogue.plans[account.plan].allowance : 0,
      rollover: sameSubscription ? this.ceiling(account) : 0,
      topup: MOST,
      api: MOST,
    };
    for (const [pool, part] of Object.entries(entry.charge)) balances[pool] = lifted(balances[pool], part, maximum[pool]);
  }

  quote(account, { action }) {
    const cost = lookUp(this.catalogue.prices, action);
    require(cost !== undefined, "price_must_be_listed");
    return { cost };
  }

  buyApi({ balances }, { amount }) {
    require(amount >= 1, "amount_must_be_at_least_one");
    require(amount <= MOST - balances.api, "balance_must_stay_countable");
    balances.api += amount;
  }

  apiGenerate(account, { job, cost }) {
    require(cost >= 1, "cost_must_be_at_least_one");
    require(!account.jobs.has(job), "job_must_be_new");
    require(cost <= account.balances.api, "api_tokens_must_cover_cost");
    account.balances.api -= cost;
    account.jobs.set(job, { refundable: false, api: true });
    return { charge: { api: cost } };
  }

  transfer() {
    throw new Refused("tokens_cannot_be_transferred");
  }

  enableRelaxed() {
    throw new Refused("relaxed_cannot_be_switched_on");
  }

  // Sessions

  login(account, { session }) {
    require(!account.sessions.has(session), "session_must_be_logged_out");
    account.sessions.set(session, account.history.length - 1);
  }

  refresh(account, { session }) {
    require(account.sessions.has(session), "session_must_be_logged_in");
    account.sessions.set(session, account.history.length - 1);
  }

  logout(account, { session }) {
    require(account.sessions.delete(session), "session_must_be_logged_in");
  }

  view(account, { session, shown }) {
    require(account.sessions.has(session), "session_must_be_logged_in");
    const isTrue = (balances) => Object.entries(shown).every(([pool, tokens]) => balances[pool] === tokens);
    if (isTrue(account.balances)) return { shown_is: "current" };
    const sinceSync = account.history.slice(account.sessions.get(session));
    return { shown_is: sinceSync.some(isTrue) ? "stale" : "impossible" };
  }
}

const { prototype } = Wallet;
const HANDLERS = {
  subscribe: prototype.subscribe,
  upgrade: prototype.upgrade,
  downgrade: prototype.downgrade,
  cancel: prototype.cancel,
  resume: prototype.resume,
  buy_topup: prototype.buyTopup,
  generate: prototype.generate,
  refund: prototype.refund,
  quote: prototype.quote,
  buy_api: prototype.buyApi,
  api_generate: prototype.apiGenerate,
  transfer: prototype.transfer,
  enable_relaxed: prototype.enableRelaxed,
  login: prototype.login,
  refresh: prototype.refresh,
  logout: prototype.logout,
  view: prototype.view,
};
export const EVENTS = ["open_account", ...Object.keys(HANDLERS)];

/** A balance with a part added that lifts it to the maximum at most, and never lowers it. */
function lifted(balance, part, maximum) {
  return balance >= maximum ? balance : balance + Math.min(part, maximum - balance);
}

function noteBalances({ history, balances }) {
  const last = history.at(-1);
  if (!last || APP_POOLS.some((pool) => last[pool] !== balances[pool])) history.push({ ...balances });
}

function stateOf(account) {
  if (!account) {
    return { status: null, plan: null, scheduled_plan: null, balances: {}, next_daily_reset_at: null, next_renewal_at: null };
  }
  return {
    status: account.status,
    plan: account.plan,
    scheduled_plan: account.scheduledPlan,
    balances: { ...account.balances },
    next_daily_reset_at: show(account.nextDailyReset),
    next_renewal_at: show(account.nextRenewal),
  };
}
