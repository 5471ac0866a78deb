#!/usr/bin/env node
// node stdio.js account.wasm [session.wasm]
// Answers standard input on standard output, one JSON object a line.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Adapter } from "./adapter.js";
import { Machine } from "./machine.js";

const [account, session] = await Promise.all(process.argv.slice(2).map(async (path) => Machine.load(await readFile(path))));
const adapter = new Adapter(account, session);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${adapter.answer(line)}\n`);
}
