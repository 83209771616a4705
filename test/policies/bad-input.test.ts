import { expect, test } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  exponentialBackoff,
  fallback,
  pipeline,
  ratioBudget,
  retry,
  timeout,
  tokenBudget,
} from "../../src/index.ts";
import {
  NO_COUNTS,
  NO_DURATIONS,
  NO_FUNCTIONS,
  NO_NUMBERS,
  wrong,
} from "../support/wrong-values.ts";

const breaker = new CircuitBreaker("db");
const closed = { fail: "closed", cache: { maxAgeMs: 1 } } as const;
const open = { fail: "open", value: 1 } as const;

test.each([
  ["retry", (name: string) => retry(name)],
  ["timeout", (name: string) => timeout(name, { limitMs: 1 })],
  ["fallback", (name: string) => fallback(name, open)],
])("%s() refuses a name that is none", (kind, create) => {
  expect(() => create(wrong(5))).toThrow(
    new TypeError(`Cannot create ${kind}: name must be a string, received 5`),
  );
  expect(() => create("")).toThrow(
    new RangeError(
      `Cannot create ${kind} "": name must be a string of 1 to 256 characters, received ""`,
    ),
  );
});

test.each([
  ["retry", (options: never) => retry("x", options)],
  ["timeout", (options: never) => timeout("x", options)],
  ["fallback", (options: never) => fallback("x", options)],
  ["bulkhead", (options: never) => bulkhead(breaker, options)],
])("%s() refuses options that are none, and unknown ones", (_, create) => {
  expect(() => create(wrong(5))).toThrow(/options must be an object, received 5$/);
  expect(() => create(wrong({ clok: {} }))).toThrow(
    /unknown option "clok", did you mean "clock"\?$/,
  );
  expect(() => create(wrong({ clock: 5 }))).toThrow(/clock must be an object, received 5$/);
  expect(() => create(wrong({ clock: {} }))).toThrow(/clock.monotonicMs must be a function/);
  expect(() => create(wrong({ clock: { monotonicMs() {} } }))).toThrow(/clock.epochMs must be/);
  expect(() => create(wrong({ timers: {} }))).toThrow(/timers.start must be a function/);
  expect(() => create(wrong({ timers: { start() {} } }))).toThrow(/timers.stop must be a function/);
});

test.each([
  ["retry", (bus: never) => retry("x", { bus })],
  ["timeout", (bus: never) => timeout("x", { limitMs: 1, bus })],
  ["fallback", (bus: never) => fallback("x", { ...open, bus })],
])("%s() refuses a bus that is none", (_, create) => {
  expect(() => create(wrong(5))).toThrow(/bus must be an object, received 5$/);
  expect(() => create(wrong({ emit() {}, on() {} }))).toThrow(/bus.has must be a function/);
});

test.each([...NO_NUMBERS, ...NO_COUNTS])("attempts refuses %s", (value, received) => {
  expect(() => retry("x", { attempts: wrong(value) })).toThrow(
    `Cannot create retry "x": attempts must be a positive integer, received ${received}`,
  );
});

test.each([...NO_NUMBERS, ...NO_DURATIONS, [0, "0"] as const])(
  "limits of time refuse %s",
  (value, received) => {
    for (const create of [
      () => timeout("x", { limitMs: wrong(value) }),
      () => retry("x", { totalMs: wrong(value) }),
      () => bulkhead(breaker, { limit: 1, queue: { limit: 1, maxWaitMs: wrong(value) } }),
      () => fallback("x", { ...closed, cache: { maxAgeMs: wrong(value) } }),
    ]) {
      expect(create).toThrow(`must be a positive number of milliseconds, received ${received}`);
    }
  },
);

test.each([
  ["limitMs", () => timeout("x", { limitMs: 2 ** 31 })],
  ["totalMs", () => retry("x", { totalMs: 2 ** 31 })],
  ["maxRetryAfterMs", () => retry("x", { maxRetryAfterMs: 2 ** 31 })],
  ["maxMs", () => exponentialBackoff({ maxMs: 2 ** 31 })],
  [
    "queue.maxWaitMs",
    () => bulkhead(breaker, { limit: 1, queue: { limit: 1, maxWaitMs: 2 ** 31 } }),
  ],
])("%s refuses what no timer can wait", (field, create) => {
  expect(create).toThrow(`${field} must be at most 2147483646 milliseconds, received 2147483648`);
});

