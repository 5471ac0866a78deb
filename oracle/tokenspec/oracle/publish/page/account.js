// The account as it stands: status, pools, clocks, what happened last, the lifecycle, the claims.

import { el, lasting, localWhen, number, put, spaced, told, when } from "./dom.js";

const NONE = "(none)";
const DAY_MS = 86_400_000;

/** The last millisecond of the UTC day that an instant lies in. */
function lastOfDay(at) {
  return Math.floor(at / DAY_MS) * DAY_MS + DAY_MS - 1;
}

/** The text with what stands between backticks as code. */
function withCode(text) {
  return text.split("`").map((part, at) => (at % 2 ? el("code", {}, part) : part));
}

export class AccountView {
  /**
   * `places` are the elements to fill, by name. `explain` gives the single other answers under which a log is right up to
   * its divergence, and `choose` takes one of them for all of the log.
   */
  constructor(places, machines, about, explain, choose) {
    Object.assign(this, { places, about, machine: machines.account.about, explain, choose });
    const answers = machines.all.flatMap(({ about: { events } }) => events.flatMap((event) => event.answers));
    this.said = Array.from(new Set(answers.map(({ name }) => name)));
    const claims = new Map(machines.all.flatMap((machine) => machine.about.claims).map((claim) => [claim.id, claim]));
    this.claims = Array.from(claims.values(), (claim) => ({
      claim,
      row: el("li", { "data-claim": claim.id }, el("i", { "aria-hidden": "true" }), withCode(claim.sentence)),
    }));
    places.claims.replaceChildren(...this.claims.map(({ row }) => row));
    this.parts = Array.from(places.lifecycle.querySelectorAll("[data-name]"), (part) => [part.dataset.name, part]);
  }

  /** `now` is the instant shown; `other` is a run to compare with, at the same place, and `differing` how its answer differs. */
  show(run, now, other, differing) {
    const entry = run.entries[run.position - 1] ?? null;
    this.#status(run, now);
    this.#pools(run, other);
    this.#clocks(run, now);
    this.#last(entry, differing);
    this.#lifecycle(run.account.state, entry);
    this.#claims(run);
  }

