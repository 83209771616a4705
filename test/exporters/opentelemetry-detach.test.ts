import { expect, test } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { fail, failTimes, succeed } from "../support/breaker.ts";
import { packageVersion, valuesOf } from "../support/scrape.ts";
import { collected } from "../support/scraped.ts";

test("after the detach the gauges are set to 0 once, the counters stay, and the callback is removed", async () => {
  const { breaker, detach, page, removed, clock } = collected();
  await failTimes(breaker, 2);
  clock.advance(2000);
  await page();
  detach();
  for (const type of ["circuit.open", "circuit.close", "bus.listener_failed"] as const) {
    expect(breaker.bus.has(type), type).toBe(false);
  }
  expect(removed).not.toHaveBeenCalled();
  clock.advance(2000);
  const read = await page();
  for (const gauge of [
    "state",
    "failure_threshold",
    "trip_progress_ratio",
    "consecutive_failures",
  ]) {
    const values = Object.values(valuesOf(read, `circuit_breaker_${gauge}`));
    expect(values.length, gauge).toBeGreaterThan(0);
    expect(new Set(values), gauge).toEqual(new Set([0]));
  }
  expect(valuesOf(read, "circuit_breaker_opened_timestamp_seconds")).toEqual({ payments: 0 });
  expect(valuesOf(read, "circuit_breaker_open_seconds_total")).toEqual({ payments: 2 });
  expect(valuesOf(read, "circuit_breaker_trips_total")).toMatchObject({ "payments error": 1 });
  expect(removed).toHaveBeenCalledTimes(1);
  expect((await page()).series).toEqual(read.series);
});

test("a breaker that was never collected leaves the others, also when its detach is called twice", async () => {
  const { detach, meterProvider, values, removed } = collected();
  exportToOpenTelemetry(new CircuitBreaker("search"), { meterProvider });
  detach();
  detach();
  expect(removed).not.toHaveBeenCalled();
  expect(await values("failure_threshold")).toEqual({ search: 5 });
});

test("a breaker that was never collected leaves at once", () => {
  const { detach, removed } = collected();
  detach();
  expect(removed).toHaveBeenCalledTimes(1);
  detach();
  expect(removed).toHaveBeenCalledTimes(1);
});

test("the callback of another user runs in the collection in which ours is removed", async () => {
  const { detach, page, meterProvider, values } = collected();
  const gauge = meterProvider.getMeter("telltale", packageVersion()).createObservableGauge("mine");
  let asked = 0;
  meterProvider.getMeter("telltale", packageVersion()).addBatchObservableCallback(
    (result) => {
      asked++;
      result.observe(gauge, asked);
    },
    [gauge],
  );
  await page();
  detach();
  await page();
  await values("state");
  expect(asked).toBe(3);
});

test("the detach of one breaker leaves the others", async () => {
  const { detach, meterProvider, values, removed } = collected();
  exportToOpenTelemetry(new CircuitBreaker("search"), { meterProvider });
  await values("state");
  detach();
  expect(await values("failure_threshold")).toEqual({ payments: 0, search: 5 });
  expect(removed).not.toHaveBeenCalled();
});

test("exportToOpenTelemetry() after a detach goes on where the breaker is, and counts nothing twice", async () => {
  const { clock, breaker, detach, values, meterProvider, added, removed } = collected();
  const incident = async () => {
    await failTimes(breaker, 2);
    clock.advance(10_000);
    await breaker.call(succeed);
  };
  await incident();
  await values("state");
  detach();
  await incident();
  const again = exportToOpenTelemetry(breaker, { meterProvider });
  await incident();
  expect(await values("trips_total")).toMatchObject({ "payments error": 3 });
  expect(await values("state")).toMatchObject({ "payments closed": 1 });
  expect(await values("open_seconds_total")).toEqual({ payments: 30 });
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 2 });
  // It was attached again before the collection that would have removed the callback.
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 0]);
  again();
  await values("state");
  exportToOpenTelemetry(breaker, { meterProvider });
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([2, 1]);
  expect(await values("state")).toMatchObject({ "payments closed": 1 });
});

test("a new breaker of a detached name takes its series over", async () => {
  const { breaker, detach, values, meterProvider } = collected();
  await breaker.execute(fail);
  expect(await values("calls_total")).toMatchObject({ "payments error": 1 });
  detach();
  const next = new CircuitBreaker("payments");
  exportToOpenTelemetry(next, { meterProvider });
  expect(await values("failure_threshold")).toEqual({ payments: 5 });
});
