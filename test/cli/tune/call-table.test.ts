import fc from "fast-check";
import { expect, test } from "vitest";
import { CallLog, FATE } from "../../../src/cli/tune/call-log.ts";
import { orderOf } from "../../../src/cli/tune/call-order.ts";
import { tablesOf } from "../../../src/cli/tune/call-table.ts";
import { frontOf } from "../../../src/cli/tune/front.ts";

test("orderOf() sorts places by their keys and keeps the order of equal keys", () => {
  const keys = fc.array(fc.integer({ min: 0, max: 86_400_000 }), { maxLength: 300 });
  fc.assert(
    fc.property(keys, fc.integer({ min: -1e12, max: 2e12 }), (given, originMs) => {
      const floats = Float64Array.from(given, (key) => key + originMs);
      const places = given.map((_, place) => place);
      const expected = places.sort((a, b) => (given[a] ?? 0) - (given[b] ?? 0) || a - b);
      expect([...orderOf(floats)]).toEqual(expected);
    }),
  );
});

test("orderOf() of one moment, and of none, is the order that was given", () => {
  expect([...orderOf(Float64Array.of(7, 7, 7))]).toEqual([0, 1, 2]);
  expect([...orderOf(new Float64Array())]).toEqual([]);
});

test("tablesOf() puts calls in the order of their starts, whatever order they come in", () => {
  const log = new CallLog();
  log.add(5_000, 10, FATE.ok);
  log.add(1_000, 9_000, FATE.error);
  log.add(3_000, 0, FATE.timeout);
  const tables = tablesOf(log, 500);
  expect(tables).toHaveLength(1);
  const [{ originMs, startMs, durationMs, fate, byEnd, room }] = tables;
  expect(originMs).toBe(1_000);
  expect([...startMs]).toEqual([0, 2_000, 4_000]);
  expect([...durationMs]).toEqual([9_000, 0, 10]);
  expect([...fate]).toEqual([FATE.error, FATE.timeout, FATE.ok]);
  expect([...byEnd]).toEqual([1, 2, 0]);
  // The first is under way while the others come and go.
  expect(room).toBe(4);
});

test("tablesOf() takes a refused call for like its neighbours: the nearest, the better and the worse", () => {
  const log = new CallLog();
  log.add(0, 10, FATE.error);
  for (const atMs of [100, 300, 800]) log.add(atMs, 0, FATE.unknown);
  log.add(1_000, 20, FATE.ok);
  log.add(1_500, 0, FATE.unknown);
  log.add(2_000, 900, FATE.ok);
  const tables = tablesOf(log, 500);
  const told = tables.map(({ fate, durationMs }) =>
    [...fate].map((each, at) => `${each}:${durationMs[at]}`).join(" "),
  );
  expect(told).toEqual([
    "1:10 1:10 1:10 0:20 0:20 0:20 0:900",
    "1:10 0:20 0:20 0:20 0:20 0:20 0:900",
    "1:10 1:10 1:10 1:10 0:20 0:900 0:900",
  ]);
  expect(tables.map(({ assumed }) => [...assumed].join(""))).toEqual(Array(3).fill("0111010"));
});

test("tablesOf() takes refused calls at the edges for like the one known call next to them", () => {
  const log = new CallLog();
  log.add(0, 0, FATE.unknown);
  log.add(10, 5, FATE.error);
  log.add(20, 0, FATE.unknown);
  for (const { fate } of tablesOf(log, 500)) expect([...fate]).toEqual([1, 1, 1]);
});

test("frontOf() has what nothing is better than in one cost and as good in the other", () => {
  const cost = fc.record({ badPassed: fc.nat(20), goodRefused: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(cost, { minLength: 1, maxLength: 60 }), (costs) => {
      const front = frontOf(costs);
      const beats = (a: (typeof costs)[number], b: (typeof costs)[number]): boolean =>
        a.badPassed <= b.badPassed &&
        a.goodRefused <= b.goodRefused &&
        (a.badPassed < b.badPassed || a.goodRefused < b.goodRefused);
      for (const [place, own] of costs.entries()) {
        const isBeaten = costs.some((other) => beats(other, own));
        const isFirst = !costs
          .slice(0, place)
          .some(
            ({ badPassed, goodRefused }) =>
              badPassed === own.badPassed && goodRefused === own.goodRefused,
          );
        expect(front.includes(place)).toBe(!isBeaten && isFirst);
      }
      const bad = front.map((place) => costs[place]?.badPassed ?? 0);
      expect(bad).toEqual(bad.toSorted((a, b) => a - b));
    }),
  );
});
