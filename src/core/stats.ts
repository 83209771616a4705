import type { BreakerStats } from "./breaker-view.ts";
import type { Circuit } from "./circuit.ts";
import { effectiveFailures } from "./traffic.ts";

/** A frozen copy of everything the breaker has counted. */
export function readStats(circuit: Circuit, nowMs: number): BreakerStats {
  const { timeInStateMs, ...counted } = circuit.tally.copy();
  timeInStateMs[circuit.period.state] += circuit.spentMs(nowMs);
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
  const { period, consecutiveFailures } = circuit;
  return period.state === "closed"
    ? effectiveFailures(circuit, period, nowMs)
    : consecutiveFailures;
}

/** How near the trip is, 0 to 1; 1 unless closed. */
export function tripProgress(circuit: Circuit, nowMs: number): number {
  const { period } = circuit;
  if (period.state !== "closed") return 1;
  const consecutiveFailures = failuresNow(circuit, nowMs);
  return Math.min(1, period.evidence?.meters?.glance({ consecutiveFailures, nowMs }) ?? 0);
}
