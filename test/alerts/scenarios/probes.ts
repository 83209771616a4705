import type { Exported } from "../exported.ts";
import type { Firing, Scenario } from "../scenario.ts";

const STUCK = "CircuitBreakerProbesStuck";
const OPEN = "CircuitBreakerOpen";
const TOO_LONG = "CircuitBreakerOpenTooLong";
const IDLE = "CircuitBreakerNoProbeTraffic";

const named = (alert: string, name: string, job = "checkout"): Firing => [
  alert,
  { job, circuit_breaker_name: name },
];
const told = (instances: string) => ({
  alert: STUCK,
  summary: "No probe of circuit breaker payments comes to a verdict (job checkout)",
  description: `It is half open in ${instances} instances. Probes hang, expire, are cancelled or never reach the dependency, so it can neither close nor open.`,
});

const NO_VERDICT = ["ignored", "cancelled", "unreached", "late", "expired"];
const VERDICT = ["success", "error", "latency"];
/** One every minute. */
const NOW_AND_THEN = "0*4 1*4 2*4 3*4 4*4 5*4 6*4 7*4 8*4 9*4 10*4 11";

/** Probes that decide nothing. */
export const PROBE_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerProbesStuck fires when a probe hangs for five minutes, and resolves when one succeeds",
    length: 60,
    exported: [
      {
        states: "closed*4 open*4 half_open*30 closed",
        inFlight: "0*8 1*30 0",
        probes: { success: "0*38 1" },
      },
    ],
    firing: {
      "6m45s": [OPEN],
      "7m": [OPEN, STUCK],
      "9m15s": [OPEN, STUCK],
      "9m30s": [OPEN],
      "12m": [],
    },
    told: { "7m": [told("1 of 1")] },
  },
  {
    name: "CircuitBreakerProbesStuck fires for every end of a probe that is no verdict, and for no verdict",
    length: 44,
    exported: [
      ...NO_VERDICT.map(
        (outcome): Exported => ({
          name: outcome,
          states: "half_open",
          probes: { [outcome]: NOW_AND_THEN },
        }),
      ),
      ...VERDICT.map(
        (outcome): Exported => ({
          name: outcome,
          states: "half_open",
          inFlight: "1",
          probes: { expired: NOW_AND_THEN, [outcome]: NOW_AND_THEN },
        }),
      ),
      { job: "stock", name: "late", states: "half_open", probes: { late: NOW_AND_THEN } },
    ],
    firing: {
      "5m45s": [...NO_VERDICT, ...VERDICT]
        .map((name) => named(OPEN, name))
        .concat([named(OPEN, "late", "stock")]),
      "6m": [
        ...[...NO_VERDICT, ...VERDICT].map((name) => named(OPEN, name)),
        named(OPEN, "late", "stock"),
        ...NO_VERDICT.map((name) => named(STUCK, name)),
        named(STUCK, "late", "stock"),
      ],
    },
  },
  {
    name: "CircuitBreakerProbesStuck looks ten minutes back, for verdicts and for what is none",
    length: 120,
    exported: [
      { name: "verdict-first", states: "half_open", inFlight: "1", probes: { error: "0*4 1" } },
      { name: "one-ignored", states: "half_open", probes: { ignored: "0*4 1" } },
    ],
    firing: {
      "5m45s": [named(OPEN, "verdict-first"), named(OPEN, "one-ignored")],
      "6m": [named(OPEN, "verdict-first"), named(OPEN, "one-ignored"), named(STUCK, "one-ignored")],
      // Its only probe ended at 1m.
      "10m45s": [named(OPEN, "verdict-first"), named(STUCK, "one-ignored")],
      "11m": [named(OPEN, "verdict-first")],
      "15m45s": [named(OPEN, "verdict-first"), named(TOO_LONG, "verdict-first")],
      "16m": [
        named(OPEN, "verdict-first"),
        named(TOO_LONG, "verdict-first"),
        named(STUCK, "verdict-first"),
        named(IDLE, "one-ignored"),
      ],
    },
  },
  {
    name: "CircuitBreakerProbesStuck does not fire unless it is half open, and not while nobody calls",
    length: 60,
    exported: [
      { name: "closed", probes: { expired: NOW_AND_THEN } },
      { name: "open", states: "open", probes: { expired: NOW_AND_THEN } },
      { name: "idle", states: "half_open" },
    ],
    firing: { "14m": [named(OPEN, "open"), named(IDLE, "idle")] },
  },
  {
    name: "CircuitBreakerProbesStuck counts the instances where no probe decides",
    length: 32,
    exported: [
      { instance: "a", states: "half_open", inFlight: "1" },
      { instance: "b", states: "half_open", inFlight: "1" },
      {
        instance: "c",
        states: "half_open",
        inFlight: "1",
        probes: { success: NOW_AND_THEN.slice(0, 31) },
      },
      { instance: "d" },
    ],
    firing: { "5m": [OPEN], "5m15s": [OPEN, STUCK], "7m": [OPEN, STUCK] },
    told: { "7m": [told("2 of 4")] },
  },
];
