// Logs: which lines hold a good record, and where an answer differs from what was observed. What an event needs is read in
// the modules' descriptions.

import { checkObserved, isInstant, strictly } from "./observed.js";
import { UNLISTED, formatInstant, parseInstant } from "./world.js";

const TIME_OF_DAY = /^([01]\d|2[0-3]):[0-5]\d$/;

export class RecordReader {
  /** `machines` are the descriptions of the machines; `about` has older names, and the forms of what is observed. */
  constructor(machines, about) {
    const events = machines.flatMap((machine) => machine.events).filter(({ actor }) => actor !== "clock");
    this.events = new Map(events.map((event) => [event.name, event]));
    this.about = about;
    this.total = machines[0].around.answer.total;
  }

  /** The good records of a log by account, and what is wrong with its other lines: `{accounts, faults}`. */
  read(text) {
    const lines = text.replace(/^\uFEFF/, "").split("\n");
    return this.#gather(
      lines.map((line, index) => [index + 1, line.trim()]).filter(([, line]) => line),
      strictly,
    );
  }

  /** The same for records that are objects already. */
  take(records) {
    return this.#gather(
      records.map((record, index) => [index + 1, record]),
      (record) => record,
    );
  }

  #gather(numbered, parsed) {
    const accounts = new Map();
    const faults = [];
    for (const [line, written] of numbered) {
      try {
        const { record, wrong } = this.#checked(parsed(written));
        const known = accounts.get(record.account) ?? { records: [], ids: new Set(), last: -Infinity };
        const at = parseInstant(record.at);
        // What repeats an id is no second event, whenever it comes.
        const isRepeated = record.id != null && known.ids.has(record.id);
        if (!isRepeated && at < known.last)
          throw new RangeError(`at: time never goes back within an account, and ${formatInstant(known.last)} came before`);
        if (!isRepeated) known.last = at;
        known.ids.add(record.id);
        known.records.push(record);
        accounts.set(record.account, known);
        if (wrong) faults.push({ line, rule: `${wrong}, and nothing of it is compared` });
      } catch (fault) {
        faults.push({ line, rule: fault.message });
      }
    }
    return { accounts: new Map(Array.from(accounts, ([name, { records }]) => [name, records])), faults };
  }

  #checked(record) {
    if (typeof record !== "object" || record === null || Array.isArray(record))
      throw new TypeError("a record is one JSON object a line");
    const event = this.events.get(record.event);
    if (typeof record.account !== "string") throw new TypeError("account: it is a text, and required");
    if (!event) throw new TypeError(`event: there is no such event as ${JSON.stringify(record.event)}`);
    if (!isInstant(record.at)) throw new TypeError("at: an instant is RFC 3339 with Z or an offset, or whole milliseconds, not seconds");
    if (record.id != null && typeof record.id !== "string") throw new TypeError("id: it is a text");
    for (const field of event.fields) if (field.origin === "payload") checkField(field, record);
    for (const key of event.keys) checkKey(key, record[key.name], this.total);
    return this.#held(record);
  }

  /** The record, without its observation where that is not of the right form: the event did happen. */
  #held({ observed, ...record }) {
    if (observed == null) return { record: this.#renamed(record) };
    try {
      checkObserved(observed, this.about, record.observed_as === "answer");
    } catch (fault) {
      return { record: this.#renamed(record), wrong: fault.message };
    }
    return { record: this.#renamed({ ...record, observed }) };
  }

  #renamed(record) {
    const { aliases, renamed } = this.about;
    const isOlder = (key, value) => renamed.includes(key) && Object.hasOwn(aliases, value);
    const present = (object) =>
      Object.fromEntries(Object.entries(object).map(([key, value]) => [key, isOlder(key, value) ? aliases[value] : value]));
    const observed = record.observed && typeof record.observed === "object" ? { observed: present(record.observed) } : {};
    return { ...present(record), ...observed };
  }
}

function checkField({ key, type, instead }, { event, [key]: value, [instead]: other }) {
  if (instead && other != null) {
    if (value != null) throw new TypeError(`${instead}: a ${event} has either ${key} or ${instead}, and both are given`);
    return;
  }
  const isListed = type.type === "enum" && !type.members.includes(UNLISTED);
  if (value == null) throw new TypeError(`${key}: it is required`);
  if (type.type === "tokens" && !Number.isSafeInteger(value)) throw new TypeError(`${key}: it is a whole number`);
  if (value < type.lo || value > type.hi) throw new TypeError(`${key}: it is from ${type.lo} to ${type.hi}`);
  if (type.type === "bool" && typeof value !== "boolean") throw new TypeError(`${key}: it is true or false`);
  if (type.type === "enum" && typeof value !== "string") throw new TypeError(`${key}: it is a text`);
  if (isListed && !type.members.includes(value)) throw new TypeError(`${key}: it is one of ${type.members.join(", ")}`);
}

function checkKey({ name, shape, optional }, value, total) {
  if (value == null) {
    if (!optional) throw new TypeError(`${name}: it is required`);
    return;
  }
  if (shape === "tokens by pool") {
    const named = Object.entries(value).filter(([, tokens]) => tokens != null);
    const isGood = named.length && named.every(([pool, tokens]) => total.includes(pool) && Number.isSafeInteger(tokens));
    if (!isGood) throw new TypeError(`${name}: it gives whole tokens of one or more of ${total.join(", ")}`);
  } else if (typeof value !== "string") throw new TypeError(`${name}: it is a text`);
  else if (shape === "time of day" && !TIME_OF_DAY.test(value)) throw new TypeError(`${name}: it is written HH:MM`);
}

/**
 * Every field written in `got` that `expected` does not say: `[field, expected, got]`. Absent and null are the same; without
 * `nulls` a null says nothing. `forms` are those of all fields.
 */
export function differences(expected, got, forms, nulls = true) {
  return Object.entries(forms)
    .filter(([name]) => name in got && (nulls || got[name] !== null))
    .flatMap(([name, form]) => {
      const [ours, theirs] = [expected[name] ?? null, got[name] ?? null];
      if (form === "tokens by pool") return byPool(name, ours ?? {}, theirs, nulls);
      if (Array.isArray(ours) || Array.isArray(theirs)) return sameWords(ours ?? [], theirs ?? []) ? [] : [[name, ours, theirs]];
      const same = form === "instant"
        ? instant(ours) === instant(theirs)
        : ours === theirs || (name === "duplicate" && !ours && !theirs);
      return same ? [] : [[name, ours, theirs]];
    });
}

const sameWords = (ours, theirs) => JSON.stringify([...new Set(ours)].sort()) === JSON.stringify([...new Set(theirs)].sort());

function byPool(name, ours, theirs, nulls) {
  const isCharge = name === "charge";
  const nothing = isCharge ? 0 : null;
  if (theirs === null || typeof theirs !== "object" || (isCharge && !Object.keys(theirs).length))
    return (theirs !== null && typeof theirs !== "object") || Object.values(ours).some(Boolean) ? [[name, ours, theirs]] : [];
  const said = Object.keys(theirs).filter((pool) => nulls || theirs[pool] !== null);
  const differing = said.filter((pool) => (ours[pool] ?? nothing) !== (theirs[pool] ?? nothing));
  return differing.map((pool) => [`${name}.${pool}`, ours[pool] ?? nothing, theirs[pool] ?? nothing]);
}

const instant = (written) => (typeof written === "string" ? Date.parse(written) : written);
