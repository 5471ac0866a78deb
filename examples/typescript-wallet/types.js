// Writes the types of events, pools, plans and refusals, from the description that lies in the module:
//
//     tokenspec export wasm -o account.wasm && node types.js account.wasm > account.ts

import { readFile } from "node:fs/promises";

const module = await WebAssembly.compile(await readFile(process.argv[2] ?? "account.wasm"));
const [section] = WebAssembly.Module.customSections(module, "tokenspec");
const account = JSON.parse(new TextDecoder().decode(section));

const either = (words) => words.map((word) => JSON.stringify(word)).join(" | ");
const named = (words) => words.filter((word) => !word.startsWith("("));
const variable = (name) => named(account.variables.find((each) => each.name === name).type.members);
const pascal = (name) => name.replace(/(^|_)(\w)/g, (_, __, letter) => letter.toUpperCase());

/** A name that a catalogue may list or not is any text. */
function typeOf({ type, members }) {
  if (type === "enum") return members.includes("(not listed)") ? "string" : either(members);
  return type === "bool" ? "boolean" : "number";
}

function interfaceOf(event) {
  const sent = event.fields.filter((field) => field.origin === "payload");
  const fields = [
    ...sent.map((field) => [field.key, "", typeOf(field.type), field.says]),
    ...event.keys.map((key) => [key.name, key.optional ? "?" : "", "string", key.says]),
  ];
  const lines = fields.map(([name, mark, type, says]) => `  /** ${says} */\n  ${name}${mark}: ${type};\n`);
  return `/** ${event.says} */\nexport interface ${pascal(event.name)} extends Happening {\n  event: "${event.name}";\n${lines.join("")}}\n`;
}

const events = account.events.filter((event) => event.actor !== "clock");
process.stdout.write(`// Written by types.js from the module's description, declaration ${account.digest.slice(0, 12)}. Not edited by hand.

export type Pool = ${either(account.pools)};
export type Plan = ${either(variable("plan"))};
export type Status = ${either(variable("status").filter((status) => status !== "absent"))};
export type Refusal =
  | ${account.refusals.map((code) => JSON.stringify(code)).join("\n  | ")};

export interface Happening {
  account: string;
  /** RFC 3339, in UTC */
  at: string;
  id?: string;
}

${events.map(interfaceOf).join("\n")}
export type AccountEvent =
  | ${events.map((event) => pascal(event.name)).join("\n  | ")};
`);
