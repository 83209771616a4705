import { expect, test, vi } from "vitest";
import type { CircuitBreaker } from "../../src/index.ts";
import { BOOM, succeed, watch } from "../support/breaker.ts";
import { generationOf, watchIn } from "../support/states.ts";
import {
  MS,
  NO_DURATIONS,
  NO_FUNCTIONS,
  NO_NUMBERS,
  NO_OBJECTS,
  POSITIVE_MS,
  SCALAR,
  type Wrong,
  wrong,
} from "../support/wrong-values.ts";

// What the methods of a breaker refuse: the class and the message, and nothing of the breaker has changed.

type ErrorClass = typeof TypeError | typeof RangeError;
/** The call as a reader writes it, the call as it is made, the error, and the message after `breaker "dependency": `. */
type Row = readonly [
  what: string,
  act: (breaker: CircuitBreaker) => unknown,
  error: ErrorClass,
  told: string,
];

/** One row for each wrong value. */
const each = (
  what: string,
  values: readonly Wrong[],
  act: (breaker: CircuitBreaker, value: never) => unknown,
  { error = TypeError, allowed }: { error?: ErrorClass; allowed: string },
): Row[] =>
  values.map(([value, received]) => [
    what,
    (breaker) => act(breaker, wrong(value)),
    error,
    `${allowed}, received ${received}`,
  ]);

const named = (action: string, rows: readonly Row[]) =>
  rows.map(([what, act, error, told]) => ({
    what: `${what}: ${told}`,
    act,
    error,
    message: `Cannot ${action} breaker "dependency": ${told}`,
  }));

type Run = (breaker: CircuitBreaker, fn: unknown, options?: unknown) => unknown;

/** What every way of calling refuses. */
const calls = (what: string, run: Run): Row[] => [
  ...each(`${what}(fn)`, NO_FUNCTIONS, run, { allowed: "fn must be a function" }),
  [`${what}()`, (b) => run(b, undefined), TypeError, "fn must be a function, received undefined"],
  ...each(`${what}(fn, options)`, NO_OBJECTS, (b, options) => run(b, succeed, options), {
    allowed: "options must be an object",
  }),
  [
    `${what}(fn, { singal })`,
    (b) => run(b, succeed, { singal: 1 }),
    TypeError,
    'unknown option "singal", did you mean "signal"?',
  ],
  ...each(`${what}(fn, { signal })`, NO_OBJECTS, (b, signal) => run(b, succeed, { signal }), {
    allowed: "signal must be an object",
  }),
  ...each(
    `${what}(fn, { signal })`,
    [
      [{}, "an object"],
      [new AbortController(), "an object"],
      [{ aborted: "no" }, "an object"],
    ],
    (b, signal) => run(b, succeed, { signal }),
    { allowed: "signal must be an AbortSignal" },
  ),
  ...each(`${what}(fn, { context })`, NO_OBJECTS, (b, context) => run(b, succeed, { context }), {
    allowed: "context must be an object",
  }),
  ...each(
    `${what}(fn, { context: { id } })`,
    [
      [{}, "an object"],
      [[], "an array"],
      [Number.NaN, "NaN"],
      [1n, "1n"],
      [Symbol("s"), "Symbol(s)"],
      [() => 1, "a function"],
    ],
    (b, id) => run(b, succeed, { context: { id } }),
    { allowed: `context.id must be ${SCALAR}` },
  ),
];

test.each([
  ...named(
    "call",
    calls("call", (b, fn, options) => b.call(wrong(fn), wrong(options))),
  ),
  ...named(
    "call",
    calls("execute", (b, fn, options) => b.execute(wrong(fn), wrong(options))),
  ),
])("$what", async ({ act, error, message }) => {
  const watched = watch();
  const before = watched.breaker.stats;
  // A rejection and not a throw: a caller that awaits must not need two ways of catching.
  const returned = act(watched.breaker);
  expect(returned).toBeInstanceOf(Promise);
  await expect(returned).rejects.toThrow(new error(message));
  expect(watched.breaker.stats).toEqual(before);
  expect(watched.told()).toEqual([]);
});

