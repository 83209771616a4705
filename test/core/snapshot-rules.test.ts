import { expect, test } from "vitest";
import { CircuitBreaker, failureRate, type TripRule } from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { restarted } from "../support/snapshots.ts";

test("restore() keeps the windows of the rules: the next failure trips as it would have", async () => {
  const trip = failureRate({ threshold: 0.5, window: { calls: 4 } });
  const { after } = await restarted({ trip }, 3);
  const { breaker, json } = after(0);
  breaker.restore(json);
  expect(breaker.tripProgress).toBe(0.75);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("snapshot() has the successes of calls that nothing times", async () => {
  const trip = failureRate({ threshold: 1, window: { calls: 8 }, minimumCalls: 2 });
  const breaker = new CircuitBreaker("dependency", { trip });
  for (let n = 0; n < 5; n++) await breaker.call(succeed);
  const [meter] = breaker.snapshot().evidence?.meters ?? [];
  expect(meter).toMatchObject({ rule: "failureRate", saved: { window: { verdicts: "s5" } } });
});

test("restore() keeps of a window what reaches into that of the options of now", async () => {
  const rate = (calls: number) => failureRate({ threshold: 1, window: { calls } });
  const { after } = await restarted({ trip: rate(8) }, 3);
  const smaller = after(0, { trip: rate(4) });
  smaller.breaker.restore(smaller.json);
  expect(smaller.breaker.tripProgress).toBe(0.75);
  const byTime = after(0, { trip: failureRate({ threshold: 1, window: { durationMs: 500 } }) });
  byTime.breaker.restore(byTime.json);
  expect(byTime.breaker.tripProgress).toBe(0);
});

/** A rule of the user's making whose meter can be saved, or fails to load. */
function totalRule(load?: (saved: unknown) => void): TripRule {
  return {
    name: "total",
    threshold: 4,
    begin() {
      let failures = 0;
      return {
        record: () => void failures++,
        read: () => ({ ratio: failures / 4 }),
        explain: () => ({ window: { failures }, failuresByReason: null, firstFailureMs: null }),
        save: () => ({ failures }),
        load: (saved) => {
          load?.(saved);
          failures = Number(Reflect.get(Object(saved), "failures"));
        },
      };
    },
  };
}

test("restore() gives a meter of the user's making back what it saved", async () => {
  const { after } = await restarted({ trip: totalRule() }, 3);
  const { breaker, json } = after(0);
  breaker.restore(json);
  expect(breaker.tripProgress).toBe(0.75);
});

test("restore() refuses the snapshot when a meter cannot load what was saved", async () => {
  const { after } = await restarted({ trip: totalRule() }, 3);
  const refusing = totalRule(() => {
    throw BOOM;
  });
  const { breaker, events, json } = after(0, { trip: refusing });
  expect(() => breaker.restore(json)).toThrow(
    'Cannot restore breaker "dependency": evidence.meters[0].saved must be what the rule total saves',
  );
  expect(events).toEqual([]);
  expect(breaker.tripProgress).toBe(0);
});

test("restore() begins the counts of a rule anew that saves nothing, or that the options of now do not have", async () => {
  const silent: TripRule = {
    ...totalRule(),
    begin() {
      const { load: _, ...meter } = totalRule().begin();
      return meter;
    },
  };
  const { after } = await restarted({ trip: totalRule() }, 3);
  for (const trip of [silent, failureRate({ threshold: 1, window: { calls: 5 } })]) {
    const { breaker, json } = after(0, { trip });
    breaker.restore(json);
    expect(breaker.tripProgress).toBe(0);
    expect(breaker.stats.calls.error).toBe(3);
  }
});
