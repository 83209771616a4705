import { expect, test } from "vitest";
import { CircuitBreaker, type Cooldown, exponentialCooldown } from "../../src/index.ts";
import { fail, failTimes, succeed, type Watched, watch } from "../support/breaker.ts";
import { type Wrong, wrong } from "../support/wrong-values.ts";

/** A cooldown of ten seconds for each attempt, and the attempts it was asked for. */
function tens() {
  const attempts: number[] = [];
  const cooldownMs: Cooldown = (attempt) => {
    attempts.push(attempt);
    return attempt * 10_000;
  };
  return { attempts, cooldownMs };
}

/** Waits for the cooldown to end. */
const cool = ({ breaker, clock }: Watched) => clock.advance(breaker.retryAfterMs ?? Number.NaN);

test("a cooldown function is given the attempt, which failed probes raise", async () => {
  const { attempts, cooldownMs } = tens();
  const watched = watch({ failureThreshold: 2, cooldownMs });
  const { breaker, last } = watched;
  await failTimes(breaker, 2);
  expect(last("circuit.open")).toMatchObject({ cooldownMs: 10_000 });
  expect(last("circuit.open").retryAtMs).toBe(last("circuit.open").atMs + 10_000);
  for (const [longerMs, reopens] of [
    [20_000, 1],
    [30_000, 2],
    [40_000, 3],
  ]) {
    cool(watched);
    await breaker.execute(fail);
    expect(last("circuit.open")).toMatchObject({ cooldownMs: longerMs, reopens });
    expect(breaker.retryAfterMs).toBe(longerMs);
  }
  expect(attempts).toEqual([1, 2, 3, 4]);
});

test("an open breaker refuses for as long as the function said, and no longer", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs: () => 250 });
  await failTimes(breaker, 1);
  clock.advance(249);
  expect((await breaker.execute(succeed)).outcome).toBe("circuit-open");
  clock.advance(1);
  expect((await breaker.execute(succeed)).outcome).toBe("ok");
});

test.each(["open", "closed"] as const)(
  "reset() of a breaker that is %s begins the backoff again",
  async (state) => {
    const { attempts, cooldownMs } = tens();
    const watched = watch({ failureThreshold: 1, cooldownMs });
    const { breaker } = watched;
    await breaker.execute(fail);
    cool(watched);
    await breaker.execute(fail);
    if (state === "closed") {
      cool(watched);
      await breaker.execute(succeed);
    }
    expect(breaker.state).toBe(state);
    breaker.reset();
    await breaker.execute(fail);
    expect(attempts).toEqual([1, 2, 1]);
  },
);

test("a failed probe after a forced open goes on with the backoff", async () => {
  const { attempts, cooldownMs } = tens();
  const watched = watch({ failureThreshold: 1, cooldownMs });
  const { breaker, clock } = watched;
  await breaker.execute(fail);
  breaker.forceOpen("drill", { forMs: 5 });
  clock.advance(5);
  await breaker.execute(fail);
  expect(attempts).toEqual([1, 2]);
});

test("a retryAfterMs of classify wins over the function, and counts as an attempt", async () => {
  const { attempts, cooldownMs } = tens();
  let retryAfterMs: number | undefined = 123_456;
  const watched = watch({
    failureThreshold: 1,
    cooldownMs,
    classify: (call) =>
      call.ok || retryAfterMs === undefined ? undefined : { outcome: "error", retryAfterMs },
  });
  const { breaker, clock, last } = watched;
  await breaker.execute(fail);
  expect(last("circuit.open").cooldownMs).toBe(123_456);
  expect(attempts).toEqual([]);
  cool(watched);
  retryAfterMs = undefined;
  await breaker.execute(fail);
  expect(attempts).toEqual([2]);
  // The health that is asked for is that of the last cooldown, whoever gave it.
  cool(watched);
  retryAfterMs = 100_000;
  await breaker.execute(fail);
  cool(watched);
  retryAfterMs = undefined;
  await breaker.execute(succeed);
  clock.advance(99_999);
  await breaker.execute(fail);
  expect(attempts).toEqual([2, 4]);
});

test("a retryAfterMs of 0 wins, too: a probe may run at once", async () => {
  const { breaker, last } = watch({
    failureThreshold: 1,
    cooldownMs: () => 5_000,
    classify: (call) => (call.ok ? undefined : { outcome: "error", retryAfterMs: 0 }),
  });
  await breaker.execute(fail);
  expect(last("circuit.open").cooldownMs).toBe(0);
  expect(breaker.state).toBe("half_open");
});

test.each<{ answer: string; cooldownMs: () => unknown; error: object }>([
  {
    answer: "an exception",
    cooldownMs: () => {
      throw new TypeError("no idea");
    },
    error: { name: "TypeError", message: "no idea" },
  },
  ...[-1, Number.NaN, Number.POSITIVE_INFINITY, "5", undefined, null].map((answer) => ({
    answer: String(answer),
    cooldownMs: () => answer,
    error: {
      name: "RangeError",
      message: `cooldownMs must return a non-negative number of milliseconds, received ${answer}`,
    },
  })),
])("a cooldown function that answers $answer is told, and the default holds", async (row) => {
  const { breaker, told, last } = watch({ failureThreshold: 1, cooldownMs: wrong(row.cooldownMs) });
  await breaker.execute(fail);
  expect(told()).toEqual(["failure", "callback_failed", "open"]);
  expect(last("circuit.callback_failed")).toMatchObject({
    callback: "cooldownMs",
    error: row.error,
  });
  expect(last("circuit.open").cooldownMs).toBe(60_000);
  expect(breaker.retryAfterMs).toBe(60_000);
});

