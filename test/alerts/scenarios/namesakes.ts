import type { Exported } from "../exported.ts";
import type { AlertLabels, Scenario } from "../scenario.ts";
import { other } from "./shared-name.ts";

const IDLE = "CircuitBreakerNoProbeTraffic";
const IMMINENT = "CircuitBreakerTripImminent";
const OPEN = "CircuitBreakerOpen";
const STUCK = "CircuitBreakerProbesStuck";
const DISAGREE = "CircuitBreakerInstancesDisagree";

const search: AlertLabels = { job: "checkout", circuit_breaker_name: "search" };
const decided: AlertLabels = { job: "checkout", circuit_breaker_name: "decided" };
const inStock: AlertLabels = { job: "stock", circuit_breaker_name: "payments" };
const shared: AlertLabels = { job: "checkout", circuit_breaker_name: "__other__" };

/** What differs from the breaker "payments" of instance a of job "checkout" by one label. */
const namesakes = (exported: Exported): Exported[] => [
  { ...exported, instance: "b" },
  { ...exported, name: "search" },
  { ...exported, job: "stock" },
];

const NOW_AND_THEN = "0+0.01*100";
const SLOWLY = { success: "0+1*100" };

/** Breakers that share some labels and must not be taken for each other. */
export const NAMESAKE_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerNoProbeTraffic is not kept from a breaker by the callers of its namesakes",
    length: 60,
    exported: [{ states: "half_open" }, ...namesakes({ skips: { degraded: NOW_AND_THEN } })],
    firing: { "10m": [], "10m15s": [IDLE], "14m": [IDLE] },
  },
  {
    name: "CircuitBreakerNoProbeTraffic does not take the silence of namesakes for that of a breaker",
    length: 60,
    exported: [{ states: "half_open", skips: { half_open: NOW_AND_THEN } }, ...namesakes({})],
    firing: { "14m": [OPEN] },
  },
  {
    name: "CircuitBreakerNoProbeTraffic counts instances, not breakers of a shared name",
    length: 45,
    exported: [
      { instance: "a", states: "half_open" },
      { instance: "b", states: "half_open" },
      { instance: "c" },
      other({ half_open: "2" }),
    ],
    firing: { "10m15s": [IDLE, [IDLE, shared]] },
    told: {
      "10m15s": [idleTold("payments", "2 of 3"), idleTold("__other__", "1 of 1")],
    },
  },
  {
    name: "CircuitBreakerTripImminent is not kept from a breaker by namesakes that are open",
    length: 8,
    exported: [{ failures: "4", progress: "0.8" }, ...namesakes({ states: "open" })],
    firing: { "0s": [IMMINENT], "45s": [IMMINENT] },
  },
  {
    name: "CircuitBreakerTripImminent sees a rate near its threshold while two versions are shown",
    length: 8,
    exported: [
      {
        labels: { otel_scope_version: "0.1.0" },
        life: "up*2 silent",
        threshold: "0",
        progress: "0.1",
      },
      {
        labels: { otel_scope_version: "0.2.0" },
        life: "silent*2 up",
        threshold: "0",
        progress: "0.85",
      },
    ],
    firing: { "15s": [], "30s": [IMMINENT], "1m": [IMMINENT] },
  },
  {
    name: "CircuitBreakerProbesStuck takes the probes of a breaker, not those of its namesakes",
    length: 60,
    exported: [
      { states: "half_open", skips: { half_open: NOW_AND_THEN } },
      // Open again after each of them.
      ...namesakes({ states: "open*58 closed", probes: { expired: NOW_AND_THEN } }),
    ],
    firing: { "14m": [OPEN, [OPEN, search], [OPEN, inStock]] },
  },
  {
    name: "CircuitBreakerProbesStuck is not kept from a breaker by the verdicts of its namesakes",
    length: 60,
    exported: [
      { states: "half_open", probes: { expired: NOW_AND_THEN } },
      ...namesakes({ probes: { success: NOW_AND_THEN } }),
    ],
    firing: { "5m": [OPEN], "5m15s": [OPEN, STUCK], "14m": [OPEN, STUCK] },
  },
  {
    name: "CircuitBreakerProbesStuck counts instances, not breakers of a shared name",
    length: 45,
    exported: [other({ half_open: "2" }, { inFlight: "2" })],
    firing: {
      "5m15s": [
        [OPEN, shared],
        [STUCK, shared],
      ],
    },
    told: {
      "5m15s": [
        {
          alert: STUCK,
          labels: shared,
          summary: "No probe of circuit breaker __other__ comes to a verdict (job checkout)",
          description:
            "It is half open in 1 of 1 instances. Probes hang, expire, are cancelled or never reach the dependency, so it can neither close nor open.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerProbesStuck sees probes and verdicts after a restart that restored the breaker, and while two versions are shown",
    length: 60,
    exported: [
      { states: "half_open", probes: { ignored: "5*2 0*2 1", error: "9*2 0" } },
      { name: "decided", states: "half_open", probes: { ignored: "0*4 1", error: "9*2 0*2 1" } },
      { name: "search", ...version("0.1.0"), life: "up*2 silent" },
      {
        name: "search",
        ...version("0.2.0"),
        life: "silent*2 up",
        states: "half_open",
        inFlight: "1",
      },
    ],
    firing: {
      "5m15s": [OPEN, [OPEN, decided], [OPEN, search]],
      "5m30s": [OPEN, [OPEN, decided], [OPEN, search], [STUCK, search]],
      "5m45s": [OPEN, [OPEN, decided], [OPEN, search], [STUCK, search]],
      "6m": [OPEN, STUCK, [OPEN, decided], [OPEN, search], [STUCK, search]],
    },
  },
  {
    name: "CircuitBreakerInstancesDisagree takes the successes of an instance, not those of its namesakes",
    length: 60,
    exported: [
      { instance: "a", states: "open*58 closed", calls: SLOWLY },
      { instance: "b" },
      { instance: "b", name: "search", calls: SLOWLY },
      { instance: "b", job: "stock", calls: SLOWLY },
    ],
    firing: { "14m": [OPEN] },
  },
  {
    name: "CircuitBreakerInstancesDisagree is not kept from a breaker by namesakes that are open",
    length: 60,
    exported: [
      { instance: "a", states: "open*58 closed" },
      { instance: "b", ...version("0.1.0"), calls: SLOWLY },
      { instance: "b", ...version("0.2.0") },
      { instance: "b", name: "search", states: "open*58 closed" },
      { instance: "b", job: "stock", states: "open*58 closed" },
    ],
    firing: {
      "9m45s": [OPEN, [OPEN, search], [OPEN, inStock]],
      "10m15s": [OPEN, DISAGREE, [OPEN, search], [OPEN, inStock]],
    },
  },
  {
    name: "CircuitBreakerForcedOpenStuck and CircuitBreakerDisabledStuck count instances, not breakers of a shared name",
    length: 250,
    exported: [
      other({ forced_open: "2", disabled: "3" }),
      { instance: "a", states: "forced_open" },
      { instance: "b", states: "forced_open" },
    ],
    firing: {
      "1h": [
        OPEN,
        "CircuitBreakerForcedOpenStuck",
        [OPEN, shared],
        ["CircuitBreakerForcedOpenStuck", shared],
        ["CircuitBreakerDisabledStuck", shared],
      ],
    },
    told: {
      "1h": [
        forcedTold("payments", "2 of 2"),
        forcedTold("__other__", "1 of 1"),
        {
          alert: "CircuitBreakerDisabledStuck",
          labels: shared,
          summary: "Circuit breaker __other__ stays disabled (job checkout)",
          description:
            "It lets every call pass in 1 of 1 instances and will not open, whatever fails.",
        },
      ],
    },
  },
];

function version(otel_scope_version: string): Exported {
  return { labels: { otel_scope_version } };
}

function idleTold(name: string, instances: string) {
  return {
    alert: IDLE,
    labels: { job: "checkout", circuit_breaker_name: name },
    summary: `Circuit breaker ${name} waits for a call to probe with (job checkout)`,
    description: `Its cooldown is over in ${instances} instances, but nobody calls: whether the dependency is back is not known.`,
  };
}

function forcedTold(name: string, instances: string) {
  return {
    alert: "CircuitBreakerForcedOpenStuck",
    labels: { job: "checkout", circuit_breaker_name: name },
    summary: `Circuit breaker ${name} stays forced open (job checkout)`,
    description: `An operator, or a failure that was classified as permanent, holds it open in ${instances} instances; no probe will close it.`,
  };
}
