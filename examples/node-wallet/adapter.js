// The wallet behind the protocol of the tester: requests and answers as objects. `stdio.js` and `http.js` carry them.

import { POLICY } from "./settings.js";
import { EVENTS, Wallet } from "./wallet.js";

const OBSERVES = [
  "outcome",
  "reason",
  "mode",
  "charge",
  "status",
  "plan",
  "scheduled_plan",
  "balances",
  "next_daily_reset_at",
  "next_renewal_at",
  "duplicate",
  "shown_is",
  "cost",
];

/** Faults named in the environment: WALLET_BUGS=name,name */
const namedBugs = () => (process.env.WALLET_BUGS ?? "").split(",").map((name) => name.trim()).filter(Boolean);

export class Adapter {
  constructor(bugs = namedBugs()) {
    this.bugs = bugs;
    this.wallet = null;
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
      this.wallet = null;
      return {};
    }
    if (request.op === "apply" && this.wallet) {
      if (!EVENTS.includes(request.event)) return { error: `unknown event ${request.event}` };
      return this.wallet.apply(request);
    }
    return { error: `${request.op} is not understood here; open comes first, then apply, then close` };
  }

  open({ protocol, catalogue }) {
    if (protocol !== 1) return { error: `protocol ${protocol} is not spoken here, only 1` };
    this.wallet = new Wallet(catalogue, this.bugs);
    return { name: "node-wallet", version: "1", resets: "implied", events: EVENTS, observes: OBSERVES, policy: POLICY };
  }
}
