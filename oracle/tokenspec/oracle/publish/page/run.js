// A run: the records of one account through the machines, entry by entry, with the way back.

import { figures } from "./catalogue.js";
import { differences } from "./records.js";
import { World, parseInstant } from "./world.js";

/** Events between two kept states: going back takes at most so many steps forward again. */
const APART = 200;

export class Run {
  /**
   * `machines` are `{account, session}`, of which the session may be null; `turns` say from which entry on which policies hold:
   * `[{from, policy}]`, first from 0. `about` holds the catalogue and the forms of what is observed.
   */
  constructor(machines, about, name, records, turns) {
    Object.assign(this, {
      machines,
      about,
      name,
      turns,
      records: [],
      entries: [],
      breaches: [],
      position: 0,
      firstDivergence: null,
    });
    this.figures = figures(machines.account, about.catalogue);
    this.#hold(0);
    this.world = new World(machines.account, machines.session, about.catalogue);
    this.kept = [this.world.snapshot()];
    this.isAhead = false;
    for (const record of records) this.push(record);
  }

  /** The record happens after all others. */
  push(record) {
    this.goTo(this.entries.length);
    this.#hold(this.position);
    const steps = [];
    this.world.watch = (step) => {
      steps.push(step);
      for (const claim of broken(step)) this.breaches.push({ position: this.position, claim });
    };
    const answer = this.world.apply(record);
    this.world.watch = null;
    const chosen = steps.findIndex(({ event }) => event === record.event);
    // A job that repeats ends with a step that is refused, which is no answer to anybody.
    const told = steps.filter(({ outcome }, index) => index <= chosen || !outcome.refusal);
    const isCompared = record.observed && this.firstDivergence === null;
    const differs = isCompared ? this.#differences(answer, record, steps[chosen]) : [];
    if (differs.length) this.firstDivergence = this.entries.length;
    const moves = told.filter(({ machine, outcome }) => machine === this.machines.account && outcome.rule?.target);
    const move = moves.at(-1) ?? this.entries.at(-1)?.move ?? null;
    const decided = steps[chosen] ?? null;
    this.entries.push({
      record,
      at: parseInstant(record.at),
      answer,
      steps: told,
      decided,
      move,
      differs,
      state: this.account.state,
    });
    this.records.push(record);
    this.position += 1;
    if (this.position % APART === 0) this.kept.push(this.world.snapshot());
  }

  /** Where what was observed is not right. It may hold the sum of the counted pools, and what the event itself did to it. */
  #differences(answer, record, step) {
    const ofAccount = step?.machine === this.machines.account && !step.outcome.refusal && answer.duplicate !== true;
    const sum = (pools) => this.world.total.reduce((tokens, pool) => tokens + pools[pool], 0);
    const delta = ofAccount ? sum(this.account.state) - sum(step.before) : 0;
    const total = Object.keys(answer.balances).length ? sum(answer.balances) : null;
    return differences({ ...answer, total, delta }, record.observed, this.about.observed, record.observed_as === "answer");
  }

  /** What came after the first `position` records never happened. */
  cut(position) {
    this.goTo(position);
    for (const list of [this.records, this.entries]) list.length = position;
    this.kept.length = Math.floor(position / APART) + 1;
    this.breaches = this.breaches.filter((breach) => breach.position < position);
    if (this.firstDivergence !== null && this.firstDivergence >= position) this.firstDivergence = null;
  }

  /** The world stands after the first `position` records. */
  goTo(position) {
    if (this.isAhead || position < this.position || position - this.position > APART) {
      this.position = Math.floor(position / APART) * APART;
      this.world.restore(this.kept[this.position / APART]);
      this.isAhead = false;
    }
    for (; this.position < position; this.position += 1) {
      this.#hold(this.position);
      this.world.apply(this.records[this.position]);
    }
    this.#hold(this.position);
  }

  /** Time goes on without a record; `goTo` takes it back. */
  advance(at) {
    this.#hold(this.position);
    if (this.world.accounts.has(this.name)) this.world.advance(this.account, at);
    this.isAhead = true;
  }

  get account() {
    return this.world.account(this.name);
  }

  /** What a record would come to now. */
  decide(record) {
    this.#hold(this.position);
    return this.world.decide({ ...record, account: this.name });
  }

  /** A definition or parameter of the account machine in the present state. */
  value(name) {
    const { account } = this.machines;
    this.#hold(this.position);
    account.state = this.account.state;
    return account.parameters.has(name) ? account.parameter(name) : account.definitions[name];
  }

  get policy() {
    return this.#policyAt(this.position);
  }

  #policyAt(position) {
    return this.turns.findLast(({ from }) => from <= position).policy;
  }

  /** The machine is one for all runs: it takes on the policies of this one. */
  #hold(position) {
    const policy = this.#policyAt(position);
    if (this.machines.holds === policy) return;
    this.machines.account.setParameters({ ...this.figures, ...policy });
    this.machines.holds = policy;
  }
}

/** The claims, by id, that a step breaks. */
function broken({ machine, event, fields, before }) {
  machine.state = before;
  const { state, step } = machine.broken(event, fields);
  return [state, step].filter(Boolean).map(({ claim }) => claim);
}
