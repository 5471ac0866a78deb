// The world behind the protocol of the tester: requests and answers as objects. `stdio.js` carries them.

import { World, figures } from "./world.js";

const OBSERVES = [
  "outcome",
  "reason",
  "mode",
  "charge",
  "status",
  "plan",
  "scheduled_plan",
  "relaxed",
  "balances",
  "next_daily_reset_at",
  "next_renewal_at",
  "duplicate",
  "cost",
];

export class Adapter {
  /** `account` and `session` are machines; without the second, sessions are not offered. */
  constructor(account, session = null) {
    Object.assign(this, { account, session, world: null });
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
      if (!this.events().includes(request.event)) return { error: `unknown event ${request.event}` };
      return this.world.apply(request);
    }
    return { error: `${request.op} is not understood here; open comes first, then apply, then close` };
  }

  open({ protocol, catalogue, policy }) {
    if (protocol !== 1) return { error: `protocol ${protocol} is not spoken here, only 1` };
    const { parameters, policies } = this.account.about;
    const given = figures(catalogue);
    const missing = parameters.find(({ name }) => !(name in given));
    if (missing) return { error: `the module was compiled for another catalogue: this one has no ${missing.name}` };
    const settled = Object.fromEntries(policies.map(({ name, value }) => [name, value]));
    this.account.setParameters({ ...given, ...settled, ...policy });
    this.world = new World(this.account, this.session, catalogue.prices, catalogue.models);
    const version = this.account.about.version;
    const observes = this.session ? [...OBSERVES, "shown_is"] : OBSERVES;
    return { name: "wasm-host", version, resets: "explicit", events: this.events(), observes, fields: ["action", "model"] };
  }

  /** What can be sent: everything that time itself does not do. */
  events() {
    const machines = this.session ? [this.account, this.session] : [this.account];
    return machines.flatMap(({ about }) => about.events.filter(({ actor }) => actor !== "clock").map(({ name }) => name));
  }
}
