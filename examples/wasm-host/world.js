// Accounts around the declared machines: what has no place in them. The clock (which instants fall due), and the journal: job
// ids with what each pool paid, event ids with their first answers, sessions with the balances that were true.
// Whether an event is accepted, what it changes and which clock it starts or stops is the machines' word alone.

import { calendarUnder, formatInstant, parseInstant, passOne, passUntil, settle, startClock } from "./calendar.js";

export const APP_POOLS = ["daily", "fast", "rollover", "topup"];
export const NONE = "(none)";
export const UNLISTED = "(not listed)";
const CHARGE = "charge_";
/** What an answer says of the event, beside the account's state. */
const OF_THE_EVENT = ["outcome", "reason", "mode", "charge", "cost", "shown_is"];

/** A catalogue, as the protocol writes it, as parameters of the account. */
export function figures({ ranking, daily, bank_months: months, plans, packs }) {
  const found = { daily_allowance: daily, bank_months: months };
  for (const name of ranking) {
    const { allowance, api, relaxed } = plans[name];
    Object.assign(found, { [`allowance[${name}]`]: allowance, [`api[${name}]`]: api });
    for (const medium of ["image", "video"]) found[`relaxed[${name},${medium}]`] = relaxed.includes(medium);
  }
  for (const [name, size] of Object.entries(packs)) found[`pack[${name}]`] = size;
  return found;
}

/** Accounts of their own: what changes in place is copied, everything else is shared. */
function copied(accounts) {
  const own = (entries) => new Map(Array.from(entries, ([key, value]) => [key, { ...value }]));
  return new Map(
    Array.from(accounts, ([name, account]) => [
      name,
      {
        ...account,
        daily: account.daily && { ...account.daily },
        renewal: account.renewal && { ...account.renewal },
        jobs: new Map(account.jobs),
        answers: new Map(account.answers),
        sessions: own(account.sessions),
        timeline: [...account.timeline],
      },
    ]),
  );
}

export class World {
  /**
   * `account` and `session` are machines; without a session machine there are no sessions. `prices` are tokens by action,
   * `models` whose a listed model is, by its name.
   * Parameters of `account` may be set anew at any time, and hold from then on.
   */
  constructor(account, session = null, prices = {}, models = {}) {
    Object.assign(this, { machine: account, session, prices: new Map(Object.entries(prices)), models: new Map(Object.entries(models)) });
    this.accounts = new Map();
    account.setParameters({});
    this.initial = account.state;
    session?.setParameters({});
    this.loggedOut = session?.state;
    this.clocks = Object.fromEntries(account.about.clocks.map((clock) => [clock.name, clock]));
    /** Called after every step of either machine with `{machine, event, fields, before, outcome, at}`. */
    this.watch = null;
  }

  /** The calendar of a clock, under the policies as they stand. */
  calendar(clock) {
    return calendarUnder(this.clocks[clock].calendar, (policy) => this.machine.parameter(policy));
  }

  /** The account of that name, as it stands; one never seen is absent. */
  account(name) {
    if (!this.accounts.has(name)) {
      const counts = { day: 0, month: 0, subscription: 0 };
      const journal = { jobs: new Map(), answers: new Map(), sessions: new Map(), timeline: [] };
      this.accounts.set(name, { state: this.initial, daily: null, renewal: null, ran: {}, ...counts, ...journal });
    }
    return this.accounts.get(name);
  }

