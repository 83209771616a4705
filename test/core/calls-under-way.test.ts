import { expect, test } from "vitest";
import { CallsUnderWay } from "../../src/core/calls-under-way.ts";
import { UnderWay } from "../../src/core/under-way.ts";

// What the breaker cannot show in a test: the limits of what is followed.

const FROM_THE_START = { fromMs: Number.NEGATIVE_INFINITY, countedMs: Number.NEGATIVE_INFINITY };
const begin = (calls: CallsUnderWay, startMs: number): UnderWay => {
  const call = new UnderWay();
  calls.begin(call, startMs);
  return call;
};

test("CallsUnderWay follows a million young calls, and counts further ones only as under way", () => {
  const calls = new CallsUnderWay({ latencyTripMs: 10, inFlightMs: 10 });
  const counted = calls.countFor(undefined, FROM_THE_START);
  for (let n = 0; n < 1_000_000; n++) begin(calls, 0);
  const beyond = begin(calls, 0);
  expect(calls.count).toBe(1_000_001);
  calls.age(11);
  counted?.take(10);
  expect(counted?.count).toBe(1_000_000);
  beyond.leave();
  expect(calls.count).toBe(1_000_000);
  expect(counted?.count).toBe(1_000_000);
});

test("CallsUnderWay lets the oldest of too many overdue calls go, and the others count on", () => {
  const calls = new CallsUnderWay({ latencyTripMs: 10, inFlightMs: 10 });
  const counted = calls.countFor(undefined, FROM_THE_START);
  const oldest = begin(calls, 0);
  for (let n = 1; n < 100_005; n++) begin(calls, n);
  calls.age(1_000_000);
  while ((counted?.nextMs ?? Number.POSITIVE_INFINITY) < 1_000_000) counted?.take(counted.nextMs);
  calls.rest();
  expect(counted).toMatchObject({ count: 100_000, firstMs: 15 });
  oldest.leave();
  expect(counted?.count).toBe(100_000);
  expect(calls.count).toBe(100_004);
});

test("CallsUnderWay keeps an overdue call for as long as any rule counts it", () => {
  const calls = new CallsUnderWay({ latencyTripMs: 10, inFlightMs: 10 });
  const forgets = calls.countFor(undefined, FROM_THE_START);
  const keeps = calls.countFor(50, FROM_THE_START);
  begin(calls, 0);
  calls.age(11);
  forgets?.take(10);
  forgets?.forget(20);
  calls.rest();
  expect(forgets?.count).toBe(0);
  // Its time by the longer limit has not come.
  expect(keeps?.nextMs).toBe(50);
  keeps?.take(50);
  expect(keeps?.count).toBe(1);
  keeps?.forget(60);
  calls.rest();
  expect(calls.quietUntilMs).toBe(Number.POSITIVE_INFINITY);
});
