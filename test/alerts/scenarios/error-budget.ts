import type { Exported } from "../exported.ts";
import type { Scenario } from "../scenario.ts";

const BURN = "CircuitBreakerErrorBudgetBurn";
const SKIPS = "CircuitBreakerSkipRatioHigh";

const named = (circuit_breaker_name: string, alert = BURN, job = "checkout") =>
  [alert, { job, circuit_breaker_name }] as const;
const told = (name: string, share: string, job = "checkout") => ({
  alert: BURN,
  labels: { job, circuit_breaker_name: name },
  summary: `Calls through circuit breaker ${name} use up their error budget (job ${job})`,
  description: `${share} of its calls in an hour failed, were too slow or were refused, and it goes on: more than 14.4 times what the objective of 99% allows.`,
});

/** Calls of which some fail, a thousand in a quarter of a minute. */
const failing = (name: string, failed: number, outcome = "error"): Exported => ({
  name,
  calls: { success: `0+${1000 - failed}*30`, [outcome]: `0+${failed}*30` },
});

/** How fast the error budget goes. */
export const ERROR_BUDGET_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerErrorBudgetBurn fires above 14.4 % of failures, slow calls or refusals, and not for ignored or late ones",
    length: 12,
    exported: [
      failing("errors", 145),
      failing("slow", 145, "latency"),
      failing("ignored", 900, "ignored"),
      failing("late", 900, "late"),
      { name: "refused", calls: { success: "0+855*30" }, skips: { degraded: "0+145*30" } },
      {
        name: "mixed",
        calls: { success: "0+855*30", error: "0+50*30", latency: "0+50*30" },
        skips: { open: "0+45*30" },
      },
      { name: "mixed", job: "stock", calls: { success: "0+855*30", error: "0+145*30" } },
      { name: "silent" },
    ],
    firing: {
      "15s": [
        named("errors"),
        named("slow"),
        named("refused"),
        named("mixed"),
        named("mixed", BURN, "stock"),
      ],
      "2m30s": [
        named("errors"),
        named("slow"),
        named("refused"),
        named("mixed"),
        named("mixed", BURN, "stock"),
      ],
    },
    told: {
      "2m30s": [
        told("errors", "14.5%"),
        told("slow", "14.5%"),
        told("refused", "14.5%"),
        told("mixed", "14.5%"),
        told("mixed", "14.5%", "stock"),
      ],
    },
  },
  {
    name: "CircuitBreakerErrorBudgetBurn needs the hour as well as the five minutes, and resolves five minutes after them",
    length: 380,
    exported: [
      // An hour of good calls, four minutes of failures: 1 in 16 of the hour. Then ten more.
      {
        name: "late-in-the-hour",
        calls: { success: "0+30*240 7170*56 7170+30*84", error: "0*240 0+30*56 1650" },
      },
      // Failures for five minutes, then good calls: the hour remembers, the five minutes do not.
      { name: "over", calls: { success: "0*20 0+30*360", error: "0+30*20 570" } },
    ],
    firing: {
      "4m45s": [named("over")],
      "9m": [named("over")],
      // At 9m the five minutes have 14.4 % of failures and fewer; keep_firing_for lasts from then on.
      "13m45s": [named("over")],
      "14m15s": [],
      "64m": [],
      "68m": [],
      "69m15s": [named("late-in-the-hour")],
      "78m": [named("late-in-the-hour")],
      "83m": [named("late-in-the-hour")],
      "84m": [],
    },
  },
  {
    name: "CircuitBreakerErrorBudgetBurn does not fire at exactly 14.4 % of five minutes, or of an hour",
    length: 320,
    exported: [
      // The hour is bad; twenty samples add up to the limit at 25m, with the worst at the end.
      {
        name: "five-minutes",
        calls: {
          success: "0*40 0+15000*41 613680+13680*10 748800+12000*20",
          error: "0+15000*40 600000*41 601320+1320*10 616200+3000*20",
        },
      },
      // 240 samples of an hour that add up to the limit at 60m, with the worst at the end.
      {
        name: "hour",
        calls: { success: "0+13800*216 2980800+4200*104", error: "0+1200*216 259200+10800*104" },
      },
    ],
    firing: {
      "9m": [named("five-minutes")],
      "20m": [],
      "25m": [],
      "25m15s": [named("five-minutes")],
      "40m": [],
      "58m": [],
      "1h": [],
      "1h15s": [named("hour")],
    },
  },
  {
    name: "CircuitBreakerErrorBudgetBurn does not fire for few calls, and adds up instances",
    length: 260,
    exported: [
      { name: "few", calls: { error: "0+0.44*260" } },
      { name: "enough", calls: { error: "0+0.45*260" } },
      { name: "both", instance: "a", calls: { error: "0+0.225*260" } },
      { name: "both", instance: "b", calls: { error: "0+0.225*260" } },
      { name: "good-in-b", instance: "a", calls: { error: "0+15*260" } },
      { name: "good-in-b", instance: "b", calls: { success: "0+135*260" } },
      { name: "refused-in-b", instance: "a", calls: { success: "0+80*260", error: "0+5*260" } },
      {
        name: "refused-in-b",
        instance: "b",
        calls: { error: "0+5*260" },
        skips: { open: "0+10*260" },
      },
    ],
    firing: {
      "64m": [named("enough"), named("both"), named("refused-in-b")],
    },
    told: {
      "64m": [told("enough", "100%"), told("both", "100%"), told("refused-in-b", "20%")],
    },
  },
  {
    name: "CircuitBreakerErrorBudgetBurn counts across a restart and an upgrade",
    length: 60,
    exported: [
      {
        name: "restarted",
        calls: { success: "0+85*20 0+85*40", error: "0+15*20 0+15*40" },
        skips: { open: "5000*20 0" },
      },
      {
        name: "upgraded",
        labels: { otel_scope_version: "0.1.0" },
        life: "up*20 silent",
        calls: { success: "0+85*20", error: "0+15*20" },
      },
      {
        name: "upgraded",
        labels: { otel_scope_version: "0.2.0" },
        life: "silent*20 up",
        calls: { success: "0*20 0+85*40", error: "0*20 0+15*40" },
      },
    ],
    firing: {
      "4m": [named("restarted"), named("upgraded")],
      "5m15s": [named("restarted"), named("upgraded")],
      "14m": [named("restarted"), named("upgraded")],
    },
  },
  {
    name: "CircuitBreakerErrorBudgetBurn and CircuitBreakerSkipRatioHigh tell a refused half from a failed one",
    length: 40,
    exported: [
      { name: "refused", calls: { success: "0+30*40" }, skips: { open: "0+30*40" } },
      { name: "failed", calls: { success: "0+30*40", error: "0+30*40" } },
    ],
    firing: { "9m": [named("refused"), named("refused", SKIPS), named("failed")] },
  },
];
