import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { type Page, parse, startSdk, valuesOf } from "../support/scrape.ts";

const namesOf = (page: Page) => Object.keys(valuesOf(page, "circuit_breaker_failure_threshold"));

function total(page: Page, metric: string): number {
  return Object.values(valuesOf(page, metric)).reduce((sum, value) => sum + value, 0);
}

function tenants(count: number) {
  const clock = new FakeClock();
  const breakers = Array.from(
    { length: count },
    (_, n) => new CircuitBreaker(`tenant-${n}`, { clock, failureThreshold: 2, cooldownMs: 1000 }),
  );
  return { clock, breakers };
}

function inRegistry(breakers: readonly CircuitBreaker[], nameBudget: number) {
  const registry = new Registry();
  const detach = exportToPrometheus(breakers, registry, { nameBudget });
  return { registry, detach, page: async () => parse(await registry.metrics()) };
}

// Trap 33: label values from users: series without bound.
test("trap 33: 1 000 names with a budget of 10 give 11 names, and no call is lost", async () => {
  const { clock, breakers } = tenants(1000);
  const { page } = inRegistry(breakers, 10);
  for (const [n, breaker] of breakers.entries()) {
    breaker.recordSuccess();
    if (n % 4 === 0) breaker.recordFailure(BOOM);
    if (n % 8 === 0) breaker.recordFailure(BOOM);
    if (n % 8 === 0) clock.advance(1);
    breaker.admit();
  }
  const read = await page();
  expect(namesOf(read)).toEqual([
    ...Array.from({ length: 10 }, (_, n) => `tenant-${n}`),
    "__other__",
  ]);
  expect(read.series.get("circuit_breaker_series_overflow_total")).toBe(990);
  expect(total(read, "circuit_breaker_calls_total")).toBe(1000 + 250 + 125);
  expect(total(read, "circuit_breaker_trips_total")).toBe(125);
  expect(total(read, "circuit_breaker_skips_total")).toBe(125);
  expect(total(read, "circuit_breaker_transitions_total")).toBe(125);
  expect(total(read, "circuit_breaker_state")).toBe(1000);
  expect(valuesOf(read, "circuit_breaker_state")).toMatchObject({
    "__other__ closed": 990 - 123,
    "__other__ open": 123,
  });
});

test("the gauges of __other__: progress the largest, share the smallest, opened the earliest that is not 0", async () => {
  const { clock, breakers } = tenants(5);
  const { page } = inRegistry(breakers, 1);
  const gauges = async () => {
    const read = await page();
    const names = ["trip_progress_ratio", "traffic_share_ratio", "consecutive_failures"];
    return [...names, "opened_timestamp_seconds"].map(
      (name) => valuesOf(read, `circuit_breaker_${name}`)["__other__"],
    );
  };
  const [, , second, third, fourth] = breakers;
  expect(await gauges()).toEqual([0, 1, 0, 0]);
  third?.recordFailure(BOOM);
  expect(await gauges()).toEqual([0.5, 1, 1, 0]);
  clock.advance(1000);
  third?.recordFailure(BOOM);
  clock.advance(1000);
  fourth?.forceOpen();
  clock.advance(1000);
  second?.forceOpen();
  expect(await gauges()).toEqual([1, 0, 2, START_AT_MS / 1000 + 1]);
});

test("the budget is of the names ever seen: a detached name keeps its place", async () => {
  const { breakers } = tenants(3);
  const [first, second, third] = breakers;
  const registry = new Registry();
  const page = async () => parse(await registry.metrics());
  const attach = (breaker: CircuitBreaker | undefined) =>
    exportToPrometheus(breaker ?? [], registry, { nameBudget: 2 });
  attach(first);
  const detach = attach(second);
  detach();
  const detachThird = attach(third);
  expect(namesOf(await page())).toEqual(["tenant-0", "__other__"]);
  attach(second);
  expect(namesOf(await page())).toEqual(["tenant-0", "tenant-1", "__other__"]);
  detachThird();
  attach(third);
  const read = await page();
  expect(namesOf(read)).toEqual(["tenant-0", "tenant-1", "__other__"]);
  // The same breaker again is no further one.
  expect(read.series.get("circuit_breaker_series_overflow_total")).toBe(1);
});

