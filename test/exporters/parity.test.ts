import { expect, test } from "vitest";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import type { CircuitEvent } from "../../src/index.ts";
import { foldIncidents } from "../../src/report/index.ts";
import { live, makeWorld } from "./contract-suite.ts";
import { memoryLog } from "./pino-destination.ts";
import { totalsOfEvents, totalsOfStats } from "./totals.ts";
import { EXPORTERS } from "./under-test.ts";

const CALLS = 100_000;

test("100 000 calls give the same totals in the breaker, in its events and in every exporter, all attached", async () => {
  const world = makeWorld();
  const events: CircuitEvent[] = [];
  world.bus.on("circuit.*", (event) => void events.push(event));
  const attached = EXPORTERS.map(({ name, tells, open }) => {
    const destination = open();
    const detach = destination.attach([world.breaker], world.bus);
    return { name, tells, destination, detach };
  });
  live(world, CALLS);

  const expected = totalsOfStats(world.breaker.stats);
  expect(totalsOfEvents(events.map((event) => ({ ...event })))).toEqual(expected);
  for (const { name, tells, destination, detach } of attached) {
    if (tells === "events") await detach();
    expect([name, await destination.totals()]).toEqual([name, expected]);
  }
  const { calls, skips, trips, transitions } = expected;
  const made = Object.values(calls).reduce((sum, count) => sum + count, 0);
  expect(made + skips).toBe(CALLS);
  expect(Object.keys(calls)).toEqual(["cancelled", "error", "ignored", "latency", "success"]);
  expect(Math.min(skips, trips.error, trips.latency, transitions)).toBeGreaterThan(100);
});

test("100 000 calls give the same totals when pino alone listens, and in the incidents of its lines", () => {
  const world = makeWorld();
  const { logger, lines } = memoryLog({ level: "trace", base: null, timestamp: false });
  const detach = logCircuitEvents(world.bus, logger);
  live(world, CALLS);
  detach();
  const expected = totalsOfStats(world.breaker.stats);
  expect(totalsOfEvents(lines())).toEqual(expected);
  expect(lines("circuit.skip").length).toBeLessThan(expected.skips);
  expect(foldIncidents(lines()).breakers["payments"]?.skips).toBe(expected.skips);
});
