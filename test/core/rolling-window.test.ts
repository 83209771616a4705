import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CountWindow } from "../../src/core/count-window.ts";
import type { RollingWindow } from "../../src/core/rolling-window.ts";
import { TimeWindow } from "../../src/core/time-window.ts";
import { failureRate, type Verdict } from "../../src/index.ts";
import { BOOM, watch } from "../support/breaker.ts";

/** One call of the naive reference, which keeps them all. */
interface Kept {
  readonly verdict: Verdict;
  readonly atMs: number;
}

const count = (kept: readonly Kept[], verdict: Verdict): number =>
  kept.filter((call) => call.verdict === verdict).length;
const firstFailure = (kept: readonly Kept[]): number | null =>
  kept.find(({ verdict }) => verdict !== null)?.atMs ?? null;

const verdicts: fc.Arbitrary<Verdict> = fc.constantFrom(null, null, "error", "latency");

/** Calls with the time that passed before each. */
const calls = (gapMs: fc.Arbitrary<number>) =>
  fc.array(fc.record({ verdict: verdicts, gapMs }), { maxLength: 300 });

test("CountWindow counts exactly the last calls, whatever its size", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), calls(fc.nat(1_000)), (size, given) => {
      const window = new CountWindow(size);
      const all: Kept[] = [];
      let nowMs = 0;
      expect(window.counts()).toEqual({ calls: 0, errors: 0, latencies: 0, firstFailureMs: null });
      for (const { verdict, gapMs } of given) {
        nowMs += gapMs;
        window.add(verdict, nowMs);
        all.push({ verdict, atMs: nowMs });
        const last = all.slice(-size);
        expect(window.counts()).toMatchObject({
          calls: last.length,
          errors: count(last, "error"),
          latencies: count(last, "latency"),
        });
      }
    }),
  );
});

test("CountWindow knows its first failure to a sixteenth of its size, and never one that has left", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), calls(fc.nat(1_000)), (size, given) => {
      const segment = Math.ceil(size / 16);
      const window = new CountWindow(size);
      const all: Kept[] = [];
      let nowMs = 0;
      for (const { verdict, gapMs } of given) {
        nowMs += gapMs + 1;
        window.add(verdict, nowMs);
        all.push({ verdict, atMs: nowMs });
        const last = all.slice(-size);
        const { firstFailureMs } = window.counts();
        const exact = firstFailure(last);
        if (exact === null) expect(firstFailureMs).toBeNull();
        else if (firstFailureMs !== null) {
          expect(firstFailureMs).toBeGreaterThanOrEqual(exact);
          // Whatever is not in the oldest segment is known exactly.
          const known = firstFailure(all.slice(-Math.max(1, size - segment)));
          if (known !== null) expect(firstFailureMs).toBeLessThanOrEqual(known);
        } else expect(firstFailure(all.slice(-Math.max(1, size - segment)))).toBeNull();
      }
    }),
  );
});

test("TimeWindow holds every call of the last nine tenths of its time, and none older than the whole", () => {
  const gaps = fc.oneof(
    fc.double({ min: 0, max: 30, noNaN: true }),
    fc.constant(0),
    fc.double({ min: 80, max: 400, noNaN: true }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.double({ min: -1_000, max: 1_000, noNaN: true }),
      calls(gaps),
      (durationMs, startMs, given) => {
        const window = new TimeWindow(durationMs);
        const all: Kept[] = [];
        let nowMs = startMs;
        for (const { verdict, gapMs } of given) {
          nowMs += gapMs;
          window.add(verdict, nowMs);
          all.push({ verdict, atMs: nowMs });
          const since = (ageMs: number) => all.filter(({ atMs }) => nowMs - atMs < ageMs);
          // The slack is for the rounding of a bucket's borders.
          const atLeast = since(durationMs * 0.9 - 1e-6);
          const atMost = since(durationMs + 1e-6);
          const held = window.counts(nowMs);
          for (const [told, of] of [
            [held.calls, (kept: readonly Kept[]) => kept.length],
            [held.errors, (kept: readonly Kept[]) => count(kept, "error")],
            [held.latencies, (kept: readonly Kept[]) => count(kept, "latency")],
          ] as const) {
            expect(told).toBeGreaterThanOrEqual(of(atLeast));
            expect(told).toBeLessThanOrEqual(of(atMost));
          }
          if (held.errors + held.latencies === 0) expect(held.firstFailureMs).toBeNull();
          else {
            expect(held.firstFailureMs).toBeGreaterThanOrEqual(firstFailure(atMost) ?? Number.NaN);
            const known = firstFailure(atLeast);
            if (known !== null) expect(held.firstFailureMs).toBeLessThanOrEqual(known);
          }
        }
      },
    ),
  );
});

