import type { Scenario } from "../scenario.ts";
import { other } from "./shared-name.ts";

const IMMINENT = "CircuitBreakerTripImminent";
const told = (share: string) => ({
  alert: IMMINENT,
  summary: "Circuit breaker payments is about to trip (job checkout)",
  description: `The instance that is nearest has gone ${share} of the way to a trip; a few more failures open it.`,
});
const named = (circuit_breaker_name: string, job = "checkout") =>
  [IMMINENT, { job, circuit_breaker_name }] as const;

/** The alert that has no time to lose. */
export const TRIP_IMMINENT_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerTripImminent fires with the failure that leaves two to a trip, and resolves with a success",
    length: 14,
    exported: [{ failures: "0*4 2 3*2 4 0", progress: "0*4 0.4 0.6*2 0.8 0" }],
    firing: { "1m": [], "1m15s": [IMMINENT], "1m45s": [IMMINENT], "2m": [], "3m": [] },
    told: { "1m15s": [told("60%")], "1m45s": [told("80%")] },
  },
  {
    name: "CircuitBreakerTripImminent fires at one and at two missing failures, and not at three or at none so far",
    length: 4,
    exported: [
      { name: "untouched", threshold: "2" },
      { name: "half", threshold: "2", failures: "1", progress: "0.5" },
      { name: "third", threshold: "3", failures: "1", progress: "0.33" },
      { name: "two-thirds", threshold: "3", failures: "2", progress: "0.67" },
      { name: "quarter", threshold: "4", failures: "1", progress: "0.25" },
      { name: "elsewhere", job: "stock", threshold: "3", failures: "1", progress: "0.33" },
    ],
    firing: {
      "0s": [named("half"), named("third"), named("two-thirds"), named("elsewhere", "stock")],
      "45s": [named("half"), named("third"), named("two-thirds"), named("elsewhere", "stock")],
    },
  },
  {
    name: "CircuitBreakerTripImminent fires at four fifths of the way of a rate, whatever the failures in a row",
    length: 6,
    exported: [
      { name: "rate", threshold: "0", failures: "1 0*2 7", progress: "0.79 0.8 0.95 0.7" },
      { name: "far", threshold: "9", failures: "1", progress: "0 0.5 0.7 0.79" },
    ],
    firing: { "0s": [], "15s": [named("rate")], "30s": [named("rate")], "45s": [], "1m": [] },
  },
  {
    name: "CircuitBreakerTripImminent does not fire unless it is closed, where the progress is 1",
    length: 4,
    exported: [
      { name: "open", states: "open", failures: "5" },
      { name: "half-open", states: "half_open", failures: "5" },
      { name: "forced", states: "forced_open", failures: "5" },
      { name: "off", states: "disabled", failures: "4" },
    ],
    firing: { "0s": [], "45s": [] },
  },
  {
    name: "CircuitBreakerTripImminent takes the nearest instance, not another that is open",
    length: 4,
    exported: [
      { instance: "a", failures: "3", progress: "0.6" },
      { instance: "b", failures: "4", progress: "0.8" },
      { instance: "c", failures: "1", progress: "0.2" },
      { instance: "d", failures: "5", states: "open" },
    ],
    firing: { "0s": [IMMINENT], "45s": [IMMINENT] },
    told: { "0s": [told("80%")] },
  },
  {
    name: "CircuitBreakerTripImminent does not take one open breaker of a shared name for one that is about to trip",
    length: 4,
    exported: [
      other({ closed: "3", open: "1" }, { progress: "1", failures: "5" }),
      other({ closed: "3" }, { instance: "b", progress: "0.9", failures: "1" }),
    ],
    firing: { "0s": [named("__other__")], "45s": [named("__other__")] },
    told: {
      "0s": [
        {
          alert: IMMINENT,
          labels: { job: "checkout", circuit_breaker_name: "__other__" },
          summary: "Circuit breaker __other__ is about to trip (job checkout)",
          description:
            "The instance that is nearest has gone 90% of the way to a trip; a few more failures open it.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerTripImminent reads one breaker once while two versions of the library are still shown",
    length: 8,
    exported: [
      // The old version: what a push left behind, for five minutes. Neither alone is near a trip.
      {
        labels: { otel_scope_version: "0.1.0" },
        life: "up*2 silent",
        progress: "0.45",
        failures: "1",
        threshold: "5",
      },
      {
        labels: { otel_scope_version: "0.2.0" },
        life: "silent*2 up",
        progress: "0.45 0.45 0.4 0.45*2 0.6",
        failures: "2*3 3",
        threshold: "5*3 9*2 5",
      },
    ],
    firing: { "15s": [], "30s": [], "45s": [], "1m15s": [IMMINENT] },
    told: { "1m15s": [told("60%")] },
  },
];
