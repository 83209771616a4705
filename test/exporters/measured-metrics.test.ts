import { Registry } from "prom-client";
import { expect, test, vi } from "vitest";
import { MEASURES, type MeasuredSource, type Measurement } from "../../src/events/measurement.ts";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { CreditLedger, ExhaustionRegistry } from "../../src/quota/index.ts";
import { joined, nth } from "../cluster/fleet.ts";
import { BOOM, failTimes } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { shown } from "../support/measured.ts";
import { DAY_MS, DOLLAR, ledgerOf, PRICES } from "../support/quota.ts";
import { type Page, packageVersion, parse, startSdk, valuesOf } from "../support/scrape.ts";

/** A source of the test's making. */
function sourceOf(read: () => readonly Measurement[]): MeasuredSource {
  return { [MEASURES]: { family: "quota", read } };
}
const exhausted = (provider: string, value = 1): Measurement => ({
  metric: "telltale_quota_exhausted",
  words: [provider],
  value,
});

test("an ExhaustionRegistry shows marks with their ends, and 0 when they are over", async () => {
  const clock = new FakeClock();
  const registry = new ExhaustionRegistry({ clock });
  const { attach, values } = shown();
  attach(registry);
  expect(await values("quota_exhaustions_total")).toEqual({ "": 0 });
  expect(await values("quota_exhausted")).toEqual({});
  registry.mark("openai", { forMs: 10_000 });
  registry.mark("openai", { forMs: 20_000 });
  registry.mark("azure", { forMs: 1_000 });
  expect(await values("quota_exhausted")).toEqual({ openai: 1, azure: 1 });
  expect(await values("quota_until_timestamp_seconds")).toEqual({
    openai: START_AT_MS / 1000 + 20,
    azure: START_AT_MS / 1000 + 1,
  });
  clock.advance(1_000);
  expect(await values("quota_exhausted")).toEqual({ openai: 1, azure: 0 });
  expect(await values("quota_until_timestamp_seconds")).toMatchObject({ azure: 0 });
  registry.clear();
  expect(await values("quota_exhausted")).toEqual({ openai: 0, azure: 0 });
  // A mark that goes on is none that is new.
  expect(await values("quota_exhaustions_total")).toEqual({ "": 2 });
});

test("a CreditLedger shows its budgets in USD, and when they run out", async () => {
  const budgets = [
    { name: "all", usdPerMonth: 100, hard: true },
    { name: "small", provider: "openai", usdPerMonth: "0.5" },
  ];
  const { ledger, clock } = ledgerOf({ budgets });
  const { attach, values } = shown();
  attach(ledger);
  expect(await values("budget_spent_usd")).toEqual({ all: 0, small: 0 });
  expect(await values("budget_limit_usd")).toEqual({ all: 100, small: 0.5 });
  expect(await values("budget_depletion_timestamp_seconds")).toEqual({ all: 0, small: 0 });
  ledger.record({ ...DOLLAR, usd: "80.25" });
  const held = ledger.reserve({ ...DOLLAR, usd: 5 });
  expect(await values("budget_spent_usd")).toEqual({ all: 80.25, small: 0 });
  expect(await values("budget_reserved_usd")).toEqual({ all: 5, small: 0 });
  // The rest of the budget is gone in less than the day that the rate is taken over.
  const [all] = ledger.budgets() ?? [];
  expect(all?.depletesAtMs).toBeGreaterThan(START_AT_MS);
  expect(await values("budget_depletion_timestamp_seconds")).toEqual({
    all: (all?.depletesAtMs ?? 0) / 1000,
    small: 0,
  });
  if (held.ok) held.release();
  clock.advance(31 * DAY_MS);
  expect(await values("budget_spent_usd")).toEqual({ all: 0, small: 0 });
  expect(await values("budget_reserved_usd")).toEqual({ all: 0, small: 0 });
});

test("what a CreditLedger recorded is counted by model, from zero, through months and restores", async () => {
  const { ledger, clock } = ledgerOf({ budgets: [] });
  const { attach, values } = shown();
  attach(ledger);
  // Those that the price table names are there before their first spend.
  expect(await values("spend_usd_total")).toEqual({ "small openai": 0, "large openai": 0 });
  ledger.record({
    provider: "openai",
    model: "large",
    tokens: { input: 1_000, output: 10 },
    id: "1",
  });
  ledger.record({
    provider: "openai",
    model: "large",
    tokens: { input: 1_000, output: 10 },
    id: "1",
  });
  ledger.record({ ...DOLLAR, requests: 3 });
  ledger.record({ provider: "nobody", model: "m", tokens: { cachedInput: 7 } });
  // Labels in the order of their names: model, provider.
  const usd = { "large openai": 0.01208, "small openai": 0, "any other": 3, "m nobody": 0 };
  expect(await values("spend_usd_total")).toEqual(usd);
  expect(await values("spend_requests_total")).toMatchObject({ "large openai": 1, "any other": 3 });
  expect(await values("spend_tokens_total")).toMatchObject({
    "input large openai": 1_000,
    "output large openai": 10,
    "cacheWrite large openai": 0,
    "cachedInput m nobody": 7,
  });
  expect(await values("spend_unpriced_total")).toEqual({ "": 1 });
  const elsewhere = ledgerOf({ writer: "b" }, clock).ledger;
  elsewhere.record({ ...DOLLAR, usd: 50 });
  ledger.merge(elsewhere.snapshot());
  clock.advance(40 * DAY_MS);
  ledger.record({ ...DOLLAR });
  expect(await values("spend_usd_total")).toEqual({ ...usd, "any other": 4 });
});

