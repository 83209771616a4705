import { Registry } from "prom-client";
import { vi } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus, type MetricOptions } from "../../src/exporters/prometheus.ts";
import { type BreakerView, CircuitBreaker, type CircuitBreakerOptions } from "../../src/index.ts";
import { BOOM } from "./breaker.ts";
import { FakeClock } from "./fake-clock.ts";
import { packageVersion, parse, startSdk, valuesOf } from "./scrape.ts";

/** Trips at two failures, and lets a probe through after ten seconds. */
export const TWO_AND_TEN: CircuitBreakerOptions = { failureThreshold: 2, cooldownMs: 10_000 };

/** A breaker called "payments" under a fake clock, in a prom-client registry of its own. */
export function scraped(options: MetricOptions = {}, breakerOptions = TWO_AND_TEN) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, ...breakerOptions });
  const registry = new Registry();
  const detach = exportToPrometheus(breaker, registry, options);
  const page = async () => parse(await registry.metrics());
  const values = async (metric: string) => valuesOf(await page(), `circuit_breaker_${metric}`);
  return { clock, breaker, registry, detach, page, values };
}

/** A breaker called "payments" under a fake clock, in an OpenTelemetry SDK of its own. */
export function collected(options: MetricOptions = {}) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, ...TWO_AND_TEN });
  const sdk = startSdk();
  const { meterProvider } = sdk;
  const meter = meterProvider.getMeter("telltale", packageVersion());
  const added = vi.spyOn(meter, "addBatchObservableCallback");
  const removed = vi.spyOn(meter, "removeBatchObservableCallback");
  const detach = exportToOpenTelemetry(breaker, { meterProvider, ...options });
  const page = async () => parse(await sdk.text());
  const values = async (metric: string) => valuesOf(await page(), `circuit_breaker_${metric}`);
  return { ...sdk, clock, breaker, detach, page, values, added, removed };
}

/** A view of a breaker whose counters cannot be read while `reading.broken`. */
export function breakable(
  breaker: CircuitBreaker,
  reading: { readonly broken: boolean },
): BreakerView {
  return {
    ...{ name: "broken", state: "closed", trafficShare: 1, tripProgress: 0, failureThreshold: 3 },
    ...{ probesInFlight: 0, openedAtMs: null, bus: breaker.bus, attributes: {} },
    onDuration: (listener, options) => breaker.onDuration(listener, options),
    on: (type, listener, options) => breaker.on(type, listener, options),
    get stats() {
      if (reading.broken) throw BOOM;
      return breaker.stats;
    },
  };
}
