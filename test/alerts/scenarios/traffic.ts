import type { Scenario } from "../scenario.ts";

const LATENCY = "CircuitBreakerLatencyTrips";
const ERROR = "CircuitBreakerErrorTrips";
const SKIPS = "CircuitBreakerSkipRatioHigh";
/** A quarter of refusals is far beyond the error budget, too. */
const BURN = "CircuitBreakerErrorBudgetBurn";
const named = (alert: string, circuit_breaker_name: string, job = "checkout") =>
  [alert, { job, circuit_breaker_name }] as const;

const search = { job: "stock", circuit_breaker_name: "search" };
const errorTold = (times: number) => ({
  alert: ERROR,
  summary: "Circuit breaker payments trips because calls fail (job checkout)",
  description: `It opened ${times} times in 10 minutes, failed probes included, because calls failed: look for errors, refused connections, a bad release or expired credentials of the dependency.`,
});
const latencyTold = (times: number) => ({
  alert: LATENCY,
  summary: "Circuit breaker payments trips because calls are slow (job checkout)",
  description: `It opened ${times} times in 10 minutes, failed probes included, because calls were slower than allowed (latencyTripMs, slowRate): the dependency answers, too late. Look for load, saturation and slow queries there, not for errors.`,
});

const BURNING = [named(BURN, "quarter"), named(BURN, "more"), named(BURN, "more", "stock")];

/** Trips, and calls that were refused. */
export const TRAFFIC_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerErrorTrips fires for an open so short that no scrape sees it, and resolves after ten minutes",
    length: 50,
    exported: [{ trips: { error: "0*4 1" } }],
    firing: { "45s": [], "1m": [ERROR], "10m45s": [ERROR], "11m": [] },
    told: { "10m": [errorTold(1)] },
  },
  {
    name: "CircuitBreakerLatencyTrips fires for a slow dependency, and resolves after ten minutes",
    length: 50,
    exported: [{ trips: { latency: "0*4 1" } }],
    firing: { "45s": [], "1m": [LATENCY], "10m45s": [LATENCY], "11m": [] },
    told: { "10m": [latencyTold(1)] },
  },
  {
    name: "CircuitBreakerLatencyTrips and CircuitBreakerErrorTrips add up instances, and keep breakers and jobs apart",
    length: 50,
    exported: [
      { instance: "a", trips: { error: "0*2 2", latency: "0*2 1" } },
      { instance: "b", trips: { error: "0*2 1", latency: "0*2 3" } },
      { name: "search" },
      { job: "stock" },
      {
        job: "stock",
        name: "search",
        labels: { otel_scope_version: "0.1.0" },
        trips: { error: "0*2 1", latency: "0*2 1" },
      },
    ],
    firing: { "10m": [ERROR, LATENCY, [ERROR, search], [LATENCY, search]] },
    told: {
      "10m": [
        errorTold(3),
        latencyTold(4),
        {
          ...errorTold(1),
          labels: search,
          summary: "Circuit breaker search trips because calls fail (job stock)",
        },
        {
          ...latencyTold(1),
          labels: search,
          summary: "Circuit breaker search trips because calls are slow (job stock)",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerLatencyTrips and CircuitBreakerErrorTrips see a trip after a restart, and not the restart",
    length: 30,
    exported: [
      { trips: { error: "5*4 0*4", latency: "7*4 0*4" } },
      { name: "tripped", trips: { error: "5*4 0*4 1", latency: "7*4 0*4 1" } },
    ],
    firing: {
      "1m45s": [],
      "2m": [
        [ERROR, { job: "checkout", circuit_breaker_name: "tripped" }],
        [LATENCY, { job: "checkout", circuit_breaker_name: "tripped" }],
      ],
    },
  },
  {
    name: "CircuitBreakerSkipRatioHigh fires above a quarter for five minutes, not at a quarter",
    length: 100,
    exported: [
      { name: "quarter", calls: { success: "0+45*100" }, skips: { degraded: "0+15*100" } },
      { name: "more", calls: { success: "0+45*100" }, skips: { degraded: "0+18*100" } },
      { name: "more", job: "stock", calls: { success: "0+45*100" }, skips: { quota: "0+18*100" } },
    ],
    firing: {
      // Growth takes two samples to be seen.
      "5m": BURNING,
      "5m15s": [...BURNING, named(SKIPS, "more"), named(SKIPS, "more", "stock")],
      "20m": [...BURNING, named(SKIPS, "more"), named(SKIPS, "more", "stock")],
    },
    told: {
      "20m": [
        {
          alert: SKIPS,
          labels: { job: "checkout", circuit_breaker_name: "more" },
          summary: "Circuit breaker more refuses many calls (job checkout)",
          description: "28.57% of its calls in 5 minutes were refused without being tried.",
        },
        {
          alert: SKIPS,
          labels: { job: "stock", circuit_breaker_name: "more" },
          summary: "Circuit breaker more refuses many calls (job stock)",
          description: "28.57% of its calls in 5 minutes were refused without being tried.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerSkipRatioHigh resolves five minutes after the share is low again, and not between two storms",
    length: 160,
    exported: [
      {
        calls: { success: "0+30*160" },
        // Refusals for eight minutes, none for four, and again for five.
        skips: { open: "0+30*32 930*16 930+30*20 1500" },
      },
    ],
    firing: {
      "5m": [BURN],
      "5m15s": [BURN, SKIPS],
      "8m": [BURN, SKIPS],
      "12m": [BURN, SKIPS],
      "16m": [BURN, SKIPS],
      // At 20m15s no more than a quarter of five minutes is refused.
      "25m": [BURN, SKIPS],
      "25m15s": [BURN],
      "25m45s": [BURN],
      "26m": [],
    },
  },
  {
    name: "CircuitBreakerSkipRatioHigh does not fire for few calls, for one storm of two minutes, or without calls",
    length: 60,
    exported: [
      { name: "few", skips: { open: "0+1.485*60" } },
      { name: "enough", skips: { open: "0+1.5*60" } },
      { name: "storm", calls: { success: "0+30*60" }, skips: { open: "0*4 0+30*8 210" } },
      { name: "silent" },
    ],
    firing: {
      "5m": [named(BURN, "storm")],
      "9m45s": [named(BURN, "storm")],
      "10m": [named(BURN, "storm"), named(SKIPS, "enough")],
      "12m": [named(SKIPS, "enough")],
    },
  },
  {
    name: "CircuitBreakerSkipRatioHigh holds refusals against all calls, of every instance, whatever they counted as",
    length: 40,
    exported: [
      {
        instance: "a",
        calls: Object.fromEntries(
          ["success", "error", "latency", "ignored", "cancelled", "unreached", "late"].map(
            (outcome) => [outcome, outcome === "error" || outcome === "latency" ? "0" : "0+6*40"],
          ),
        ),
        skips: { half_open: "0+12*40" },
      },
      { instance: "b", calls: { success: "0+6*40" } },
      { instance: "a", name: "search", calls: { success: "0+6*40" }, skips: { open: "0+6*40" } },
      { instance: "b", name: "search", skips: { open: "0+6*40" } },
    ],
    firing: { "9m": [named(BURN, "payments"), named(BURN, "search"), named(SKIPS, "search")] },
    told: {
      "9m": [
        {
          alert: SKIPS,
          labels: { job: "checkout", circuit_breaker_name: "search" },
          summary: "Circuit breaker search refuses many calls (job checkout)",
          description: "66.67% of its calls in 5 minutes were refused without being tried.",
        },
      ],
    },
  },
];
