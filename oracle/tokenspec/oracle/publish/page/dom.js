// Elements and words. Text always goes in as text: nothing that a log or a link holds is read as HTML.

const SVG = "http://www.w3.org/2000/svg";
const UNITS = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
  [1_000, "second"],
];

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; an attribute that is a function listens, one that is null or false is left out. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for a drawing. */
export function drawn(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value != null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  put(element, ...children);
  return element;
}

/** Replaces what is in an element; null and false are no children. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child != null && child !== false));
}

/** A declared name as words. */
export const spaced = (name) => name.replaceAll("_", " ");

// Made once: making one takes longer than all else that a step needs.
const NUMBERS = new Intl.NumberFormat("en-GB");
const MINUTES = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
const SECONDS = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" });
const LOCAL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export const number = (tokens) => NUMBERS.format(tokens);

/** A number with what it counts: `1 record was`, `2 records were`. */
export const counting = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;

/** Any value that an answer may hold, as a person reads it. */
export function told(value) {
  if (value == null) return "none";
  if (typeof value === "number") return number(value);
  return typeof value === "string" ? spaced(value) : JSON.stringify(value);
}

/** An instant in UTC: `15 Jul 2026, 09:05`, with seconds where there are any. */
export const when = (instant) => (instant % 60_000 ? SECONDS : MINUTES).format(instant);

/** The same in the reader's own time zone. */
export const localWhen = (instant) => LOCAL.format(instant);

/** A span of time by its two largest units: `2 days 3 hours`. */
export function lasting(milliseconds) {
  const parts = [];
  let left = milliseconds;
  for (const [size, unit] of UNITS) {
    const many = Math.floor(left / size);
    left -= many * size;
    if (many) parts.push(`${many} ${unit}${many === 1 ? "" : "s"}`);
  }
  return parts.slice(0, 2).join(" ") || "a moment";
}