  #status(run, now) {
    const { state } = run.account;
    const words = this.machine.variables.filter(
      ({ type, name }) => type.type === "enum" && (name === this.machine.control || state[name] !== NONE),
    );
    const chips = words.map(({ name, says }) =>
      el(
        "div",
        { class: name === this.machine.control ? "chip main" : "chip", title: says },
        el("small", {}, spaced(name)),
        el("b", { "data-variable": name }, spaced(state[name])),
      ),
    );
    this.places.status.replaceChildren(...chips);
    this.places.now.replaceChildren(el("b", {}, `${when(now)} UTC`), el("small", {}, `your time: ${localWhen(now)}`));
  }

  #pools(run, other) {
    const { state } = run.account;
    const rows = this.machine.pools.map((pool, index) => {
      const most = this.about.ceilings[pool] ? run.value(this.about.ceilings[pool]) : null;
      const full = Math.max(most ?? 0, state[pool], ...(other ? [other.account.state[pool]] : []), 1);
      const before = run.entries[run.position - 2]?.state[pool] ?? 0;
      const gained = run.isAhead || !run.position ? 0 : state[pool] - before;
      const fillOf = (tokens, name) => Object.assign(el("i", { class: name }), { style: `width:${(100 * tokens) / full}%` });
      const limit = most ? fillOf(most, "limit") : null;
      const ghost = other && other.account.state[pool] !== state[pool] ? fillOf(other.account.state[pool], "ghost") : null;
      const change = gained
        ? el("em", { class: gained > 0 ? "plus" : "minus" }, `${gained > 0 ? "+" : "−"}${number(Math.abs(gained))}`)
        : null;
      const without = ghost ? el("small", { class: "without" }, `without the change ${number(other.account.state[pool])}`) : null;
      const says = this.machine.variables.find(({ name }) => name === pool).says;
      const ceiling = most ? `of at most ${number(most)}` : most === 0 ? "none at present" : "no ceiling";
      const figures = el(
        "span",
        { class: "figures" },
        change,
        el("b", { "data-pool": pool }, number(state[pool])),
        el("small", {}, ceiling),
      );
      const bar = el(
        "div",
        {
          class: "bar",
          role: "meter",
          "aria-label": spaced(pool),
          "aria-valuenow": state[pool],
          "aria-valuemin": 0,
          "aria-valuemax": full,
        },
        fillOf(state[pool], `fill tint-${index}`),
        ghost,
        limit,
      );
      return el(
        "div",
        { class: "pool" },
        el("span", { class: "name" }, el("b", {}, spaced(pool)), el("small", {}, says)),
        figures,
        bar,
        without,
      );
    });
    this.places.pools.replaceChildren(...rows);
  }

  #clocks(run, now) {
    const rows = this.machine.clocks.map((clock) => {
      const due = run.account.dials[clock.name]?.shown ?? Infinity;
      if (due === Infinity)
        return el(
          "div",
          { class: "clock" },
          el("b", {}, spaced(clock.job)),
          el("span", {}, "not running"),
          el("small", {}, clock.says),
        );
      const late = now - due;
      const stands = late < 0 ? `in ${lasting(-late)}` : late === 0 ? "due now" : `late by ${lasting(late)}`;
      const since = { falls_due: due, last_run: run.account.ran[clock.name], end_of_day: lastOfDay(due) }[clock.overdue_since];
      const isCase = late >= 0 && now - since > clock.overdue_ms;
      const waited = { falls_due: "due for", last_run: "none for", end_of_day: "its day in UTC is over by" }[clock.overdue_since];
      const note = isCase
        ? `${waited} ${lasting(now - since)}: a case for support`
        : late >= 0
          ? "waits for the job to run"
          : clock.says;
      return el(
        "div",
        { class: late >= 0 ? "clock late" : "clock" },
        el("b", {}, spaced(clock.job)),
        el("span", { "data-clock": clock.name }, `${when(due)} – ${stands}`),
        el("small", {}, note),
      );
    });
    this.places.clocks.replaceChildren(...rows);
  }

  #last(entry, differing) {
    const place = this.places.outcome;
    if (!entry)
      return put(place, el("p", { class: "hint" }, "Nothing yet. Press an event; a refused one says why. Or open a log."));
    const { record, answer, decided, differs } = entry;
    const { account, at, event, id, observed, ...needs } = record;
    const isGood = answer.outcome === "accepted";
    const detail = Object.entries(needs)
      .map(([name, value]) => `${spaced(name)} ${told(value)}`)
      .join(", ");
    const verdict = answer.duplicate
      ? "The id was used before: the first answer again"
      : isGood
        ? "Accepted"
        : `Refused: ${spaced(answer.reason)}`;
    const part = decided?.outcome.rule ?? decided?.outcome.refusal;
    const [why, clauses] = decided ? [decided.outcome.rule?.why ?? decided.outcome.refusal.because, part.clauses] : ["", []];
    const said = this.said
      .filter((name) => answer[name] != null)
      .map((name) => `${spaced(name)}: ${told(answer[name])}`);
    const passed = entry.steps.filter((step) => step !== decided && step.event !== event);
    put(
      place,
      el(
        "p",
        { class: "what" },
        el("b", {}, spaced(event)),
        detail ? ` ${detail}` : "",
        el("small", {}, ` ${when(entry.at)} UTC`),
      ),
      el(
        "p",
        { class: isGood ? "verdict" : "verdict bad", "data-outcome": answer.outcome },
        el("b", {}, verdict),
        why ? ` – ${why}.` : "",
        said.length ? ` ${said.join(", ")}.` : "",
      ),
      ...this.#ledger(entry),
      differing ? el("p", { class: "differing" }, el("b", {}, "The other answer changes this: "), differing, ".") : null,
      differs.length ? this.#divergence(differs) : null,
      passed.length
        ? el("p", { class: "hint" }, `Before it, by the clock: ${counted(passed.map((step) => spaced(step.event)))}.`)
        : null,
      clauses.length
        ? el(
            "ul",
            { class: "clauses" },
            clauses.map((clause) => el("li", {}, el("b", {}, clause), ` ${this.about.clauses[clause]}`)),
          )
        : null,
    );
  }

  #ledger({ steps }) {
    const lines = steps.flatMap(({ outcome }) => outcome.ledger ?? []).filter(({ tokens }) => tokens);
    if (!lines.length) return [];
    return [
      el(
        "ul",
        { class: "ledger" },
        lines.map(({ kind, pool, tokens }) => el("li", {}, `${spaced(pool)}: ${number(tokens)} ${spaced(kind)}`)),
      ),
    ];
  }

  #divergence(differs) {
    const rows = differs.map(([field, expected, got]) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, spaced(field)),
        el("td", {}, told(expected)),
        el("td", { class: "got" }, told(got)),
      ),
    );
    const head = el(
      "tr",
      {},
      ["", "right is", "the log says"].map((text) => el("th", { scope: "col" }, text)),
    );
    const asking = el(
      "button",
      { type: "button", "data-ask": "explain", click: () => asking.replaceWith(this.#explanation()) },
      "Would another answer to an open question make it right?",
    );
    return el(
      "div",
      { class: "divergence", role: "alert" },
      el("b", {}, "Here the log diverges"),
      el("table", {}, el("thead", {}, head), el("tbody", {}, rows)),
      asking,
    );
  }

  #explanation() {
    const found = this.explain();
    if (!found.length) return el("p", { class: "explained" }, "No single other answer makes the log right up to here.");
    const choices = found.map(({ name, answer, means }) =>
      el(
        "li",
        {},
        `${spaced(name)}: ${means}. `,
        el("button", { type: "button", click: () => this.choose(name, answer) }, "Take it"),
      ),
    );
    return el("div", { class: "explained" }, "The log is right up to here with", el("ul", {}, choices));
  }

  #lifecycle(state, entry) {
    const node = (status) => `${this.machine.machine}.${status}`.replace(/[^\w.]/g, "_").replaceAll(".", "__");
    const last = entry?.move;
    const [from, to] = last ? [node(last.before[this.machine.control]), node(last.outcome.rule.target)] : [];
    // An edge may run through a node that is its label.
    const label = `${from}____${to}`;
    const edges = [`${from}->${to}`, `${from}->${label}`, `${label}->${to}`];
    for (const [name, part] of this.parts) {
      const isEdge = part.classList.contains("edge");
      part.classList.toggle("now", name === node(state[this.machine.control]));
      part.classList.toggle("lit", Boolean(last) && (isEdge ? edges.includes(name) : name === label));
      for (const text of part.querySelectorAll("text"))
        text.classList.toggle("by", Boolean(last) && text.textContent.trim().split(" ")[0] === last.event);
    }
  }

  #claims(run) {
    const broken = new Set(run.breaches.filter(({ position }) => position < run.position).map(({ claim }) => claim));
    for (const { claim, row } of this.claims) row.classList.toggle("broken", broken.has(claim.id));
    const { length } = this.claims;
    const held = broken.size ? `${length - broken.size} of ${length} hold` : `all ${length} hold`;
    this.places.held.textContent = held;
    this.places.held.classList.toggle("bad", broken.size > 0);
  }
}

/** Names with how often each comes: `a, b 3 times`. */
function counted(names) {
  const many = new Map();
  for (const name of names) many.set(name, (many.get(name) ?? 0) + 1);
  return Array.from(many, ([name, count]) => (count > 1 ? `${name} ${count} times` : name)).join(", ");
}