const RECORDS: Row[] = [
  ...each("recordSuccess(latencyMs)", NO_NUMBERS, (b, ms) => b.recordSuccess(ms), {
    allowed: `latencyMs must be ${MS}`,
  }),
  ...each("recordSuccess(latencyMs)", NO_DURATIONS, (b, ms) => b.recordSuccess(ms), {
    allowed: `latencyMs must be ${MS}`,
    error: RangeError,
  }),
  ...each("recordFailure(error, latencyMs)", NO_NUMBERS, (b, ms) => b.recordFailure(BOOM, ms), {
    allowed: `latencyMs must be ${MS}`,
  }),
  ...each("recordFailure(error, latencyMs)", NO_DURATIONS, (b, ms) => b.recordFailure(BOOM, ms), {
    allowed: `latencyMs must be ${MS}`,
    error: RangeError,
  }),
];

const LONG = "r".repeat(513);
const NO_TEXTS: readonly Wrong[] = [
  [5, "5"],
  [null, "null"],
  [true, "true"],
  [{ forMs: 5 }, "an object"],
];
const NO_NOTES: readonly Wrong[] = [
  ["", '""'],
  [LONG, `"${LONG.slice(0, 59)}…"`],
];
const NOTE = "reason must be a string of 1 to 512 characters";

const notes = (what: string, act: (breaker: CircuitBreaker, reason: never) => unknown): Row[] => [
  ...each(what, NO_TEXTS, act, { allowed: "reason must be a string" }),
  ...each(what, NO_NOTES, act, { allowed: NOTE, error: RangeError }),
];

const FORCES: Row[] = [
  ...notes("forceOpen(reason)", (b, reason) => b.forceOpen(reason)),
  ...each("forceOpen(reason, options)", NO_OBJECTS, (b, options) => b.forceOpen("r", options), {
    allowed: "options must be an object",
  }),
  [
    "forceOpen(reason, { forMS })",
    (b) => b.forceOpen("r", wrong({ forMS: 5 })),
    TypeError,
    'unknown option "forMS", did you mean "forMs"?',
  ],
  ...each("forceOpen(reason, { forMs })", NO_NUMBERS, (b, forMs) => b.forceOpen("r", { forMs }), {
    allowed: `forMs must be ${POSITIVE_MS}`,
  }),
  ...each(
    "forceOpen(reason, { forMs })",
    [[0, "0"], ...NO_DURATIONS],
    (b, forMs) => b.forceOpen("r", { forMs }),
    { allowed: `forMs must be ${POSITIVE_MS}`, error: RangeError },
  ),
];

test.each([
  ...named(
    "call",
    calls("callSync", (b, fn, options) => b.callSync(wrong(fn), wrong(options))),
  ),
  ...named("record a result of", RECORDS),
  ...named("force open", FORCES),
  ...named(
    "reset",
    notes("reset(reason)", (b, reason) => b.reset(reason)),
  ),
])("$what", async ({ act, error, message }) => {
  for (const state of ["closed", "open", "half_open", "forced_open", "disabled"] as const) {
    const watched = await watchIn(state);
    const generation = await generationOf(watched);
    const before = watched.breaker.stats;
    watched.told();
    expect(() => act(watched.breaker)).toThrow(new error(message));
    expect(watched.breaker.state).toBe(state);
    expect(watched.breaker.stats).toEqual(before);
    expect(watched.told()).toEqual([]);
    expect(await generationOf(watched)).toBe(generation);
  }
});

test("a bad argument does not run fn", async () => {
  const { breaker } = watch();
  const fn = vi.fn(() => 1);
  await breaker.call(fn, wrong({ context: 5 })).catch(() => {});
  await breaker.execute(fn, wrong({ signal: "s" })).catch(() => {});
  expect(() => breaker.callSync(fn, wrong({ context: 5 }))).toThrow(TypeError);
  expect(fn).not.toHaveBeenCalled();
});

test("context refuses a Map, which holds no properties", async () => {
  const { breaker } = watch();
  await expect(breaker.call(succeed, wrong({ context: new Map([["id", 1]]) }))).rejects.toThrow(
    /^Cannot call breaker "dependency": context must be .*, received /,
  );
});

test("options of a call may be undefined, and so may each of them", async () => {
  const { breaker } = watch();
  expect(await breaker.call(succeed, undefined)).toBe("value");
  expect(await breaker.call(succeed, { signal: undefined, context: undefined })).toBe("value");
  expect(await breaker.call(succeed, {})).toBe("value");
  breaker.forceOpen(undefined, {});
  breaker.reset(undefined);
  expect(breaker.state).toBe("closed");
});
