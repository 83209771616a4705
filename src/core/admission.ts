import type { Scalar } from "../events/field.ts";
import type { CircuitState, SkipReason } from "../events/vocabulary.ts";
import { chanceOf } from "./asked-options.ts";
import type { Circuit } from "./circuit.ts";
import type { Beside, RefusalFacts } from "./circuit-open-error.ts";
import { commitOverdue, type PendingTrip, pendingTrip } from "./overdue-trip.ts";
import { type ClosedPeriod, type HalfOpenPeriod, type Period, Probe, type Slot } from "./period.ts";
import { probeSlots } from "./probe-decision.ts";
import { askQuota, isAsking } from "./quota-admission.ts";
import { settleIdle, shapesTraffic, trafficShare } from "./traffic.ts";

/**
 * The slot of a call that may run, or null when it must be refused: then `refuse` counts and tells it. What the
 * admission committed is delivered by the caller, with `startOf` or at the end of its step.
 */
export function admit(circuit: Circuit, nowMs: number): Slot | null {
  const { period, settings } = circuit;
  const runs = period.state === "closed" || period.state === "disabled";
  if (runs && settings.admitsPlainly) return period;
  commitOverdue(circuit, nowMs);
  // Only of a call that would run, so that what the state refuses is told as that; and before it takes a slot.
  const asks = settings.quota !== undefined && stateRetryMs(circuit, nowMs) === 0;
  const waitMs = asks ? askQuota(circuit) : 0;
  if (!isAsking(circuit)) circuit.quotaMs = waitMs;
  return waitMs > 0 ? null : admitted(circuit, nowMs);
}

function admitted(circuit: Circuit, nowMs: number): Slot | null {
  const { period } = circuit;
  switch (period.state) {
    case "closed":
      return passes(circuit, period, nowMs) ? period : null;
    case "disabled":
      return period;
    case "open":
    case "forced_open":
      return isDue(period, nowMs) && mayProbe(circuit)
        ? admitProbe(circuit, circuit.halfOpen(period, nowMs), nowMs)
        : null;
    case "half_open":
      circuit.endLeases(nowMs);
      if (period.inFlight.size < probeSlots(circuit.settings, period) && mayProbe(circuit)) {
        return admitProbe(circuit, period, nowMs);
      }
      return null;
  }
}

/**
 * The slot of a result that was made elsewhere: a verdict when closed or disabled, whatever share of the traffic
 * passes and whatever the quota; otherwise a probe, if one is due and a slot is free.
 */
export function admitResult(circuit: Circuit, nowMs: number): Slot | null {
  commitOverdue(circuit, nowMs);
  const { period } = circuit;
  return period.state === "closed" ? period : admitted(circuit, nowMs);
}

/**
 * Delivers what the admission committed, and says when the call starts. Listeners run before the call does, and their
 * time is not the dependency's.
 */
export function startOf(circuit: Circuit, slot: Slot, admittedMs: number): number {
  if (!(slot instanceof Probe)) {
    const { settings } = circuit;
    if (settings.admitsPlainly) return admittedMs;
    if (!shapesTraffic(settings) && !isTelling(circuit)) return admittedMs;
  }
  circuit.deliver();
  return circuit.begin();
}

/** Why a call is refused that the breaker itself was not asked about, or would have taken. */
type Refusing = Pick<Beside, "waitMs"> & { readonly reason: SkipReason };

/**
 * Counts and tells a refusal: after `admit` gave no slot, or for the reason that something beside the breaker has.
 */
export function refuse(
  circuit: Circuit,
  nowMs: number,
  context: Readonly<Record<string, Scalar>> | undefined,
  beside?: Refusing,
): RefusalFacts {
  const { incident, period } = circuit;
  const { state } = period;
  const reason = beside?.reason ?? reasonOf(circuit, period, nowMs);
  const retryMs = refusedMs(circuit, nowMs, beside);
  incident?.skip();
  circuit.tally.skip(reason);
  const facts: RefusalFacts = {
    breaker: circuit.name,
    state,
    reason,
    retryAfterMs: retryMs,
    openMs: incident?.openMs(nowMs) ?? 0,
    skipsSinceOpened: incident?.skipsSinceOpened ?? 0,
    incidentId: incident?.id,
    cause: circuit.lastThrown,
  };
  circuit.journal?.skip(facts, context);
  circuit.deliver();
  return facts;
}

