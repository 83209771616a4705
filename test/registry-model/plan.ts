import fc, { type Arbitrary } from "fast-check";
import { mixed, weighted } from "../model/arbitraries.ts";

/** Two options stand for all: null goes back to the library's default. */
export interface Options {
  failureThreshold?: number | null;
  cooldownMs?: number | null;
}

/** The options of a random registry. */
export interface Setup {
  readonly limit: number;
  readonly spareMs: number;
  readonly defaults: { readonly failureThreshold?: number; readonly cooldownMs?: number };
  /** By name; the names of the schedules are n0, n1, … */
  readonly overrides: Readonly<Record<string, Options>>;
  readonly answers: Readonly<Record<string, Options>>;
}

/** What is done with a breaker that somebody came by. */
export type Use =
  | "nothing"
  | "success"
  | "failure"
  | "cancelled"
  | "released"
  | "permit"
  | "record failure";

export type Step =
  | { readonly do: "get"; readonly name: string; readonly given: Options | null; readonly use: Use }
  | { readonly do: "held"; readonly pick: number; readonly use: Use }
  | {
      readonly do: "settle";
      readonly pick: number;
      readonly how: "success" | "failure" | "release";
    }
  | { readonly do: "delete"; readonly name: string }
  | {
      readonly do: "control";
      readonly name: string;
      readonly what: "force" | "force with an end" | "reset" | "disable" | "enable";
    }
  | { readonly do: "wait"; readonly ms: number }
  /** Until the breaker that was used least recently is spared no longer, and so many milliseconds. */
  | { readonly do: "wait for the oldest"; readonly plus: number }
  | { readonly do: "reconfigure all"; readonly options: Options }
  | { readonly do: "reconfigure one"; readonly name: string; readonly options: Options | null }
  | { readonly do: "reconfigure held"; readonly pick: number; readonly options: Options };

export interface Schedule {
  readonly setup: Setup;
  readonly steps: readonly Step[];
}

const NAMES = 7;
const name = fc.nat(NAMES - 1).map((n) => `n${n}`);
const pick = fc.nat(50);
const value = <T>(...values: readonly T[]): Arbitrary<T> => fc.constantFrom(...values);

const options: Arbitrary<Options> = fc.record(
  { failureThreshold: value(1, 2, 3, null), cooldownMs: value(0, 100, 300, null) },
  { requiredKeys: [] },
);
const defaults = fc.record(
  { failureThreshold: value(1, 2, 3), cooldownMs: value(0, 100, 300) },
  { requiredKeys: [] },
);
const byName = fc.dictionary(name, options, { maxKeys: 3 });

const setup: Arbitrary<Setup> = fc.record({
  limit: fc.integer({ min: 1, max: 4 }),
  spareMs: value(50, 1000),
  defaults,
  overrides: byName,
  answers: byName,
});

const use = weighted<Use>(
  [4, "nothing"],
  [6, "success"],
  [6, "failure"],
  [1, "cancelled"],
  [2, "released"],
  [3, "permit"],
  [1, "record failure"],
);
const what = value<(Step & { do: "control" })["what"]>(
  ...(["force", "force with an end", "reset", "reset", "disable", "enable"] as const),
);
const how = value<"success" | "failure" | "release">("success", "failure", "release");
const given: Arbitrary<Options | null> = fc.option(options, { freq: 3 });
const step: Arbitrary<Step> = mixed<Step>(
  [
    14,
    fc.record({
      do: value("get" as const),
      name,
      given,
      use,
    }),
  ],
  [4, fc.record({ do: value("held" as const), pick, use })],
  [4, fc.record({ do: value("settle" as const), pick, how })],
  [1, fc.record({ do: value("delete" as const), name })],
  [
    2,
    fc.record({
      do: value("control" as const),
      name,
      what,
    }),
  ],
  [3, fc.record({ do: value("wait" as const), ms: value(1, 50, 100, 300, 1000) })],
  [2, fc.record({ do: value("wait for the oldest" as const), plus: value(-1, 0, 1) })],
  [1, fc.record({ do: value("reconfigure all" as const), options })],
  [
    1,
    fc.record({
      do: value("reconfigure one" as const),
      name,
      options: given,
    }),
  ],
  [1, fc.record({ do: value("reconfigure held" as const), pick, options })],
);

export const schedules: Arbitrary<Schedule> = fc.record({
  setup,
  steps: fc.array(step, { minLength: 1, maxLength: 80, size: "max" }),
});