test("a cooldown function that acts on the breaker is not overruled", async () => {
  const watched: Watched = watch({
    failureThreshold: 1,
    cooldownMs: () => {
      watched.breaker.forceOpen("by the function");
      return 5;
    },
  });
  await watched.breaker.execute(fail);
  expect(watched.breaker.state).toBe("forced_open");
  expect(watched.told()).toEqual(["failure", "open"]);
});

test("exponentialCooldown() doubles to its longest, without jitter exactly", () => {
  const cooldown = exponentialCooldown({ initialMs: 1_000, maxMs: 10_000, jitter: 0 });
  const values = [1, 2, 3, 4, 5, 6, 5_000].map((attempt) => cooldown(attempt, () => 0.5));
  expect(values).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
});

test("exponentialCooldown() grows by its factor", () => {
  const options = { initialMs: 100, maxMs: 100_000, jitter: 0 };
  const of = (factor: number) =>
    [1, 2, 3].map((n) => exponentialCooldown({ ...options, factor })(n, () => 0));
  expect(of(3)).toEqual([100, 300, 900]);
  expect(of(1)).toEqual([100, 100, 100]);
});

test.each([
  { jitter: undefined, random: 0, ms: 1_000 },
  { jitter: undefined, random: 0.5, ms: 875 },
  { jitter: 0.5, random: 0.5, ms: 750 },
  { jitter: 1, random: 0.75, ms: 250 },
])("exponentialCooldown() with jitter $jitter and chance $random takes $ms ms", (row) => {
  const { jitter, random, ms } = row;
  const options = { initialMs: 1_000, maxMs: 1_000, ...(jitter === undefined ? {} : { jitter }) };
  // At its longest, too, the instances are kept apart.
  expect(exponentialCooldown(options)(9, () => random)).toBe(ms);
});

test("exponentialCooldown() takes its chance from the breaker's random", async () => {
  const { breaker, last } = watch({
    failureThreshold: 1,
    random: () => 0.5,
    cooldownMs: exponentialCooldown({ initialMs: 1_000, maxMs: 60_000, jitter: 0.5 }),
  });
  await breaker.execute(fail);
  expect(last("circuit.open").cooldownMs).toBe(750);
});

test("one exponentialCooldown() serves many breakers, each with attempts of its own", async () => {
  const cooldownMs = exponentialCooldown({ initialMs: 1_000, maxMs: 60_000, jitter: 0 });
  const one = watch({ failureThreshold: 1, cooldownMs });
  const two = watch({ failureThreshold: 1, cooldownMs });
  await one.breaker.execute(fail);
  cool(one);
  await one.breaker.execute(fail);
  await two.breaker.execute(fail);
  expect([one.breaker.retryAfterMs, two.breaker.retryAfterMs]).toEqual([2_000, 1_000]);
});

const MS = "a positive number of milliseconds";
const FACTOR = "a number, 1 or more";
const JITTER = "a number from 0 to 1";
const good = { initialMs: 1_000, maxMs: 2_000 };

const bad: [
  field: string,
  allowed: string,
  error: typeof TypeError | typeof RangeError,
  ...Wrong,
][] = [
  ["initialMs", MS, TypeError, undefined, "undefined"],
  ["initialMs", MS, TypeError, "1000", '"1000"'],
  ["initialMs", MS, RangeError, 0, "0"],
  ["maxMs", MS, TypeError, null, "null"],
  ["maxMs", MS, RangeError, Number.POSITIVE_INFINITY, "Infinity"],
  ["maxMs", "at least initialMs (1000)", RangeError, 999, "999"],
  ["factor", FACTOR, TypeError, "2", '"2"'],
  ["factor", FACTOR, RangeError, 0.9, "0.9"],
  ["factor", FACTOR, RangeError, Number.NaN, "NaN"],
  ["factor", FACTOR, RangeError, Number.POSITIVE_INFINITY, "Infinity"],
  ["jitter", JITTER, TypeError, true, "true"],
  ["jitter", JITTER, RangeError, -0.1, "-0.1"],
  ["jitter", JITTER, RangeError, 1.1, "1.1"],
  ["jitter", JITTER, RangeError, Number.NaN, "NaN"],
];

test.each(bad)(
  "exponentialCooldown() refuses a bad %s",
  (field, allowed, error, value, received) => {
    expect(() => exponentialCooldown(wrong({ ...good, [field]: value }))).toThrow(
      new error(
        `Cannot make an exponential cooldown: ${field} must be ${allowed}, received ${received}`,
      ),
    );
  },
);

test("exponentialCooldown() refuses no options and unknown ones", () => {
  expect(() => exponentialCooldown(wrong(undefined))).toThrow(
    new TypeError(
      "Cannot make an exponential cooldown: options must be an object, received undefined",
    ),
  );
  expect(() => exponentialCooldown(wrong({ ...good, maxms: 5 }))).toThrow(
    new TypeError(
      'Cannot make an exponential cooldown: unknown option "maxms", did you mean "maxMs"?',
    ),
  );
});

test("a cooldown function is not asked before the breaker opens", async () => {
  const { attempts, cooldownMs } = tens();
  const breaker = new CircuitBreaker("dependency", { cooldownMs });
  await failTimes(breaker, 4);
  breaker.forceOpen();
  expect(attempts).toEqual([]);
});

test("sustained health begins the backoff again also when an operator's force ended it", async () => {
  const attempts: number[] = [];
  const cooldownMs = (attempt: number): number => {
    attempts.push(attempt);
    return 100;
  };
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs });
  await breaker.execute(fail);
  clock.advance(100);
  await breaker.execute(fail);
  clock.advance(100);
  await breaker.execute(succeed);
  clock.advance(86_400_000);
  breaker.forceOpen("drill", { forMs: 10 });
  clock.advance(10);
  await breaker.execute(fail);
  expect(attempts).toEqual([1, 2, 1]);
});
