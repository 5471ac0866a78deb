// A declared machine, run by its WebAssembly module (`tokenspec export wasm`). Nothing here knows which machine it is:
// every name, number and address comes from the section `tokenspec` within the module.

const KINDS = { enum: "string", bool: "boolean", tokens: "number" };

export class Machine {
  /** The machine in the bytes of a module. */
  static async load(bytes) {
    const module = await WebAssembly.compile(bytes);
    const [section] = WebAssembly.Module.customSections(module, "tokenspec");
    if (!section) throw new Error("the module does not say what it holds: it has no section `tokenspec`");
    return new Machine(await WebAssembly.instantiate(module), JSON.parse(new TextDecoder().decode(section)));
  }

  constructor(instance, about) {
    this.about = about;
    this.calls = instance.exports;
    this.memory = new DataView(instance.exports.memory.buffer);
    this.parameters = new Map([...about.parameters, ...about.policies].map((slot) => [slot.name, slot]));
    this.events = new Map(about.events.map((event) => [event.name, event]));
    this.rules = about.events.flatMap((event) => event.rules);
    this.setParameters({});
  }

  read({ at, type }) {
    const number = Number(this.memory.getBigInt64(at, true));
    return type.type === "enum" ? type.order[number] : type.type === "bool" ? number === 1 : number;
  }

  write({ name, at, type }, value) {
    const number = type.type === "enum" ? type.order.indexOf(value) : Number(value);
    const isOne = typeof value === KINDS[type.type] && Number.isSafeInteger(number) && (type.type !== "enum" || number >= 0);
    if (!isOne) throw new RangeError(`${name}: ${value} is no value of it`);
    this.memory.setBigInt64(at, BigInt(number), true);
  }

  /** Figures and policies by name; the others are as they were. The machine begins anew. Where one is at fault, none is set. */
  setParameters(values) {
    const before = [...this.parameters.values()].map((slot) => [slot, this.read(slot)]);
    try {
      for (const [name, value] of Object.entries(values)) {
        const slot = this.parameters.get(name);
        if (!slot) throw new RangeError(`${name}: there is no such parameter in this module`);
        this.write(slot, value);
      }
      this.#checkParameters();
    } catch (error) {
      for (const [slot, value] of before) this.write(slot, value);
      throw error;
    }
  }

  #checkParameters() {
    const fault = this.calls.check_parameters();
    if (fault > 0) throw new RangeError(`${[...this.parameters.keys()][fault - 1]}: it is none of its values`);
    if (fault < 0) throw new RangeError(this.about.assumptions[-fault - 1].breach);
    if (this.calls.init() !== 0) throw new RangeError("the first state lies beyond 2^53 - 1");
  }

  /** The values of some slots by name. */
  #all(slots) {
    const found = {};
    for (const slot of slots) found[slot.name] = this.read(slot);
    return found;
  }

  parameter(name) {
    return this.read(this.parameters.get(name));
  }

  /** The variables by name; `state = ...` sets them all. */
  get state() {
    return this.#all(this.about.variables);
  }

  set state(values) {
    for (const slot of this.about.variables) this.write(slot, values[slot.name]);
  }

  /** What each definition that reads no field stands for in the present state, such as what can be spent in all. */
  get definitions() {
    const fault = this.calls.evaluate();
    if (fault !== 0) throw new RangeError(`definitions in ${JSON.stringify(this.state)}: ${this.#neither(fault)}`);
    return this.#all(this.about.definitions.filter(({ at }) => at !== undefined));
  }

  /** The event happens: `{rule, answer, notes, ledger}` where it is accepted, `{refusal}` where it is not. */
  step(name, fields = {}) {
    return this.#outcome(this.#call("step", name, fields), name);
  }

  /** What the event would come to; nothing happens. */
  decide(name, fields = {}) {
    const number = this.#call("decide", name, fields);
    return number >= 0 ? { rule: this.rules[number] } : { refusal: this.#refusal(number, name) };
  }

  /**
   * Where a clock stands by its calendar, `{due, aim}`: `first` of `{at, time}` is for one that is started at an instant, `time`
   * being the time of day that comes with the start; `beyond` of `{due, aim, at}` is the first due instant after another one.
   * The instant is Infinity where nothing is left to fall due.
   */
  due(kind, clock, values) {
    const { dial, never } = this.about;
    for (const slot of dial) if (slot.name in values) this.write(slot, values[slot.name]);
    this.calls[kind](clock.number);
    const { due, aim } = this.#all(dial);
    return { due: due >= never ? Infinity : due, aim };
  }

  /** The facts that are worked out of an entry by name: of what it holds, the periods that last, and whether it is new. */
  recall(held, lasts, isNew) {
    const { is_new: flag, holds, periods, facts } = this.about.memory;
    this.write(flag, isNew);
    for (const slot of holds) this.write(slot, held[slot.name]);
    for (const slot of periods) this.write(slot, lasts[slot.name]);
    const fault = this.calls.recall();
    if (fault !== 0) throw new RangeError(`what is remembered, ${JSON.stringify(held)}: ${this.#neither(fault)}`);
    return this.#all(facts);
  }

  /** The claims that the present state breaks, and that the event would break: the first of each, or null. */
  broken(name, fields = {}) {
    const [inState, inStep] = [this.calls.broken_state(), this.#call("broken_step", name, fields)];
    return { state: this.about.state_claims[inState] ?? null, step: this.about.step_claims[inStep] ?? null };
  }

  #call(kind, name, fields) {
    const event = this.events.get(name);
    for (const slot of event.fields) this.write(slot, fields[slot.name]);
    return this.calls[kind](event.number);
  }

  #outcome(number, name) {
    if (number < 0) return { refusal: this.#refusal(number, name) };
    const rule = this.rules[number];
    const answers = this.events.get(name).answers.filter((slot) => rule.answers.includes(slot.name));
    return {
      rule,
      answer: this.#all(answers),
      notes: rule.notes.length ? this.#noted(rule.notes) : null,
      ledger: rule.ledger.map(({ at, kind, pool }) => ({ kind, pool, tokens: Number(this.memory.getBigInt64(at, true)) })),
    };
  }

  /** What a rule has noted, by name. */
  #noted(names) {
    return this.#all(this.about.memory.holds.filter(({ name }) => names.includes(name)));
  }

  /** The requirement that failed: its `code`, and `because`. */
  #refusal(number, name) {
    const failed = this.events.get(name).requires.find(({ refusal }) => refusal === number);
    if (failed) return failed;
    throw new RangeError(`${name} in ${JSON.stringify(this.state)}: ${this.#neither(number)}`);
  }

  #neither(number) {
    return Object.keys(this.about.neither).find((name) => this.about.neither[name] === number);
  }
}
