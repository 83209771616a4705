import { expect, test } from "vitest";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  consecutive,
  failureRate,
  slowRate,
} from "../../src/index.ts";
import {
  NO_COUNTS,
  NO_DURATIONS,
  NO_FUNCTIONS,
  NO_NUMBERS,
  NO_OBJECTS,
  POSITIVE_MS,
  type Wrong,
  wrong,
} from "../support/wrong-values.ts";

const INTEGER = "a positive integer";
const SHARE = "a number above 0 and at most 1";
const NO_SHARES: readonly Wrong[] = [
  [0, "0"],
  [-0.1, "-0.1"],
  [1.000_1, "1.0001"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"],
];

interface Bad {
  readonly field: string;
  readonly allowed: string;
  readonly received: string;
  readonly error: typeof TypeError | typeof RangeError;
  readonly options: unknown;
}

/** Rows for one field, which `wrap` puts in its place. */
function rows(
  field: string,
  allowed: string,
  bad: { types?: readonly Wrong[]; ranges?: readonly Wrong[] },
  wrap: (value: unknown) => unknown,
): Bad[] {
  const of = (values: readonly Wrong[] | undefined, error: Bad["error"]) =>
    (values ?? []).map(([value, received]) => ({
      field,
      allowed,
      received,
      error,
      options: wrap(value),
    }));
  return [...of(bad.types, TypeError), ...of(bad.ranges, RangeError)];
}

const rule = { name: "own", threshold: 1, begin: () => ({}) };
const LONG = "n".repeat(65);

const NO_RULES = NO_OBJECTS.filter(([value]) => !Array.isArray(value));
const RULES: Bad[] = ["trip", "shadow"].flatMap((option) => {
  const own = (key: string) => (value: unknown) => ({ [option]: { ...rule, [key]: value } });
  const second = (value: unknown) => ({ [option]: [rule, value] });
  const text = "a string of 1 to 64 characters";
  const levels = "a list of numbers above 0 and below 1";
  return [
    ...rows(option, "an object", { types: NO_RULES }, (value) => ({ [option]: value })),
    ...rows(option, "a trip rule or several", { ranges: [[[], "an array"]] }, (value) => ({
      [option]: value,
    })),
    ...rows(`${option}[1]`, "an object", { types: NO_OBJECTS }, second),
    ...rows(
      `${option}.name`,
      "a string",
      {
        types: [
          [5, "5"],
          [undefined, "undefined"],
        ],
      },
      own("name"),
    ),
    ...rows(
      `${option}.name`,
      text,
      {
        ranges: [
          ["", '""'],
          [LONG, `"${LONG.slice(0, 59)}…"`],
        ],
      },
      own("name"),
    ),
    ...rows(`${option}.begin`, "a function", { types: NO_FUNCTIONS }, own("begin")),
    ...rows(`${option}.threshold`, "a number", { types: NO_NUMBERS }, own("threshold")),
    ...rows(
      `${option}.hears`,
      "one of failures, successes, moments, latencies",
      {
        types: [
          ["everything", '"everything"'],
          [2, "2"],
          [null, "null"],
        ],
      },
      own("hears"),
    ),
    ...rows(
      `${option}.latencyMs`,
      POSITIVE_MS,
      {
        types: NO_NUMBERS.filter(([value]) => value !== undefined),
        ranges: [[0, "0"], ...NO_DURATIONS],
      },
      own("latencyMs"),
    ),
    ...rows(
      `${option}.levels`,
      levels,
      {
        types: [
          [5, "5"],
          [[0], "an array"],
          [[1], "an array"],
          [[Number.NaN], "an array"],
        ],
      },
      own("levels"),
    ),
  ];
});

const DEGRADATION = "a list of shares from 0 to 1, the first of them 1";
const ONE_SHARE = "a share from 0 to 1";
const TRAFFIC: Bad[] = [
  ...rows(
    "degradation",
    DEGRADATION,
    {
      types: NO_OBJECTS.filter(([value]) => !Array.isArray(value)),
      ranges: [
        [[], "an array"],
        [[0.9, 0.5], "an array"],
      ],
    },
    (degradation) => ({ degradation }),
  ),
  ...rows(
    "degradation[1]",
    ONE_SHARE,
    {
      types: NO_NUMBERS,
      ranges: [
        [-0.1, "-0.1"],
        [1.1, "1.1"],
        [Number.NaN, "NaN"],
      ],
    },
    (share) => ({ degradation: [1, share] }),
  ),
  ...rows("rampUp", "an object", { types: NO_OBJECTS }, (rampUp) => ({ rampUp })),
  ...rows(
    "rampUp.durationMs",
    POSITIVE_MS,
    { types: [...NO_NUMBERS, [undefined, "undefined"]], ranges: [[0, "0"], ...NO_DURATIONS] },
    (durationMs) => ({ rampUp: { durationMs } }),
  ),
  ...rows("rampUp.from", SHARE, { types: NO_NUMBERS, ranges: NO_SHARES }, (from) => ({
    rampUp: { durationMs: 1, from },
  })),
];

test.each([...RULES, ...TRAFFIC])("new CircuitBreaker() refuses $field of $received", (row) => {
  const { field, allowed, received, error, options } = row;
  expect(() => new CircuitBreaker("payments", wrong(options))).toThrow(
    new error(
      `Cannot create breaker "payments": ${field} must be ${allowed}, received ${received}`,
    ),
  );
});

test.each([
  {
    options: { rampUp: { duration: 5 } },
    told: 'unknown option "rampUp.duration", did you mean "durationMs"?',
  },
  {
    options: { degradaton: [1] },
    told: 'unknown option "degradaton", did you mean "degradation"?',
  },
  { options: { rampup: {} }, told: 'unknown option "rampup", did you mean "rampUp"?' },
])("new CircuitBreaker() refuses unknown keys: $told", ({ options, told }) => {
  expect(() => new CircuitBreaker("payments", wrong(options))).toThrow(
    new TypeError(`Cannot create breaker "payments": ${told}`),
  );
});

test.each([
  ["a threshold that is no finite number, which no event could carry", { threshold: Number.NaN }],
  ["an infinite threshold", { threshold: Number.POSITIVE_INFINITY }],
  ["levels that do not rise", { levels: [0.5, 0.1] }],
  ["levels that are texts", { levels: ["0.5"] }],
])("new CircuitBreaker() refuses a rule with %s", (_, bad) => {
  expect(() => new CircuitBreaker("payments", wrong({ trip: { ...rule, ...bad } }))).toThrow(
    /^Cannot create breaker "payments": trip\.(threshold|levels) must be .*, received /,
  );
});

const rate = { threshold: 0.5, window: { calls: 20 } };
const FACTORIES = [
  ["failureRate", failureRate, rate],
  ["slowRate", slowRate, { ...rate, latencyMs: 5 }],
] as const;

const RATE_ROWS: Bad[] = [
  ...rows("threshold", SHARE, { types: NO_NUMBERS, ranges: NO_SHARES }, (threshold) => ({
    threshold,
  })),
  ...rows("window", "an object", { types: NO_OBJECTS }, (window) => ({ window })),
  ...rows(
    "window",
    "{ calls } or { durationMs }",
    {
      types: [
        [{}, "an object"],
        [{ calls: 5, durationMs: 5 }, "an object"],
      ],
    },
    (window) => ({ window }),
  ),
  ...rows("window.calls", INTEGER, { types: NO_NUMBERS, ranges: NO_COUNTS }, (calls) => ({
    window: { calls },
  })),
  ...rows("window.calls", "at most 1000000", { ranges: [[1_000_001, "1000001"]] }, (calls) => ({
    window: { calls },
  })),
  ...rows(
    "window.durationMs",
    POSITIVE_MS,
    { types: NO_NUMBERS, ranges: [[0, "0"], ...NO_DURATIONS] },
    (durationMs) => ({ window: { durationMs } }),
  ),
  ...rows("minimumCalls", INTEGER, { types: NO_NUMBERS, ranges: NO_COUNTS }, (minimumCalls) => ({
    minimumCalls,
  })),
  ...rows(
    "minimumCalls",
    "at most window.calls (20)",
    { ranges: [[21, "21"]] },
    (minimumCalls) => ({
      minimumCalls,
    }),
  ),
];

test.each(
  FACTORIES.flatMap(([name, make, good]) => RATE_ROWS.map((row) => ({ name, make, good, ...row }))),
)(
  "$name() refuses $field of $received",
  ({ name, make, good, field, allowed, received, error, options }) => {
    expect(() => make(wrong(Object.assign({ ...good }, options)))).toThrow(
      new error(
        `Cannot make the trip rule ${name}: ${field} must be ${allowed}, received ${received}`,
      ),
    );
  },
);

test.each(
  rows(
    "latencyMs",
    POSITIVE_MS,
    { types: [...NO_NUMBERS, [undefined, "undefined"]], ranges: [[0, "0"], ...NO_DURATIONS] },
    (latencyMs) => ({ ...rate, latencyMs }),
  ),
)("slowRate() refuses latencyMs of $received", ({ allowed, received, error, options }) => {
  expect(() => slowRate(wrong(options))).toThrow(
    new error(
      `Cannot make the trip rule slowRate: latencyMs must be ${allowed}, received ${received}`,
    ),
  );
});

test.each(FACTORIES)("%s() refuses no options, and unknown ones", (name, make, good) => {
  const cannot = `Cannot make the trip rule ${name}:`;
  expect(() => make(wrong(undefined))).toThrow(
    new TypeError(`${cannot} options must be an object, received undefined`),
  );
  expect(() => make(wrong({ ...good, treshold: 1 }))).toThrow(
    new TypeError(`${cannot} unknown option "treshold", did you mean "threshold"?`),
  );
  expect(() => make(wrong({ ...good, window: { call: 5 } }))).toThrow(
    new TypeError(`${cannot} unknown option "window.call", did you mean "calls"?`),
  );
});

test("failureRate() refuses a latencyMs, which it would ignore", () => {
  expect(() => failureRate(wrong({ ...rate, latencyMs: 5 }))).toThrow(
    /^Cannot make the trip rule failureRate: unknown option "latencyMs"/,
  );
});

test.each([
  ...NO_NUMBERS.map((bad) => [TypeError, ...bad] as const),
  ...NO_COUNTS.map((bad) => [RangeError, ...bad] as const),
])("consecutive() refuses what is no positive integer: %o %o", (error, n, received) => {
  expect(() => consecutive(wrong(n))).toThrow(
    new error(`Cannot make the trip rule consecutive: n must be ${INTEGER}, received ${received}`),
  );
});

test("new CircuitBreaker() takes the ends of each range", () => {
  const options: CircuitBreakerOptions[] = [
    { trip: consecutive(1) },
    { trip: [failureRate({ threshold: 1, window: { calls: 1 }, minimumCalls: 1 })] },
    { trip: failureRate({ threshold: Number.MIN_VALUE, window: { calls: 1_000_000 } }) },
    { trip: slowRate({ threshold: 1, latencyMs: 0.1, window: { durationMs: 0.1 } }) },
    { shadow: { name: "n".repeat(64), threshold: 0, levels: [], begin: consecutive(1).begin } },
    { degradation: [1] },
    { degradation: [1, 0, 1] },
    { rampUp: { durationMs: 0.1, from: 1 } },
    { cooldownMs: () => 0 },
  ];
  for (const given of options) expect(new CircuitBreaker("n", given).state).toBe("closed");
});
