import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type Classify,
  type Clock,
  consecutive,
  type EventBus,
  failureRate,
  slowRate,
  type TripRule,
} from "../../src/index.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { Chance } from "./chance.ts";
import type { Deliveries } from "./deliveries.ts";
import { ANYTHING, difference } from "./difference.ts";
import type { Moment, Rules } from "./history.ts";
import type { Setup } from "./plans.ts";
import type { Readings } from "./readings.ts";
import { Reference } from "./reference.ts";
import { cooldownOf, DEFAULT_COOLDOWN_MS, type RulePlan } from "./rule-plans.ts";

/** A real breaker and its reference. */
export interface Guarded {
  readonly name: string;
  readonly breaker: CircuitBreaker;
  readonly reference: Reference;
  readonly chance: Chance;
}

const ATTRIBUTES = { tier: "gold", region: null };

const RANDOM = {
  good: { random: null, fails: null },
  throws: {
    random: (): number => {
      throw new Error("no chance");
    },
    fails: { name: "Error", message: "no chance" },
  },
  "too large": { random: () => 1, fails: { name: "RangeError", message: ANYTHING } },
} as const;

const DEFAULT_RULE: RulePlan = { kind: "consecutive", n: 5 };

/** The rules in force: what was asked for, the threshold first, else the default. */
function rulesInForce({ failureThreshold, trip }: Setup): readonly RulePlan[] {
  const counting: readonly RulePlan[] =
    failureThreshold === null ? [] : [{ kind: "consecutive", n: failureThreshold }];
  const rules = [...counting, ...trip];
  return rules.length === 0 ? [DEFAULT_RULE] : rules;
}

function thresholdOf(rules: readonly RulePlan[]): number | null {
  const thresholds = rules.flatMap((rule) => (rule.kind === "consecutive" ? [rule.n] : []));
  return thresholds.length === 0 ? null : Math.min(...thresholds);
}

function ruleOf(plan: RulePlan): TripRule {
  if (plan.kind === "consecutive") return consecutive(plan.n);
  const { slowMs, threshold, window, minimumCalls } = plan;
  const options = { threshold, window, minimumCalls };
  return slowMs === null ? failureRate(options) : slowRate({ ...options, latencyMs: slowMs });
}

/** One rule is given as such, several as a list. */
function rulesOption(plans: readonly RulePlan[]): TripRule | readonly TripRule[] {
  const rules = plans.map(ruleOf);
  const [only] = rules;
  return rules.length === 1 && only !== undefined ? only : rules;
}

function cooldownOption({ cooldown, cooldownMs }: Setup): CircuitBreakerOptions["cooldownMs"] {
  switch (cooldown) {
    case "fixed":
      return cooldownMs;
    case "grows":
      return cooldownOf.grows;
    case "jitters":
      return (attempt, random) => cooldownOf.jitters(attempt, random());
    case "throws":
      return () => {
        throw new Error("no cooldown");
      };
    case "negative":
      return () => -1;
  }
}

/** The options that a setup describes. */
export function optionsOf(
  setup: Setup,
  outside: {
    readonly clock: Clock;
    readonly bus: EventBus | undefined;
    readonly classify: Classify;
    readonly chance: Chance;
  },
): CircuitBreakerOptions {
  const { latencyTripMs, inFlight, maxProbes, successThreshold, leaseMs } = setup;
  const { probeRate, failureThreshold, trip, shadow, degradation, rampUp } = setup;
  const { random } = RANDOM[setup.random];
  const { clock, bus, classify, chance } = outside;
  return {
    cooldownMs: cooldownOption(setup) ?? DEFAULT_COOLDOWN_MS,
    random: random ?? chance.draw,
    halfOpen: {
      maxProbes,
      ...(probeRate === null ? { successThreshold } : { failureRate: probeRate }),
      leaseMs,
    },
    clock,
    ...(failureThreshold === null ? {} : { failureThreshold }),
    ...(trip.length === 0 ? {} : { trip: rulesOption(trip) }),
    ...(shadow.length === 0 ? {} : { shadow: rulesOption(shadow) }),
    ...(degradation === null ? {} : { degradation }),
    ...(rampUp === null ? {} : { rampUp }),
    ...(latencyTripMs === null ? {} : { latencyTripMs }),
    ...(inFlight ? { inFlight } : {}),
    ...(setup.classifies ? { classify } : {}),
    ...(bus === undefined ? {} : { bus }),
    ...(setup.attributes ? { attributes: ATTRIBUTES } : {}),
  };
}

/** Makes the breaker that a setup describes, and the reference of it. */
export function guardedBy(
  setup: Setup,
  name: string,
  outside: {
    readonly clock: FakeClock;
    readonly bus: EventBus | undefined;
    readonly classify: Classify;
    readonly begun: Moment;
    readonly deliveries: Deliveries;
  },
): Guarded {
  const { cooldown } = setup;
  const { fails } = RANDOM[setup.random];
  const chance = new Chance(setup.chances);
  const { clock, bus, classify, begun, deliveries } = outside;
  const options = optionsOf(setup, { clock, bus, classify, chance });
  const rulesOfTrip = rulesInForce(setup);
  const rules: Rules = {
    ...setup,
    trip: rulesOfTrip,
    failureThreshold: thresholdOf(rulesOfTrip),
    idleStepMs:
      cooldown === "fixed" && setup.cooldownMs > 0 ? setup.cooldownMs : DEFAULT_COOLDOWN_MS,
    randomFails: fails,
    envelope: {
      breaker: name,
      ...(bus?.instance === undefined ? {} : { instance: bus.instance }),
      ...(setup.attributes ? { attributes: ATTRIBUTES } : {}),
    },
  };
  const guarded = {};
  const reference = new Reference(rules, begun, {
    hears: (type) => deliveries.hears(type),
    tell: (event) => deliveries.tell(guarded, event),
    deliver: () => deliveries.deliver(guarded),
    draws: () => chance.beExact(),
    get chance() {
      return chance.now;
    },
  });
  const breaker = new CircuitBreaker(name, options);
  return Object.assign(guarded, { name, breaker, reference, chance });
}

/** Everything that can be read of the real breaker. */
function readingsOf(breaker: CircuitBreaker): Readings {
  const { state, isOpen, retryAfterMs, trafficShare, tripProgress, probesInFlight, stats } =
    breaker;
  const { openedAtMs, failureThreshold } = breaker;
  return {
    state,
    isOpen,
    retryAfterMs,
    trafficShare,
    tripProgress,
    probesInFlight,
    openedAtMs,
    failureThreshold,
    stats,
  };
}

/** Where the breaker reads other than its reference; null when nowhere. */
export function disagreement(
  guarded: Guarded,
  deliveries: Deliveries,
  nowMs: number,
): string | null {
  const { name, breaker, reference } = guarded;
  const incidents = deliveries.incidentsOf(name);
  const found = difference(readingsOf(breaker), reference.readings(nowMs), incidents);
  return found === null ? null : `${name}${found}`;
}
