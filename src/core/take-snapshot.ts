import { platformRandom } from "../platform.ts";
import {
  BREAKER_KIND,
  type BreakerSnapshot,
  type CandidateSnapshot,
  type EvidenceSnapshot,
  type IncidentSnapshot,
  type RunSnapshot,
} from "./breaker-snapshot.ts";
import type { Circuit } from "./circuit.ts";
import { catchUp } from "./control.ts";
import type { Evidence } from "./evidence.ts";
import type { FailureRun } from "./failure-run.ts";
import { type Incident, incidentIdOf } from "./incident.ts";
import { noted } from "./noted.ts";
import type { ShadowTrip } from "./shadow-trip.ts";
import { COUNTED, type Counted, type TallySnapshot } from "./tally.ts";

/** A breaker as plain data. Commits and tells first what time alone has brought about. */
export function takeSnapshot(circuit: Circuit): BreakerSnapshot {
  catchUp(circuit, circuit.begin());
  // Listeners may have taken their time.
  const nowMs = circuit.begin();
  const takenAtMs = circuit.wallMs();
  const { name, seq, generation, period, consecutiveFailures, incident, attempts } = circuit;
  const { state } = period;
  circuit.life ??= incidentIdOf(takenAtMs, platformRandom());
  const waits = state === "open" || state === "forced_open";
  const untilMs = waits ? period.retryMs - nowMs : Number.POSITIVE_INFINITY;
  const isWaiting = Number.isFinite(untilMs);
  const evidence = state === "closed" ? period.evidence : null;
  const rampFromMs = state === "closed" ? period.rampFromMs : null;
  const shadow = state === "disabled" ? period.shadow : evidence?.shadow;
  return {
    kind: BREAKER_KIND,
    v: 1,
    name,
    life: circuit.life,
    takenAtMs,
    seq,
    generation,
    state,
    enteredAgoMs: circuit.spentMs(nowMs),
    retryAtMs: isWaiting ? takenAtMs + untilMs : null,
    remainingMs: isWaiting ? Math.max(0, untilMs) : null,
    ...noted(state === "forced_open" ? period.note : undefined),
    consecutiveFailures,
    lastFailureAtMs: circuit.lastFailureAtMs,
    lastSuccessAtMs: Number.isNaN(circuit.lastSuccessAtMs) ? null : circuit.lastSuccessAtMs,
    counts: countedOf(circuit.tally.copy()),
    incident: incident === null ? null : incidentOf(incident, nowMs),
    backoff: attempts === null ? null : attempts.last,
    rampAgoMs: rampFromMs === null ? null : nowMs - rampFromMs,
    evidence: evidence === null ? null : evidenceOf(evidence, nowMs),
    own: candidateOf(state === "disabled" ? period.own : null, nowMs),
    shadow: candidateOf(shadow ?? null, nowMs),
  };
}

/** The counters that are not 0. */
function countedOf(copied: TallySnapshot): Counted {
  const counted: Record<string, Record<string, number>> = {};
  for (const kind of COUNTED) {
    const counts: Readonly<Record<string, number>> = copied[kind];
    for (const word in counts) {
      const count = counts[word] ?? 0;
      if (count === 0) continue;
      counted[kind] ??= {};
      counted[kind][word] = count;
    }
  }
  return counted;
}

function incidentOf(
  { startedMs, openedMs, ...counted }: Incident,
  nowMs: number,
): IncidentSnapshot {
  return { ...counted, startedAgoMs: nowMs - startedMs, openedAgoMs: nowMs - openedMs };
}

function evidenceOf({ run, climb, meters, activeMs }: Evidence, nowMs: number): EvidenceSnapshot {
  return {
    run: runOf(run, nowMs),
    peak: climb?.peak ?? 0,
    // Before the first verdict it is 0, whatever the clock says.
    activeAgoMs: Math.max(0, nowMs - activeMs),
    meters: meters?.save(nowMs) ?? [],
  };
}

function candidateOf(trip: ShadowTrip | null, nowMs: number): CandidateSnapshot | null {
  if (trip === null) return null;
  const { run, failures, blindUntilMs, meters } = trip.state(nowMs);
  const blindMs = Math.max(0, blindUntilMs - nowMs);
  return { run: runOf(run, nowMs), failures, blindMs, meters };
}

function runOf(run: FailureRun | null, nowMs: number): RunSnapshot | null {
  if (run === null) return null;
  const { byReason, last, firstAtMs, firstMs } = run;
  return { ...byReason, last, firstAtMs, firstAgoMs: nowMs - firstMs };
}
