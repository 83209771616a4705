import { expect, test } from "vitest";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  failureRate,
  slowRate,
} from "../../src/index.ts";
import {
  MS,
  NO_COUNTS,
  NO_DURATIONS,
  NO_FUNCTIONS,
  NO_NUMBERS,
  NO_OBJECTS,
  POSITIVE_MS,
  SCALAR,
  type Wrong,
  wrong,
} from "../support/wrong-values.ts";

const INTEGER = "a positive integer";
const OPTION_NAMES =
  "failureThreshold, latencyTripMs, inFlight, trip, shadow, cooldownMs, halfOpen, degradation, rampUp, classify, quota, clock, random, bus, attributes, context";

interface BadOption {
  readonly options: unknown;
  readonly field: string;
  readonly allowed: string;
  readonly received: string;
  readonly error: typeof TypeError | typeof RangeError;
}

/** Rows for one field: the wrong types first, then the values outside its range. */
function rows(
  field: string,
  allowed: string,
  bad: { types: readonly Wrong[]; ranges?: readonly Wrong[] },
): BadOption[] {
  const options = (value: unknown) =>
    field.startsWith("halfOpen.")
      ? { halfOpen: { [field.slice("halfOpen.".length)]: value } }
      : { [field]: value };
  return [
    ...bad.types.map(([value, received]) => ({ value, received, error: TypeError })),
    ...(bad.ranges ?? []).map(([value, received]) => ({ value, received, error: RangeError })),
  ].map(({ value, received, error }) => ({
    options: options(value),
    field,
    allowed,
    received,
    error,
  }));
}

const functions = { emit() {}, on() {}, has() {} };
const clock = { monotonicMs: () => 0, epochMs: () => 0 };

const BAD_OPTIONS: BadOption[] = [
  ...rows("failureThreshold", INTEGER, { types: NO_NUMBERS, ranges: NO_COUNTS }),
  ...rows("latencyTripMs", POSITIVE_MS, { types: NO_NUMBERS, ranges: [[0, "0"], ...NO_DURATIONS] }),
  // A function is a cooldown, too.
  ...rows("cooldownMs", MS, {
    types: NO_NUMBERS.filter(([value]) => typeof value !== "function"),
    ranges: NO_DURATIONS,
  }),
  ...rows("halfOpen.maxProbes", INTEGER, { types: NO_NUMBERS, ranges: NO_COUNTS }),
  ...rows("halfOpen.successThreshold", INTEGER, { types: NO_NUMBERS, ranges: NO_COUNTS }),
  ...rows("halfOpen.leaseMs", POSITIVE_MS, {
    types: NO_NUMBERS,
    ranges: [[0, "0"], ...NO_DURATIONS],
  }),
  ...rows("halfOpen", "an object", { types: NO_OBJECTS }),
  ...rows("halfOpen.failureRate", "an object", { types: NO_OBJECTS }),
  ...rows("inFlight", "true or false", {
    types: [
      [1, "1"],
      ["yes", '"yes"'],
      [null, "null"],
      [{}, "an object"],
    ],
  }),
  ...rows("classify", "a function", { types: NO_FUNCTIONS }),
  ...rows("quota", "a function", { types: NO_FUNCTIONS }),
  ...rows("random", "a function", { types: NO_FUNCTIONS }),
  ...rows("clock", "an object", { types: NO_OBJECTS }),
  ...rows("bus", "an object", { types: NO_OBJECTS }),
  ...rows("attributes", "an object", { types: NO_OBJECTS }),
  ...[
    { field: "clock.monotonicMs", options: { clock: { ...clock, monotonicMs: undefined } } },
    { field: "clock.epochMs", options: { clock: { monotonicMs: clock.monotonicMs } } },
    { field: "bus.emit", options: { bus: { ...functions, emit: undefined } } },
    { field: "bus.on", options: { bus: { ...functions, on: undefined } } },
    { field: "bus.has", options: { bus: { ...functions, has: undefined } } },
  ].map((row) => ({
    ...row,
    allowed: "a function",
    received: "undefined",
    error: TypeError,
  })),
  ...[
    { value: {}, received: "an object" },
    { value: [], received: "an array" },
    { value: Number.NaN, received: "NaN" },
    { value: Number.NEGATIVE_INFINITY, received: "-Infinity" },
    { value: 1n, received: "1n" },
    { value: Symbol("s"), received: "Symbol(s)" },
    { value: () => 1, received: "a function" },
  ].map(({ value, received }) => ({
    options: { attributes: { good: 1, region: value } },
    field: "attributes.region",
    allowed: SCALAR,
    received,
    error: TypeError,
  })),
];

test.each(BAD_OPTIONS)("new CircuitBreaker() refuses $field of $received", (row) => {
  const { options, field, allowed, received, error } = row;
  const message = `Cannot create breaker "payments": ${field} must be ${allowed}, received ${received}`;
  expect(() => new CircuitBreaker("payments", wrong(options))).toThrow(new error(message));
});

