import type { FailureReason } from "../events/vocabulary.ts";
import type { TripCause } from "./facts.ts";
import { type FailureRun, majority } from "./failure-run.ts";
import type { HalfOpenPeriod } from "./period.ts";

/** The failure rate that decides over the probes of a half-open period. */
export interface ProbeRate {
  /** The share of failures that opens again. */
  readonly threshold: number;
  /** The probes that it is taken over. */
  readonly minimumCalls: number;
}

/** How the probes decide. */
export interface ProbeSettings {
  readonly maxProbes: number;
  readonly successThreshold: number;
  /** Null when the first failed probe opens again. */
  readonly probeRate: ProbeRate | null;
}

/**
 * Probes that may be under way at once: no more than could still decide something, and one where `reconfigure` has left
 * the decision open.
 */
export function probeSlots(
  { maxProbes, probeRate }: ProbeSettings,
  period: HalfOpenPeriod,
): number {
  if (probeRate === null) return maxProbes;
  const missing = probeRate.minimumCalls - period.successes - failuresOf(period);
  return Math.max(1, Math.min(maxProbes, missing));
}

/** Whether the failures of the probes open again, whatever the probes to come say. */
export function reopens({ probeRate }: ProbeSettings, period: HalfOpenPeriod): boolean {
  if (probeRate === null) return failuresOf(period) > 0;
  return failuresOf(period) / probeRate.minimumCalls >= probeRate.threshold;
}

/** Whether the successes of the probes close, whatever the probes to come say. */
export function closes(
  { successThreshold, probeRate }: ProbeSettings,
  { successes }: HalfOpenPeriod,
): boolean {
  if (probeRate === null) return successes >= successThreshold;
  const { threshold, minimumCalls } = probeRate;
  // If every other probe failed, the rate would stay below the threshold.
  return (minimumCalls - successes) / minimumCalls < threshold;
}

/** What the probes explain themselves by: the failures before the trip are told by the open that they caused. */
export function probeDecision(
  { probeRate }: ProbeSettings,
  { successes }: HalfOpenPeriod,
  run: FailureRun,
): { readonly cause: TripCause; readonly reason: FailureReason } {
  const { byReason, firstAtMs, firstMs, last } = run;
  const failures = byReason.error + byReason.latency;
  const told = {
    failuresByReason: byReason,
    firstFailureAtMs: firstAtMs,
    firstFailureMs: firstMs,
  };
  const reason = majority(byReason, last);
  if (probeRate === null) {
    const window = { calls: failures, failures };
    return { reason, cause: { ...told, rule: "probe", threshold: 1, window } };
  }
  const { threshold, minimumCalls } = probeRate;
  // The rate that is certain: at least this share of all the probes has failed.
  const rate = failures / minimumCalls;
  const window = { calls: successes + failures, failures, rate, minimumCalls };
  return { reason, cause: { ...told, rule: "probeFailureRate", threshold, window } };
}

function failuresOf({ failures }: HalfOpenPeriod): number {
  return failures === null ? 0 : failures.byReason.error + failures.byReason.latency;
}