test.each([...NO_NUMBERS, ...NO_DURATIONS])(
  "maxRetryAfterMs and staleWhileOpenMs refuse %s",
  (value) => {
    expect(() => retry("x", { maxRetryAfterMs: wrong(value) })).toThrow(
      /^Cannot create retry "x": maxRetryAfterMs/,
    );
    expect(() =>
      fallback("x", { ...closed, cache: { maxAgeMs: 1, staleWhileOpenMs: wrong(value) } }),
    ).toThrow(/cache.staleWhileOpenMs must be a non-negative number/);
  },
);

test.each(NO_FUNCTIONS)("functions given as options refuse %s", (value, received) => {
  const message = `must be a function, received ${received}`;
  expect(() => retry("x", { shouldRetry: wrong(value) })).toThrow(message);
  expect(() => retry("x", { shouldRetryResult: wrong(value) })).toThrow(message);
  expect(() => retry("x", { random: wrong(value) })).toThrow(message);
  expect(() => fallback("x", { fail: "open", run: wrong(value) })).toThrow(message);
  expect(() => fallback("x", { ...closed, cache: { maxAgeMs: 1, keep: wrong(value) } })).toThrow(
    message,
  );
  expect(() => retry("x", { budget: wrong({ begin: value }) })).toThrow(`budget.begin ${message}`);
});

test.each([
  [{ backoff: 5 }, 'Cannot create retry "x": backoff must be an object, received 5'],
  [{ backoff: null }, 'Cannot create retry "x": backoff must be an object, received null'],
  [
    { backoff: { initialMs: 0 } },
    'Cannot create retry "x": backoff.initialMs must be a positive number of milliseconds, received 0',
  ],
  [
    { backoff: { initialMs: 10, maxMs: 5 } },
    'Cannot create retry "x": backoff.maxMs must be at least initialMs (10), received 5',
  ],
  [
    { backoff: { initialMs: 30_000 } },
    'Cannot create retry "x": backoff.initialMs must be at most maxMs (20000), received 30000',
  ],
  [{ backoff: { factor: 0.5 } }, "backoff.factor must be a number, 1 or more, received 0.5"],
  [{ backoff: { factor: "2" } }, 'backoff.factor must be a number, 1 or more, received "2"'],
  [
    { backoff: { jitter: "half" } },
    'backoff.jitter must be one of full, equal, decorrelated, none, received "half"',
  ],
  [
    { backoff: { jiter: "full" } },
    'Cannot create retry "x": unknown option "backoff.jiter", did you mean "jitter"?',
  ],
  [{ idempotent: 1 }, 'Cannot create retry "x": idempotent must be true or false, received 1'],
  [{ budget: 5 }, 'Cannot create retry "x": budget must be an object, received 5'],
  [
    { budget: { begin() {}, withdraw() {}, succeed() {}, giveBack: 5 } },
    'Cannot create retry "x": budget.giveBack must be a function, received 5',
  ],
])("retry() refuses %j", (options, message) => {
  expect(() => retry("x", wrong(options))).toThrow(message);
});

test("timeout() refuses a mode that is none", () => {
  expect(() => timeout("x", { limitMs: 1, mode: wrong("kill") })).toThrow(
    new RangeError(
      'Cannot create timeout "x": mode must be one of abandon, cooperate, received "kill"',
    ),
  );
});