  /** The answer to one record. */
  apply(record) {
    const account = this.account(record.account);
    const first = record.id == null ? undefined : account.answers.get(record.id);
    const repeated = this.machine.parameter("repeated_id");
    if (first && repeated === "first_answer") return { ...first, duplicate: true };
    const at = parseInstant(record.at);
    this.advance(account, at);
    if (first) {
      if (repeated === "refused") return { ...this.#answer(account, { refusal: { code: "id_must_be_new" } }), duplicate: true };
      const said = Object.fromEntries(OF_THE_EVENT.filter((name) => name in first).map((name) => [name, first[name]]));
      return { ...this.#answer(account, {}), ...said, duplicate: true };
    }
    const isSession = this.session?.events.has(record.event);
    const outcome = isSession ? this.#inSession(account, record) : this.#fire(account, record.event, at, record);
    const answer = this.#answer(account, outcome);
    const isUsed = answer.outcome === "accepted" || this.machine.parameter("refused_id") === "kept";
    if (record.id != null && isUsed) account.answers.set(record.id, answer);
    return answer;
  }

  /** What the record would come to at the instant that its account has reached: `{rule}` or `{refusal}`; nothing happens. */
  decide(record) {
    const account = this.account(record.account);
    const isSession = this.session?.events.has(record.event);
    const machine = isSession ? this.session : this.machine;
    const fields = this.#fields(machine, record.event, account, record);
    machine.state = isSession ? (account.sessions.get(record.session)?.state ?? this.loggedOut) : account.state;
    return machine.decide(record.event, fields);
  }

  /** All accounts as they stand, to go back to. */
  snapshot() {
    return copied(this.accounts);
  }

  restore(snapshot) {
    this.accounts = copied(snapshot);
  }

  /** Everything that falls due up to an instant, in order: at one instant the renewal before the daily reset. */
  advance(account, at) {
    for (;;) {
      const monthly = account.renewal?.upcoming ?? Infinity;
      const daily = account.daily?.upcoming ?? Infinity;
      if (monthly > at && daily > at) return;
      if (monthly <= daily) {
        passOne(account.renewal, this.calendar("renewal"));
        this.#fire(account, this.clocks.renewal.falls_due, monthly);
      } else {
        const until = Math.min(at, monthly - 1);
        passUntil(account.daily, this.calendar("daily"), until);
        this.#fire(account, this.clocks.daily.falls_due, until);
      }
    }
  }

  /** The event happens to the account; a job that repeats is run for as long as it is accepted. */
  #fire(account, event, at, record = {}) {
    const before = account.state;
    const fields = this.#fields(this.machine, event, account, record);
    const outcome = this.#step(account, event, fields, at, record);
    if (outcome.refusal) return outcome;
    if (this.machine.events.get(event).repeats) while (!this.#step(account, event, fields, at, record).refusal);
    this.#remember(account, event, outcome, record);
    if (APP_POOLS.some((pool) => account.state[pool] !== before[pool])) this.#balancesChange(account);
    return outcome;
  }

  #step(account, event, fields, at, record) {
    const before = account.state;
    this.machine.state = before;
    const outcome = this.machine.step(event, fields);
    if (!outcome.refusal) this.#accept(account, outcome, at, record, this.machine.state);
    this.watch?.({ machine: this.machine, event, fields, before, outcome, at });
    return outcome;
  }

  #accept(account, outcome, at, record, after) {
    account.state = after;
    const { daily, renewal } = outcome.rule.clocks;
    for (const [clock, act] of Object.entries(outcome.rule.clocks)) {
      // When a job last ran, or the clock was started: from then on the wait for the next one counts.
      if (act === "starts" || act === "settles") account.ran = { ...account.ran, [clock]: at };
      if (act === "starts") account[clock] = startClock(this.calendar(clock), at, record);
      if (act === "settles") settle(account[clock]);
      if (act === "stops") account[clock] = null;
    }
    if (daily === "settles") account.day += 1;
    if (renewal === "stops") account.subscription += 1;
    if (renewal === "settles" || renewal === "stops") account.month += 1;
  }

