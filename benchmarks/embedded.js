// node embedded.js account.wasm NAME: for each line "N" on standard input takes a walk N times, then writes "done".
// NAME is `host` (names and values, as examples/wasm-host does) or `module` (the exported function alone).
// The first line is the walk: a list of [event, fields].

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Machine } from "../examples/wasm-host/machine.js";

const [path, name] = process.argv.slice(2);
const machine = await Machine.load(await readFile(path));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const walk = JSON.parse((await lines.next()).value);

const { init, step } = machine.calls;
const prepared = walk.map(([event, fields]) => {
  const { number, fields: slots } = machine.events.get(event);
  return { number, slots, values: slots.map((slot) => fields[slot.name]) };
});

function byHost(times) {
  for (let n = 0; n < times; n += 1) {
    init();
    for (const [event, fields] of walk) machine.step(event, fields);
  }
}

function byModule(times) {
  for (let n = 0; n < times; n += 1) {
    init();
    for (const { number, slots, values } of prepared) {
      for (let at = 0; at < slots.length; at += 1) machine.write(slots[at], values[at]);
      step(number);
    }
  }
}

for await (const line of lines) {
  (name === "host" ? byHost : byModule)(Number(line));
  process.stdout.write("done\n");
}