test.each<{ options: unknown; error: typeof RangeError | typeof TypeError; told: string }>([
  {
    options: { inFlight: true },
    error: RangeError,
    told: "inFlight must be false without latencyTripMs and without a slowRate rule, received true",
  },
  {
    options: { inFlight: true, trip: failureRate({ threshold: 0.5, window: { calls: 10 } }) },
    error: RangeError,
    told: "inFlight must be false without latencyTripMs and without a slowRate rule, received true",
  },
  {
    options: { halfOpen: { failureRate: { treshold: 0.5 } } },
    error: TypeError,
    told: 'unknown option "halfOpen.failureRate.treshold", did you mean "threshold"?',
  },
  {
    options: { halfOpen: { failureRate: {} } },
    error: TypeError,
    told: "halfOpen.failureRate.threshold must be a number above 0 and at most 1, received undefined",
  },
  {
    options: { halfOpen: { failureRate: { threshold: 1.5 } } },
    error: RangeError,
    told: "halfOpen.failureRate.threshold must be a number above 0 and at most 1, received 1.5",
  },
  {
    options: { halfOpen: { failureRate: { threshold: 1, minimumCalls: 0 } } },
    error: RangeError,
    told: "halfOpen.failureRate.minimumCalls must be a positive integer, received 0",
  },
  {
    options: { halfOpen: { failureRate: { threshold: 1 }, successThreshold: 2 } },
    error: RangeError,
    told: "halfOpen.failureRate must be left out beside halfOpen.successThreshold, received an object",
  },
])("new CircuitBreaker() refuses $options: $told", ({ options, error, told }) => {
  expect(() => new CircuitBreaker("payments", wrong(options))).toThrow(
    new error(`Cannot create breaker "payments": ${told}`),
  );
});

test("new CircuitBreaker() refuses a Map of attributes, which holds no properties", () => {
  const attributes = new Map([["region", "eu-1"]]);
  expect(() => new CircuitBreaker("payments", wrong({ attributes }))).toThrow(
    /^Cannot create breaker "payments": attributes must be .*, received /,
  );
});

test("new CircuitBreaker() gives the message of the contract", () => {
  expect(() => new CircuitBreaker("payments", { failureThreshold: 0 })).toThrow(
    new RangeError(
      'Cannot create breaker "payments": failureThreshold must be a positive integer, received 0',
    ),
  );
});

const LONG = "n".repeat(257);
test.each([
  {
    name: undefined,
    error: TypeError,
    told: "Cannot create breaker: name must be a string, received undefined",
  },
  {
    name: null,
    error: TypeError,
    told: "Cannot create breaker: name must be a string, received null",
  },
  { name: 5, error: TypeError, told: "Cannot create breaker: name must be a string, received 5" },
  {
    name: {},
    error: TypeError,
    told: "Cannot create breaker: name must be a string, received an object",
  },
  {
    name: "",
    error: RangeError,
    told: 'Cannot create breaker "": name must be a string of 1 to 256 characters, received ""',
  },
  {
    name: LONG,
    error: RangeError,
    told: `Cannot create breaker: name must be a string of 1 to 256 characters, received "${LONG.slice(0, 59)}…"`,
  },
])("new CircuitBreaker() refuses a name: $told", ({ name, error, told }) => {
  expect(() => new CircuitBreaker(wrong(name))).toThrow(new error(told));
});

test.each(NO_OBJECTS)("new CircuitBreaker() refuses %o as options", (options, received) => {
  expect(() => new CircuitBreaker("payments", wrong(options))).toThrow(
    new TypeError(
      `Cannot create breaker "payments": options must be an object, received ${received}`,
    ),
  );
});

test.each([
  {
    options: { failureTreshold: 3 },
    told: 'unknown option "failureTreshold", did you mean "failureThreshold"?',
  },
  { options: { cooldown: 3 }, told: 'unknown option "cooldown", did you mean "cooldownMs"?' },
  {
    options: { LATENCYTRIPMS: 3 },
    told: 'unknown option "LATENCYTRIPMS", did you mean "latencyTripMs"?',
  },
  {
    options: { zzzzzzzz: undefined },
    told: `unknown option "zzzzzzzz", known are ${OPTION_NAMES}`,
  },
  {
    options: { halfOpen: { maxProbe: 1 } },
    told: 'unknown option "halfOpen.maxProbe", did you mean "maxProbes"?',
  },
  {
    options: { halfOpen: { timeout: 1 } },
    told: 'unknown option "halfOpen.timeout", known are maxProbes, successThreshold, failureRate, leaseMs',
  },
])("new CircuitBreaker() refuses unknown keys: $told", ({ options, told }) => {
  expect(() => new CircuitBreaker("payments", wrong(options))).toThrow(
    new TypeError(`Cannot create breaker "payments": ${told}`),
  );
});

test("new CircuitBreaker() takes undefined options as not given", () => {
  const options = Object.fromEntries(OPTION_NAMES.split(", ").map((name) => [name, undefined]));
  expect(new CircuitBreaker("payments", wrong(options)).failureThreshold).toBe(5);
  const halfOpen = { maxProbes: undefined, successThreshold: undefined, leaseMs: undefined };
  const breaker = new CircuitBreaker("payments", wrong({ halfOpen }));
  expect(breaker.state).toBe("closed");
});

test("new CircuitBreaker() takes the ends of each range", () => {
  const options: CircuitBreakerOptions[] = [
    { failureThreshold: 1 },
    { failureThreshold: Number.MAX_SAFE_INTEGER },
    { latencyTripMs: Number.MIN_VALUE },
    { cooldownMs: 0 },
    { cooldownMs: 0.5 },
    { halfOpen: {} },
    { halfOpen: { maxProbes: 1, successThreshold: 1, leaseMs: 0.5 } },
    { halfOpen: { maxProbes: 10, failureRate: { threshold: 1, minimumCalls: 1 } } },
    { inFlight: false },
    { inFlight: true, latencyTripMs: Number.MIN_VALUE },
    { inFlight: true, trip: slowRate({ latencyMs: 1, threshold: 1, window: { calls: 1 } }) },
    { inFlight: true, shadow: slowRate({ latencyMs: 1, threshold: 1, window: { calls: 1 } }) },
    { attributes: {} },
    { attributes: { a: "", b: 0, c: false, d: null } },
    {},
  ];
  for (const given of options) expect(new CircuitBreaker("n", given).state).toBe("closed");
  expect(new CircuitBreaker("n".repeat(256)).name).toHaveLength(256);
});