test("TimeWindow lets go of a call at its age, also when it is only read", () => {
  const window = new TimeWindow(1_000);
  window.add("error", 0);
  expect(window.counts(899)).toMatchObject({ calls: 1, errors: 1, firstFailureMs: 0 });
  expect(window.counts(1_000)).toMatchObject({ calls: 0, errors: 0, firstFailureMs: null });
});

test.each<[string, (size: number) => RollingWindow]>([
  ["CountWindow", (size) => new CountWindow(size)],
  ["TimeWindow", (size) => new TimeWindow(size)],
])("%s.addSuccesses() is the same as adding them one by one", (_, make) => {
  const step = fc.record({
    verdict: verdicts,
    gapMs: fc.nat(30),
    // Up to several laps of the window.
    successes: fc.oneof(fc.nat(3), fc.nat(400)),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.array(step, { maxLength: 60 }),
      (size, given) => {
        const together = make(size);
        const oneByOne = make(size);
        let nowMs = 0;
        for (const { verdict, gapMs, successes } of given) {
          nowMs += gapMs;
          together.addSuccesses(successes, nowMs);
          for (let n = 0; n < successes; n++) oneByOne.add(null, nowMs);
          expect(together.counts(nowMs)).toEqual(oneByOne.counts(nowMs));
          together.add(verdict, nowMs);
          oneByOne.add(verdict, nowMs);
          expect(together.counts(nowMs)).toEqual(oneByOne.counts(nowMs));
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test("TimeWindow.sameUntilMs: a success before it counts as one at the last addition", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.nat(100_000),
      fc.nat(100),
      (durationMs, atMs, later) => {
        const window = new TimeWindow(durationMs);
        const apart = new TimeWindow(durationMs);
        window.add("error", atMs);
        apart.add("error", atMs);
        const againMs = Math.min(atMs + later, window.sameUntilMs - 1e-6 * durationMs);
        window.addSuccesses(1, atMs);
        apart.add(null, Math.max(atMs, againMs));
        for (let ms = 0; ms < 2 * durationMs; ms += Math.max(1, durationMs / 20)) {
          expect(window.counts(atMs + ms)).toEqual(apart.counts(atMs + ms));
        }
      },
    ),
  );
});

test.each<[string, () => RollingWindow]>([
  ["CountWindow", () => new CountWindow(1_000)],
  ["TimeWindow", () => new TimeWindow(1_000)],
])("%s keeps what it hands out apart from what it counts on", (_, make) => {
  const window = make();
  window.add("error", 1);
  const before = window.counts(1);
  const copy = { ...before };
  window.add("error", 2);
  expect(before).toEqual(copy);
});

test("a window keeps no call: a million of them leave its counts exact", () => {
  const count = new CountWindow(1_000_000);
  const time = new TimeWindow(1_000);
  for (let n = 0; n < 2_000_000; n++) {
    const verdict = n % 4 === 0 ? "error" : null;
    count.add(verdict, n);
    time.add(verdict, n / 10_000);
  }
  expect(count.counts()).toMatchObject({ calls: 1_000_000, errors: 250_000 });
  expect(time.counts(200)).toMatchObject({ calls: 2_000_000, errors: 500_000, firstFailureMs: 0 });
});

test("a window has fixed memory: two million calls leave nothing behind", () => {
  const script = `
    import { CountWindow } from ${JSON.stringify(fileURLToPath(new URL("../../src/core/count-window.ts", import.meta.url)))};
    import { TimeWindow } from ${JSON.stringify(fileURLToPath(new URL("../../src/core/time-window.ts", import.meta.url)))};
    const windows = [new CountWindow(100_000), new TimeWindow(60_000)];
    const run = (calls) => {
      for (let n = 0; n < calls; n++) for (const window of windows) window.add(n % 2 ? "error" : null, n);
    };
    const bytes = () => {
      gc();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    run(200_000);
    const before = bytes();
    run(2_000_000);
    console.log(bytes() - before, windows[0].counts().calls);
  `;
  const args = ["--expose-gc", "--input-type=module", "--eval", script];
  const [grown, held] = execFileSync(process.execPath, args, { encoding: "utf8" }).split(" ");
  // A byte a call would be two million.
  expect(Number(grown)).toBeLessThan(200_000);
  expect(Number(held)).toBe(100_000);
});

test("the moment of a call is that of its end, in the window of its end", () => {
  const { breaker, clock, last } = watch({
    trip: failureRate({ threshold: 1, window: { durationMs: 1_000 }, minimumCalls: 2 }),
  });
  const permit = breaker.admit();
  clock.advance(5_000);
  breaker.recordFailure(BOOM);
  if (permit.ok) permit.failure(BOOM);
  expect(last("circuit.open")).toMatchObject({ window: { calls: 2 }, detectMs: 0 });
});
