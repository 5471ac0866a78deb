// The world behind the protocol of the tester: requests and answers as objects. `stdio.js` carries them.

import { figures } from "./catalogue.js";
import { World } from "./world.js";

export class Adapter {
  /** `account` and `session` are machines; without the second, sessions are not offered. */
  constructor(account, session = null) {
    Object.assign(this, { account, session, world: null });
    const machines = session ? [account, session] : [account];
    /** What can be sent: everything that time itself does not do. */
    this.events = machines.flatMap(({ about }) => about.events.filter(({ actor }) => actor !== "clock"));
  }

  /** One line of JSON in, one line of JSON out; what cannot be answered is an `error`. */
  answer(line) {
    try {
      return JSON.stringify(this.handle(JSON.parse(line)));
    } catch (error) {
      return JSON.stringify({ error: `${error.name}: ${error.message}` });
    }
  }

  handle(request) {
    if (request.op === "open") return this.open(request);
    if (request.op === "close") {
      this.world = null;
      return {};
    }
    if (request.op === "apply" && this.world) {
      if (!this.events.some(({ name }) => name === request.event)) return { error: `unknown event ${request.event}` };
      return this.world.apply(request);
    }
    return { error: `${request.op} is not understood here; open comes first, then apply, then close` };
  }

  open({ protocol, catalogue, policy }) {
    if (protocol !== 1) return { error: `protocol ${protocol} is not spoken here, only 1` };
    const { parameters, policies, version, around } = this.account.about;
    const given = figures(this.account, catalogue);
    const missing = parameters.find(({ name }) => !(name in given));
    if (missing) return { error: `the module was compiled for another catalogue: this one has no ${missing.name}` };
    const settled = Object.fromEntries(policies.map(({ name, value }) => [name, value]));
    this.account.setParameters({ ...given, ...settled, ...policy });
    this.world = new World(this.account, this.session, catalogue);
    const events = this.events.map(({ name }) => name);
    const fields = Object.keys(around.names).filter((key) => this.events.some(({ keys }) => keys.some((k) => k.name === key && k.optional)));
    return { name: "wasm-host", version, resets: "explicit", events, observes: this.#observes(around.answer), fields };
  }

  /** The fields of answers. */
  #observes({ state, lists, clocks }) {
    const said = this.events.flatMap(({ answers }) => answers.map(({ name }) => name.replace(/^charge_.*/, "charge")));
    const shown = [...state.map(({ variable }) => variable), ...lists.map(({ name }) => name), ...Object.values(clocks)];
    return ["outcome", "reason", ...new Set(said), ...shown, "balances", "duplicate"];
  }
}
