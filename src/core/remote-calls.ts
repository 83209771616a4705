import type { Scalar } from "../events/field.ts";
import type { CircuitState, Outcome, SkipReason } from "../events/vocabulary.ts";
import { admit, effectiveState, refuse, retryAfterMs } from "./admission.ts";
import { unjudged } from "./call.ts";
import { type CircuitBreaker, circuitOf } from "./circuit-breaker.ts";
import { slowed } from "./classification.ts";
import { commitTime } from "./control.ts";
import { Probe, type Slot } from "./period.ts";
import { settle, settleUnadmitted } from "./settlement.ts";
import { trafficShare } from "./traffic.ts";

// For one who keeps a breaker whose calls run elsewhere, by what it had said before.

/** The result of a call that ran elsewhere. */
export interface RemoteResult {
  /**
   * The generation that the call was admitted in; null when nobody could be asked: then it belongs to whatever
   * generation is closed or disabled now.
   */
  readonly generation: number | null;
  /** The slot of a probe. */
  readonly probe: Probe | null;
  readonly outcome: Outcome;
  readonly latencyMs: number;
  readonly thrown: { readonly value: unknown } | null;
  /** Counts as error and forces the breaker open. */
  readonly permanent: boolean;
  readonly retryAfterMs: number | null;
  readonly context: Readonly<Record<string, Scalar>> | undefined;
}

/** What is to be known of a breaker to admit calls elsewhere. Effective, as `state` is. */
export interface RemoteView {
  readonly state: CircuitState;
  readonly generation: number;
  /** When a call may be tried; 0 for now, null when that is unknown. */
  readonly retryAfterMs: number | null;
  /** The share of the calls that pass while closed, and why it is not 1. */
  readonly trafficShare: number;
  readonly shedAs: "degraded" | "ramping";
  /** Since the last open; 0 when closed. */
  readonly openMs: number;
  readonly skipsSinceOpened: number;
  readonly incidentId: string | null;
  readonly consecutiveFailures: number;
  /** A slower call counts as latency; null without a limit. */
  readonly latencyTripMs: number | null;
}

/** Commits what time has brought about, and answers the breaker as it is then. */
export function viewRemote(breaker: CircuitBreaker): RemoteView {
  const circuit = circuitOf(breaker);
  const nowMs = circuit.begin();
  commitTime(circuit, nowMs);
  circuit.deliver();
  const { period, incident, generation, consecutiveFailures, settings } = circuit;
  const { share, reason } =
    period.state === "closed"
      ? trafficShare(circuit, period, nowMs)
      : { share: period.state === "disabled" ? 1 : 0, reason: "degraded" as const };
  const { latencyTripMs } = settings;
  return {
    state: effectiveState(circuit, nowMs),
    generation,
    retryAfterMs: retryAfterMs(circuit, nowMs),
    trafficShare: share,
    shedAs: reason,
    openMs: incident?.openMs(nowMs) ?? 0,
    skipsSinceOpened: incident?.skipsSinceOpened ?? 0,
    incidentId: incident?.id ?? null,
    consecutiveFailures,
    latencyTripMs: Number.isFinite(latencyTripMs) ? latencyTripMs : null,
  };
}

/** A slot for a probe that runs elsewhere, if one is due and free. Who is told no has not been refused yet. */
export function admitRemoteProbe(breaker: CircuitBreaker): Probe | null {
  const circuit = circuitOf(breaker);
  const nowMs = circuit.begin();
  const slot = circuit.period.state === "closed" ? null : admit(circuit, nowMs);
  if (slot instanceof Probe) circuit.tally.begun++;
  circuit.deliver();
  return slot instanceof Probe ? slot : null;
}

/**
 * The slot of a probe that was admitted before the breaker was restored: null when its incident is over, when the
 * breaker has opened again since, or when others have its slot by now.
 */
export function resumeRemoteProbe(
  breaker: CircuitBreaker,
  { incidentId, agoMs }: { readonly incidentId: string; readonly agoMs: number },
): Probe | null {
  const circuit = circuitOf(breaker);
  const { incident } = circuit;
  if (incident === null || incident.id !== incidentId) return null;
  if (incident.openMs(circuit.begin()) <= agoMs) return null;
  const probe = admitRemoteProbe(breaker);
  // It was counted when it was admitted first.
  if (probe !== null) incident.probes--;
  return probe;
}

/**
 * Takes the result of a call that ran elsewhere. It counts in its own generation, and never as a probe that it was not:
 * one that was under way when the breaker opened is late, whatever the breaker waits for now.
 */
export function settleRemote(breaker: CircuitBreaker, result: RemoteResult): void {
  const circuit = circuitOf(breaker);
  const nowMs = circuit.begin();
  commitTime(circuit, nowMs);
  const { generation, probe, latencyMs, thrown, permanent, retryAfterMs, context } = result;
  const outcome = slowed(result.outcome, latencyMs, circuit.settings.latencyTripMs);
  const call = { ...unjudged(outcome, latencyMs, thrown), permanent, retryAfterMs, context };
  if (probe === null) circuit.tally.begun++;
  const { period } = circuit;
  const isCurrent = generation === null || generation === circuit.generation;
  const counts = isCurrent && (period.state === "closed" || period.state === "disabled");
  const slot: Slot | null = probe ?? (counts ? period : null);
  if (slot === null) settleUnadmitted(circuit, call);
  else settle(circuit, { ...call, slot }, nowMs);
}

/** Counts and tells calls that were refused elsewhere, by what this breaker had said before. */
export function refuseRemote(breaker: CircuitBreaker, reason: SkipReason, count: number): void {
  const circuit = circuitOf(breaker);
  for (let n = 0; n < count; n++) refuse(circuit, circuit.begin(), undefined, { reason });
}

/** Tells that a function failed that was given where the calls run. */
export function callbackFailedRemote(
  breaker: CircuitBreaker,
  callback: string,
  thrown: unknown,
): void {
  const circuit = circuitOf(breaker);
  circuit.callbackFailed(callback, thrown);
  circuit.deliver();
}
