import fc from "fast-check";
import { expect, test } from "vitest";
import { type RetryBudget, ratioBudget, retry, tokenBudget } from "../../src/index.ts";
import { fail } from "../support/breaker.ts";
import { surroundings } from "../support/policies.ts";

/** Retries that a budget lets through in a row. */
function drain(budget: RetryBudget, timedOut = false): number {
  let granted = 0;
  while (budget.withdraw(timedOut) !== null) granted++;
  return granted;
}

const begin = (budget: RetryBudget, calls: number): void => {
  for (let n = 0; n < calls; n++) budget.begin();
};

test("ratioBudget() gives ratio retries for each call, and none before", () => {
  const budget = ratioBudget({ ratio: 0.2 });
  expect(drain(budget)).toBe(0);
  begin(budget, 4);
  expect(drain(budget)).toBe(0);
  begin(budget, 1);
  expect(drain(budget)).toBe(1);
  begin(budget, 100);
  expect(drain(budget)).toBe(20);
});

test("ratioBudget() gives one in ten by default, of at most 100 saved up", () => {
  const budget = ratioBudget();
  begin(budget, 1_000);
  expect(drain(budget)).toBe(100);
  begin(budget, 5_000);
  expect(drain(budget)).toBe(100);
});

test("reserve is there before the first call", () => {
  const budget = ratioBudget({ reserve: 3 });
  expect(budget.balance).toBe(3);
  expect(drain(budget)).toBe(3);
});

test("capacity bounds what calls save up, but not the reserve", () => {
  const budget = ratioBudget({ ratio: 1, capacity: 5, reserve: 8 });
  begin(budget, 50);
  expect(drain(budget)).toBe(8);
  const small = ratioBudget({ ratio: 1, capacity: 5 });
  begin(small, 50);
  expect(drain(small)).toBe(5);
});

test("ratioBudget() does not mind successes", () => {
  const budget = ratioBudget({ reserve: 1 });
  budget.succeed(0);
  expect(budget.balance).toBe(1);
});

test("tokenBudget() takes 5 of 500 for a retry, 10 after a timeout, and a success gives 1", () => {
  expect(drain(tokenBudget())).toBe(100);
  expect(drain(tokenBudget(), true)).toBe(50);
  const budget = tokenBudget();
  drain(budget);
  for (let n = 0; n < 5; n++) budget.succeed(0);
  expect(drain(budget)).toBe(1);
});

test("tokenBudget() gives back what a retry took when it succeeds, up to the capacity", () => {
  const budget = tokenBudget({ capacity: 20, retryCost: 8, timeoutCost: 12, refund: 2 });
  expect(budget.withdraw(false)).toBe(8);
  expect(budget.withdraw(true)).toBe(12);
  expect(budget.balance).toBe(0);
  budget.succeed(12);
  budget.succeed(0);
  expect(budget.balance).toBe(14);
  budget.succeed(8);
  expect(budget.balance).toBe(20);
});

/** How often a dead dependency is called when `calls` callers retry as often as they may. */
async function loadOf(budget: RetryBudget, calls: number, gapMs: number): Promise<number> {
  const { time, options } = surroundings();
  const { bus: _, ...quiet } = options;
  const policy = retry("dead", { ...quiet, budget, attempts: 5 });
  let load = 0;
  const results: Promise<unknown>[] = [];
  for (let n = 0; n < calls; n++) {
    results.push(
      policy.execute(() => {
        load++;
        return fail();
      }),
    );
    if (gapMs > 0) await time.pass(gapMs);
  }
  await time.until(Promise.all(results));
  expect(time.pending).toBe(0);
  return load;
}

test("with everyone retrying against a dead dependency the load stays under (1 + ratio) times the calls", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 0, max: 20 }),
      fc.constantFrom(0, 0, 40),
      async (percent, calls, reserve, gapMs) => {
        const ratio = percent / 100;
        const load = await loadOf(ratioBudget({ ratio, reserve }), calls, gapMs);
        expect(load).toBeLessThanOrEqual((1 + ratio) * calls + reserve + 1e-9);
        expect(load).toBeGreaterThanOrEqual(calls);
      },
    ),
    { numRuns: 60 },
  );
});

test("the default budget keeps a dead dependency's load within 1.1 times the calls", async () => {
  const load = await loadOf(ratioBudget(), 1_000, 0);
  expect(load).toBe(1_100);
});

test("a token budget keeps the retries against a dead dependency to a number, whatever the calls", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 5, max: 200 }),
      fc.integer({ min: 1, max: 300 }),
      async (capacity, calls) => {
        const load = await loadOf(tokenBudget({ capacity }), calls, 0);
        expect(load - calls).toBeLessThanOrEqual(capacity / 5);
      },
    ),
    { numRuns: 40 },
  );
});
