// node steps.js account.wasm < steps: takes steps that somebody else took before, and says where it comes to something else.
// One JSON object a line: {"parameters"} begins anew, {"state", "event", "fields", "right"} is a step with its right outcome.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { Machine } from "../../examples/wasm-host/machine.js";

const machine = await Machine.load(await readFile(process.argv[2]));
let taken = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { parameters, state, event, fields, right } = JSON.parse(line);
  if (parameters) {
    machine.setParameters(parameters);
    continue;
  }
  machine.state = state;
  const broken = machine.broken(event, fields);
  const decided = machine.decide(event, fields);
  const { rule, answer, ledger, refusal } = machine.step(event, fields);
  const lines = ledger?.filter(({ tokens }) => tokens).map(({ kind, pool, tokens }) => [kind, pool, tokens]);
  const found = refusal ? { code: refusal.code } : { rule: rule.name, state: machine.state, answer, ledger: lines };
  const agrees = decided.rule === rule && decided.refusal === refusal && !broken.state && !broken.step;
  if (!agrees || !isDeepStrictEqual(found, right)) console.log(line, JSON.stringify({ found, decided, broken }));
  taken += 1;
}
console.log(`${taken} steps`);