  #remember(account, event, { answer }, { job }) {
    if (event === "refund") account.jobs.set(job, { ...account.jobs.get(job), refunded: true });
    if (event === "generate" || event === "api_generate") {
      const { day, month, subscription } = account;
      const parts = APP_POOLS.map((pool) => answer[CHARGE + pool] ?? 0);
      account.jobs.set(job, { parts, api: answer[`${CHARGE}api`] ?? 0, day, month, subscription, refunded: false });
    }
  }

  // Fields: what the record says, and what the journal knows

  #fields(machine, event, account, record) {
    const values = machine.events.get(event).fields.map((field) => {
      if (field.origin === "fact") return [field.name, this.#fact(field.name, account, record)];
      const { members } = field.type;
      const isUnlisted = members?.includes(UNLISTED) && !members.includes(record[field.key]);
      const looked = record[field.key] ?? this.#model(record)?.[field.key] ?? (record.model == null ? undefined : members.at(-1));
      return [field.name, isUnlisted ? UNLISTED : looked];
    });
    return Object.fromEntries(values);
  }

  /** The listed model that a record names, or names a variant of: the one with the longest name. */
  #model({ model }) {
    const named = [...this.models.keys()].filter((name) => model === name || (model?.startsWith(name) && " .-".includes(model[name.length])));
    return this.models.get(named.sort((one, other) => other.length - one.length)[0]);
  }

  #fact(name, account, record) {
    const job = account.jobs.get(record.job);
    const [part] = name.split("_part");
    if (part === "api" && name !== part) return job?.api ?? 0;
    if (name !== part) return job?.parts[APP_POOLS.indexOf(part)] ?? 0;
    switch (name) {
      case "job_is_new":
        return job === undefined;
      case "job_was_charged":
        return job !== undefined && (job.parts.some(Boolean) || job.api > 0);
      case "job_was_through":
        return (job?.api ?? 0) > 0 ? "api" : "app";
      case "job_is_refunded":
        return job?.refunded ?? false;
      case "day_lasts":
        return job?.day === account.day;
      case "month_lasts":
        return job?.month === account.month;
      case "subscription_lasts":
        return job?.subscription === account.subscription;
      case "price_is_listed":
        return this.prices.has(record.action);
      case "action_is_named":
        return record.action != null;
      case "model_is_known":
        return record.model == null || this.#model(record) !== undefined;
      case "model_is_paid_only":
        return this.#model(record)?.paid_only ?? false;
      case "listed_price":
        return this.prices.get(record.action) ?? 0;
      case "account_exists":
        return account.daily !== null;
      case "verdict":
        return this.#verdict(account, record);
      default:
        throw new RangeError(`${name}: this host knows no such fact`);
    }
  }

  // Sessions

  #inSession(account, record) {
    const known = account.sessions.get(record.session);
    const fields = this.#fields(this.session, record.event, account, record);
    const before = known?.state ?? this.loggedOut;
    this.session.state = before;
    const outcome = this.session.step(record.event, fields);
    const after = this.session.state;
    this.watch?.({ machine: this.session, event: record.event, fields, before, outcome, at: parseInstant(record.at) });
    if (outcome.refusal) return outcome;
    if (record.event === "login" || record.event === "refresh") {
      this.#note(account);
      account.sessions.set(record.session, { state: after, since: account.timeline.length - 1 });
    }
    if (record.event === "logout") account.sessions.delete(record.session);
    if (account.sessions.size === 0) account.timeline = [];
    return outcome;
  }

  #balancesChange(account) {
    if (account.sessions.size === 0) return;
    this.#note(account);
    for (const session of account.sessions.values()) {
      this.session.state = session.state;
      this.session.step("balance_changes");
      session.state = this.session.state;
    }
  }

  /** The balances become part of the history, unless they are its last entry. */
  #note(account) {
    const now = Object.fromEntries(APP_POOLS.map((pool) => [pool, account.state[pool]]));
    const last = account.timeline.at(-1);
    if (!last || APP_POOLS.some((pool) => last[pool] !== now[pool])) account.timeline.push(now);
  }

  #verdict(account, { session, shown }) {
    const wanted = Object.entries(shown).filter(([, tokens]) => tokens != null);
    const fits = (balances) => wanted.every(([pool, tokens]) => balances[pool] === tokens);
    if (fits(account.state)) return "current";
    const known = account.sessions.get(session);
    return known && account.timeline.slice(known.since).some(fits) ? "stale" : "impossible";
  }

  /** The media for which `plan` has unlimited generation. */
  relaxed(plan) {
    const { parameters } = this.machine;
    return ["image", "video"].filter((medium) => this.machine.read(parameters.get(`relaxed[${plan},${medium}]`)));
  }

  #answer(account, { refusal, answer = {} }) {
    const { status, plan, scheduled_plan: scheduled } = account.state;
    const exists = account.daily !== null;
    const pools = exists ? this.machine.about.pools : [];
    const given = Object.entries(answer);
    const charges = given.filter(([name, tokens]) => name.startsWith(CHARGE) && tokens);
    return {
      outcome: refusal ? "refused" : "accepted",
      ...(refusal ? { reason: refusal.code } : {}),
      ...Object.fromEntries(given.filter(([name]) => !name.startsWith(CHARGE))),
      ...(charges.length ? { charge: Object.fromEntries(charges.map(([name, tokens]) => [name.slice(CHARGE.length), tokens])) } : {}),
      status: exists ? status : null,
      plan: exists ? plan : null,
      scheduled_plan: exists && scheduled !== NONE ? scheduled : null,
      relaxed: exists ? this.relaxed(plan) : null,
      balances: Object.fromEntries(pools.map((pool) => [pool, account.state[pool]])),
      next_daily_reset_at: exists ? formatInstant(account.daily.shown) : null,
      next_renewal_at: account.renewal ? formatInstant(account.renewal.shown) : null,
    };
  }
}
