import type { BreakerStats } from "./breaker-view.ts";
import type { Circuit } from "./circuit.ts";

/** A frozen copy of everything the breaker has counted. */
export function readStats(circuit: Circuit, nowMs: number): BreakerStats {
  const { timeInStateMs, ...counted } = circuit.tally.freeze();
  timeInStateMs[circuit.period.state] += circuit.spentMs(nowMs);
  return Object.freeze({
    ...counted,
    consecutiveFailures: circuit.consecutiveFailures,
    lastFailureAtMs: circuit.lastFailureAtMs,
    lastSuccessAtMs: circuit.lastSuccessAtMs,
    timeInStateMs: Object.freeze(timeInStateMs),
  });
}

/** How near the trip is, 0 to 1; 1 unless closed. */
export function tripProgress(circuit: Circuit, nowMs: number): number {
  const { period, consecutiveFailures } = circuit;
  if (period.state !== "closed") return 1;
  const nearest = period.meters?.nearest({ consecutiveFailures, nowMs });
  return Math.min(1, nearest?.reading.ratio ?? 0);
}
