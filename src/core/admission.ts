import type { Scalar } from "../events/field.ts";
import type { CircuitState, SkipReason } from "../events/vocabulary.ts";
import type { Circuit } from "./circuit.ts";
import type { BesideReason, RefusalFacts } from "./circuit-open-error.ts";
import { commitOverdue, type PendingTrip, pendingTrip } from "./overdue-trip.ts";
import {
  type ClosedPeriod,
  type DisabledPeriod,
  type HalfOpenPeriod,
  type Period,
  Probe,
  type Slot,
} from "./period.ts";
import { probeSlots } from "./probe-decision.ts";
import { settleIdle, shapesTraffic, trafficShare } from "./traffic.ts";

/**
 * The slot of a call that may run, or null when it must be refused: then `refuse` counts and tells it. What the
 * admission committed is delivered by the caller, with `startOf` or at the end of its step.
 */
export function admit(circuit: Circuit, nowMs: number): Slot | null {
  const { period, settings } = circuit;
  switch (period.state) {
    case "closed":
    case "disabled":
      return settings.admitsPlainly ? period : admitWithCare(circuit, period, nowMs);
    case "open":
    case "forced_open":
      return isDue(period, nowMs) && mayProbe(circuit)
        ? admitProbe(circuit, circuit.halfOpen(period, nowMs), nowMs)
        : null;
    case "half_open":
      circuit.endLeases(nowMs);
      if (period.inFlight.size < probeSlots(settings, period) && mayProbe(circuit)) {
        return admitProbe(circuit, period, nowMs);
      }
      return null;
  }
}

function admitWithCare(
  circuit: Circuit,
  period: ClosedPeriod | DisabledPeriod,
  nowMs: number,
): Slot | null {
  commitOverdue(circuit, nowMs);
  // Calls that hang have tripped it.
  if (circuit.period !== period) return admit(circuit, nowMs);
  return period.state === "disabled" || passes(circuit, period, nowMs) ? period : null;
}

/**
 * The slot of a result that was made elsewhere: a verdict when closed or disabled, whatever share of the traffic
 * passes; otherwise a probe, if one is due and a slot is free.
 */
export function admitResult(circuit: Circuit, nowMs: number): Slot | null {
  commitOverdue(circuit, nowMs);
  const { period } = circuit;
  return period.state === "closed" ? period : admit(circuit, nowMs);
}

/**
 * Delivers what the admission committed, and says when the call starts. Listeners run before the call does, and their
 * time is not the dependency's.
 */
export function startOf(circuit: Circuit, slot: Slot, admittedMs: number): number {
  if (!(slot instanceof Probe)) {
    const { settings } = circuit;
    if (settings.admitsPlainly) return admittedMs;
    if (!shapesTraffic(settings) && !circuit.isTelling) return admittedMs;
  }
  circuit.deliver();
  return circuit.begin();
}

/**
 * Counts and tells a refusal: after `admit` gave no slot, or for the reason that something beside the breaker has.
 */
export function refuse(
  circuit: Circuit,
  nowMs: number,
  context: Readonly<Record<string, Scalar>> | undefined,
  beside?: BesideReason,
): RefusalFacts {
  const { incident, period } = circuit;
  const { state } = period;
  const reason = beside ?? reasonOf(circuit, period, nowMs);
  const retryMs = retryAfterMs(circuit, nowMs);
  incident?.skip();
  circuit.tally.skip(reason);
  const facts: RefusalFacts = {
    breaker: circuit.name,
    state,
    reason,
    // The breaker would take the call at once; when there is room beside it, it cannot know.
    retryAfterMs: beside !== undefined && retryMs === 0 ? null : retryMs,
    openMs: incident?.openMs(nowMs) ?? 0,
    skipsSinceOpened: incident?.skipsSinceOpened ?? 0,
    incidentId: incident?.id,
    cause: circuit.lastThrown,
  };
  circuit.journal?.skip(facts, context);
  circuit.deliver();
  return facts;
}

/** 0 when a call may be tried now, null when that is unknown: forced without an end, or every probe slot held. */
export function retryAfterMs(circuit: Circuit, nowMs: number): number | null {
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
  return share >= 1 || circuit.chance() < share;
}

function reasonOf(circuit: Circuit, period: Period, nowMs: number): SkipReason {
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