test.each([
  [{}, 'fail must be "open" or "closed", received undefined'],
  [{ fail: "ajar" }, 'fail must be "open" or "closed", received "ajar"'],
  [{ fail: "closed" }, "cache must be an object, received undefined"],
  [{ ...closed, value: 1 }, 'value must be left out where fail is "closed", received 1'],
  [{ ...closed, run() {} }, 'run must be left out where fail is "closed", received a function'],
  [{ fail: "open" }, 'value must be given, or run, where fail is "open", received undefined'],
  [{ ...open, run() {} }, "value must be left out where run is given, received 1"],
  [{ ...open, serveOn: 5 }, "serveOn must be an object, received 5"],
  [{ ...open, serveOn: { timeouts: true } }, 'unknown option "serveOn.timeouts"'],
  [{ ...open, serveOn: { refusal: 1 } }, "serveOn.refusal must be true or false, received 1"],
  [{ ...open, serveOn: { timeout: 1 } }, "serveOn.timeout must be true or false, received 1"],
  [
    { ...open, serveOn: { error: "all" } },
    'serveOn.error must be true, false or a function, received "all"',
  ],
  [{ fail: "closed", cache: 5 }, "cache must be an object, received 5"],
  [{ fail: "closed", cache: { maxAgeMs: 1, maxEntry: 5 } }, 'unknown option "cache.maxEntry"'],
  [
    { fail: "closed", cache: { maxAgeMs: 1, maxEntries: 0 } },
    "cache.maxEntries must be a positive integer, received 0",
  ],
  [{ fail: "closed", cache: { maxAgeMs: 1, key: "" } }, "cache.key must be a string of 1 to 16384"],
  [{ fail: "closed", cache: { maxAgeMs: 1, store: {} } }, "cache.store.get must be a function"],
  [
    { fail: "closed", cache: { maxAgeMs: 1, store: { get() {} } } },
    "cache.store.set must be a function",
  ],
  [
    { fail: "closed", cache: { maxAgeMs: 1, store: new Map(), maxEntries: 5 } },
    "cache.maxEntries must be left out with a store, received 5",
  ],
  [
    { fail: "closed", cache: { maxAgeMs: 1, storeLimitMs: 5 } },
    "cache.storeLimitMs must be left out without a store, received 5",
  ],
  [
    { fail: "closed", cache: { maxAgeMs: 1, store: new Map(), storeLimitMs: 0 } },
    "cache.storeLimitMs must be a positive",
  ],
  [
    { fail: "closed", cache: { maxAgeMs: 1, singleFlight: true } },
    "cache.singleFlight must be an object or false, received true",
  ],
  [
    { fail: "closed", cache: { maxAgeMs: 1, singleFlight: { leaseMs: 0 } } },
    "cache.singleFlight.leaseMs must be a positive",
  ],
  [
    { fail: "closed", cache: { maxAgeMs: 1, singleFlight: { lease: 5 } } },
    'unknown option "cache.singleFlight.lease"',
  ],
])("fallback() refuses %j", (options, message) => {
  expect(() => fallback("x", wrong(options))).toThrow(message);
});

test("bulkhead() refuses what is no breaker, and wrong limits", () => {
  expect(() => bulkhead(wrong("db"), { limit: 1 })).toThrow(
    new TypeError('Cannot create bulkhead: breaker must be a CircuitBreaker, received "db"'),
  );
  for (const [value, received] of NO_COUNTS) {
    const message = `must be a positive integer, received ${received}`;
    expect(() => bulkhead(breaker, { limit: wrong(value) })).toThrow(
      `Cannot create bulkhead "db": limit ${message}`,
    );
    expect(() =>
      bulkhead(breaker, { limit: 1, queue: { limit: wrong(value), maxWaitMs: 1 } }),
    ).toThrow(`queue.limit ${message}`);
  }
  expect(() => bulkhead(breaker, { limit: 1, queue: wrong(5) })).toThrow(/queue must be an object/);
  expect(() => bulkhead(breaker, { limit: 1, queue: wrong({ size: 5 }) })).toThrow(
    /unknown option "queue.size"/,
  );
  expect(() => bulkhead(breaker, wrong({ limit: 1, bus: {} }))).toThrow(/unknown option "bus"/);
});

test("pipeline() refuses to be empty, and members that are none", () => {
  expect(() => Reflect.apply(pipeline, undefined, [])).toThrow(
    new TypeError("Cannot create pipeline: members must be one policy or more, received an array"),
  );
  expect(() => pipeline(breaker, wrong([breaker]))).toThrow(
    new TypeError(
      "Cannot create pipeline: members[1] must be a policy or a CircuitBreaker, received an array",
    ),
  );
});

