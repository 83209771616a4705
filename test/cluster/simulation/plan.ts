import fc from "fast-check";
import type { Quorum } from "../../../src/cluster/operation.ts";

/** One step of a simulation. `task` and `key` are picks: taken modulo how many there are. */
export type Step =
  | { readonly do: "wait"; readonly ms: number }
  | {
      readonly do: "begin evidence" | "reset" | "call";
      readonly task: number;
      readonly key: number;
    }
  | {
      readonly do: "force";
      readonly task: number;
      readonly key: number;
      /** Which evidence; a fresh one when none was begun. */
      readonly pick: number;
      readonly forMs: number | null;
    }
  | { readonly do: "trip"; readonly task: number; readonly key: number; readonly forMs: number }
  | { readonly do: "end probe"; readonly task: number; readonly key: number; readonly ok: boolean }
  | { readonly do: "crash" | "boot" | "mend"; readonly task: number }
  | { readonly do: "cut"; readonly task: number; readonly way: "in" | "out" | "both" }
  | { readonly do: "store down"; readonly noticed: boolean }
  | { readonly do: "store up" | "lose data" }
  | { readonly do: "step server clock"; readonly byMs: number };

export interface Plan {
  readonly tasks: number;
  readonly keys: number;
  readonly quorum: Quorum | null;
  /** Seeds delays, losses, jitter. */
  readonly luck: number;
  readonly lossShare: number;
  readonly duplicateShare: number;
  readonly delayMs: number;
  readonly steps: readonly Step[];
}

const pick = fc.nat({ max: 63 });
const key = fc.nat({ max: 1 });

function weighted(weight: number, arbitrary: fc.Arbitrary<Step>) {
  return { weight, arbitrary };
}

const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(
    10,
    fc.record({
      do: fc.constant("wait" as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 60, max: 4_000 })),
    }),
  ),
  weighted(4, fc.record({ do: fc.constant("begin evidence" as const), task: pick, key })),
  weighted(3, fc.record({ do: fc.constant("reset" as const), task: pick, key })),
  weighted(8, fc.record({ do: fc.constant("call" as const), task: pick, key })),
  weighted(
    4,
    fc.record({
      do: fc.constant("force" as const),
      task: pick,
      key,
      pick,
      forMs: fc.oneof(fc.integer({ min: 100, max: 3_000 }), fc.constant(null)),
    }),
  ),
  weighted(
    6,
    fc.record({
      do: fc.constant("trip" as const),
      task: pick,
      key,
      forMs: fc.integer({ min: 50, max: 3_000 }),
    }),
  ),
  weighted(
    6,
    fc.record({ do: fc.constant("end probe" as const), task: pick, key, ok: fc.boolean() }),
  ),
  weighted(1, fc.record({ do: fc.constant("crash" as const), task: pick })),
  weighted(2, fc.record({ do: fc.constant("boot" as const), task: pick })),
  weighted(
    2,
    fc.record({
      do: fc.constant("cut" as const),
      task: pick,
      way: fc.constantFrom("in" as const, "out" as const, "both" as const),
    }),
  ),
  weighted(2, fc.record({ do: fc.constant("mend" as const), task: pick })),
  weighted(1, fc.record({ do: fc.constant("store down" as const), noticed: fc.boolean() })),
  weighted(2, fc.constant({ do: "store up" as const })),
  weighted(1, fc.constant({ do: "lose data" as const })),
  weighted(
    1,
    fc.record({
      do: fc.constant("step server clock" as const),
      byMs: fc.integer({ min: -20_000, max: 20_000 }),
    }),
  ),
);

const manyTasks = fc.oneof(
  { weight: 40, arbitrary: fc.integer({ min: 3, max: 6 }) },
  { weight: 4, arbitrary: fc.integer({ min: 7, max: 15 }) },
  { weight: 1, arbitrary: fc.integer({ min: 16, max: 50 }) },
);

export const plans: fc.Arbitrary<Plan> = fc.record({
  tasks: manyTasks,
  keys: fc.constantFrom(1, 1, 1, 2),
  quorum: fc.option(
    fc.record({
      quorum: fc.integer({ min: 2, max: 3 }),
      withinMs: fc.integer({ min: 500, max: 5_000 }),
    }),
    { freq: 4 },
  ),
  luck: fc.integer({ min: 1, max: 0x7fffffff }),
  lossShare: fc.constantFrom(0, 0.02, 0.1, 0.3),
  duplicateShare: fc.constantFrom(0, 0.1, 0.3),
  delayMs: fc.constantFrom(1, 10, 120, 400),
  steps: fc.array(step, { minLength: 5, maxLength: 110, size: "max" }),
});
