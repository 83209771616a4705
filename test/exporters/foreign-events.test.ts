import { expect, test } from "vitest";
import { type EventLogRecord, exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker, type EventBus } from "../../src/index.ts";
import { failTimes, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { FOREIGN_EVENTS, OWN_EVENT } from "../support/foreign-events.ts";
import { forged } from "../support/forged.ts";
import { scraped } from "../support/scraped.ts";
import { memoryLog } from "./pino-destination.ts";

// Events that no breaker told, as strangers on a bus can emit them: they must spoil no number and fail no call.

const WRONG = [Number.NaN, Number.POSITIVE_INFINITY, -1, "many", null, undefined, {}];

test("an incident whose length is no length is not observed, and counted as dropped", async () => {
  const { breaker, values } = scraped();
  const envelope = { v: 1, seq: 1, breaker: "payments", atMs: START_AT_MS, incidentId: "i" };
  const told: string[] = [];
  breaker.bus.on("bus.*", (event) => void told.push("error" in event ? event.error.message : ""));
  for (const mttrMs of WRONG) {
    const open = { ...envelope, type: "circuit.open", from: "closed", reason: "error" };
    breaker.bus.emit(forged(open));
    breaker.bus.emit(forged({ ...envelope, type: "circuit.close", reason: "probe", mttrMs }));
  }
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 0 });
  expect(await values("recovery_duration_seconds_sum")).toEqual({ payments: 0 });
  expect(await values("events_dropped_total")).toMatchObject({ prometheus: WRONG.length });
  expect(told).toHaveLength(WRONG.length);
  expect(told[0]).toBe(
    "Cannot observe a recovery: mttrMs must be a non-negative number, received NaN",
  );
});

test("a report of dropped events that says nothing usable counts as one", async () => {
  const { breaker, values } = scraped();
  for (const count of WRONG) {
    breaker.bus.emit(forged({ type: "bus.listener_failed", v: 1, sink: "pino", count }));
  }
  for (const sink of [5, null, {}]) {
    breaker.bus.emit(forged({ type: "bus.listener_failed", v: 1, sink, count: 2 }));
  }
  expect(await values("events_dropped_total")).toMatchObject({ pino: WRONG.length, bus: 6 });
});

test.each(FOREIGN_EVENTS)(
  "an event with %s is not logged by pino, and counted as dropped",
  async (_, event) => {
    const { breaker, values } = scraped();
    const { logger, lines } = memoryLog();
    logCircuitEvents(breaker.bus, logger);
    breaker.bus.emit(event);
    breaker.bus.emit(OWN_EVENT);
    expect(lines("circuit.close")).toEqual([
      expect.objectContaining({ breaker: "foreign", seq: OWN_EVENT.seq, prevSeq: null }),
    ]);
    // The report itself is a line.
    expect(lines("bus.listener_failed")).toMatchObject([
      { sink: "pino", count: 1, failedType: "circuit.close" },
    ]);
    expect(await values("events_dropped_total")).toMatchObject({ pino: 1 });
  },
);

test.each(FOREIGN_EVENTS)(
  "an event with %s becomes no log record, and is counted as dropped",
  async (_, event) => {
    const { breaker, values } = scraped();
    const emitted: unknown[] = [];
    const loggerProvider = {
      getLogger: () => ({ emit: (record: EventLogRecord) => void emitted.push(record.eventName) }),
    };
    exportToOpenTelemetry(breaker, { loggerProvider, logs: "info" });
    breaker.bus.emit(event);
    breaker.bus.emit({ ...OWN_EVENT, breaker: breaker.name });
    expect(emitted).toEqual(["bus.listener_failed", "circuit.close"]);
    expect(await values("events_dropped_total")).toMatchObject({ opentelemetry: 1 });
  },
);

/** A bus that hands on whatever it makes of an event, and isolates nobody. */
function mangling(mangle: (event: object) => unknown): EventBus {
  const listeners: ((event: never) => void)[] = [];
  return {
    emit: (event) => {
      // Wrong on purpose: it is a stranger's bus.
      for (const listener of listeners) listener(mangle(event) as never);
    },
    on: (_type, listener) => {
      listeners.push(listener);
      return () => {};
    },
    has: () => true,
  };
}

test.each([
  ["nothing", () => undefined],
  ["a number", () => 5],
  ["an empty object", () => ({})],
  ["an event without fields", ({ type }: { type?: string }) => ({ type, seq: "one" })],
  ["an event of no known type", (event: object) => ({ ...event, type: "circuit.nonsense" })],
])("a bus that makes %s of each event fails no call with pino attached", async (_, mangle) => {
  const bus = mangling(mangle);
  const { logger } = memoryLog({ level: "trace" });
  logCircuitEvents(bus, logger);
  const breaker = new CircuitBreaker("mangled", { bus, failureThreshold: 2 });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  await failTimes(breaker, 3);
  breaker.reset();
  expect(breaker.stats).toMatchObject({
    calls: { success: 1, error: 2 },
    skips: { open: 1 },
    transitions: { "open->closed": 1 },
  });
});
