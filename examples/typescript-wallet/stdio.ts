// Answers standard input on standard output, one JSON object a line.

import { createInterface } from "node:readline";
import { Wallet } from "./wallet.ts";

const wallet = new Wallet();
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(wallet.handle(JSON.parse(line)))}\n`);
}
