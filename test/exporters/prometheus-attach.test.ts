import { Counter, Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import {
  type BreakerView,
  CircuitBreaker,
  createEventBus,
  type EventBus,
} from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { parse, valuesOf } from "../support/scrape.ts";
import { breakable, scraped } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

// Trap 34: registering metrics twice throws.
test("trap 34: a second call adds its breakers to the metrics of the registry", async () => {
  const { registry, values } = scraped();
  exportToPrometheus([new CircuitBreaker("search"), new CircuitBreaker("mail")], registry);
  expect(await values("failure_threshold")).toEqual({ payments: 2, search: 5, mail: 5 });
});

test("trap 34: the same breaker twice is there once, until both detached", async () => {
  const { breaker, registry, detach, values } = scraped();
  const again = exportToPrometheus([breaker, breaker], registry);
  permitOf({ breaker }).success();
  expect(await values("calls_total")).toMatchObject({ "payments success": 1 });
  detach();
  detach();
  expect(await values("failure_threshold")).toEqual({ payments: 2 });
  again();
  expect(registry.getMetricsAsArray()).toEqual([]);
});

// Trap 34: one throwing collect fails the whole scrape.
test("trap 34: a breaker that cannot be read is missing, and the scrape goes on", async () => {
  const { breaker, registry, values } = scraped();
  const reading = { broken: true };
  const view = breakable(breaker, reading);
  reading.broken = false;
  exportToPrometheus(view, registry);
  expect(await values("failure_threshold")).toEqual({ payments: 2, broken: 3 });
  reading.broken = true;
  expect(await values("failure_threshold")).toEqual({ payments: 2 });
});

test("trap 34: a number that is none is treated as a breaker that cannot be read", async () => {
  const { breaker, registry, values } = scraped();
  const view: BreakerView = Object.create(breaker, {
    name: { value: "broken" },
    state: { value: "closed" },
    trafficShare: { value: Number.NaN },
    ...Object.fromEntries(
      ["tripProgress", "failureThreshold", "probesInFlight", "openedAtMs", "stats", "bus"].map(
        (key) => [key, { get: () => Reflect.get(breaker, key, breaker) }],
      ),
    ),
    on: { value: breaker.on.bind(breaker) },
  });
  exportToPrometheus(view, registry);
  expect(await values("traffic_share_ratio")).toEqual({ payments: 1 });
});

test("exportToPrometheus() returns a function that takes the series out, and the metrics with the last", async () => {
  const { breaker, registry, detach, values } = scraped();
  const search = new CircuitBreaker("search");
  const detachSearch = exportToPrometheus(search, registry);
  detach();
  expect(await values("failure_threshold")).toEqual({ search: 5 });
  for (const type of ["circuit.open", "circuit.close", "bus.listener_failed"] as const) {
    expect(breaker.bus.has(type), type).toBe(false);
    expect(search.bus.has(type), type).toBe(true);
  }
  detachSearch();
  expect(registry.getMetricsAsArray()).toEqual([]);
  expect(search.bus.has("bus.listener_failed")).toBe(false);
  detachSearch();
});

test("exportToPrometheus() after a detach goes on where the breaker is, and counts nothing twice", async () => {
  const { clock, breaker, registry, detach, values } = scraped({ callDurations: true });
  const incident = async () => {
    await failTimes(breaker, 2);
    clock.advance(10_000);
    await breaker.call(succeed);
  };
  await incident();
  detach();
  await incident();
  exportToPrometheus(breaker, registry, { callDurations: true });
  await incident();
  expect(await values("trips_total")).toMatchObject({ "payments error": 3 });
  expect(await values("open_seconds_total")).toEqual({ payments: 30 });
  // The one while it was detached was seen by nobody.
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 2 });
  expect(await values("call_duration_seconds_count")).toMatchObject({ "payments error": 4 });
});

test("exportToPrometheus() refuses a second breaker of one name and changes nothing", async () => {
  const { breaker, registry, page, detach } = scraped();
  const before = (await page()).series;
  const twin = new CircuitBreaker("payments");
  const message =
    'Cannot export to Prometheus: name must be one that no other breaker here has, received "payments"';
  expect(() => exportToPrometheus([new CircuitBreaker("a"), twin], registry)).toThrow(
    new RangeError(message),
  );
  expect(() => exportToPrometheus([twin, new CircuitBreaker("payments")], new Registry())).toThrow(
    new RangeError(message),
  );
  expect((await page()).series).toEqual(before);
  expect(twin.bus.has("circuit.open")).toBe(false);
  detach();
  permitOf({ breaker }).success();
  exportToPrometheus(twin, registry);
  expect((await page()).series).toEqual(
    new Map([...before].map(([key, value]) => [key, value === 2 ? 5 : value])),
  );
});

