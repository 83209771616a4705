import fc from "fast-check";
import { expect, test } from "vitest";
import { CountWindow } from "../../src/core/count-window.ts";
import type { RollingWindow } from "../../src/core/rolling-window.ts";
import { SnapshotReader } from "../../src/core/snapshot-reader.ts";
import { TimeWindow } from "../../src/core/time-window.ts";

interface Addition {
  readonly verdict: "error" | "latency" | null;
  readonly times: number;
  readonly gapMs: number;
}

const additions: fc.Arbitrary<readonly Addition[]> = fc.array(
  fc.record({
    verdict: fc.constantFrom(null, "error" as const, "latency" as const),
    times: fc.constantFrom(1, 1, 3, 40),
    gapMs: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 40 },
);

function fill(window: RollingWindow, added: readonly Addition[], fromMs: number): number {
  let nowMs = fromMs;
  for (const { verdict, times, gapMs } of added) {
    nowMs += gapMs;
    if (verdict === null) window.addSuccesses(times, nowMs);
    else window.add(verdict, nowMs);
  }
  return nowMs;
}

const seen = (window: RollingWindow, nowMs: number, zeroMs: number) => {
  const { firstFailureMs, ...counts } = window.counts(nowMs);
  return {
    ...counts,
    firstFailureMs: firstFailureMs === null ? null : firstFailureMs - zeroMs,
    beganMs: window.beganMs(nowMs) - zeroMs,
  };
};

const KINDS: Readonly<Record<string, (length: number) => RollingWindow>> = {
  count: (length) => new CountWindow(length),
  time: (length) => new TimeWindow(length * 10),
};

test.each(Object.keys(KINDS))(
  "a window by %s that is loaded goes on as the one that was saved, on any other clock",
  (kind) => {
    const make = KINDS[kind] ?? KINDS["count"];
    if (make === undefined) throw new Error("There are windows");
    const property = fc.property(
      fc.integer({ min: 1, max: 60 }),
      additions,
      additions,
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      (length, before, after, shiftMs) => {
        const saved = make(length);
        const atMs = fill(saved, before, 0);
        const loaded = make(length);
        loaded.load(JSON.parse(JSON.stringify(saved.save(atMs))), atMs + shiftMs);
        expect(seen(loaded, atMs + shiftMs, shiftMs)).toEqual(seen(saved, atMs, 0));
        fill(saved, after, atMs);
        const endMs = fill(loaded, after, atMs + shiftMs);
        expect(seen(loaded, endMs, shiftMs)).toEqual(seen(saved, endMs - shiftMs, 0));
      },
    );
    fc.assert(property, { numRuns: 300 });
  },
);

test.each(["count", "time"])("a window by %s takes nothing of the other kind", (kind) => {
  const [own, other] = kind === "count" ? ["count", "time"] : ["time", "count"];
  const saved = KINDS[other ?? ""]?.(5);
  saved?.add("error", 0);
  const loaded = KINDS[own ?? ""]?.(5);
  loaded?.load(saved?.save(0), 0);
  expect(loaded?.counts(0).calls).toBe(0);
});

test("SnapshotReader.head() leads an older snapshot through each migration that follows, and leaves it as it is", () => {
  const reader = new SnapshotReader("restore");
  const migrations = [
    (older: object) => ({ ...older, second: 2 }),
    (older: object) => ({ ...older, third: 3 }),
  ];
  const head = (v: number) => Object.freeze({ kind: "k", v });
  expect(reader.head(head(1), "k", migrations)).toEqual({ kind: "k", v: 1, second: 2, third: 3 });
  expect(reader.head(head(2), "k", migrations)).toEqual({ kind: "k", v: 2, third: 3 });
  expect(reader.head(head(3), "k", migrations)).toEqual({ kind: "k", v: 3 });
  for (const v of [0, 4, 1.5]) {
    expect(() => reader.head(head(v), "k", migrations)).toThrow("v must be 1 to 3");
  }
});
