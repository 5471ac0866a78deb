// The page put together: which records, which policies, where in them, and at what time.

import { AccountView } from "./account.js";
import { byId, counting, el, put, spaced, told } from "./dom.js";
import { Events } from "./events.js";
import { History } from "./history.js";
import { fromFragment, fromText, toFragment } from "./link.js";
import { Machine } from "./machine.js";
import { Plot } from "./plot.js";
import { Policies } from "./policies.js";
import { RecordReader, differences } from "./records.js";
import { Run } from "./run.js";
import { formatInstant } from "./world.js";

const SPANS = [
  ["+1 hour", 3_600_000],
  ["+1 day", 86_400_000],
  ["+1 week", 7 * 86_400_000],
];
const LINK_MAX = 60_000;
const FIRST = "me";

class Explorer {
  constructor(about, machines) {
    Object.assign(this, { about, machines, policy: about.policy, turn: null, aside: null });
    this.start = Math.floor(Date.now() / 60_000) * 60_000;
    this.reader = new RecordReader(
      machines.all.map((machine) => machine.about),
      about,
    );
    const places = ["status", "now", "outcome", "pools", "clocks", "lifecycle", "claims", "held"];
    this.view = new AccountView(
      Object.fromEntries(places.map((id) => [id, byId(id)])),
      machines,
      about,
      () => this.explain(),
      (name, answer) => this.choose({ ...this.policy, [name]: answer }, 0),
    );
    this.events = new Events(byId("events"), machines, about.catalogue, (event, needs) => this.fire(event, needs));
    this.history = new History((position) => this.goTo(position));
    this.plot = new Plot(byId("plot"), machines.account.about.pools);
    this.policies = new Policies(byId("policies"), machines.account.about.policies, (policy) => this.choose(policy));
    this.#wire();
  }

