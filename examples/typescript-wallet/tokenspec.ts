// Runs conformance vectors in Node's own test runner, a test for each: a suite, or what a run of the fuzzer has saved.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { AccountEvent, Plan, Pool, Refusal, Status } from "./account.ts";

export interface Catalogue {
  ranking: string[];
  daily: number;
  bank_months: number;
  plans: Record<string, { allowance: number; api: number; relaxed: string[] }>;
  packs: Record<string, number>;
  prices: Record<string, number>;
}

export type Request =
  | { op: "open"; protocol: number; catalogue: Catalogue; policy: Record<string, string> }
  | ({ op: "apply" } & AccountEvent)
  | { op: "close" };

/** What an implementation says of itself when a world is opened. */
export interface About {
  name: string;
  version?: string;
  resets: string;
  events: readonly string[];
  observes: readonly string[];
  policy?: Record<string, string>;
  values?: Record<string, unknown[]>;
  repeats?: "any" | "same_request" | "none";
}

export interface Answer {
  outcome: "accepted" | "refused";
  reason?: Refusal;
  mode?: "tokens" | "relaxed";
  charge?: Partial<Record<Pool, number>>;
  cost?: number;
  status: Status | null;
  plan: Plan | string | null;
  scheduled_plan?: string | null;
  balances: Partial<Record<Pool, number>>;
  next_daily_reset_at: string | null;
  next_renewal_at: string | null;
  duplicate?: boolean;
}

export interface Implementation {
  handle(request: Request): unknown;
}

interface Vector {
  id: string;
  title: string;
  catalogue: Catalogue;
  policy: Record<string, string>;
  resets: unknown;
  steps: { request: { op: "apply" } & AccountEvent; expect: Answer }[];
}

const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));

/** Tests that every vector in `place`, a suite or one file, is answered as it should be; one that does not apply is skipped. */
export function vectors(place: string, make: () => Implementation): void {
  const isSuite = statSync(place).isDirectory();
  const entries = isSuite ? read(join(place, "index.json")).vectors : [{ policies: {} }];
  let passed = 0;
  for (const entry of entries) {
    const vector: Vector = read(isSuite ? join(place, "vectors", `${entry.id}.json`) : place);
    test(`${vector.id}: ${vector.title}`, async (t) => {
      passed += Number(await run(t, vector, entry.policies, make()));
    });
  }
  test(`${place} holds vectors that apply`, (t) => t.assert.ok(passed > 0, "every vector was skipped or failed: nothing was tested"));
}

/** Returns true if the vector passed, and false if it does not apply. */
async function run(t: TestContext, vector: Vector, policies: Record<string, string>, wallet: Implementation): Promise<boolean> {
  const { catalogue, policy, steps } = vector;
  const about = (await wallet.handle({ op: "open", protocol: 1, catalogue, policy })) as About & { error?: string };
  const why = about.error ?? unfit(vector, policies, about);
  if (why !== "") {
    t.skip(why);
    return false;
  }
  for (const [index, { request, expect }] of steps.entries()) {
    const answer = await wallet.handle(request);
    const said: Record<string, unknown> = {};
    const right: Record<string, unknown> = {};
    for (const field of about.observes.flatMap(parts)) {
      said[field] = plain(field, answer);
      right[field] = plain(field, expect);
    }
    const before = steps.slice(0, index + 1).map((step, n) => `  ${n + 1}. ${JSON.stringify(step.request)}`);
    t.assert.deepStrictEqual(said, right, `step ${index + 1} of\n${before.join("\n")}\n`);
  }
  await wallet.handle({ op: "close" });
  return true;
}

/** Returns the reason why a vector does not apply; empty where it does. */
function unfit({ resets, steps }: Vector, policies: Record<string, string>, about: About): string {
  if (resets !== about.resets) return `its resets are ${JSON.stringify(resets)}`;
  for (const [name, choice] of Object.entries(policies)) {
    if ((about.policy?.[name] ?? choice) !== choice) return `it turns on ${name}=${choice}`;
  }
  for (const { request, expect } of steps) {
    if (!about.events.includes(request.event)) return `it holds ${request.event}`;
    if (expect.duplicate && !about.observes.includes("duplicate")) return "it repeats an id";
    for (const [key, value] of Object.entries(request)) {
      const isNamed = request.event === "generate" && (key === "model" || key === "action");
      if (isNamed || !(about.values?.[key] ?? [value]).includes(value)) return `it holds a ${key} that is not taken`;
    }
  }
  return "";
}

const POOLS: Pool[] = ["daily", "fast", "rollover", "topup", "api"];
const parts = (name: string) => (name === "charge" || name === "balances" ? POOLS.map((pool) => `${name}.${pool}`) : [name]);

/** Returns a field in one form: absent, null and, of a flag or a charge, false and 0 are the same; instants are numbers. */
function plain(field: string, answer: unknown): unknown {
  const value = field.split(".").reduce((part: any, key) => part?.[key], answer);
  if (value === undefined || value === false || (field.startsWith("charge") && value === 0)) return null;
  return field.endsWith("_at") && typeof value === "string" ? Date.parse(value) : value;
}
