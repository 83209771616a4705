import fc from "fast-check";
import { expect, test } from "vitest";
import { RollingUse } from "../../src/quota/rate-limit.ts";

const SPAN_MS = 60_000;
const MOST = { requests: 10, tokens: 1_000 };

test("RollingUse.waitMs() says when a use fits, and not a bucket earlier", () => {
  const use = fc.record({ gapMs: fc.nat(9_000), requests: fc.nat(3), tokens: fc.nat(400) });
  fc.assert(
    fc.property(
      fc.array(use, { maxLength: 40 }),
      fc.record({ requests: fc.nat(12), tokens: fc.nat(1_200) }),
      (uses, wanted) => {
        const rolling = new RollingUse(SPAN_MS);
        const kept: { atMs: number; requests: number; tokens: number }[] = [];
        let nowMs = 1_000_000;
        for (const { gapMs, ...used } of uses) {
          nowMs += gapMs;
          if (rolling.waitMs(nowMs, used, MOST) > 0) continue;
          rolling.add(nowMs, used);
          kept.push({ atMs: nowMs, ...used });
        }
        /** The naive reference: a use is forgotten when its second is a minute old. */
        const fits = (atMs: number): boolean => {
          const held = kept.filter(
            (one) => Math.floor(one.atMs / 1_000) > Math.floor(atMs / 1_000) - 60,
          );
          const sum = (field: "requests" | "tokens") =>
            held.reduce((all, one) => all + one[field], 0);
          return (
            sum("requests") + wanted.requests <= MOST.requests &&
            sum("tokens") + wanted.tokens <= MOST.tokens
          );
        };
        // What was let through never exceeded the limits in any minute.
        for (const { atMs } of kept) {
          const held = kept.filter((one) => one.atMs <= atMs && one.atMs > atMs - 59_000);
          expect(held.reduce((all, one) => all + one.requests, 0)).toBeLessThanOrEqual(
            MOST.requests,
          );
        }
        const waitMs = rolling.waitMs(nowMs, wanted, MOST);
        if (waitMs === Number.POSITIVE_INFINITY) {
          expect(wanted.requests > MOST.requests || wanted.tokens > MOST.tokens).toBe(true);
          return;
        }
        expect(fits(nowMs + waitMs)).toBe(true);
        if (waitMs > 0) expect(fits(nowMs + waitMs - 1)).toBe(false);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("RollingUse takes a wall clock that steps back for no time", () => {
  const rolling = new RollingUse(SPAN_MS);
  rolling.add(1_000_000, { requests: 10, tokens: 0 });
  expect(rolling.waitMs(0, { requests: 1, tokens: 0 }, MOST)).toBeGreaterThan(0);
  expect(rolling.waitMs(1_060_000, { requests: 1, tokens: 0 }, MOST)).toBe(0);
});
