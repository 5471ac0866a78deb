// The events as buttons: what each needs, and why it would be refused.

import { UNLISTED } from "./world.js";
import { el, number, spaced } from "./dom.js";

const HEADINGS = { user: "What the user does", job: "What the system's jobs do" };
const RECENT = 50;
const AMOUNTS = [1, 10, 100, 1_000, 10_000];

export class Events {
  /** `fire` is called with the event's name and what it needs. */
  constructor(place, machines, catalogue, fire) {
    const { names, answer } = machines.account.about.around;
    Object.assign(this, { place, names, catalogue, total: answer.total, fire, cards: new Map(), run: null });
    for (const machine of machines.all) {
      const offered = machine.about.events.filter(({ actor }) => actor !== "clock");
      for (const actor of new Set(offered.map((event) => event.actor))) {
        const cards = offered.filter((event) => event.actor === actor).map((event) => this.#card(event));
        const heading = machine === machines.account ? HEADINGS[actor] : machine.about.says;
        place.append(el("h3", {}, heading), el("div", { class: "cards" }, cards));
      }
    }
  }

  #card(event) {
    const wanted = [
      ...event.fields.filter(({ origin }) => origin === "payload").map((field) => ({ ...field, name: field.key })),
      ...event.keys,
    ];
    const form = el("form", { hidden: true, submit: (submitted) => this.#submit(submitted, event) });
    const why = el("small", { class: "why" });
    const attributes = {
      type: "button",
      title: event.says,
      "data-event": event.name,
      "aria-expanded": wanted.length ? "false" : null,
    };
    const button = el("button", { ...attributes, click: () => this.#press(event) }, el("b", {}, spaced(event.name)), why);
    const card = { event, wanted, form, why, button, inputs: new Map(), touched: new Set() };
    this.cards.set(event.name, card);
    if (wanted.length) this.#fillForm(card);
    return el("div", { class: "card" }, button, form);
  }

  #fillForm(card) {
    const { event, wanted, form } = card;
    form.append(el("p", {}, event.says));
    for (const field of wanted) {
      const input = this.#input(field, () => {
        card.touched.add(field.name);
        this.#judge(card);
      });
      card.inputs.set(field.name, input);
      const unused = field.optional ? " (may be left out)" : "";
      form.append(
        el(
          "label",
          { title: field.says },
          el("span", {}, spaced(field.name), el("small", {}, `${field.says}${unused}`)),
          input.element,
        ),
      );
    }
    card.verdict = el("p", { class: "verdict", "aria-live": "polite" });
    form.append(card.verdict, el("button", { class: "go", type: "submit" }, `Do it: ${spaced(event.name)}`));
  }

  #input({ name, type, shape }, changed) {
    if (type?.type === "enum") return choice(type.members, changed);
    if (type?.type === "bool") return choice([true, false], changed);
    if (type) return amount(changed);
    if (shape === "tokens by pool") return balances(this.total, changed);
    const list = el("datalist", { id: `known-${name}-${this.cards.size}` });
    const element = el("input", {
      type: shape === "time of day" ? "time" : "text",
      list: list.id,
      input: changed,
      autocomplete: "off",
    });
    const suggest = (known) => list.replaceChildren(...known.map((value) => el("option", { value })));
    return {
      element: el("span", {}, element, list),
      suggest,
      get: () => element.value || undefined,
      set: (value) => (element.value = value ?? ""),
    };
  }

  /** All buttons anew, for a run at the place where it stands. */
  show(run) {
    this.run = run;
    for (const card of this.cards.values()) {
      this.#propose(card);
      this.#judge(card);
    }
  }

  /** What nobody has written yet is filled in: the first values that would be accepted, else those that fail last. */
  #propose(card) {
    const open = card.wanted.filter(({ name, optional }) => !card.touched.has(name) && !optional);
    let tries = [{}];
    for (const field of open) {
      const values = this.#candidates(field);
      tries = tries.flatMap((found) => values.map((value) => ({ ...found, [field.name]: value })));
    }
    const best = furthest(tries, (found) => this.#reached(card, { ...this.#values(card), ...found }));
    for (const [name, value] of Object.entries(best)) {
      card.inputs.get(name).set(value);
      card.inputs.get(name).suggest?.(this.#listed(name));
    }
  }

  /** How many requirements of an event some values meet, in the order in which they are asked; Infinity where all. */
  #reached({ event }, values) {
    const { refusal } = this.run.decide({ event: event.name, ...values });
    return refusal ? event.requires.indexOf(refusal) : Infinity;
  }

