import { expect, test } from "vitest";
import { failTimes, succeed, watch } from "../support/breaker.ts";
import { restarted } from "../support/snapshots.ts";

test("restore() adds the counters of another life, and those of its own only once", async () => {
  const { before, after } = await restarted({}, 3);
  const { breaker, json } = after(0);
  await failTimes(breaker, 1);
  breaker.restore(json);
  expect(breaker.stats.calls.error).toBe(4);
  breaker.restore(json);
  expect(breaker.stats.calls.error).toBe(4);
  await failTimes(before.breaker, 2);
  breaker.restore(before.breaker.serialize());
  expect(breaker.stats.calls.error).toBe(5);
  expect(breaker.stats.trips.error).toBe(1);
});

test("restore() never lets a counter fall", async () => {
  const { breaker, clock } = watch({ cooldownMs: 10 });
  const early = breaker.serialize();
  await failTimes(breaker, 6);
  clock.advance(10);
  await breaker.execute(succeed);
  const before = breaker.stats;
  expect(breaker.restore(early)).toBe(false);
  expect(breaker.stats).toEqual(before);
});

test("restore() of a late snapshot leaves the newer state alone and says that it took the counters", async () => {
  const { before, after } = await restarted();
  const { breaker, clock, events, json } = after(1_000);
  await failTimes(breaker, 5);
  const { retryAfterMs, openedAtMs } = breaker;
  events.length = 0;
  expect(breaker.restore(json)).toBe(false);
  expect(events).toMatchObject([{ type: "circuit.restore", applied: "counters", state: "open" }]);
  expect(breaker.retryAfterMs).toBe(retryAfterMs);
  expect(breaker.openedAtMs).toBe(openedAtMs);
  expect(breaker.stats.calls.error).toBe(10);
  clock.advance(1);
  // One that was entered later is newer, and holds.
  before.clock.advance(120_000);
  before.breaker.forceOpen();
  clock.advance(130_000);
  expect(breaker.restore(before.breaker.serialize())).toBe(true);
  expect(breaker.state).toBe("forced_open");
});

test("restore() of a snapshot that comes out of the future does not pass for newer", async () => {
  const { before, after } = await restarted();
  const { breaker, json } = after(-7_200_000);
  breaker.reset();
  before.clock.advance(1);
  expect(breaker.restore(json)).toBe(false);
  expect(breaker.state).toBe("closed");
});

test("restore() opens a breaker that has been called but never changed its state; closed, its own count stays", async () => {
  const open = await restarted();
  const called = open.after(0);
  await called.breaker.execute(succeed);
  expect(called.breaker.restore(called.json)).toBe(true);
  expect(called.breaker.state).toBe("open");
  const closed = await restarted({}, 4);
  const own = closed.after(0);
  await failTimes(own.breaker, 1);
  expect(own.breaker.restore(own.json)).toBe(false);
  expect(own.breaker.stats.consecutiveFailures).toBe(1);
});

test("restore() of an own snapshot is taken over when nothing has happened, and once only", async () => {
  const { breaker } = watch();
  await failTimes(breaker, 5);
  const json = breaker.serialize();
  expect(breaker.restore(json)).toBe(false);
  breaker.reset();
  expect(breaker.restore(json)).toBe(false);
  expect(breaker.state).toBe("closed");
});
