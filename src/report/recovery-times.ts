import type { RecoveryTimes } from "./incident-report.ts";

/** Mean, median, 90th percentile (nearest rank) and maximum of lengths of time; null when there are none. */
export function recoveryTimes(lengthsMs: readonly number[]): RecoveryTimes {
  const sorted = lengthsMs.toSorted((a, b) => a - b);
  return {
    mttrMeanMs: meanMs(sorted),
    mttrMedianMs: medianMs(sorted),
    mttrP90Ms: sorted[Math.ceil(sorted.length * 0.9) - 1] ?? null,
    mttrMaxMs: sorted.at(-1) ?? null,
  };
}

function meanMs(lengthsMs: readonly number[]): number | null {
  if (lengthsMs.length === 0) return null;
  return lengthsMs.reduce((sum, lengthMs) => sum + lengthMs, 0) / lengthsMs.length;
}

function medianMs(sorted: readonly number[]): number | null {
  const middle = sorted.length / 2;
  return meanMs(sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1));
}

/** A stretch of time, in epoch milliseconds. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How long at least one of the windows lasted: time that several share counts once. */
export function unionMs(windows: readonly TimeWindow[]): number {
  let totalMs = 0;
  let coveredToMs = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs } of windows.toSorted((a, b) => a.fromMs - b.fromMs)) {
    totalMs += Math.max(0, toMs - Math.max(fromMs, coveredToMs));
    coveredToMs = Math.max(coveredToMs, toMs);
  }
  return totalMs;
}