test("a ledger that is unknown shows its spend as unknown, never as nothing", async () => {
  const { ledger } = ledgerOf({ budgets: [{ name: "all", usdPerMonth: 100 }] });
  const { attach, values } = shown();
  attach(ledger);
  expect(await values("ledger_unknown")).toEqual({ "": 0 });
  ledger.record({ ...DOLLAR, usd: 90 });
  ledger.markUnknown();
  expect(await values("ledger_unknown")).toEqual({ "": 1 });
  expect(await values("budget_spent_usd")).toEqual({ all: Number.NaN });
  expect(await values("budget_depletion_timestamp_seconds")).toEqual({ all: 0 });
  expect(await values("spend_usd_total")).toMatchObject({ "any other": 90 });
  ledger.markKnown();
  expect(await values("budget_spent_usd")).toEqual({ all: 90 });
});

test("a CreditLedger counts a thousand models apart, and the others together", async () => {
  const ledger = new CreditLedger({ prices: {} });
  for (let n = 0; n < 1_010; n++) ledger.record({ provider: "p", model: `m-${n}`, usd: 1 });
  const registry = new Registry();
  exportToPrometheus(ledger, registry, { nameBudget: 5_000 });
  const spent = valuesOf(parse(await registry.metrics()), "telltale_spend_usd_total");
  expect(Object.keys(spent)).toHaveLength(1_001);
  expect(spent["__other__ __other__"]).toBe(10);
});

test("a Cluster shows whether it is connected, its peers, what waits, what it dropped and the last reset", async () => {
  const { time, tasks, fleet } = await joined(2);
  const task = nth(tasks, 0);
  const { attach, values } = shown();
  attach(task.cluster);
  task.get("payments");
  expect(await values("cluster_connected")).toEqual({ "": 1 });
  expect(await values("cluster_peers")).toEqual({ "": 1 });
  expect(await values("cluster_reset_timestamp_seconds")).toEqual({ "": 0 });
  expect((await values("cluster_rejected_total"))["malformed"]).toBe(0);
  await failTimes(task.get("payments"), 2);
  await time.pass(10);
  void nth(tasks, 1).cluster.reset("payments", "fixed");
  await time.pass(10);
  const last = task.cluster.reset("search");
  await time.pass(10);
  const { epoch } = await last;
  expect(await values("cluster_reset_timestamp_seconds")).toEqual({ "": epoch / 1000 });
  expect(await values("cluster_losses_total")).toEqual({ "": 0 });
  fleet.stalled.add("a");
  await time.pass(10_000);
  expect(await values("cluster_connected")).toEqual({ "": 0 });
  expect(await values("cluster_losses_total")).toEqual({ "": 1 });
  task.get("payments").forceOpen("alone");
  expect(await values("cluster_waiting")).toEqual({ "": 1 });
});

test("nameBudget: names beyond it share __other__, each metric by its own rule, and keep their place", async () => {
  let now: readonly Measurement[] = ["a", "b", "c", "d"].map((name) => exhausted(name));
  const { attach, values } = shown();
  attach(
    sourceOf(() => [
      ...now,
      ...now.map(({ words }, n) => ({
        ...exhausted(words[0] ?? "", 10 + n),
        metric: "telltale_quota_until_timestamp_seconds" as const,
      })),
    ]),
    2,
  );
  expect(await values("quota_exhausted")).toEqual({ a: 1, b: 1, __other__: 1 });
  expect(await values("quota_until_timestamp_seconds")).toEqual({ a: 10, b: 11, __other__: 13 });
  now = [exhausted("d"), exhausted("b")];
  expect(await values("quota_exhausted")).toEqual({ a: 0, b: 1, __other__: 1 });
  now = [];
  expect(await values("quota_exhausted")).toEqual({ a: 0, b: 0, __other__: 0 });
});

test("several sources make one number by the rule of the metric", async () => {
  const { attach, values } = shown();
  const registries = [new ExhaustionRegistry(), new ExhaustionRegistry()];
  for (const registry of registries) attach(registry);
  registries[0]?.mark("openai", { forMs: 1_000 });
  registries[1]?.mark("openai", { forMs: 50_000 });
  const until = registries.map((registry) => registry.list()[0]?.untilMs ?? 0);
  expect(await values("quota_exhausted")).toEqual({ openai: 1 });
  expect(await values("quota_exhaustions_total")).toEqual({ "": 2 });
  expect(await values("quota_until_timestamp_seconds")).toEqual({
    openai: Math.max(...until) / 1000,
  });
});

