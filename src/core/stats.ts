import type { BreakerStats } from "./breaker-view.ts";
import type { Circuit } from "./circuit.ts";
import { pendingTrip } from "./overdue-trip.ts";
import { effectiveFailures, trafficShare } from "./traffic.ts";
import type { Moment } from "./trip-meters.ts";

/** A frozen copy of everything the breaker has counted. */
export function readStats(circuit: Circuit, nowMs: number): BreakerStats {
  const { timeInStateMs, ...counted } = circuit.tally.copy();
  timeInStateMs[circuit.period.state] += circuit.spentMs(nowMs);
  for (const counts of Object.values(counted)) Object.freeze(counts);
  return Object.freeze({
    ...counted,
    consecutiveFailures: failuresNow(circuit, nowMs),
    lastFailureAtMs: circuit.lastFailureAtMs,
    lastSuccessAtMs: Number.isNaN(circuit.lastSuccessAtMs) ? null : circuit.lastSuccessAtMs,
    timeInStateMs: Object.freeze(timeInStateMs),
  });
}

/** Failures in a row, idle steps of degradation counted. */
function failuresNow(circuit: Circuit, nowMs: number): number {
  // From the moment of a trip on no more idle steps count.
  const atMs = pendingTrip(circuit, nowMs)?.cooling.sinceMs ?? nowMs;
  const { period, consecutiveFailures } = circuit;
  return period.state === "closed" ? effectiveFailures(circuit, period, atMs) : consecutiveFailures;
}

/** The share of the calls that pass. */
export function readShare(circuit: Circuit, nowMs: number): number {
  if (pendingTrip(circuit, nowMs) !== null) return 0;
  const { period } = circuit;
  if (period.state === "closed") return trafficShare(circuit, period, nowMs).share;
  return period.state === "disabled" ? 1 : 0;
}

/** How near the trip is, 0 to 1; 1 unless closed. */
export function tripProgress(circuit: Circuit, nowMs: number): number {
  if (pendingTrip(circuit, nowMs) !== null) return 1;
  const { period } = circuit;
  if (period.state !== "closed") return 1;
  const consecutiveFailures = failuresNow(circuit, nowMs);
  const moment: Moment = { consecutiveFailures, nowMs, overdue: 0 };
  return Math.min(1, period.evidence?.meters?.glance(moment) ?? 0);
}
