import fc, { type Arbitrary } from "fast-check";
import { flag, mixed, rarely, weighted } from "./arbitraries.ts";
import type { Setup } from "./plans.ts";
import type { CooldownPlan, ProbeRatePlan, RampPlan, RulePlan } from "./rule-plans.ts";

// Random options of a breaker.

const threshold = mixed(
  [4, fc.integer({ min: 1, max: 3 })],
  [2, fc.integer({ min: 1, max: 12 })],
  [1, fc.integer({ min: 11, max: 30 })],
);

const rateByCalls: Arbitrary<RulePlan> = fc
  .record({
    calls: fc.integer({ min: 1, max: 12 }),
    least: fc.nat(11),
    slowMs: weighted<number | null>([2, null], [1, 15]),
    threshold: fc.constantFrom(0.25, 0.5, 1),
  })
  .map(({ calls, least, slowMs, threshold: share }) => ({
    kind: "rate",
    slowMs,
    threshold: share,
    window: { calls },
    minimumCalls: 1 + (least % calls),
  }));
const rateByTime: Arbitrary<RulePlan> = fc.record({
  kind: fc.constant("rate" as const),
  slowMs: weighted<number | null>([2, null], [1, 15]),
  threshold: fc.constantFrom(0.25, 0.5, 1),
  window: fc.record({ durationMs: fc.constantFrom(40, 100, 250) }),
  minimumCalls: fc.integer({ min: 1, max: 5 }),
});
const rule = mixed<RulePlan>(
  [1, fc.integer({ min: 1, max: 12 }).map((n) => ({ kind: "consecutive" as const, n }))],
  [2, rateByCalls],
  [2, rateByTime],
);
const rules = (min: number) => fc.array(rule, { minLength: min, maxLength: 3, size: "max" });

const degradation = fc
  .array(fc.constantFrom(0, 0.25, 0.5, 0.75, 1), { maxLength: 5 })
  .map((shares): readonly number[] => [1, ...shares]);
// Powers of two, so that the share is exact at each millisecond.
const rampUp: Arbitrary<RampPlan> = fc.record({
  durationMs: fc.constantFrom(64, 256),
  from: fc.constantFrom(0.125, 0.25, 1),
});

const probeRate: Arbitrary<ProbeRatePlan> = fc.record({
  threshold: fc.constantFrom(0.25, 0.5, 0.75, 1),
  minimumCalls: fc.integer({ min: 1, max: 6 }),
});

const anySetup: Arbitrary<Setup> = fc.record({
  failureThreshold: mixed<number | null>([9, threshold], [1, fc.constant(null)]),
  trip: mixed<readonly RulePlan[]>([1, fc.constant([])], [1, rules(1)]),
  shadow: mixed<readonly RulePlan[]>([3, fc.constant([])], [1, rules(1)]),
  cooldown: weighted<CooldownPlan>(
    [8, "fixed"],
    [4, "grows"],
    [1, "jitters"],
    [1, "throws"],
    [1, "negative"],
  ),
  degradation: mixed<readonly number[] | null>([1, fc.constant(null)], [1, degradation]),
  rampUp: mixed<RampPlan | null>([2, fc.constant(null)], [1, rampUp]),
  chances: fc.array(fc.nat(63), { minLength: 1, maxLength: 6 }),
  latencyTripMs: weighted<number | null>([1, null], [1, 20], [1, 1]),
  inFlight: flag,
  cooldownMs: weighted([1, 0], [1, 1], [4, 100]),
  maxProbes: fc.integer({ min: 1, max: 3 }),
  successThreshold: fc.integer({ min: 1, max: 3 }),
  probeRate: mixed<ProbeRatePlan | null>([2, fc.constant(null)], [1, probeRate]),
  leaseMs: weighted([1, 1], [3, 50], [1, 500]),
  classifies: flag,
  random: weighted<Setup["random"]>([8, "good"], [1, "throws"], [1, "too large"]),
  attributes: rarely,
  instance: rarely,
  bus: weighted<Setup["bus"]>([4, "own"], [2, "shared"], [1, "user"]),
  second: flag,
  witness: weighted([5, true], [1, false]),
  watchesBus: flag,
});

/** Calls under way count only against a limit, and whoever reads first draws for the cooldown: chance must not move. */
export function legal(given: Setup): Setup {
  const slow = [...given.trip, ...given.shadow].some(
    (plan) => plan.kind === "rate" && plan.slowMs !== null,
  );
  const inFlight = given.inFlight && (given.latencyTripMs !== null || slow);
  const moves = inFlight && given.cooldown === "jitters";
  return { ...given, inFlight, chances: moves ? given.chances.slice(0, 1) : given.chances };
}

/** Half of the runs leave the rules, the traffic and the cooldown as they are without options. */
const PLAIN = { trip: [], shadow: [], cooldown: "fixed", degradation: null, rampUp: null } as const;
const plainSetup = anySetup.map(
  (given): Setup => ({ ...given, ...PLAIN, failureThreshold: given.failureThreshold ?? 1 }),
);

/** What chance decides can be known only from a source that answers. */
export const deepSetup = anySetup.map((given): Setup => {
  if (given.random === "good") return given;
  const { degradation: shares, cooldown } = given;
  return {
    ...given,
    degradation: shares?.map((share) => (share < 1 ? 0 : 1)) ?? null,
    rampUp: null,
    cooldown: cooldown === "jitters" ? "grows" : cooldown,
  };
});

export const setup = mixed<Setup>([1, plainSetup], [1, deepSetup]);