test("the budget is of the names ever seen: a new breaker takes the place of its name", async () => {
  const registry = new Registry();
  const attach = (name: string) =>
    exportToPrometheus(new CircuitBreaker(name), registry, { nameBudget: 2 });
  attach("first");
  attach("second")();
  attach("third");
  attach("second");
  expect(namesOf(parse(await registry.metrics()))).toEqual(["first", "second", "__other__"]);
});

test("the open seconds of __other__ do not fall by the last digit of a sum in another order", async () => {
  const clock = new FakeClock();
  const registry = new Registry();
  const open = async () =>
    valuesOf(parse(await registry.metrics()), "circuit_breaker_open_seconds_total")["__other__"];
  const settings = { nameBudget: 1 };
  exportToPrometheus(new CircuitBreaker("named", { clock }), registry, settings);
  const detaches = [100, 200, 300].map((openMs) => {
    const breaker = new CircuitBreaker(`open for ${openMs}`, { clock });
    const detach = exportToPrometheus(breaker, registry, settings);
    breaker.forceOpen();
    clock.advance(openMs);
    breaker.reset();
    return detach;
  });
  // 0.1 + 0.2 + 0.3, while 0.2 + 0.3 + 0.1 is 0.6.
  expect(await open()).toBe(0.6000000000000001);
  detaches[0]?.();
  expect(await open()).toBe(0.6000000000000001);
});