test("a source that fails takes nobody else's numbers away", async () => {
  const { attach, values } = shown();
  attach(
    sourceOf(() => {
      throw BOOM;
    }),
  );
  attach(sourceOf(() => [exhausted("openai")]));
  expect(await values("quota_exhausted")).toEqual({ openai: 1 });
});

test("each family is there with its first source and gone with its last; the breakers' metrics are apart", async () => {
  const { registry, attach, pages } = shown();
  const families = ({ families: all }: Page) =>
    [...all.keys()].map((name) => /^telltale_[a-z]+|^circuit/.exec(name)?.[0]).sort();
  const ledger = new CreditLedger({ prices: PRICES });
  const offs = [attach(ledger), attach(ledger), attach(new ExhaustionRegistry())];
  const [prometheus, opentelemetry] = await pages();
  expect([...new Set(families(prometheus))]).toEqual([
    "telltale_budget",
    "telltale_ledger",
    "telltale_quota",
    "telltale_spend",
  ]);
  expect(opentelemetry.families.get("telltale_spend_usd_total")).toMatch(/^counter /);
  offs[0]?.();
  offs[0]?.();
  expect(families((await pages())[0])).toContain("telltale_spend");
  offs[1]?.();
  expect([...new Set(families((await pages())[0]))]).toEqual(["telltale_quota"]);
  offs[2]?.();
  expect((await pages())[0].families.size).toBe(0);
  // A registry that somebody emptied takes sources again.
  attach(ledger);
  registry.clear();
  attach(ledger);
  expect((await pages())[0].series.get("telltale_ledger_unknown")).toBe(0);
});

test("OpenTelemetry sets the gauges of a source that left to 0, once, and stops listening", async () => {
  const { meterProvider, text } = startSdk();
  const meter = meterProvider.getMeter("telltale", packageVersion());
  const removed = vi.spyOn(meter, "removeBatchObservableCallback");
  const registry = new ExhaustionRegistry();
  registry.mark("openai");
  const detach = exportToOpenTelemetry(registry, { meterProvider });
  const value = async () => valuesOf(parse(await text()), "telltale_quota_exhausted")["openai"];
  expect(await value()).toBe(1);
  detach();
  expect(removed).not.toHaveBeenCalled();
  expect(await value()).toBe(0);
  await Promise.resolve();
  expect(removed).toHaveBeenCalledTimes(1);
  exportToOpenTelemetry(registry, { meterProvider })();
  expect(removed).toHaveBeenCalledTimes(2);
  // Without an SDK nothing is kept.
  exportToOpenTelemetry(registry)();
});

test("a source that is no breaker takes nameBudget alone, and names what cannot be used", () => {
  const ledger = new CreditLedger({ prices: {} });
  // Wrong on purpose, as JavaScript may call it.
  const prometheus = exportToPrometheus as (...args: unknown[]) => () => void;
  const opentelemetry = exportToOpenTelemetry as (...args: unknown[]) => () => void;
  expect(() => prometheus(ledger, {})).toThrow("promRegistry must be a prom-client registry");
  expect(() => prometheus(ledger, new Registry(), { callDurations: true })).toThrow(
    'unknown option "callDurations"',
  );
  expect(() => prometheus(ledger, new Registry(), { nameBudget: 0 })).toThrow(
    "nameBudget must be a positive integer, received 0",
  );
  expect(() => opentelemetry(ledger, { spanEvents: true })).toThrow('unknown option "spanEvents"');
  expect(() => opentelemetry(ledger, { meterProvider: {} })).toThrow(
    "meterProvider must be a meter provider",
  );
  const registry = new Registry();
  prometheus(ledger, registry);
  expect(() => prometheus(ledger, registry, { nameBudget: 3 })).toThrow(
    "nameBudget must be 150 as before, received 3",
  );
  const taken = new Registry();
  taken.registerMetric({ name: "telltale_ledger_unknown" } as never);
  expect(() => prometheus(ledger, taken)).toThrow(
    'promRegistry must be one without a metric of our names, received "telltale_ledger_unknown"',
  );
  expect(taken.getMetricsAsArray()).toHaveLength(1);
});

test("breakers and what is no breaker share a registry", async () => {
  const registry = new Registry();
  const breaker = new CircuitBreaker("payments");
  const off = exportToPrometheus(breaker, registry);
  exportToPrometheus(new ExhaustionRegistry(), registry);
  off();
  expect([...parse(await registry.metrics()).families.keys()]).toEqual([
    "telltale_quota_exhausted",
    "telltale_quota_until_timestamp_seconds",
    "telltale_quota_exhaustions_total",
  ]);
});
