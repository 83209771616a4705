import type { IncidentDetail, PostMortem } from "../../report/post-mortem-report.ts";
import type { TimeBin } from "../../report/time-bins.ts";

/** A stretch of time in one state, as a chart shows it. */
export interface ChartStretch {
  readonly state: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** It has no recorded end. */
  readonly isOpenEnded: boolean;
  readonly incidentId: string;
}

/** One process of a breaker. */
export interface ChartLane {
  readonly label: string;
  readonly stretches: readonly ChartStretch[];
}

/** What the chart of one breaker shows. */
export interface BreakerChart {
  readonly name: string;
  readonly lanes: readonly ChartLane[];
  readonly binMs: number;
  readonly bins: readonly TimeBin[];
}

/** What the script of the page draws. */
export interface ChartData {
  readonly fromMs: number;
  readonly toMs: number;
  readonly breakers: readonly BreakerChart[];
}

/** More charts would be a page that nobody scrolls through. */
const MOST_CHARTS = 30;
const MOST_LANES = 40;

/** The data of the charts: of the breakers that were open longest, and how many have none. */
export function chartData(report: PostMortem): { readonly data: ChartData; readonly left: number } {
  const { incidents, breakers, fromAtMs, toAtMs } = report;
  const byBreaker = groupedBy(incidents, ({ breaker }) => breaker);
  const longest = [...byBreaker].sort(
    ([a], [b]) => (breakers[b]?.openMs ?? 0) - (breakers[a]?.openMs ?? 0),
  );
  const shown = longest.slice(0, MOST_CHARTS);
  return {
    data: {
      fromMs: fromAtMs ?? 0,
      toMs: toAtMs ?? 0,
      breakers: shown.map(([name, own]) => ({
        name,
        lanes: lanesOf(own),
        binMs: breakers[name]?.binMs ?? 1_000,
        bins: breakers[name]?.bins ?? [],
      })),
    },
    left: longest.length - shown.length,
  };
}

function lanesOf(incidents: readonly IncidentDetail[]): readonly ChartLane[] {
  const byProcess = groupedBy(incidents, ({ instances }) => instances.join(", "));
  return [...byProcess]
    .slice(0, MOST_LANES)
    .map(([label, own]) => ({ label, stretches: own.flatMap(stretchesOf) }));
}

function stretchesOf(incident: IncidentDetail): readonly ChartStretch[] {
  const { incidentId, openedAtMs, openMs, stretches } = incident;
  const endMs = openedAtMs + openMs;
  // An incident of which the record has no change of state at all.
  if (stretches.length === 0) {
    return [{ state: "open", fromMs: openedAtMs, toMs: endMs, isOpenEnded: true, incidentId }];
  }
  return stretches.map(({ state, fromMs, toMs }) => ({
    ...{ state, fromMs, incidentId },
    toMs: toMs ?? Math.max(fromMs, endMs),
    isOpenEnded: toMs === null,
  }));
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
