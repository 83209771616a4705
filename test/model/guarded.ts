import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type Classify,
  type EventBus,
} from "../../src/index.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import type { Deliveries } from "./deliveries.ts";
import { ANYTHING, difference } from "./difference.ts";
import type { Moment, Rules } from "./history.ts";
import type { Setup } from "./plans.ts";
import type { Readings } from "./readings.ts";
import { Reference } from "./reference.ts";

/** A real breaker and its reference. */
export interface Guarded {
  readonly name: string;
  readonly breaker: CircuitBreaker;
  readonly reference: Reference;
}

const ATTRIBUTES = { tier: "gold", region: null };

const RANDOM = {
  good: { random: undefined, fails: null },
  throws: {
    random: (): number => {
      throw new Error("no chance");
    },
    fails: { name: "Error", message: "no chance" },
  },
  "too large": { random: () => 1, fails: { name: "RangeError", message: ANYTHING } },
} as const;

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
  const { latencyTripMs, cooldownMs, maxProbes, successThreshold, leaseMs, failureThreshold } =
    setup;
  const { random, fails } = RANDOM[setup.random];
  const { clock, bus, classify, begun, deliveries } = outside;
  const options: CircuitBreakerOptions = {
    failureThreshold,
    cooldownMs,
    halfOpen: { maxProbes, successThreshold, leaseMs },
    clock,
    ...(latencyTripMs === null ? {} : { latencyTripMs }),
    ...(setup.classifies ? { classify } : {}),
    ...(random === undefined ? {} : { random }),
    ...(bus === undefined ? {} : { bus }),
    ...(setup.attributes ? { attributes: ATTRIBUTES } : {}),
  };
  const rules: Rules = {
    ...setup,
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
  });
  return Object.assign(guarded, { name, breaker: new CircuitBreaker(name, options), reference });
}

/** Everything that can be read of the real breaker. */
function readingsOf(breaker: CircuitBreaker): Readings {
  const { state, isOpen, retryAfterMs, trafficShare, tripProgress, probesInFlight, stats } =
    breaker;
  const { openedAtMs } = breaker;
  return {
    state,
    isOpen,
    retryAfterMs,
    trafficShare,
    tripProgress,
    probesInFlight,
    openedAtMs,
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
