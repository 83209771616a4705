import type { Exported } from "../exported.ts";
import type { Scenario } from "../scenario.ts";

const OPEN = "CircuitBreakerOpen";
const TOO_LONG = "CircuitBreakerOpenTooLong";
const ERROR = "CircuitBreakerErrorTrips";
const SKIPS = "CircuitBreakerSkipRatioHigh";
const BURN = "CircuitBreakerErrorBudgetBurn";
const STUCK = "CircuitBreakerForcedOpenStuck";

/** What a healthy breaker with a past has counted: a restart sets all of it back. */
const past = (samples: number): Exported => ({
  calls: {
    success: `90000+45*${samples} 0+45*400`,
    error: `900*${samples} 0`,
    latency: `60*${samples} 0`,
  },
  skips: { open: `5000*${samples} 0`, half_open: `20*${samples} 0` },
  trips: { error: `9*${samples} 0`, latency: `4*${samples} 0` },
  probes: { success: `9*${samples} 0`, error: `4*${samples} 0`, expired: `2*${samples} 0` },
  transitions: { "closed->open": `9*${samples} 0`, "open->half_open": `13*${samples} 0` },
  recoverySeconds: `900*${samples} 0`,
  recoveries: `9*${samples} 0`,
  dropped: { pino: `3*${samples} 0` },
});

const outage: Exported = {
  states: "closed*4 open",
  failures: "0*4 5",
  trips: { error: "0*4 1" },
  transitions: { "closed->open": "0*4 1" },
};

/** What happens to processes, and must not look like an outage. */
export const LIFE_SCENARIOS: readonly Scenario[] = [
  {
    name: "no alert fires for a breaker that is idle",
    length: 300,
    exported: [{}, { name: "disabled-before", instance: "b" }],
    firing: { "5m": [], "16m": [], "31m": [], "1h1m": [], "1h14m": [] },
  },
  {
    name: "no alert fires for a healthy breaker under load",
    length: 300,
    exported: [{ calls: { success: "0+45*300", ignored: "0+15*300", error: "0+0.3*300" } }],
    firing: { "5m": [], "16m": [], "31m": [], "1h1m": [], "1h14m": [] },
  },
  {
    name: "no alert fires for a deployment: every counter begins anew, at once or after minutes",
    length: 120,
    exported: [
      { ...past(20) },
      { name: "search", ...past(20), life: "up*16 down*8 up" },
      { instance: "b", ...past(20), life: "up*20 silent*6 up" },
    ],
    firing: {
      "4m": [],
      "5m": [],
      "5m15s": [],
      "6m": [],
      "7m": [],
      "10m": [],
      "15m": [],
      "29m": [],
    },
  },
  {
    name: "no alert fires for an upgrade that changes otel_scope_version, whether the old series are ended or not",
    length: 120,
    exported: [
      { labels: { otel_scope_version: "0.1.0" }, ...past(200), life: "up*20 down" },
      { labels: { otel_scope_version: "0.2.0" }, ...past(0), life: "silent*20 up" },
      {
        name: "search",
        labels: { otel_scope_version: "0.1.0" },
        ...past(200),
        life: "up*20 silent",
      },
      { name: "search", labels: { otel_scope_version: "0.2.0" }, ...past(0), life: "silent*20 up" },
    ],
    firing: {
      "4m": [],
      "5m": [],
      "5m15s": [],
      "6m": [],
      "7m": [],
      "10m": [],
      "15m": [],
      "29m": [],
    },
  },
  {
    name: "an upgrade in the middle of an outage neither resolves an alert nor begins its time anew",
    length: 90,
    exported: [
      { ...outage, labels: { otel_scope_version: "0.1.0" }, life: "up*30 down" },
      {
        states: "open",
        failures: "5",
        labels: { otel_scope_version: "0.2.0" },
        life: "silent*30 up",
      },
    ],
    firing: {
      "1m": [ERROR],
      "2m": [OPEN, ERROR],
      "7m15s": [OPEN, ERROR],
      "7m30s": [OPEN, ERROR],
      "15m45s": [OPEN],
      "16m": [OPEN, TOO_LONG],
    },
  },
  {
    name: "the alerts of an instance that dies in an outage resolve, since its successor begins closed",
    length: 90,
    exported: [
      { ...outage, life: "up*30 down" },
      { instance: "b", life: "silent*30 up" },
    ],
    firing: { "7m15s": [OPEN, ERROR], "9m15s": [OPEN, ERROR], "9m30s": [ERROR], "11m": [] },
  },
  {
    name: "a whole outage of three instances is told by the alerts of an outage alone",
    length: 140,
    exported: ["a", "b", "c"].map(
      (instance): Exported => ({
        instance,
        states: "closed*20 open*79 half_open closed",
        progress: "0*20 1*80 0",
        failures: "0*20 5*80 0",
        calls: { success: "0+45*20 855*80 900+45*40", error: "0*20 5" },
        skips: { open: "0*20 0+45*80 3555" },
        trips: { error: "0*20 1" },
        transitions: { "closed->open": "0*20 1" },
        probes: { success: "0*100 1" },
        recoverySeconds: "0*100 1200",
        recoveries: "0*100 1",
      }),
    ),
    firing: {
      "4m45s": [],
      "5m": [ERROR],
      "6m": [OPEN, ERROR, BURN],
      "8m": [OPEN, ERROR, BURN],
      "14m": [OPEN, ERROR, BURN, SKIPS],
      "20m": [OPEN, TOO_LONG, BURN, SKIPS],
      "25m": [OPEN, TOO_LONG, BURN, SKIPS],
      "29m": [TOO_LONG, BURN, SKIPS],
      "30m": [BURN, SKIPS],
    },
  },
  {
    name: "alerts of different subjects fire side by side",
    length: 130,
    exported: [{ states: "forced_open", trips: { latency: "0 1" } }],
    firing: { "30m": [OPEN, STUCK] },
  },
];
