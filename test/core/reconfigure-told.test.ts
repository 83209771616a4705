import { expect, test } from "vitest";
import {
  type CircuitBreakerOptions,
  consecutive,
  createEventBus,
  exponentialCooldown,
  failureRate,
  type Reconfiguration,
  slowRate,
} from "../../src/index.ts";
import { failTimes, watch } from "../support/breaker.ts";
import { wrong } from "../support/wrong-values.ts";

/** What `circuit.reconfigure` told last. */
function changeOf({ last }: ReturnType<typeof watch>) {
  const { from, to } = last("circuit.reconfigure");
  return { from, to };
}

const never = () => undefined;
const failing = failureRate({ threshold: 0.5, window: { calls: 10 } });
const slow = slowRate({ latencyMs: 10, threshold: 0.5, window: { calls: 10 } });
const grows = exponentialCooldown({ initialMs: 10, maxMs: 100 });

// One row for each option, so that a new option is not forgotten: what changes, and what is told of it.
const CHANGES: Record<
  keyof Reconfiguration,
  {
    given?: CircuitBreakerOptions;
    change: Reconfiguration;
    from: Record<string, unknown>;
    to: Record<string, unknown>;
  }
> = {
  failureThreshold: {
    change: { failureThreshold: 3 },
    from: { failureThreshold: 5 },
    to: { failureThreshold: 3 },
  },
  latencyTripMs: {
    change: { latencyTripMs: 100 },
    from: { latencyTripMs: null },
    to: { latencyTripMs: 100 },
  },
  inFlight: {
    given: { latencyTripMs: 100 },
    change: { inFlight: true },
    from: { inFlight: false },
    to: { inFlight: true },
  },
  trip: {
    change: { trip: [consecutive(7), failing] },
    from: { failureThreshold: 5, trip: null },
    to: { failureThreshold: 7, trip: "consecutive 7, failureRate 0.5" },
  },
  shadow: { change: { shadow: slow }, from: { shadow: null }, to: { shadow: "slowRate 0.5" } },
  cooldownMs: {
    change: { cooldownMs: grows },
    from: { cooldownMs: 60_000 },
    to: { cooldownMs: "function" },
  },
  halfOpen: {
    change: { halfOpen: { maxProbes: 2, successThreshold: 3, leaseMs: 5 } },
    from: {
      "halfOpen.maxProbes": 1,
      "halfOpen.successThreshold": 1,
      "halfOpen.leaseMs": 60_000,
    },
    to: { "halfOpen.maxProbes": 2, "halfOpen.successThreshold": 3, "halfOpen.leaseMs": 5 },
  },
  degradation: {
    change: { degradation: [1, 0.5] },
    from: { degradation: null },
    to: { degradation: "1, 0.5" },
  },
  rampUp: {
    change: { rampUp: { durationMs: 1000 } },
    from: { "rampUp.durationMs": null, "rampUp.from": null },
    to: { "rampUp.durationMs": 1000, "rampUp.from": 0.1 },
  },
  classify: { change: { classify: never }, from: { classify: null }, to: { classify: "function" } },
  quota: {
    change: { quota: () => 0 },
    from: { quota: null },
    to: { quota: "function" },
  },
  context: { change: { context: never }, from: { context: null }, to: { context: "function" } },
  attributes: {
    change: { attributes: { region: "eu", tier: 2 } },
    from: { "attributes.region": null, "attributes.tier": null },
    to: { "attributes.region": "eu", "attributes.tier": 2 },
  },
};

test.each(Object.entries(CHANGES))(
  "reconfigure() tells a change of %s, null takes it back, and again is no change",
  (option, { given = {}, change, from, to }) => {
    const watched = watch(given);
    const { breaker, told } = watched;
    breaker.reconfigure(change);
    expect(told()).toEqual(["reconfigure"]);
    expect(changeOf(watched)).toEqual({ from, to });
    breaker.reconfigure(change);
    breaker.reconfigure({ [option]: undefined });
    breaker.reconfigure({});
    expect(told()).toEqual([]);
    breaker.reconfigure({ [option]: null });
    expect(told()).toEqual(["reconfigure"]);
    expect(changeOf(watched)).toEqual({ from: to, to: from });
    breaker.reconfigure({ [option]: null });
    expect(told()).toEqual([]);
  },
);

test("reconfigure() tells functions and rules that were replaced by others of the same kind", () => {
  const watched = watch({ classify: never, cooldownMs: grows, trip: [failing], shadow: [slow] });
  const { breaker, told } = watched;
  breaker.reconfigure({ classify: never, cooldownMs: grows, trip: failing, shadow: slow });
  expect(told()).toEqual([]);
  breaker.reconfigure({
    classify: () => "success",
    cooldownMs: () => 5,
    trip: [failureRate({ threshold: 0.5, window: { calls: 20 } })],
    shadow: [slow, failing],
  });
  const { from, to } = changeOf(watched);
  expect(from).toEqual({
    classify: "function",
    cooldownMs: "function",
    trip: "failureRate 0.5",
    shadow: "slowRate 0.5",
  });
  expect(to).toEqual({ ...from, shadow: "slowRate 0.5, failureRate 0.5" });
});

const BAD: readonly [options: unknown, error: Error][] = [
  [undefined, new TypeError("options must be an object, received undefined")],
  [null, new TypeError("options must be an object, received null")],
  [[], new TypeError("options must be an object, received an array")],
  [
    { failureTreshold: 1 },
    new TypeError('unknown option "failureTreshold", did you mean "failureThreshold"?'),
  ],
  [
    { failureThreshold: 2, cooldownMs: -1 },
    new RangeError("cooldownMs must be a non-negative number of milliseconds, received -1"),
  ],
  [
    { failureThreshold: 2, halfOpen: { maxProbes: 0 } },
    new RangeError("halfOpen.maxProbes must be a positive integer, received 0"),
  ],
  [
    { failureThreshold: 2, halfOpen: { maxProbs: 1 } },
    new TypeError('unknown option "halfOpen.maxProbs", did you mean "maxProbes"?'),
  ],
  [
    { failureThreshold: "2" },
    new TypeError('failureThreshold must be a positive integer, received "2"'),
  ],
  [
    { bus: createEventBus() },
    new TypeError("bus must be left out, since it cannot change, received an object"),
  ],
  [
    { clock: { monotonicMs: () => 0, epochMs: () => 0 } },
    new TypeError("clock must be left out, since it cannot change, received an object"),
  ],
  [
    { random: null },
    new TypeError("random must be left out, since it cannot change, received null"),
  ],
];

test.each(BAD)("%# reconfigure(%o) is refused and changes nothing", async (options, error) => {
  const { breaker, told } = watch({ failureThreshold: 4, cooldownMs: 10 });
  const text = `Cannot reconfigure breaker "dependency": ${error.message}`;
  const expected = error instanceof RangeError ? new RangeError(text) : new TypeError(text);
  expect(() => breaker.reconfigure(wrong(options))).toThrow(expected);
  expect(told()).toEqual([]);
  expect(breaker.failureThreshold).toBe(4);
  await failTimes(breaker, 4);
  expect(breaker.retryAfterMs).toBe(10);
});
