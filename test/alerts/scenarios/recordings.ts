import type { Exported } from "../exported.ts";
import type { Recorded, Scenario } from "../scenario.ts";

const BURN = "CircuitBreakerErrorBudgetBurn";
const IN_A = { job: "checkout", instance: "a", circuit_breaker_name: "payments" };
const ALL = { job: "checkout", circuit_breaker_name: "payments" };

/** The state of the breaker in instance a, as it is recorded. */
const states = (values: Readonly<Record<string, number>>): Recorded => ({
  record: "breaker_instance:circuit_breaker_state:max",
  values: ["closed", "open", "half_open", "forced_open", "disabled"].map((state) => [
    { ...IN_A, state },
    values[state] ?? 0,
  ]),
});
const one = (
  record: string,
  labels: Readonly<Record<string, string>>,
  value: number,
): Recorded => ({
  record,
  values: [[labels, value]],
});
const CALLERS = "breaker_instance:circuit_breaker_callers:increase5m";
const ATTEMPTS = "breaker:circuit_breaker_attempts:rate5m";
const ATTEMPTS_1H = "breaker:circuit_breaker_attempts:rate1h";
const SKIPS = "breaker:circuit_breaker_skips:ratio_rate5m";
const FAILURES = "breaker:circuit_breaker_failures:ratio_rate5m";
const FAILURES_1H = "breaker:circuit_breaker_failures:ratio_rate1h";

const old: Exported = { labels: { otel_scope_version: "0.1.0" }, life: "up*4 silent" };
const young: Exported = { labels: { otel_scope_version: "0.2.0" }, life: "silent*4 up" };

/** The numbers that are recorded, for alerts and for dashboards. */
export const RECORDING_SCENARIOS: readonly Scenario[] = [
  {
    name: "a recorded state is one of a breaker in an instance, while two versions of the library are shown",
    length: 30,
    exported: [
      { ...old, states: "open*3 closed" },
      { ...young, states: "closed*6 open" },
    ],
    firing: {},
    recorded: {
      "30s": [states({ open: 1 })],
      "1m": [states({ closed: 1 })],
      "1m30s": [states({ closed: 1, open: 1 })],
      "6m": [states({ open: 1 })],
    },
  },
  {
    name: "recorded callers are the refusals and probes of five minutes, and the probes under way, of both versions",
    length: 60,
    exported: [
      // Two refusals and a probe from each; the second has counted before, and begins anew.
      {
        ...old,
        life: "up*24 silent",
        skips: { open: "0*4 1 2" },
        probes: { error: "0*4 1" },
        inFlight: "3",
      },
      {
        ...young,
        life: "up",
        skips: { half_open: "9*4 0*4 2" },
        probes: { success: "7*4 0*4 1" },
        inFlight: "1*20 2 3",
      },
    ],
    firing: {},
    recorded: {
      "5m": [one(CALLERS, IN_A, 9)],
      "5m15s": [one(CALLERS, IN_A, 9)],
      // What was counted at 1m is more than five minutes ago; the gauge of the old version is still shown.
      "6m15s": [one(CALLERS, IN_A, 6)],
      "12m": [one(CALLERS, IN_A, 3)],
    },
  },
  {
    name: "recorded ratios are of all calls and instances, and none where there are no calls",
    length: 250,
    exported: [
      // Of 96 calls a second 24 are refused, 33 fail, and 15 are slow.
      {
        instance: "a",
        labels: { otel_scope_version: "0.1.0" },
        calls: { success: "0+225*250", error: "0+495*250", latency: "0+225*250" },
        skips: { open: "0+270*250" },
      },
      {
        instance: "b",
        labels: { otel_scope_version: "0.2.0" },
        calls: { ignored: "0+135*250" },
        skips: { half_open: "0+90*250" },
      },
      { name: "silent" },
    ],
    firing: {},
    recorded: {
      "1h": [
        ...[ATTEMPTS, ATTEMPTS_1H].map(
          (record): Recorded => ({
            record,
            values: [
              [ALL, 96],
              [{ ...ALL, circuit_breaker_name: "silent" }, 0],
            ],
          }),
        ),
        one(SKIPS, ALL, 0.25),
        one(FAILURES, ALL, 0.75),
        one(FAILURES_1H, ALL, 0.75),
      ],
    },
  },
  {
    name: "recorded rates look back five minutes and an hour, and no further",
    length: 250,
    exported: [
      // What is counted at 15s and 30s leaves the hour after 1h, what is counted at 55m and 55m15s the five minutes.
      {
        instance: "a",
        calls: { success: "0 3600*219 7200", error: "0 3600*219 7200" },
        skips: { open: "0 3600*219 7200" },
      },
      {
        instance: "b",
        calls: { success: "0*2 3600*219 4500*6", error: "0*2 3600*219 4500*6" },
        skips: { open: "0*2 3600*219 4500*6" },
      },
    ],
    firing: {},
    recorded: {
      "59m45s": [one(ATTEMPTS, ALL, 45)],
      "1h": [one(ATTEMPTS_1H, ALL, 9.75), one(ATTEMPTS, ALL, 9)],
      "1h15s": [one(ATTEMPTS_1H, ALL, 6.75), one(ATTEMPTS, ALL, 0)],
      "1h30s": [one(ATTEMPTS_1H, ALL, 3.75)],
    },
  },
  {
    name: "CircuitBreakerErrorBudgetBurn begins with 108 calls in an hour",
    length: 260,
    exported: [
      { name: "enough", calls: { error: "0*242 108" } },
      { name: "few", calls: { error: "0*242 107" } },
    ],
    firing: {
      "1h15s": [],
      "1h30s": [[BURN, { job: "checkout", circuit_breaker_name: "enough" }]],
    },
  },
];