test("the counters of __other__ never fall when breakers come and go", async () => {
  const clock = new FakeClock();
  const registry = new Registry();
  const page = async () => parse(await registry.metrics());
  const keeper = new CircuitBreaker("keeper", { clock });
  const settings = { nameBudget: 1 };
  exportToPrometheus([new CircuitBreaker("named", { clock }), keeper], registry, settings);
  const first = new CircuitBreaker("first", { clock });
  const shared = (read: Page) =>
    new Map([...read.series].filter(([key]) => /_total\{.*__other__/.test(key)));
  const calls = (read: Page) => valuesOf(read, "circuit_breaker_calls_total")["__other__ success"];
  let before = shared(await page());
  const expectNoFall = async () => {
    const read = await page();
    for (const [key, value] of shared(read)) {
      expect(value, key).toBeGreaterThanOrEqual(before.get(key) ?? 0);
    }
    before = shared(read);
    return calls(read);
  };
  const use = (breaker: CircuitBreaker) => {
    breaker.forceOpen();
    // A tenth of a millisecond has no exact binary form: sums in another order differ in the last digit.
    clock.advance(0.1);
    breaker.reset();
    breaker.recordSuccess();
  };
  let detach = exportToPrometheus(first, registry, settings);
  for (let round = 0; round < 20; round++) {
    use(first);
    use(keeper);
    expect(await expectNoFall()).toBe(2 + 5 * round);
    const passing = new CircuitBreaker("passing", { clock });
    const detachPassing = exportToPrometheus(passing, registry, settings);
    use(passing);
    // Not scraped in between: its last numbers are read when it leaves.
    detachPassing();
    expect(await expectNoFall()).toBe(3 + 5 * round);
    use(first);
    detach();
    use(first);
    // Calls made while it is detached come with it when it is back.
    expect(await expectNoFall()).toBe(4 + 5 * round);
    detach = exportToPrometheus(first, registry, settings);
    expect(await expectNoFall()).toBe(5 + 5 * round);
  }
});

test("a breaker of __other__ that cannot be read keeps its counters in the sum", async () => {
  const { breakers } = tenants(3);
  const { page } = inRegistry(breakers, 1);
  const [, second, third] = breakers;
  second?.recordSuccess();
  third?.recordSuccess();
  const calls = async () =>
    valuesOf(await page(), "circuit_breaker_calls_total")["__other__ success"];
  expect(await calls()).toBe(2);
  Object.defineProperty(second, "stats", {
    get() {
      throw BOOM;
    },
  });
  third?.recordSuccess();
  const read = await page();
  expect(valuesOf(read, "circuit_breaker_calls_total")["__other__ success"]).toBe(3);
  expect(valuesOf(read, "circuit_breaker_state")["__other__ closed"]).toBe(1);
});

test("a breaker that is called __other__ goes to the shared name", async () => {
  const registry = new Registry();
  exportToPrometheus(new CircuitBreaker("__other__"), registry);
  const read = parse(await registry.metrics());
  expect(namesOf(read)).toEqual(["__other__"]);
  expect(read.series.get("circuit_breaker_series_overflow_total")).toBe(1);
});

test("recoveries of __other__ are in one histogram", async () => {
  const { clock, breakers } = tenants(3);
  const { page } = inRegistry(breakers, 1);
  for (const breaker of breakers) {
    breaker.recordFailure(BOOM);
    breaker.recordFailure(BOOM);
    clock.advance(1000);
    breaker.recordSuccess();
  }
  expect(valuesOf(await page(), "circuit_breaker_recovery_duration_seconds_sum")).toEqual({
    "tenant-0": 1,
    __other__: 2,
  });
});

test("nameBudget is one for the registry while breakers are attached", () => {
  const { breakers } = tenants(2);
  const [first, second] = breakers;
  const registry = new Registry();
  const detach = exportToPrometheus(first ?? [], registry, { nameBudget: 10 });
  expect(() => exportToPrometheus(second ?? [], registry, { nameBudget: 20 })).toThrow(
    new RangeError(
      "Cannot export to Prometheus: nameBudget must be 10 as for the breakers attached before, received 20",
    ),
  );
  expect(second?.bus.has("circuit.open")).toBe(false);
  exportToPrometheus(second ?? [], registry)();
  detach();
  exportToPrometheus(second ?? [], registry, { nameBudget: 20 });
});

// Trap 33: an OTel observable counter past 2 000 sets silently loses its total.
test("trap 33: the default budget of 150 names keeps every OpenTelemetry instrument below the limit of the SDK", async () => {
  const { breakers } = tenants(1000);
  const sdk = startSdk();
  exportToOpenTelemetry(breakers, { meterProvider: sdk.meterProvider });
  const use = () => {
    for (const breaker of breakers) {
      breaker.disable();
      breaker.enable();
    }
  };
  use();
  await sdk.text();
  use();
  const text = await sdk.text();
  expect(text).not.toContain("otel_metric_overflow");
  const page = parse(text);
  expect(namesOf(page)).toHaveLength(151);
  expect(total(page, "circuit_breaker_transitions_total")).toBe(4000);
  expect(page.series.get("circuit_breaker_series_overflow_total")).toBe(850);
});

test("trap 33: more names fit when the budget and the limit of the SDK are raised together", async () => {
  const { breakers } = tenants(500);
  // 13 state changes a name, as docs/metrics.md says.
  const sdk = startSdk({ cardinalitySelector: () => 13 * 501 + 1 });
  exportToOpenTelemetry(breakers, { meterProvider: sdk.meterProvider, nameBudget: 500 });
  for (const breaker of breakers) breaker.disable();
  const text = await sdk.text();
  expect(text).not.toContain("otel_metric_overflow");
  const page = parse(text);
  expect(namesOf(page)).toHaveLength(500);
  expect(total(page, "circuit_breaker_transitions_total")).toBe(500);
  expect(page.series.get("circuit_breaker_series_overflow_total")).toBe(0);
});