/** Whether an admission has something to tell, about calls that hang. */
function isTelling({ underWay, journal }: Circuit): boolean {
  return underWay !== null && journal?.isWaiting === true;
}

/** When the next call may be tried that was refused now; null when that is unknown. */
function refusedMs(circuit: Circuit, nowMs: number, beside: Refusing | undefined): number | null {
  if (beside === undefined && circuit.quotaMs > 0) return finite(circuit.quotaMs);
  const retryMs = retryAfterMs(circuit, nowMs);
  if (beside === undefined || retryMs === null) return retryMs;
  const { waitMs = null } = beside;
  if (waitMs !== null) return finite(Math.max(waitMs, retryMs));
  // The breaker would take the call at once; when there is room beside it, it cannot know.
  return retryMs === 0 ? null : retryMs;
}

const finite = (waitMs: number): number | null => (Number.isFinite(waitMs) ? waitMs : null);

/**
 * 0 when a call may be tried now, null when that is unknown: forced without an end, every probe slot held, or a quota
 * that does not say.
 */
export function retryAfterMs(circuit: Circuit, nowMs: number): number | null {
  const retryMs = stateRetryMs(circuit, nowMs);
  if (circuit.settings.quota === undefined || retryMs === null) return retryMs;
  return finite(Math.max(retryMs, askQuota(circuit)));
}

/** The same by the state alone. */
function stateRetryMs(circuit: Circuit, nowMs: number): number | null {
  const pending = pendingTrip(circuit, nowMs);
  if (pending !== null) return Math.max(0, dueMs(pending) - nowMs);
  const { period, settings } = circuit;
  switch (period.state) {
    case "closed":
    case "disabled":
      return 0;
    case "open":
    case "forced_open": {
      const leftMs = Math.max(0, period.retryMs - nowMs);
      return Number.isFinite(leftMs) ? leftMs : null;
    }
    case "half_open":
      return period.held(nowMs) < probeSlots(settings, period) ? 0 : null;
  }
}

/** The committed state plus the time that passed. */
export function effectiveState(circuit: Circuit, nowMs: number): CircuitState {
  const pending = pendingTrip(circuit, nowMs);
  if (pending !== null) return nowMs >= dueMs(pending) ? "half_open" : "open";
  const { period } = circuit;
  return isDue(period, nowMs) ? "half_open" : period.state;
}

/** When a probe may run after a trip that is not committed yet. */
function dueMs({ cooling: { sinceMs, cooldownMs } }: PendingTrip): number {
  return sinceMs + cooldownMs;
}

/** Of a fleet one task probes at a time; what that is answered from is in memory. */
function mayProbe({ fleet }: Circuit): boolean {
  return fleet === null || fleet.mayProbe();
}

/** Whether the cooldown is over, so that the next call is a probe. */
function isDue(period: Period, nowMs: number): boolean {
  return (period.state === "open" || period.state === "forced_open") && nowMs >= period.retryMs;
}

/** Whether a call of a closed breaker is in the share that passes. */
function passes(circuit: Circuit, period: ClosedPeriod, nowMs: number): boolean {
  if (!shapesTraffic(circuit.settings)) return true;
  settleIdle(circuit, period, nowMs);
  const { share } = trafficShare(circuit, period, nowMs);
  return share >= 1 || chanceOf(circuit) < share;
}

function reasonOf(circuit: Circuit, period: Period, nowMs: number): SkipReason {
  if (circuit.quotaMs > 0) return "quota";
  switch (period.state) {
    case "closed":
      return trafficShare(circuit, period, nowMs).reason;
    case "disabled":
      throw new Error(`Cannot refuse a call of breaker "${circuit.name}": it is disabled`);
    default:
      // The other states are named as the reasons are.
      return period.state;
  }
}

function admitProbe(circuit: Circuit, period: HalfOpenPeriod, nowMs: number): Probe {
  const probe = new Probe(period, nowMs + circuit.settings.leaseMs);
  period.inFlight.add(probe);
  if (circuit.incident !== null) circuit.incident.probes++;
  return probe;
}
