// The events so far as a list that one can step through. Only the rows in view are in the page, so that ten thousand do no harm.

import { byId, el, spaced, told, when } from "./dom.js";

const ROW = 34;

export class History {
  /** `go` is called with the position to go to. */
  constructor(go) {
    Object.assign(this, { go, run: null, other: null, list: byId("history"), slider: byId("position") });
    this.rows = el("div", { class: "rows" });
    this.list.append(this.rows);
    // Asking the list where it stands would have the whole page laid out in the middle of a step.
    Object.assign(this, { top: 0, height: 0 });
    this.list.addEventListener("scroll", () => {
      this.top = this.list.scrollTop;
      this.#draw();
    });
    new ResizeObserver(([{ contentRect }]) => {
      this.height = contentRect.height;
      this.#draw();
    }).observe(this.list);
    this.slider.addEventListener("input", () => go(this.slider.valueAsNumber));
    const steps = {
      first: () => 0,
      back: (at) => at - 1,
      forward: (at) => at + 1,
      last: () => Infinity,
      divergence: () => this.run.firstDivergence + 1,
    };
    for (const [id, to] of Object.entries(steps)) byId(id).addEventListener("click", () => go(to(this.run.position)));
    const keys = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last", d: "divergence" };
    document.addEventListener("keydown", (pressed) => {
      const isTyping = pressed.target.closest("input, select, textarea") || pressed.ctrlKey || pressed.metaKey || pressed.altKey;
      if (isTyping || !keys[pressed.key]) return;
      pressed.preventDefault();
      byId(keys[pressed.key]).click();
    });
  }

  /** Where the run stands; `differing` says of an entry how it differs from that of the other run. */
  show(run, differing) {
    Object.assign(this, { run, differing });
    const { length } = run.entries;
    Object.assign(this.slider, { max: length, value: run.position });
    this.slider.setAttribute("aria-valuetext", `event ${run.position} of ${length}`);
    byId("place").textContent = `${run.position} of ${length}`;
    for (const id of ["first", "back"]) byId(id).disabled = run.position === 0;
    for (const id of ["forward", "last"]) byId(id).disabled = run.position === length;
    byId("divergence").hidden = run.firstDivergence === null;
    this.rows.style.height = `${length * ROW}px`;
    const top = (run.position - 1) * ROW;
    if (top < this.top || top + ROW > this.top + this.height) this.#scrollTo(Math.max(0, top - this.height / 2));
    this.#draw();
  }

  #scrollTo(top) {
    this.top = top;
    requestAnimationFrame(() => (this.list.scrollTop = this.top));
  }

  #draw() {
    if (!this.run) return;
    const first = Math.max(0, Math.floor(this.top / ROW) - 2);
    const last = Math.min(this.run.entries.length, Math.ceil((this.top + this.height) / ROW) + 2);
    const rows = [];
    for (let index = first; index < last; index += 1) rows.push(this.#row(index));
    this.rows.replaceChildren(...rows);
  }

  #row(index) {
    const { record, answer, at, differs } = this.run.entries[index];
    const differing = this.differing(index);
    const marks = [
      answer.outcome,
      index === this.run.position - 1 && "here",
      index >= this.run.position && "ahead",
      differs.length && "diverges",
      differing && "differing",
    ];
    const { account, at: _, event, id, observed, ...needs } = record;
    const detail = Object.values(needs).map(told).join(" ");
    const outcome =
      differing ?? (differs.length ? "diverges from the log" : answer.outcome === "refused" ? spaced(answer.reason) : "");
    const row = el(
      "button",
      {
        type: "button",
        class: `row ${marks.filter(Boolean).join(" ")}`,
        tabindex: "-1",
        "data-index": index,
        title: outcome,
        click: () => this.go(index + 1),
      },
      el("span", { class: "at" }, when(at)),
      el("b", {}, spaced(event)),
      el("span", { class: "detail" }, detail),
      el("span", { class: "outcome" }, outcome),
    );
    row.style.top = `${index * ROW}px`;
    return row;
  }
}
