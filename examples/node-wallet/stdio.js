#!/usr/bin/env node
// Answers standard input on standard output, one JSON object a line.

import { createInterface } from "node:readline";
import { Adapter } from "./adapter.js";

const adapter = new Adapter();
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${adapter.answer(line)}\n`);
}
