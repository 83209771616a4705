import fc from "fast-check";
import { expect, test } from "vitest";
import { type Backoff, exponentialBackoff, type Jitter } from "../../src/index.ts";

/** The waits of the first retries, each given the one before. */
function waits(backoff: Backoff, chance: number, retries: number): number[] {
  const all: number[] = [];
  for (let retry = 1; retry <= retries; retry++) {
    all.push(backoff(retry, () => chance, all.at(-1) ?? 0));
  }
  return all;
}

test("jitter none waits exactly, growing by factor up to maxMs", () => {
  const backoff = exponentialBackoff({ initialMs: 10, factor: 3, maxMs: 500, jitter: "none" });
  expect(waits(backoff, 0.9, 5)).toEqual([10, 30, 90, 270, 500]);
});

test("jitter full waits from nothing to the whole", () => {
  const backoff = exponentialBackoff({ initialMs: 100, maxMs: 300, jitter: "full" });
  expect(waits(backoff, 0, 3)).toEqual([0, 0, 0]);
  expect(waits(backoff, 0.5, 3)).toEqual([50, 100, 150]);
});

test("jitter equal waits from half to the whole", () => {
  const backoff = exponentialBackoff({ initialMs: 100, maxMs: 300, jitter: "equal" });
  expect(waits(backoff, 0, 3)).toEqual([50, 100, 150]);
  expect(waits(backoff, 0.5, 3)).toEqual([75, 150, 225]);
});

test("jitter decorrelated waits from initialMs to three times the wait before", () => {
  const backoff = exponentialBackoff({ initialMs: 100, maxMs: 1_000, jitter: "decorrelated" });
  expect(waits(backoff, 0, 3)).toEqual([100, 100, 100]);
  expect(waits(backoff, 0.5, 3)).toEqual([200, 350, 575]);
  expect(waits(backoff, 0.999_999, 4).at(-1)).toBe(1_000);
});

test("the defaults are 100 ms doubled up to 20 s, with full jitter", () => {
  expect(waits(exponentialBackoff(), 0.5, 10)).toEqual([
    50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000,
  ]);
});

test("a wait is never negative, above maxMs or no number, whatever the retry and chance", () => {
  const jitter = fc.constantFrom<Jitter>("full", "equal", "decorrelated", "none");
  fc.assert(
    fc.property(
      fc.record({
        initialMs: fc.integer({ min: 1, max: 5_000 }),
        factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
        jitter,
      }),
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (options, aboveMs, retry, chance) => {
        const maxMs = Math.min(2 ** 31 - 2, options.initialMs + aboveMs);
        const backoff = exponentialBackoff({ ...options, maxMs });
        const waitMs = backoff(retry, () => chance, Math.min(maxMs, chance * retry * 1_000));
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(maxMs);
      },
    ),
  );
});