  #candidates({ name, type, shape }) {
    if (type?.type === "enum") return type.members.filter((member) => member !== UNLISTED);
    if (type?.type === "bool") return [true, false];
    if (type) return [1];
    if (shape === "tokens by pool") return [Object.fromEntries(this.total.map((pool) => [pool, this.run.account.state[pool]]))];
    const listed = this.#listed(name);
    if (listed.length) return listed.slice(0, 1);
    const used = new Set(
      this.run.records
        .slice(0, this.run.position)
        .slice(-RECENT)
        .map((record) => record[name])
        .filter(Boolean),
    );
    return [...Array.from(used).reverse().slice(0, 3), `${name}-${this.run.position + 1}`];
  }

  /** The names that a key may hold, where a table of the catalogue lists them. */
  #listed(key) {
    return Object.keys(this.catalogue[this.names[key]] ?? {});
  }

  #values({ inputs, wanted }) {
    const given = Array.from(inputs, ([name, input]) => [name, input.get()]).filter(([, value]) => value !== undefined);
    const values = Object.fromEntries(given);
    for (const { name, instead } of wanted) if (instead in values) delete values[name];
    return values;
  }

  #judge(card) {
    const { rule, refusal } = this.run.decide({ event: card.event.name, ...this.#values(card) });
    card.button.classList.toggle("refused", Boolean(refusal));
    card.why.textContent = refusal ? `refused: ${spaced(refusal.code)}` : "";
    if (!card.verdict) return;
    card.verdict.classList.toggle("bad", Boolean(refusal));
    const [name, why] = refusal
      ? [`Would be refused: ${spaced(refusal.code)}`, refusal.because]
      : [`Would be accepted: ${spaced(rule.name)}`, rule.why];
    card.verdict.replaceChildren(el("b", {}, name), ` – ${why}.`);
  }

  #press(event) {
    const card = this.cards.get(event.name);
    if (!card.wanted.length) return this.fire(event.name, {});
    this.#fold(card, !card.form.hidden);
    if (!card.form.hidden) card.form.querySelector("input, select").focus();
    return undefined;
  }

  #submit(submitted, event) {
    submitted.preventDefault();
    const card = this.cards.get(event.name);
    const values = this.#values(card);
    // An id serves once; a price or a plan may be wanted again.
    for (const { name, shape } of card.wanted) if (shape) card.touched.delete(name);
    this.fire(event.name, values);
    if (card.button.classList.contains("refused")) this.#fold(card, true);
  }

  #fold({ form, button }, isHidden) {
    form.hidden = isHidden;
    button.setAttribute("aria-expanded", String(!isHidden));
  }
}

/** The first of those for which `reached` is greatest; it is not asked on once it is Infinity. */
function furthest(tries, reached) {
  let [best, most] = [tries[0], -1];
  for (const each of tries) {
    const far = reached(each);
    if (far > most) [best, most] = [each, far];
    if (far === Infinity) break;
  }
  return best;
}

function choice(members, changed) {
  const element = el(
    "select",
    { change: changed },
    members.map((member) =>
      el("option", { value: member }, member === UNLISTED ? "one that is not listed" : spaced(String(member))),
    ),
  );
  const written = (text) => members.find((member) => String(member) === text);
  return { element, get: () => written(element.value), set: (value) => (element.value = value) };
}

function amount(changed) {
  const input = el("input", { type: "number", step: "1", inputmode: "numeric", input: changed });
  const set = (value) => (input.value = value);
  const press = (value) => () => (set(value), changed());
  const quick = AMOUNTS.map((value) => el("button", { type: "button", class: "quick", click: press(value) }, number(value)));
  const get = () => (Number.isSafeInteger(input.valueAsNumber) ? input.valueAsNumber : 0);
  return { element: el("span", { class: "amount" }, input, el("span", { class: "quicks" }, quick)), get, set };
}

function balances(pools, changed) {
  const inputs = pools.map((pool) => [pool, el("input", { type: "number", step: "1", input: changed, "aria-label": pool })]);
  const get = () =>
    Object.fromEntries(
      inputs.filter(([, input]) => Number.isSafeInteger(input.valueAsNumber)).map(([pool, input]) => [pool, input.valueAsNumber]),
    );
  const set = (values) => inputs.forEach(([pool, input]) => (input.value = values[pool]));
  return {
    element: el(
      "span",
      { class: "pools" },
      inputs.map(([pool, input]) => el("span", {}, spaced(pool), input)),
    ),
    get,
    set,
  };
}
