// The pools over time: one strip each, all with the same time below, so that a pool of 150 is as legible as one of 75,000.

import { drawn, el, number, spaced, when } from "./dom.js";

const WIDTH = 800;
const HEIGHT = 44;

export class Plot {
  constructor(place, pools) {
    Object.assign(this, { place, pools });
  }

  /** Draws all of a run; `other` is a run to compare with, drawn with dashes. */
  draw(run, other = null) {
    const { entries } = run;
    this.marks = [];
    const [from, until] = [entries[0]?.at, entries.at(-1)?.at];
    // Where everything happens at one instant, the events stand one after the other.
    this.scale = (at, index) => WIDTH * (until > from ? (at - from) / (until - from) : (index + 1) / entries.length);
    const shown = this.pools.filter((pool) => [run, other].some((each) => each?.entries.some(({ state }) => state[pool] > 0)));
    const strips = shown.map((pool) => this.#strip(pool, entries, other?.entries ?? []));
    const span = entries.length ? [el("p", { class: "span" }, el("span", {}, when(from)), el("span", {}, when(until)))] : [];
    this.place.replaceChildren(
      ...(strips.length ? [...strips, ...span] : [el("p", { class: "hint" }, "Nothing has happened yet.")]),
    );
  }

  #strip(pool, entries, others) {
    const most = [...entries, ...others].reduce((found, { state }) => Math.max(found, state[pool]), 1);
    const tint = `tint-${this.pools.indexOf(pool)}`;
    const path = (list, name) => drawn("path", { d: this.#steps(list, pool, most), class: name });
    const title = `${spaced(pool)} over time, at most ${number(most)}`;
    const picture = drawn("svg", {
      viewBox: `0 -2 ${WIDTH} ${HEIGHT + 4}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": title,
    });
    if (others.length) picture.append(path(others, "other"));
    picture.append(path(entries, `line ${tint}`));
    const mark = el("i", { class: "mark" });
    this.marks.push(mark);
    return el(
      "figure",
      { class: "strip" },
      el("figcaption", {}, spaced(pool), el("small", {}, `up to ${number(most)}`)),
      el("div", {}, picture, mark),
    );
  }

  /** A line of steps; of the entries within one pixel only the last, the lowest and the highest are drawn. */
  #steps(entries, pool, most) {
    const columns = new Map();
    for (const [index, { at, state }] of entries.entries()) {
      const [x, value] = [Math.round(this.scale(at, index)), state[pool]];
      const { low, high } = columns.get(x) ?? { low: value, high: value };
      columns.set(x, { low: Math.min(low, value), high: Math.max(high, value), last: value });
    }
    const y = (value) => (HEIGHT * (1 - value / most)).toFixed(1);
    const parts = Array.from(columns, ([x, { low, high, last }]) => `H${x}V${y(high)}V${y(low)}V${y(last)}`);
    return columns.size ? `M0 ${y(entries[0].state[pool])}${parts.join("")}H${WIDTH}` : "";
  }

  /** Marks the instant that the page stands at, after so many events. */
  point(at, position) {
    const share = Math.min(1, Math.max(0, this.scale(at, position - 1) / WIDTH));
    for (const mark of this.marks) mark.style.left = `${100 * share}%`;
  }
}
