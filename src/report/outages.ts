import type { IncidentSummary } from "./incident-report.ts";
import type { Outage } from "./post-mortem-report.ts";
import { type TimeWindow, unionMs } from "./recovery-times.ts";

/** When an incident was, by the length that a monotonic clock gave: the wall clock may have been set meanwhile. */
export const windowOf = ({ openedAtMs, openMs }: IncidentSummary): TimeWindow => ({
  fromMs: openedAtMs,
  toMs: openedAtMs + openMs,
});

/** Puts the incidents of one breaker together that overlap: what its users saw as one outage. */
export function outagesOf(incidents: readonly IncidentSummary[]): readonly Outage[] {
  const groups: IncidentSummary[][] = [];
  let untilMs = Number.NEGATIVE_INFINITY;
  for (const incident of incidents.toSorted((a, b) => a.openedAtMs - b.openedAtMs)) {
    const { fromMs, toMs } = windowOf(incident);
    const group = groups.at(-1);
    if (group !== undefined && fromMs <= untilMs) group.push(incident);
    else groups.push([incident]);
    untilMs = Math.max(untilMs, toMs);
  }
  return groups.map(outageOf);
}

function outageOf(incidents: readonly IncidentSummary[]): Outage {
  const windows = incidents.map(windowOf);
  const starts = windows.map(({ fromMs }) => fromMs);
  return {
    breaker: incidents[0]?.breaker ?? "",
    // Of a group with thousands, spread arguments would be too many.
    fromMs: starts.reduce((least, fromMs) => Math.min(least, fromMs), Number.POSITIVE_INFINITY),
    toMs: windows.reduce((most, { toMs }) => Math.max(most, toMs), Number.NEGATIVE_INFINITY),
    stillOpen: incidents.some(({ closedAtMs }) => closedAtMs === null),
    unionMs: unionMs(windows),
    meanMs: incidents.reduce((sum, { openMs }) => sum + openMs, 0) / incidents.length,
    instances: [...new Set(incidents.flatMap(({ instances }) => instances))],
    incidentIds: incidents.map(({ incidentId }) => incidentId),
  };
}

/** Mean time from the beginning of one outage to that of the next; null with fewer than two. */
export function mtbfMs(outages: readonly Outage[]): number | null {
  const first = outages[0];
  const last = outages.at(-1);
  if (first === undefined || last === undefined || outages.length < 2) return null;
  return (last.fromMs - first.fromMs) / (outages.length - 1);
}
