// The open questions, with every answer; another answer holds from the place where it is chosen.

import { byId, el, spaced } from "./dom.js";

export class Policies {
  /** `choose` is called with the policies chosen. */
  constructor(place, policies, choose) {
    this.rows = policies.map(({ name, answers, why, clauses }) => {
      const buttons = answers.map(({ answer }) =>
        el("input", { type: "radio", name, value: answer, change: () => choose({ ...this.policy, [name]: answer }) }),
      );
      const choices = answers.map(({ means }, index) => el("label", {}, buttons[index], means));
      const row = el(
        "fieldset",
        { class: "policy", "data-policy": name },
        el("legend", {}, spaced(name)),
        el("small", {}, `${why} (${clauses.join(", ")})`),
        choices,
      );
      return { name, buttons, row };
    });
    place.replaceChildren(...this.rows.map(({ row }) => row));
  }

  /** The policies that hold at the place shown, those of the base marked where they are others. */
  show(policy, base, turn, firstDifference) {
    this.policy = policy;
    for (const { name, buttons, row } of this.rows) {
      for (const button of buttons) button.checked = button.value === policy[name];
      row.classList.toggle("changed", policy[name] !== base[name]);
    }
    byId("changed").hidden = turn === null;
    if (turn === null) return;
    const names = this.rows.filter(({ name }) => turn.policy[name] !== base[name]).map(({ name }) => spaced(name));
    const from = turn.from === 0 ? "from the beginning" : `after event ${turn.from}`;
    const effect =
      firstDifference === null ? "So far it makes no difference." : `The first difference is at event ${firstDifference + 1}.`;
    byId("change-says").textContent = `Another answer ${from}: ${names.join(", ")}. ${effect}`;
    byId("first-difference").hidden = firstDifference === null;
  }
}
