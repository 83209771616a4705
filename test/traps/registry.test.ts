import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { BreakerRegistry, EVENTS, type EventType } from "../../src/index.ts";
import { BOOM, deferred, succeed } from "../support/breaker.ts";
import { watchRegistry } from "../support/registry.ts";
import { type Page, parse, startSdk, valuesOf } from "../support/scrape.ts";
import { permitOf } from "../support/states.ts";

const source = (path: string) =>
  JSON.stringify(fileURLToPath(new URL(`../../src/${path}`, import.meta.url)));

test("trap 40: a registry keyed by user input does not grow, whatever the names go through", async () => {
  const { registry, clock } = watchRegistry({ limit: 50, spareMs: 60_000 });
  let largest = 0;
  for (let n = 0; n < 5_000; n++) {
    const breaker = registry.get(`user-${n}`);
    if (n % 2 === 0) breaker.recordFailure(BOOM);
    if (n % 4 === 0) breaker.recordFailure(BOOM);
    if (n % 100 === 0) clock.advance(10_000);
    largest = Math.max(largest, registry.size);
  }
  expect(largest).toBe(50);
  const { added, evicted, unkept } = registry.stats;
  expect(added - evicted).toBe(50);
  expect(added + unkept).toBe(5_000);
  // Names that failed once and never came back do not fill it for ever.
  expect(evicted).toBeGreaterThan(500);
});

test("trap 40: a removed breaker leaves no listener on the shared bus", () => {
  const registry = new BreakerRegistry({ limit: 1 });
  // The keys of EVENTS are exactly EventType.
  const types = Object.keys(EVENTS) as EventType[];
  const heard = () => types.filter((type) => registry.bus.has(type));
  for (const end of [() => registry.delete("a"), () => registry.get("b")]) {
    const breaker = registry.get("a");
    const off = breaker.on("circuit.open", () => {});
    breaker.once("circuit.close", () => {});
    breaker.on("circuit.*", () => {});
    off();
    expect(heard()).not.toEqual([]);
    end();
    expect(heard()).toEqual([]);
    off();
    registry.delete("b");
  }
});

test("trap 40: a removed breaker leaves no series behind", async () => {
  const { registry } = watchRegistry({ limit: 2 });
  const target = new Registry();
  exportToPrometheus(registry, target);
  for (const name of ["a", "b", "c"]) registry.get(name).recordFailure(BOOM);
  registry.get("c").recordSuccess();
  registry.delete("b");
  const text = await target.metrics();
  expect(text).not.toContain('"b"');
  expect(text).toContain('"a"');
});

test("trap 40: a call under way when its breaker is removed ends harmlessly, and a new breaker of its name knows nothing of it", async () => {
  const { registry, events } = watchRegistry();
  const gate = deferred<string>();
  const old = registry.get("a");
  const call = old.call(() => gate.promise);
  const permit = permitOf({ breaker: old });
  registry.delete("a");
  const fresh = registry.get("a");
  const told = events.length;
  permit.failure(BOOM);
  permit.failure(BOOM);
  gate.resolve("value");
  expect(await call).toBe("value");
  expect(events).toHaveLength(told);
  expect(Object.values(fresh.stats.calls).every((count) => count === 0)).toBe(true);
  expect(old.stats.calls).toMatchObject({ success: 1, error: 1 });
});

test("trap 40: removed breakers are garbage, also with exporters and listeners that were attached", () => {
  const script = `
    import { Registry } from "prom-client";
    import { BreakerRegistry } from ${source("index.ts")};
    import { exportToPrometheus } from ${source("exporters/prometheus.ts")};
    const registry = new BreakerRegistry({ limit: 10 });
    exportToPrometheus(registry, new Registry(), { nameBudget: 5, callDurations: true });
    const made = [];
    for (let n = 0; n < 1_000; n++) {
      const breaker = registry.get("user-" + n);
      breaker.on("circuit.failure", () => breaker.name);
      await breaker.call(async () => n);
      made.push(new WeakRef(breaker));
    }
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    console.log(made.filter((ref) => ref.deref() !== undefined).length, registry.size);
  `;
  const args = ["--expose-gc", "--input-type=module", "--eval", script];
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const told = execFileSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
  });
  const [alive, size] = told.split(" ").map(Number);
  expect(size).toBe(10);
  // The engine may keep the last ones in its registers.
  expect(alive).toBeLessThan(20);
});

const namesIn = (page: Page) => [
  ...new Set(
    Object.keys(valuesOf(page, "circuit_breaker_calls_total")).map((key) => key.split(" ")[0]),
  ),
];

test("trap 33: names from users through a registry stay within the budget of names ever seen, and __other__ loses nothing", async () => {
  const { registry } = watchRegistry({ limit: 20 });
  const target = new Registry();
  const sdk = startSdk();
  exportToPrometheus(registry, target, { nameBudget: 5 });
  exportToOpenTelemetry(registry, { meterProvider: sdk.meterProvider, nameBudget: 5 });
  let before = 0;
  for (let n = 0; n < 200; n++) {
    await registry.get(`user-${n}`).call(succeed);
    if (n % 40 !== 39) continue;
    for (const page of [parse(await target.metrics()), parse(await sdk.text())]) {
      expect(namesIn(page).length).toBeLessThanOrEqual(6);
      const others = valuesOf(page, "circuit_breaker_calls_total")["__other__ success"] ?? 0;
      expect(others).toBe(n + 1 - 5);
      expect(others).toBeGreaterThanOrEqual(before);
      before = others;
    }
  }
  // The first five names have had their places; they are not given to others when these are gone.
  const page = parse(await target.metrics());
  expect(registry.has("user-0")).toBe(false);
  expect(namesIn(page)).toEqual(["__other__"]);
  expect(page.series.get("circuit_breaker_series_overflow_total")).toBe(195);
  await registry.get("user-0").call(succeed);
  expect(namesIn(parse(await target.metrics()))).toEqual(["user-0", "__other__"]);
});

test("trap 33: the default budget of 150 names holds for a registry that has seen a thousand", async () => {
  const registry = new BreakerRegistry({ limit: 1_000 });
  const target = new Registry();
  exportToPrometheus(registry, target);
  for (let n = 0; n < 1_000; n++) registry.get(`user-${n}`);
  expect(namesIn(parse(await target.metrics()))).toHaveLength(151);
});
