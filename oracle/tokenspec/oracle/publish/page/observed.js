// What a log says was observed: which names and forms it may have, and text that JSON reads and a log may not hold.

import { parseInstant } from "./world.js";

const TOKEN = /"(?:[^"\\]|\\.)*"(?:\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[{}[\]]/g;
const WHOLE = /^-?\d+$/;

/** What a line holds. Raises for a name that stands twice in one object; a number with a fraction or an exponent is no number. */
export function strictly(line) {
  JSON.parse(line);
  const open = [];
  const written = line.replace(TOKEN, (token) => {
    if (token === "{" || token === "[") open.push(new Map());
    else if (token === "}" || token === "]") open.pop();
    else if (token.endsWith(":")) {
      const name = JSON.parse(token.slice(0, -1));
      if (open.at(-1).has(name)) throw new TypeError(`${[...path(open), name].join(".")}: it stands twice in one object`);
      open.at(-1).set(name, true);
    } else if (token[0] !== '"' && !WHOLE.test(token)) return JSON.stringify({ "no whole number": token });
    return token;
  });
  return JSON.parse(written);
}

/** The names under which the innermost object lies. */
function path(open) {
  return open.slice(0, -1).map((names) => Array.from(names.keys()).at(-1));
}

/** Raises for what is not of the forms that `about` gives; with `isAnswer` it may hold names that nobody knows. */
export function checkObserved(observed, about, isAnswer) {
  if (!isObject(observed)) throw new TypeError("observed: it is an object, such as an answer");
  for (const [name, value] of Object.entries(observed)) {
    if (!Object.hasOwn(about.observed, name)) {
      if (!isAnswer) throw new TypeError(unknown(`observed.${name}`, "field of an answer", Object.keys(about.observed)));
    } else if (value !== null) checkForm(`observed.${name}`, about.observed[name], value, about.pools, isAnswer);
  }
}

function checkForm(name, form, value, pools, isAnswer) {
  const isGood = {
    tokens: () => Number.isSafeInteger(value),
    bool: () => typeof value === "boolean",
    text: () => typeof value === "string",
    instant: () => isInstant(value),
    "tokens by pool": () => isObject(value),
  }[form];
  const says = { tokens: "a whole number", bool: "true or false", text: "a text", "tokens by pool": "whole tokens by pool" };
  if (isGood && !isGood()) throw new TypeError(`${name}: it is ${says[form] ?? "RFC 3339 with Z or an offset, or whole milliseconds"}`);
  if (Array.isArray(form)) checkWords(name, form, value);
  for (const [pool, tokens] of form === "tokens by pool" ? Object.entries(value) : []) {
    if (!pools.includes(pool)) {
      if (!isAnswer) throw new TypeError(unknown(`${name}.${pool}`, "pool", pools));
    } else if (tokens !== null && !Number.isSafeInteger(tokens)) throw new TypeError(`${name}.${pool}: it is a whole number`);
  }
}

/** One of the words; of a list in a list several of them. */
function checkWords(name, form, value) {
  const [words, given] = Array.isArray(form[0]) ? [form[0], value] : [form, [value]];
  if (!Array.isArray(given)) throw new TypeError(`${name}: it is a list of ${words.join(", ")}`);
  if (!given.every((word) => words.includes(word))) throw new TypeError(`${name}: it is one of ${words.join(", ")}`);
}

const unknown = (name, what, known) => `${name}: there is no such ${what}; there are ${known.join(", ")}`;

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const INSTANT = /^(\d{4})-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const SMALLEST = 1e11;

/** Whether it is RFC 3339 with Z or an offset, or whole milliseconds; what looks like seconds is neither. */
export function isInstant(written) {
  if (typeof written === "number") return Number.isSafeInteger(written) && written >= SMALLEST && written <= Date.UTC(9999, 11, 31, 23, 59, 59, 999);
  return typeof written === "string" && INSTANT.test(written) && !Number.isNaN(Date.parse(written)) && Number.isSafeInteger(parseInstant(written));
}