test("exportToPrometheus() refuses a registry that has a metric of one of its names and changes nothing", () => {
  const registry = new Registry();
  const name = "circuit_breaker_skips_total";
  new Counter({ name, help: "of somebody else", registers: [registry] });
  const breaker = new CircuitBreaker("payments");
  expect(() => exportToPrometheus(breaker, registry)).toThrow(
    new RangeError(
      'Cannot export to Prometheus: promRegistry must be one without a metric of our names, received "circuit_breaker_skips_total"',
    ),
  );
  expect(registry.getMetricsAsArray()).toHaveLength(1);
  expect(breaker.bus.has("circuit.open")).toBe(false);
});

test("exportToPrometheus() leaves nothing behind when a bus refuses its listeners", async () => {
  const registry = new Registry();
  const good = new CircuitBreaker("good");
  const bad = new CircuitBreaker("bad", {
    bus: {
      emit() {},
      has: () => false,
      on() {
        throw BOOM;
      },
    },
  });
  expect(() => exportToPrometheus([good, bad], registry)).toThrow(BOOM);
  expect(registry.getMetricsAsArray()).toEqual([]);
  expect(good.bus.has("circuit.open")).toBe(false);
  exportToPrometheus(good, registry);
  const page = parse(await registry.metrics());
  expect(valuesOf(page, "circuit_breaker_failure_threshold")).toEqual({ good: 5 });
});

test("exportToPrometheus() leaves nothing behind when a bus refuses one of its listeners", () => {
  const held = new Set<string>();
  const bus: EventBus = {
    emit() {},
    has: (type) => held.has(type),
    on(type) {
      if (type === "circuit.close") throw BOOM;
      held.add(type);
      return () => void held.delete(type);
    },
  };
  const registry = new Registry();
  const breaker = new CircuitBreaker("bad", { bus });
  expect(() => exportToPrometheus(breaker, registry)).toThrow(BOOM);
  expect([...held]).toEqual([]);
  expect(registry.getMetricsAsArray()).toEqual([]);
});

test("a detach and an attach show in a scrape of the same turn", async () => {
  const { registry, detach } = scraped();
  const names = async (text: Promise<string>) =>
    Object.keys(valuesOf(parse(await text), "circuit_breaker_failure_threshold"));
  const before = registry.metrics();
  exportToPrometheus(new CircuitBreaker("search"), registry);
  const between = registry.metrics();
  detach();
  const after = registry.metrics();
  expect(await names(before)).toEqual(["payments"]);
  expect(await names(between)).toEqual(["payments", "search"]);
  expect(await names(after)).toEqual(["search"]);
});

test("breakers that share a bus are detached one by one, and can come back to it", async () => {
  const bus = createEventBus();
  const registry = new Registry();
  const [first, second] = ["first", "second"].map((name) => new CircuitBreaker(name, { bus }));
  const detachFirst = exportToPrometheus(first ?? [], registry);
  const detachSecond = exportToPrometheus(second ?? [], registry);
  bus.on("circuit.ignored", () => {
    throw BOOM;
  });
  const dropped = async () => {
    if (second !== undefined) permitOf({ breaker: second }).ignore();
    const page = parse(await registry.metrics());
    return valuesOf(page, "circuit_breaker_events_dropped_total")["listener"];
  };
  expect(await dropped()).toBe(1);
  detachFirst();
  expect(await dropped()).toBe(2);
  detachSecond();
  expect(bus.has("bus.listener_failed")).toBe(false);
  exportToPrometheus(second ?? [], registry);
  expect(await dropped()).toBe(3);
});

test("a detach goes on when a bus refuses to let a listener go, and says so", () => {
  const registry = new Registry();
  const stubborn = new CircuitBreaker("stubborn", {
    bus: {
      emit() {},
      has: () => false,
      on: () => () => {
        throw BOOM;
      },
    },
  });
  const good = new CircuitBreaker("good");
  const detach = exportToPrometheus([stubborn, good], registry);
  expect(detach).toThrow("Cannot stop listening: a bus refused to let a listener go");
  expect(good.bus.has("circuit.open")).toBe(false);
  expect(registry.getMetricsAsArray()).toEqual([]);
  exportToPrometheus(stubborn, registry);
  expect(registry.getMetricsAsArray()).toHaveLength(16);
});

test("registry.clear() detaches, and the next call starts anew", async () => {
  const { breaker, registry, detach, values } = scraped();
  exportToPrometheus(breaker, registry);
  registry.clear();
  const twin = new CircuitBreaker("payments");
  exportToPrometheus(twin, registry);
  expect(breaker.bus.has("circuit.open")).toBe(false);
  detach();
  expect(await values("failure_threshold")).toEqual({ payments: 5 });
});

test("a metric that was removed from the registry stays removed", async () => {
  const { registry, page } = scraped();
  registry.removeSingleMetric("circuit_breaker_state");
  exportToPrometheus(new CircuitBreaker("search"), registry);
  const { families } = await page();
  expect(families.has("circuit_breaker_state")).toBe(false);
  expect(families.has("circuit_breaker_calls_total")).toBe(true);
});
