import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker, createEventBus } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Page, parse, startSdk, valuesOf } from "../support/scrape.ts";

const NAMES = 100_000;
const BUDGET = 150;

const sum = (page: Page, metric: string): number =>
  Object.values(valuesOf(page, metric)).reduce((total, value) => total + value, 0);

// Trap 33: label values from users: series without bound.
test("trap 33: 100 000 names are budget + 1 names in both pipelines, and every total is kept", async () => {
  const clock = new FakeClock();
  const bus = createEventBus();
  const breakers = Array.from(
    { length: NAMES },
    (_, n) =>
      new CircuitBreaker(`user-${n}`, { clock, bus, failureThreshold: 1, cooldownMs: 1000 }),
  );
  const registry = new Registry();
  const sdk = startSdk();
  exportToPrometheus(breakers, registry);
  exportToOpenTelemetry(breakers, { meterProvider: sdk.meterProvider });
  const expected = { success: 0, error: 0, skips: 0 };
  const use = () => {
    for (const [n, breaker] of breakers.entries()) {
      breaker.recordSuccess();
      expected.success++;
      if (n % 10 !== 0) continue;
      breaker.recordFailure(BOOM);
      breaker.admit();
      expected.error++;
      expected.skips++;
    }
    clock.advance(1000);
    for (const breaker of breakers) {
      if (breaker.state !== "half_open") continue;
      breaker.recordSuccess();
      expected.success++;
    }
  };
  // Collected in between, because the SDK adds up the differences between two collections.
  use();
  await sdk.text();
  use();

  for (const text of [await registry.metrics(), await sdk.text()]) {
    expect(text).not.toContain("otel_metric_overflow");
    const page = parse(text);
    const names = Object.keys(valuesOf(page, "circuit_breaker_failure_threshold"));
    expect(names).toHaveLength(BUDGET + 1);
    expect(names).toContain("__other__");
    expect(page.series.get("circuit_breaker_series_overflow_total")).toBe(NAMES - BUDGET);
    const calls = valuesOf(page, "circuit_breaker_calls_total");
    const of = (word: string) =>
      Object.entries(calls).reduce((n, [key, value]) => n + (key.endsWith(word) ? value : 0), 0);
    expect([of(" success"), of(" error")]).toEqual([expected.success, expected.error]);
    expect(sum(page, "circuit_breaker_skips_total")).toBe(expected.skips);
    expect(sum(page, "circuit_breaker_trips_total")).toBe(expected.error);
    expect(sum(page, "circuit_breaker_transitions_total")).toBe(3 * expected.error);
    expect(sum(page, "circuit_breaker_state")).toBe(NAMES);
    expect(sum(page, "circuit_breaker_open_seconds_total")).toBe(expected.error);
    expect(sum(page, "circuit_breaker_recovery_duration_seconds_count")).toBe(expected.error);
  }
  expect(expected.error).toBe(20_000);
});

test("trap 33: an attribute with 10 000 values is bounded by the budget in both pipelines, and no call is lost", async () => {
  const registry = new Registry();
  const sdk = startSdk();
  const { meterProvider } = sdk;
  const settings = { attributes: ["customer"], nameBudget: 20 };
  const make = (n: number) => {
    // One name, as a service has that makes its breaker anew for each customer.
    const breaker = new CircuitBreaker("payments", { attributes: { customer: `c-${n}` } });
    const detaches = [
      exportToPrometheus(breaker, registry, settings),
      exportToOpenTelemetry(breaker, { meterProvider, ...settings }),
    ];
    breaker.recordSuccess();
    return () => {
      for (const detach of detaches) detach();
    };
  };
  const keeper = new CircuitBreaker("search", { attributes: { customer: "all" } });
  exportToPrometheus(keeper, registry, settings);
  exportToOpenTelemetry(keeper, { meterProvider, ...settings });
  for (let n = 0; n < 9_999; n++) {
    const detach = make(n);
    if (n < 100) await sdk.text();
    detach();
  }
  make(9_999);
  const OTHERS = 10_000 - 19;
  for (const text of [await registry.metrics(), await sdk.text()]) {
    const page = parse(text);
    const calls = valuesOf(page, "circuit_breaker_calls_total");
    // Each combination of a name and a customer is one of the 20; what came later shares a name and an attribute.
    expect(Object.keys(calls).filter((key) => key.endsWith("success")).length).toBeLessThan(22);
    expect(calls["__other__ __other__ success"]).toBe(OTHERS);
    expect(page.series.get("circuit_breaker_series_overflow_total")).toBe(OTHERS);
  }
});
