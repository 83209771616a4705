import { NO_CONTEXT } from "./call-context.ts";
import type { CallsUnderWay } from "./calls-under-way.ts";
import type { Circuit } from "./circuit.ts";
import type { Cooling } from "./cooldown.ts";
import type { ClosedPeriod, DisabledPeriod } from "./period.ts";
import { ShadowTrip } from "./shadow-trip.ts";
import { effectiveFailures, settleIdle } from "./traffic.ts";
import { decisionOf, metersOf, tellClimb } from "./trip-decision.ts";
import type { Evidence, Moment } from "./trip-meters.ts";

// Calls that hang. To the rules a call that becomes overdue is a failure at that moment, whoever notices it first:
// a getter, which only reads it, or a step, which commits it.

/** A trip that overdue calls have brought about. */
export interface PendingTrip {
  readonly evidence: Evidence;
  /** It is effective since the moment at which the last call that it took became overdue. */
  readonly cooling: Cooling;
}

/** The trip that is effective at a moment and not committed yet; null when there is none. */
export function pendingTrip(circuit: Circuit, nowMs: number): PendingTrip | null {
  const { underWay: calls, period } = circuit;
  if (calls === null || period.state !== "closed") return null;
  if (nowMs > calls.quietUntilMs) findTrip(circuit, period, calls, nowMs);
  // A function of the user's that was asked may have acted on the breaker.
  return circuit.underWay?.pending ?? null;
}

/** Commits what overdue calls have brought about by now: a trip, a would-be trip, progress. */
export function commitOverdue(circuit: Circuit, nowMs: number): void {
  const { underWay: calls } = circuit;
  if (calls !== null && nowMs > calls.quietUntilMs) commit(circuit, calls, nowMs);
}

function commit(circuit: Circuit, calls: CallsUnderWay, nowMs: number): void {
  const { period } = circuit;
  if (calls.asking) return;
  if (period.state === "closed") findTrip(circuit, period, calls, nowMs);
  circuit.tellUntold();
  calls.asking = true;
  if (circuit.underWay === calls && period.state === "closed") {
    commitClosed(circuit, period, calls, nowMs);
  } else if (circuit.underWay === calls && period.state === "disabled") {
    observeDisabled(circuit, period, calls, nowMs);
  }
  calls.asking = false;
  calls.rest();
}

/** Asks the rules at each moment at which a call became overdue, in turn, until they trip. */
function findTrip(
  circuit: Circuit,
  period: ClosedPeriod,
  calls: CallsUnderWay,
  nowMs: number,
): void {
  if (calls.pending !== null || calls.asking) return;
  calls.asking = true;
  const meters = circuit.ask(() => metersOf(circuit, period));
  calls.age(nowMs);
  for (let momentMs = meters.nextOverdueMs; momentMs < nowMs; momentMs = meters.nextOverdueMs) {
    meters.takeOverdue(momentMs);
    calls.raised = true;
    calls.pending = circuit.ask(() => tripAt(circuit, period, momentMs));
    if (calls.pending !== null || circuit.period !== period) break;
  }
  calls.asking = false;
}

function tripAt(circuit: Circuit, period: ClosedPeriod, momentMs: number): PendingTrip | null {
  const meters = metersOf(circuit, period);
  const consecutiveFailures = effectiveFailures(circuit, period, momentMs);
  const moment: Moment = { consecutiveFailures, nowMs: momentMs, overdue: 0 };
  const nearest = meters.nearestByOverdue(moment);
  if (nearest === null || nearest.reading.ratio < 1) return null;
  const evidence = meters.explain(nearest, moment);
  return { evidence, cooling: circuit.coolingFrom(momentMs, null) };
}

function commitClosed(
  circuit: Circuit,
  period: ClosedPeriod,
  calls: CallsUnderWay,
  nowMs: number,
): void {
  const { pending } = calls;
  // From the moment of the trip on the breaker was not closed for anybody.
  const lastMs = pending?.cooling.sinceMs ?? nowMs;
  const { shadow } = circuit.settings;
  if (shadow !== undefined) {
    const seen = period.gather();
    seen.shadow ??= new ShadowTrip(shadow, calls);
    seen.shadow.notice(circuit, lastMs, nowMs);
    if (circuit.period !== period) return;
  }
  if (pending === null && !calls.raised) return;
  calls.raised = false;
  settleIdle(circuit, period, lastMs);
  if (pending === null) {
    tellProgress(circuit, period, nowMs);
    return;
  }
  const { evidence, cooling } = pending;
  const run = period.evidence?.run ?? null;
  const { cause, reason } = decisionOf(circuit, { run, evidence, last: "latency" }, nowMs);
  circuit.trip(reason, { cause, thrown: null, retryAfterMs: null, cooling }, nowMs);
}

function tellProgress(circuit: Circuit, period: ClosedPeriod, nowMs: number): void {
  const { consecutiveFailures } = circuit;
  const nearest = metersOf(circuit, period).nearest({ consecutiveFailures, nowMs, overdue: 0 });
  // A rate that reaches its threshold because successes left its window trips at the next failure.
  if (nearest === null || nearest.reading.ratio >= 1 || circuit.period !== period) return;
  tellClimb(circuit, period, { nearest, context: NO_CONTEXT });
}

function observeDisabled(
  circuit: Circuit,
  period: DisabledPeriod,
  calls: CallsUnderWay,
  nowMs: number,
): void {
  const { rules, shadow } = circuit.settings;
  period.own ??= new ShadowTrip(rules, calls);
  period.own.notice(circuit, nowMs, nowMs);
  if (shadow === undefined || circuit.period !== period) return;
  period.shadow ??= new ShadowTrip(shadow, calls);
  period.shadow.notice(circuit, nowMs, nowMs);
}
