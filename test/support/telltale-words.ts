import { readFileSync } from "node:fs";
import pino from "pino";
import { Registry } from "prom-client";
import { ALERT_NAMES } from "../../scripts/docs/alert-names.ts";
import { EVENTS, envelopeOf } from "../../src/events/catalogue.ts";
import type { Field } from "../../src/events/field.ts";
import type { MetricDefinition } from "../../src/events/metric-definition.ts";
import { BREAKER_LABEL, METRICS, OTHER, SINKS } from "../../src/events/metrics.ts";
import * as vocabulary from "../../src/events/vocabulary.ts";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import {
  BreakerRegistry,
  CircuitBreaker,
  consecutive,
  createEventBus,
  exponentialCooldown,
  failureRate,
  slowRate,
} from "../../src/index.ts";
import {
  budgetGuard,
  CreditLedger,
  ExhaustionRegistry,
  quotaGuard,
} from "../../src/quota/index.ts";
import { joinCluster, MemoryStore } from "../../src/redis/index.ts";
import { createMemoryStore } from "../../src/state/index.ts";
import { persistSettings } from "../../src/state/persist-options.ts";
import { connectOwner } from "../../src/workers/index.ts";

/** The fields of all events, and what the pino exporter adds or renames. */
export const FIELDS: ReadonlySet<string> = new Set([
  ...Object.entries(EVENTS).flatMap(([type, { fields }]) =>
    Object.keys({ ...envelopeOf(type), ...fields }),
  ),
  ...["type", "prevSeq", "suppressed", "err", "name", "message", "code"],
]);

const lists: readonly (readonly unknown[])[] = Object.values(vocabulary);

/** The words of the field that events and labels have as values. */
export const VALUES: ReadonlySet<string> = new Set([
  ...lists.flat(2).map(String),
  ...Object.values(EVENTS).flatMap(({ fields }) => Object.values(fields).flatMap(wordsOf)),
  ...["consecutive", "failureRate", "slowRate"].map(ruleName),
  ...Object.values(METRICS).flatMap(({ values }: MetricDefinition) => values.flat()),
  ...["probe", "permanent", "permanent failure", OTHER, ...SINKS],
]);

/** The words that a field of an event may hold. */
function wordsOf({ shape }: Field<unknown, boolean>): string[] {
  return shape.kind === "word" ? shape.words.map(String) : [];
}

function ruleName(name: string): string {
  const rules = [
    consecutive(1),
    failureRate({ threshold: 1, window: { calls: 1 } }),
    slowRate({ latencyMs: 1, threshold: 1, window: { calls: 1 } }),
  ];
  if (!rules.some((rule) => rule.name === name)) throw new Error(`No rule is called ${name}`);
  return name;
}

const window = { calls: 10 };
const breaker = () => new CircuitBreaker("payments");

const BUDGET = { name: "all", usdPerMonth: 1 };
const SPEND = { provider: "p", model: "m" };
const ledger = new CreditLedger({ prices: {} });
/** A cluster that does nothing. */
const STILL = { timers: { start: () => 0, stop: () => {} } };

const KEPT = { batchMs: 1, timeoutMs: 1, retryMs: 1 };
const OWNED = { cacheMs: 1_000, deadlineMs: 1, spendLimit: 1, unreserved: "block" } as const;

/** Gives an option, without a value, to everything that has options: what does not know it says so. */
const OPTION_TAKERS: readonly ((name: string) => unknown)[] = [
  (name) => new CircuitBreaker("x", { [name]: undefined }),
  (name) => new CircuitBreaker("x", { halfOpen: { [name]: undefined } }),
  (name) => new CircuitBreaker("x", { rampUp: { durationMs: 1, ...only(name) } }),
  (name) => failureRate({ threshold: 1, window, ...only(name) }),
  (name) => slowRate({ latencyMs: 1, threshold: 1, window, ...only(name) }),
  (name) => exponentialCooldown({ initialMs: 1, maxMs: 1, ...only(name) }),
  (name) => breaker().forceOpen("x", { [name]: undefined }),
  (name) => breaker().on("circuit.open", () => {}, { [name]: undefined }),
  (name) => createEventBus({ [name]: undefined }),
  (name) => logCircuitEvents(breaker().bus, pino({ level: "silent" }), { [name]: undefined }),
  (name) => exportToPrometheus(breaker(), new Registry(), { [name]: undefined }),
  (name) => new ExhaustionRegistry({ [name]: undefined }),
  (name) => new CreditLedger({ prices: {}, ...only(name) }),
  (name) => new CreditLedger({ prices: {}, budgets: [{ ...BUDGET, ...only(name) }] }),
  (name) => quotaGuard(breaker(), new ExhaustionRegistry(), { [name]: undefined }),
  (name) => budgetGuard(breaker(), ledger, { estimate: SPEND, ...only(name) }),
  (name) =>
    joinCluster(new BreakerRegistry(), new MemoryStore().backplane(), {
      [name]: undefined,
      ...STILL,
    }),
  (name) =>
    persistSettings(new BreakerRegistry(), createMemoryStore(), { [name]: undefined, ...KEPT }),
  (name) => connectOwner("x", { [name]: undefined, ...OWNED }),
];
/** Options that must have a value, which the takers above give. */
const NEEDED = new Set([
  ...["durationMs", "threshold", "window", "latencyMs", "initialMs", "maxMs"],
  ...["prices", "usdPerMonth", "estimate", "timers"],
]);
/** Options of a call; `calls` is one of `window`. */
const OF_CALLS = new Set(["signal", "context", "calls"]);

const only = (name: string): object => (NEEDED.has(name) ? {} : { [name]: undefined });

/** Whether something of telltale has an option of that name. `halfOpen.leaseMs` is one of `halfOpen`. */
export function isOption(name: string): boolean {
  if (NEEDED.has(name) || OF_CALLS.has(name)) return true;
  const [outer = "", inner] = name.split(".");
  if (inner !== undefined) return isOption(outer) && isOption(inner);
  return OPTION_TAKERS.some((take) => {
    try {
      take(name);
      return true;
    } catch (error) {
      if (error instanceof TypeError && error.message.includes("unknown option")) return false;
      throw error;
    }
  });
}

const api = readFileSync(new URL("../api.txt", import.meta.url), "utf8");

/** Whether the package exports it. */
export const isExported = (name: string): boolean =>
  new RegExp(`^telltale\\S* ${name}: `, "m").test(api);

/** Whether anything of telltale has such a method. */
export const isMethod = (name: string): boolean => new RegExp(`#${name}$`, "m").test(api);

/** Whether a breaker has such a method or property. */
export const isMember = (name: string): boolean =>
  api.split("\n").includes(`telltale CircuitBreaker#${name}`);

export const isEvent = (name: string): boolean => Object.hasOwn(EVENTS, name);

export const isMetric = (name: string): boolean =>
  Object.hasOwn(METRICS, name) || name === BREAKER_LABEL.prometheus;

export const isAlertName = (name: string): boolean =>
  (ALERT_NAMES as readonly string[]).includes(name);