test.each([
  [() => ratioBudget({ ratio: 0 }), "ratio must be a number above 0 and at most 1, received 0"],
  [() => ratioBudget({ reserve: -1 }), "reserve must be a number, 0 or more, received -1"],
  [() => ratioBudget({ capacity: 0 }), "capacity must be a number, 1 or more, received 0"],
  [() => ratioBudget(wrong({ rate: 1 })), 'unknown option "rate", did you mean "ratio"?'],
  [() => tokenBudget({ capacity: 0 }), "capacity must be a number, 1 or more, received 0"],
  [() => tokenBudget({ capacity: 4 }), "capacity must be at least retryCost (5), received 4"],
  [
    () => tokenBudget({ capacity: 10, retryCost: 11 }),
    "capacity must be at least retryCost (11), received 10",
  ],
  [
    () => tokenBudget({ retryCost: 501 }),
    "Cannot make a token budget: retryCost must be at most capacity (500), received 501",
  ],
  [
    () => exponentialBackoff({ initialMs: 30_000 }),
    "Cannot make an exponential backoff: initialMs must be at most maxMs (20000), received 30000",
  ],
  [
    () => exponentialBackoff({ initialMs: 10, maxMs: 5 }),
    "Cannot make an exponential backoff: maxMs must be at least initialMs (10), received 5",
  ],
  [
    () => exponentialBackoff(wrong(null)),
    "Cannot make an exponential backoff: options must be an object, received null",
  ],
  [() => tokenBudget({ retryCost: 0 }), "retryCost must be a number, 1 or more, received 0"],
  [
    () => tokenBudget({ timeoutCost: Number.NaN }),
    "timeoutCost must be a number, 1 or more, received NaN",
  ],
  [() => tokenBudget({ refund: wrong("1") }), 'refund must be a number, 0 or more, received "1"'],
  [() => tokenBudget(wrong({ cost: 1 })), 'unknown option "cost"'],
])("budgets refuse wrong options: %s", (create, message) => {
  expect(create).toThrow(message);
});

test("call() and execute() reject for a wrong function or option, and run nothing", async () => {
  for (const policy of [
    retry("x"),
    timeout("x", { limitMs: 1 }),
    fallback("x", open),
    bulkhead(breaker, { limit: 1 }),
    pipeline(retry("x")),
  ]) {
    for (const method of ["call", "execute"] as const) {
      const ask = (...args: unknown[]): Promise<unknown> =>
        Reflect.apply(policy[method], policy, args);
      await expect(ask(5)).rejects.toThrow(
        /^Cannot call "\w+": fn must be a function, received 5$/,
      );
      await expect(ask(undefined)).rejects.toThrow(/fn must be a function, received undefined$/);
      const ran = () => {
        throw new Error("it ran");
      };
      await expect(ask(ran, 5)).rejects.toThrow(/options must be an object, received 5$/);
      await expect(ask(ran, { signl: 5 })).rejects.toThrow(
        /unknown option "signl", did you mean "signal"\?$/,
      );
      await expect(ask(ran, { signal: 5 })).rejects.toThrow(
        /signal must be an object, received 5$/,
      );
      await expect(ask(ran, { signal: {} })).rejects.toThrow(/signal must be an AbortSignal/);
      await expect(ask(ran, { signal: { aborted: false } })).rejects.toThrow(
        /signal must be an AbortSignal/,
      );
      await expect(ask(ran, { context: { deep: {} } })).rejects.toThrow(
        /context.deep must be a string/,
      );
      await expect(ask(ran, { key: 5 })).rejects.toThrow(/key must be a string, received 5$/);
      await expect(ask(ran, { key: "" })).rejects.toThrow(
        /key must be a string of 1 to 16384 characters/,
      );
      await expect(ask(ran, { idempotent: "yes" })).rejects.toThrow(
        /idempotent must be true or false/,
      );
    }
  }
});

test("an option object is not changed, and a change of it afterwards does nothing", async () => {
  const options = Object.freeze({ attempts: 2, backoff: Object.freeze({ initialMs: 1 }) });
  retry("x", options);
  const changing: { fail: "open"; value: string; serveOn: { error: boolean } } = {
    fail: "open",
    value: "before",
    serveOn: { error: true },
  };
  const policy = fallback("x", changing);
  changing.value = "after";
  changing.serveOn.error = false;
  await expect(policy.call(() => Promise.reject(new Error("x")))).resolves.toBe("before");
});

test("an option that is undefined is one that was left out", () => {
  const options = <T>(...keys: string[]) =>
    // Their types say otherwise only to those who compile with exactOptionalPropertyTypes.
    Object.fromEntries(keys.map((key) => [key, undefined])) as T;
  const backoff = exponentialBackoff(options("initialMs", "maxMs", "factor", "jitter"));
  expect(backoff(9, () => 0.5, 0)).toBe(10_000);
  expect(tokenBudget(options("capacity", "retryCost", "timeoutCost", "refund")).balance).toBe(500);
  expect(ratioBudget(options("ratio", "reserve", "capacity")).balance).toBe(0);
  expect(() =>
    fallback("x", { fail: "open", run: () => 1, ...options<object>("value") }),
  ).not.toThrow();
  expect(() => fallback("x", { ...closed, ...options<object>("value", "run") })).not.toThrow();
});
