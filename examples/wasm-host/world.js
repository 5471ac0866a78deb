// Accounts around the declared machines, as the module of the account describes what surrounds it: clocks, what is remembered under
// a key and of an id, sessions with the balances that were true, and the form of answers. Nothing here knows which account it is.

import { lookedUp } from "./catalogue.js";

export const UNLISTED = "(not listed)";
const CHARGE = "charge_";

export function parseInstant(written) {
  const instant = typeof written === "number" ? written : Date.parse(written);
  if (!Number.isSafeInteger(instant)) throw new RangeError(`${written} is not an instant`);
  return instant;
}

export function formatInstant(instant) {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

/** The milliseconds from midnight to a time of day, `HH:MM`. */
function parseTimeOfDay(written) {
  const [hours, minutes] = written.split(":").map(Number);
  return (60 * hours + minutes) * 60_000;
}

/** The calendar that a declared one comes to; `answer` tells the answer to a policy. */
function calendarUnder(declared, answer) {
  return "policy" in declared ? calendarUnder(declared.answers[answer(declared.policy)], answer) : declared;
}

const byName = (items, of) => Object.fromEntries(items.map((item) => [item.name, of(item)]));

/** Accounts of their own: what changes in place is copied, everything else is shared. */
function copied(accounts) {
  const copy = ({ entries, answers, sessions, timeline, ...account }) => ({
    ...account,
    ...{ entries: new Map(entries), answers: new Map(answers), sessions: new Map(sessions), timeline: [...timeline] },
  });
  return new Map(Array.from(accounts, ([name, account]) => [name, copy(account)]));
}

export class World {
  /**
   * `account` and `session` are machines; without a session machine there are no sessions. `catalogue` is what facts are looked up
   * in. `facts` are functions of a record and the catalogue, by name, for what the specification works out by a function of its own.
   * Parameters of `account` may be set anew at any time, and hold from then on.
   */
  constructor(account, session = null, catalogue = {}, facts = {}) {
    const { around, clocks, memory } = account.about;
    Object.assign(this, { machine: account, session, catalogue, facts, around, total: around.answer.total, accounts: new Map() });
    account.setParameters({});
    this.initial = account.state;
    session?.setParameters({});
    this.loggedOut = session?.state;
    this.clocks = new Map(clocks.map((clock) => [clock.name, clock]));
    this.periods = memory?.periods ?? [];
    this.blank = byName(memory?.holds ?? [], ({ value }) => value);
    this.remembered = new Set(memory ? [memory.is_new, ...memory.holds, ...memory.periods, ...memory.facts].map(({ name }) => name) : []);
    /** Called after every step of either machine with `{machine, event, fields, before, outcome, at}`. */
    this.watch = null;
  }

  /** The account of that name, as it stands; one never seen is absent. */
  account(name) {
    if (!this.accounts.has(name)) {
      const journal = { entries: new Map(), answers: new Map(), sessions: new Map(), timeline: [] };
      this.accounts.set(name, { state: this.initial, dials: {}, ran: {}, ended: byName(this.periods, () => 0), ...journal });
    }
    return this.accounts.get(name);
  }

  exists(account) {
    const { control } = this.machine.about;
    return account.state[control] !== this.initial[control];
  }

  /** The answer to one record. */
  apply(record) {
    const account = this.account(record.account);
    const { ids } = this.around;
    const id = record[ids?.key ?? "id"];
    const first = id == null ? undefined : account.answers.get(id);
    const repeated = ids ? this.machine.parameter(ids.repeated) : "first_answer";
    if (first && repeated === "first_answer") return { ...first, duplicate: true };
    const at = parseInstant(record.at);
    this.advance(account, at);
    if (first) return this.#again(account, first, repeated);
    const isSession = this.session?.events.has(record.event);
    const outcome = isSession ? this.#inSession(account, record) : this.#fire(account, record.event, at, record);
    const answer = this.#standing(account, said(outcome));
    const isUsed = !outcome.refusal || !ids || this.machine.parameter(ids.refused) === "kept";
    if (id != null && isUsed) account.answers.set(id, answer);
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

  // Time

  /** Everything that falls due up to an instant, in order: at one instant in the order in which clocks are declared. */
  advance(account, at) {
    for (;;) {
      let [due, beyond, clock] = [Infinity, Infinity, null];
      for (const each of this.machine.about.clocks) {
        const upcoming = account.dials[each.name]?.upcoming ?? Infinity;
        // Of the clock found before, its own instant is left to it; a later one waits for this clock.
        if (upcoming < due) [due, beyond, clock] = [upcoming, due, each];
        else if (upcoming < beyond) beyond = upcoming + 1;
      }
      if (due > at) return;
      const until = clock.counts ? due : Math.min(at, beyond - 1);
      const dial = account.dials[clock.name];
      const { due: upcoming, aim } = this.machine.due("beyond", clock, { due, aim: dial.aim, at: until });
      account.dials = { ...account.dials, [clock.name]: { ...dial, upcoming, aim } };
      this.#fire(account, clock.falls_due, until);
    }
  }

  /** What a rule does to a clock, at an instant. */
  #act(account, name, act, at, record) {
    const ended = this.periods.filter((period) => period.ended_by.some((by) => by.clock === name && by.act === act));
    if (ended.length) account.ended = { ...account.ended, ...byName(ended, (period) => account.ended[period.name] + 1) };
    const [clock, dial] = [this.clocks.get(name), account.dials[name]];
    const isNeverDue = clock.of !== null && this.machine.parameter(clock.of) === 0;
    if (act === "starts" ? isNeverDue : !dial || act === "keeps") return;
    const turned = { starts: () => this.#started(clock, at, record), settles: () => ({ ...dial, shown: dial.upcoming }), stops: () => null };
    account.dials = { ...account.dials, [name]: turned[act]() };
    account.ran = { ...account.ran, [name]: at };
  }

  /** A dial shows the earliest due instant that no job has run for (`shown`), and knows the next one that is still to come. */
  #started(clock, at, record) {
    const { at: key } = calendarUnder(clock.calendar, (policy) => this.machine.parameter(policy));
    const time = key && record[key] ? parseTimeOfDay(record[key]) : 0;
    const { due, aim } = this.machine.due("first", clock, { at, time });
    return { shown: due, upcoming: due, aim };
  }

  // Events

  /** The event happens to the account; a job that repeats is run for as long as it is accepted. */
  #fire(account, event, at, record = {}) {
    const before = account.state;
    const fields = this.#fields(this.machine, event, account, record);
    const outcome = this.#step(account, event, fields, at, record);
    if (outcome.refusal) return outcome;
    if (this.machine.events.get(event).repeats) while (!this.#step(account, event, fields, at, record).refusal);
    if (outcome.notes) this.#remember(account, record[this.machine.about.memory.key], outcome.notes);
    if (this.total.some((pool) => account.state[pool] !== before[pool])) this.#balancesChange(account);
    return outcome;
  }

  #step(account, event, fields, at, record) {
    const before = account.state;
    this.machine.state = before;
    const outcome = this.machine.step(event, fields);
    if (!outcome.refusal) {
      account.state = this.machine.state;
      for (const [clock, act] of Object.entries(outcome.rule.clocks)) this.#act(account, clock, act, at, record);
    }
    this.watch?.({ machine: this.machine, event, fields, before, outcome, at });
    return outcome;
  }

  /** An entry keeps the periods in which it was first written. */
  #remember(account, key, notes) {
    const { held, since } = account.entries.get(key) ?? { held: this.blank, since: account.ended };
    account.entries.set(key, { held: { ...held, ...notes }, since });
  }

  /** The fields of an event: what the record says, what is remembered under its key, and what is looked up. */
  #fields(machine, event, account, record) {
    const fields = {};
    for (const field of machine.events.get(event).fields) fields[field.name] = this.#field(field, account, record);
    return fields;
  }

  #field({ name, key, origin, type, instead }, account, record) {
    if (this.remembered.has(name)) return this.#recalled(name, account, record);
    if (origin === "fact" || (record[key] == null && record[instead] != null)) return this.#fact(name, account, record);
    const isUnlisted = type.members?.includes(UNLISTED) && !type.members.includes(record[key]);
    return isUnlisted ? UNLISTED : record[key];
  }

  /** A fact about the entry that the record names. */
  #recalled(name, account, record) {
    const { key, is_new: isNew } = this.machine.about.memory;
    const entry = account.entries.get(record[key]);
    if (name === isNew.name) return entry === undefined;
    const held = entry?.held ?? this.blank;
    if (name in held) return held[name];
    const lasts = byName(this.periods, (period) => entry?.since[period.name] === account.ended[period.name]);
    return name in lasts ? lasts[name] : this.machine.recall(held, lasts, entry === undefined)[name];
  }

  #fact(name, account, record) {
    const described = this.around.facts[name];
    if (described) return lookedUp(described, this.catalogue, record);
    if (this.facts[name]) return this.facts[name](record, this.catalogue);
    if (name === "account_exists") return this.exists(account);
    if (name === "verdict") return this.#verdict(account, record);
    throw new RangeError(`${name}: a function of the specification works it out; give it to the World under this name`);
  }

  // Sessions: a rule that leads to another state than the first one fetches the true balances.

  #inSession(account, record) {
    const fields = this.#fields(this.session, record.event, account, record);
    const before = account.sessions.get(record.session)?.state ?? this.loggedOut;
    this.session.state = before;
    const outcome = this.session.step(record.event, fields);
    const after = this.session.state;
    this.watch?.({ machine: this.session, event: record.event, fields, before, outcome, at: parseInstant(record.at) });
    if (outcome.refusal || outcome.rule.target === null) return outcome;
    if (outcome.rule.target === this.loggedOut[this.session.about.control]) account.sessions.delete(record.session);
    else {
      this.#noteBalances(account);
      account.sessions.set(record.session, { state: after, since: account.timeline.length - 1 });
    }
    if (account.sessions.size === 0) account.timeline = [];
    return outcome;
  }

  #balancesChange(account) {
    if (account.sessions.size === 0) return;
    this.#noteBalances(account);
    for (const [name, { state, since }] of account.sessions) {
      this.session.state = state;
      this.session.step(this.around.session.hears);
      account.sessions.set(name, { state: this.session.state, since });
    }
  }

  /** The balances become part of the history, unless they are its last entry. */
  #noteBalances(account) {
    const last = account.timeline.at(-1);
    if (last && this.total.every((pool) => last[pool] === account.state[pool])) return;
    account.timeline.push(Object.fromEntries(this.total.map((pool) => [pool, account.state[pool]])));
  }

  #verdict(account, { session, shown }) {
    const wanted = Object.entries(shown).filter(([, tokens]) => tokens != null);
    const fits = (balances) => wanted.every(([pool, tokens]) => balances[pool] === tokens);
    if (fits(account.state)) return "current";
    const known = account.sessions.get(session);
    return known && account.timeline.slice(known.since).some(fits) ? "stale" : "impossible";
  }

  // Answers

  /** The answer to a record under an id whose first answer was `first`. */
  #again(account, first, repeated) {
    const now = this.#standing(account);
    const ofFirst = Object.entries(first).filter(([name]) => !(name in now));
    const told = repeated === "refused" ? said({ refusal: this.around.ids }) : Object.fromEntries(ofFirst);
    return { ...told, ...now, duplicate: true };
  }

  /** Adds to an answer what it says of the account: null and no balances where there is none. */
  #standing(account, answer = {}) {
    const { state: shown, lists, clocks } = this.around.answer;
    const { state, dials } = account;
    const exists = this.exists(account);
    for (const { variable, null: nothing } of shown) answer[variable] = exists && state[variable] !== nothing ? state[variable] : null;
    for (const { name, variable, members } of lists) answer[name] = exists ? this.#listed(name, state[variable], members) : null;
    for (const clock in clocks) {
      const isDue = exists && (dials[clock]?.shown ?? Infinity) !== Infinity;
      answer[clocks[clock]] = isDue ? formatInstant(dials[clock].shown) : null;
    }
    answer.balances = {};
    if (exists) for (const pool of this.machine.about.pools) answer.balances[pool] = state[pool];
    return answer;
  }

  #listed(name, value, members) {
    const slots = members.map((member) => this.machine.parameters.get(`${name}[${value},${member}]`));
    return members.filter((_, index) => slots[index] && this.machine.read(slots[index]));
  }
}

/** What an answer says of the event. */
function said({ refusal, answer: given }) {
  if (refusal) return { outcome: "refused", reason: refusal.code };
  const answer = { outcome: "accepted" };
  for (const name in given) {
    if (!name.startsWith(CHARGE)) answer[name] = given[name];
    else if (given[name]) (answer.charge ??= {})[name.slice(CHARGE.length)] = given[name];
  }
  return answer;
}