  #wire() {
    const press = (id, act) => byId(id).addEventListener("click", act);
    press("open", () => byId("file").click());
    press("share", () => this.share());
    press("save", () => this.save());
    press("anew", () => this.begin(new Map([[FIRST, []]])));
    press("unchange", () => this.choose(this.policy));
    press("first-difference", () => this.goTo(this.firstDifference() + 1));
    press("bring-back", () => this.bringBack());
    byId("file").addEventListener("change", async ({ target }) => {
      if (target.files.length) await this.openFile(target.files[0]);
      // The same file may be chosen again, once it has grown.
      target.value = "";
    });
    byId("account").addEventListener("change", ({ target }) => this.choosing(target.value));
    byId("at").addEventListener("change", ({ target }) => this.wait(Date.parse(`${target.value}Z`)));
    document.addEventListener("dragover", (dragged) => dragged.preventDefault());
    document.addEventListener("drop", (dropped) => {
      dropped.preventDefault();
      if (dropped.dataTransfer.files.length) this.openFile(dropped.dataTransfer.files[0]);
    });
    window.addEventListener("hashchange", () => this.openLink());
    const spans = SPANS.map(([says, span]) => el("button", { type: "button", click: () => this.wait(this.now + span) }, says));
    const dues = this.machines.account.about.clocks.map((clock) =>
      el(
        "button",
        { type: "button", "data-until": clock.name, click: () => this.wait(this.run.account.dials[clock.name].upcoming) },
        `until ${spaced(clock.falls_due)}`,
      ),
    );
    put(byId("spans"), spans, dues);
  }

  /** Begins with the records of some accounts, at the first divergence if there is one. */
  begin(accounts, place = {}) {
    this.runs = new Map(Array.from(accounts, ([name, records]) => [name, this.#run(name, records, null)]));
    const diverges = ({ firstDivergence }) => firstDivergence !== null;
    const runs = Array.from(this.runs.values());
    put(
      byId("account"),
      runs.map((run) => el("option", { value: run.name }, diverges(run) ? `${run.name} (diverges)` : run.name)),
    );
    byId("accounts").hidden = runs.length < 2;
    this.choosing((runs.find(diverges) ?? runs[0]).name, place);
  }

  #run(name, records, turn) {
    const turns = [{ from: 0, policy: this.policy }, ...(turn ? [turn] : [])];
    return new Run(this.machines, this.about, name, records, turns);
  }

  /** Shows an account. */
  choosing(name, { position = null, turn = null } = {}) {
    this.base = this.runs.get(name);
    Object.assign(this, { turn, aside: null, changed: turn && this.#run(name, this.base.records, turn) });
    byId("account").value = name;
    const { firstDivergence, entries } = this.base;
    this.#draw();
    this.goTo(position ?? (firstDivergence === null ? entries.length : firstDivergence + 1));
  }

  /** The run that is shown: that of the changed policies, where there are any. */
  get run() {
    return this.changed ?? this.base;
  }

  /** Where another policy first makes a difference; null where it does not. */
  firstDifference() {
    const found = this.base.entries.findIndex((_, index) => this.#differing(index) !== null);
    return this.changed && found >= 0 ? found : null;
  }

  /** How the answer to an entry differs from what it was without the change. */
  #differing(index) {
    if (!this.changed || index < this.turn.from) return null;
    const found = differences(this.changed.entries[index].answer, this.base.entries[index].answer, this.about.observed);
    return found.length
      ? found.map(([field, now, before]) => `${spaced(field.split(".").at(-1))} ${told(before)} → ${told(now)}`).join(", ")
      : null;
  }

  goTo(position) {
    const at = Math.max(0, Math.min(this.run.entries.length, position));
    this.base.goTo(at);
    this.changed?.goTo(at);
    const { entries } = this.run;
    this.now = entries[at - 1]?.at ?? entries[0]?.at ?? this.start;
    this.#show();
  }

  /** Time goes on to an instant before the next event. */
  wait(until) {
    const earliest = this.run.entries[this.run.position - 1]?.at ?? -Infinity;
    if (!Number.isSafeInteger(until) || until < earliest) {
      this.say("Time never goes back: step back instead.");
      until = Math.max(earliest, this.now);
    }
    this.now = until;
    for (const run of [this.base, this.changed]) {
      run?.goTo(run.position);
      run?.advance(until);
    }
    this.#show();
  }

  fire(event, needs) {
    const { position, records } = this.run;
    if (position < records.length) this.aside = { position, records: records.slice(position) };
    const record = { account: this.base.name, at: formatInstant(this.now), event, ...needs };
    for (const run of [this.base, this.changed]) {
      run?.cut(position);
      run?.push(record);
    }
    this.#draw();
    this.goTo(position + 1);
    byId("outcome").scrollIntoView({ block: "nearest" });
  }

  bringBack() {
    for (const run of [this.base, this.changed]) {
      run?.cut(this.aside.position);
      this.aside.records.forEach((record) => run?.push(record));
    }
    const { position } = this.aside;
    this.aside = null;
    this.#draw();
    this.goTo(position);
  }

  /** The single other answers under which the log is right up to its divergence. */
  explain() {
    const records = this.base.records.slice(0, this.base.firstDivergence + 1);
    const isRight = ({ name, answer }) =>
      new Run(this.machines, this.about, this.base.name, records, [{ from: 0, policy: { ...this.policy, [name]: answer } }])
        .firstDivergence === null;
    const every = this.machines.account.about.policies.flatMap(({ name, answers }) => answers.map((each) => ({ name, ...each })));
    return every.filter(({ name, answer }) => answer !== this.policy[name]).filter(isRight);
  }

  /** Other policies hold from an entry on: from here, or from where the last change was made. */
  choose(policy, wanted = null) {
    const { position } = this.run;
    const isSame = Object.keys(policy).every((name) => policy[name] === this.policy[name]);
    const from = wanted ?? (this.turn && position >= this.turn.from ? this.turn.from : position);
    this.turn = isSame ? null : { from, policy };
    this.changed = this.turn && this.#run(this.base.name, this.base.records, this.turn);
    this.#draw();
    this.goTo(position);
  }

  #draw() {
    this.plot.draw(this.run, this.changed && this.base);
    this.differing = this.firstDifference();
  }

  #show() {
    const { run, base } = this;
    this.view.show(run, this.now, this.changed && base, run.position ? this.#differing(run.position - 1) : null);
    this.events.show(run);
    this.history.show(run, (index) => this.#differing(index));
    this.plot.point(this.now, run.position);
    this.policies.show(run.policy, this.policy, this.turn, this.differing);
    byId("at").value = new Date(this.now).toISOString().slice(0, 19);
    for (const button of byId("spans").querySelectorAll("[data-until]"))
      button.disabled = !Number.isFinite(run.account.dials[button.dataset.until]?.upcoming);
    byId("aside").hidden = this.aside === null;
    if (this.aside) {
      const later = counting(this.aside.records.length, "later event was", "later events were");
      byId("aside-says").textContent = `${later} put aside.`;
    }
  }

  say(text) {
    byId("message").textContent = text;
  }

  // Logs and links

  #begin({ accounts, faults }, says, place) {
    const bad = faults
      .map(({ line, rule }) => `line ${line}: ${rule}`)
      .slice(0, 5)
      .join("; ");
    const left = `${counting(faults.length, "bad record was", "bad records were")} left out, wholly or as to what was observed`;
    const skipped = faults.length ? ` ${left}: ${bad}.` : "";
    if (!accounts.size) return this.say(`${says}: no good record in it.${skipped}`);
    this.begin(accounts, place);
    const diverging = Array.from(this.runs.values()).filter(({ firstDivergence }) => firstDivergence !== null).length;
    const many = accounts.size > 1 ? `${diverging} of ${accounts.size} accounts diverge` : "It diverges";
    const verdict = diverging ? `${many} from the specification; shown is the first place.` : "";
    return this.say(`${says}. ${verdict}${skipped}`);
  }

  async openFile(file) {
    this.openText(await file.text(), file.name);
  }

  openText(text, name) {
    this.#begin(this.reader.read(text), name);
  }

  openRecords(records, name) {
    this.#begin(this.reader.take(records), name);
  }

  async share() {
    const { records, position } = this.run;
    const fragment = await toFragment({ digest: this.about.digest, policy: this.policy, turn: this.turn, records, position });
    if (fragment.length > LINK_MAX) return this.say("This history is too long for a link: save it as a log and send the file.");
    this.shared = `#${fragment}`;
    location.hash = fragment;
    const isCopied = await navigator.clipboard?.writeText(location.href).then(
      () => true,
      () => false,
    );
    return this.say(
      isCopied
        ? "The link is copied; whoever opens it sees this history."
        : "The address of this page now holds the history: copy it.",
    );
  }

  /** The history that the address holds. False where it holds none. */
  async openLink() {
    if (!location.hash || location.hash === this.shared) return false;
    try {
      const found = await fromFragment(location.hash);
      if (!found) return false;
      const { policy, records, position, turn } = found;
      if (!Array.isArray(records) || !Number.isInteger(position) || (turn && !Number.isInteger(turn.from)))
        throw new TypeError("it holds no history");
      this.policy = { ...this.about.policy, ...policy };
      this.#begin(this.reader.take(records), "From a link", { position, turn });
      if (found.digest !== this.about.digest)
        this.say("The link was made with another declaration: answers may differ from what its sender saw.");
      return true;
    } catch (fault) {
      this.policy = this.about.policy;
      this.say(`The link cannot be read: ${fault.message}`);
      return false;
    }
  }

  save() {
    const lines = this.run.entries.map(
      ({ record, answer }) => `${JSON.stringify({ ...record, observed: record.observed ?? answer })}\n`,
    );
    const address = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
    el("a", { href: address, download: `${this.base.name}.jsonl` }).click();
    URL.revokeObjectURL(address);
  }
}

const about = JSON.parse(byId("declaration").textContent);
const all = await Promise.all(Object.values(about.modules).map((module) => Machine.load(fromText(module))));
const [account, session = null] = all;
const explorer = new Explorer(about, { account, session, all });
globalThis.explorer = explorer;
explorer.begin(new Map([[FIRST, []]]));
if (!(await explorer.openLink()) && about.records.length) explorer.openRecords(about.records, about.log);
document.documentElement.dataset.ready = Math.round(performance.now());
