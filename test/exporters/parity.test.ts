import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { foldIncidents } from "../../src/report/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { parse, startSdk, valuesOf } from "../support/scrape.ts";
import { type Line, memoryLog } from "./pino-destination.ts";

const CALLS = 100_000;

/** Every outcome and every way to open, in a fixed order. */
async function live(breaker: CircuitBreaker, clock: FakeClock): Promise<void> {
  for (let n = 0; n < CALLS; n++) {
    clock.advance(n % 7 === 0 ? 250 : 0);
    if (n % 20_011 === 0) breaker.forceOpen("drill", { forMs: 3_000 });
    if (n % 30_011 === 0) breaker.reset("drill over");
    const permit = breaker.admit();
    if (!permit.ok) continue;
    if (n % 11 < 2) permit.failure(BOOM);
    else if (n % 29 < 2) permit.success(900);
    else if (n % 101 === 6) permit.ignore();
    else if (n % 103 === 7) permit.cancel();
    else permit.success(10);
  }
}

/** The totals as somebody would count them who has the log alone. */
function totalsOf(lines: readonly Line[]) {
  const calls: Record<string, number> = {};
  let skips = 0;
  const trips: Record<string, number> = { error: 0, latency: 0 };
  let transitions = 0;
  const count = (word: unknown) => {
    calls[String(word)] = (calls[String(word)] ?? 0) + 1;
  };
  for (const line of lines) {
    skips += Number(line["suppressed"] ?? 0);
    if ("from" in line) transitions++;
    if (line["type"] === "circuit.skip") skips++;
    else if (line["type"] === "circuit.success") count("success");
    else if (line["type"] === "circuit.failure") count(line["reason"]);
    else if (line["type"] === "circuit.ignored") count(line["countedAs"]);
    else if (line["type"] === "circuit.late") count("late");
    else if (line["type"] === "circuit.open" && String(line["reason"]) in trips) {
      trips[String(line["reason"])] = (trips[String(line["reason"])] ?? 0) + 1;
    }
  }
  return { calls, skips, trips, transitions };
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

test("one trace of 100 000 calls gives the same totals in pino, OpenTelemetry and Prometheus", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", {
    clock,
    failureThreshold: 2,
    latencyTripMs: 500,
    cooldownMs: 1_000,
  });
  const { logger, lines } = memoryLog({ level: "trace", base: null, timestamp: false });
  const registry = new Registry();
  const sdk = startSdk();
  const detach = logCircuitEvents(breaker.bus, logger);
  exportToPrometheus(breaker, registry);
  exportToOpenTelemetry(breaker, { meterProvider: sdk.meterProvider });
  await live(breaker, clock);
  detach();

  const told = totalsOf(lines());
  const pages = [parse(await registry.metrics()), parse(await sdk.text())];
  for (const page of pages) {
    const calls = valuesOf(page, "circuit_breaker_calls_total");
    expect(sum(calls) + sum(valuesOf(page, "circuit_breaker_skips_total"))).toBe(CALLS);
    expect(sum(calls)).toBe(sum(told.calls));
    for (const [key, value] of Object.entries(calls)) {
      const outcome = Object.keys(told.calls).find((word) => key.includes(word));
      expect([key, value]).toEqual([key, outcome === undefined ? 0 : told.calls[outcome]]);
    }
    expect(sum(valuesOf(page, "circuit_breaker_skips_total"))).toBe(told.skips);
    expect(sum(valuesOf(page, "circuit_breaker_transitions_total"))).toBe(told.transitions);
    for (const [key, value] of Object.entries(valuesOf(page, "circuit_breaker_trips_total"))) {
      expect(value).toBe(told.trips[key.includes("latency") ? "latency" : "error"]);
    }
  }
  expect(Math.min(told.skips, ...Object.values(told.trips), told.transitions)).toBeGreaterThan(100);

  const { breakers } = foldIncidents(lines());
  expect(breakers["payments"]?.skips).toBe(told.skips);
});
