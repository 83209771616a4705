import type { CountedAs, FailureReason, ProbeOutcome } from "../events/vocabulary.ts";
import type { Call } from "./call.ts";
import { tellDuration } from "./call-durations.ts";
import type { Circuit } from "./circuit.ts";
import { toldRefusal } from "./circuit-open-error.ts";
import { FailureRun } from "./failure-run.ts";
import { commitOverdue } from "./overdue-trip.ts";
import {
  type ClosedPeriod,
  type DisabledPeriod,
  type HalfOpenPeriod,
  Probe,
  type Slot,
} from "./period.ts";
import { keepPermanent } from "./permanent-failures.ts";
import { closes, probeDecision, reopens } from "./probe-decision.ts";
import { ShadowTrip } from "./shadow-trip.ts";
import { changeFailures, degradedShare, settleIdle, tellShare } from "./traffic.ts";
import { decideTrip, meter } from "./trip-decision.ts";
import { HEARS_LATENCIES, HEARS_SUCCESSES } from "./trip-rule.ts";

/**
 * Takes the result of an admitted call and says what it counted as. Each call is settled once; its owner sees to that.
 */
export function settle(circuit: Circuit, call: Call, nowMs: number): CountedAs {
  // What it brought about while it was under way comes first.
  commitOverdue(circuit, nowMs);
  call.underWay?.leave();
  const { period } = circuit;
  if (period.state === "half_open") circuit.endLeases(nowMs);
  const current = isCurrent(circuit, call.slot);
  if (!current) settleLate(circuit, call);
  else if (period.state === "closed") settleClosed(circuit, period, call, nowMs);
  else if (call.slot instanceof Probe) settleProbe(circuit, call.slot, call, nowMs);
  else if (period.state === "disabled") settleMeasured(circuit, period, call, nowMs);
  circuit.deliver();
  if (current && circuit.durations !== null) tellDuration(circuit, call);
  return current ? call.outcome : "late";
}

/**
 * Counts and tells a success that finds no failure to forgive and no rule to hear it: by far the most frequent result,
 * and the only one that decides nothing. False for any other, which `settle` takes.
 */
export function settleCalm(circuit: Circuit, call: Call, nowMs: number): boolean {
  const { settings, journal } = circuit;
  if (circuit.period !== call.slot || circuit.consecutiveFailures > 0 || settings.hearsMore) {
    return false;
  }
  if (!settings.admitsPlainly && !endsCalmly(circuit, call, nowMs)) return false;
  circuit.tally.successes++;
  succeeded(circuit, call);
  if (journal !== null) {
    journal.success(call);
    journal.flush();
  }
  if (circuit.durations !== null) tellDuration(circuit, call);
  return true;
}

/** Notes the last success: one that was known for a while may not be the last. */
function succeeded(circuit: Circuit, { staleMs }: Call): void {
  const atMs = circuit.wallMs() - staleMs;
  if (staleMs > 0) circuit.staleSuccesses++;
  if (staleMs === 0 || !(circuit.lastSuccessAtMs > atMs)) circuit.lastSuccessAtMs = atMs;
}

/** Whether a success decides nothing of the calls that hang, either; it ends here then. */
function endsCalmly({ underWay: calls, period }: Circuit, call: Call, nowMs: number): boolean {
  if (calls === null) return true;
  // They may have begun a climb without a failure, which a success ends.
  const climbs = period.state === "closed" && (period.evidence?.climb ?? null) !== null;
  if (nowMs > calls.quietUntilMs || climbs) return false;
  call.underWay?.leave();
  calls.succeeded(nowMs - call.staleMs);
  return true;
}

/** Counts and tells a result that never had a slot, and so decides nothing. */
export function settleUnadmitted(circuit: Circuit, call: Omit<Call, "slot">): void {
  circuit.tally.call("late");
  circuit.journal?.late(call);
  circuit.deliver();
}

/** A call that its caller cancelled before it was admitted: counted and told, and no slot was taken. */
export function settleCancelled(circuit: Circuit, call: Omit<Call, "slot">): void {
  circuit.tally.begun++;
  circuit.tally.call("cancelled");
  circuit.journal?.ignored("cancelled", call);
  circuit.deliver();
}

/** Whether a result of this slot still decides. */
function isCurrent(circuit: Circuit, slot: Slot): boolean {
  return slot instanceof Probe
    ? slot.period === circuit.period && !slot.expired
    : slot === circuit.period;
}

function settleLate(circuit: Circuit, call: Call): void {
  if (isTold(circuit, call)) circuit.tally.endAsSkip();
  else {
    circuit.tally.call("late");
    circuit.journal?.late(call);
  }
  // An expired probe was told when its lease ended; one that a state change orphaned ends here.
  const { slot } = call;
  if (slot instanceof Probe && !slot.expired) tellProbe(circuit, "late", call);
}

function settleClosed(circuit: Circuit, period: ClosedPeriod, call: Call, nowMs: number): void {
  settleIdle(circuit, period, nowMs);
  const { settings, consecutiveFailures } = circuit;
  const reason = record(circuit, call);
  // The function that says what the call is about acted on the breaker: the result no longer decides.
  if (circuit.period !== period) return;
  const { shadow } = settings;
  if (shadow !== undefined && (reason !== null || call.outcome === "success")) {
    const seen = period.gather();
    seen.shadow ??= new ShadowTrip(shadow, circuit.underWay);
    seen.shadow.observe(circuit, call, reason, nowMs);
  }
  if (reason === null) {
    if (call.outcome === "success") settleSuccess(circuit, period, call, nowMs);
    return;
  }
  const evidence = period.gather();
  evidence.activeMs = nowMs;
  meter(circuit, period, reason, call.latencyMs, nowMs);
  if (circuit.period !== period) return;
  evidence.run ??= new FailureRun(circuit.wallMs(), nowMs);
  evidence.run.add(reason);
  if (call.permanent) forcePermanently(circuit, call, nowMs);
  else if (!decideTrip(circuit, period, call, nowMs)) {
    tellShare(circuit, degradedShare(settings, consecutiveFailures));
  }
}

function settleSuccess(circuit: Circuit, period: ClosedPeriod, call: Call, nowMs: number): void {
  const { hearing } = circuit.settings;
  circuit.underWay?.succeeded(nowMs - call.staleMs);
  if (hearing >= HEARS_SUCCESSES) meter(circuit, period, null, call.latencyMs, nowMs);
  if (circuit.period !== period) return;
  // Failures that came since it was known are none that it ends; those before have been set aside.
  const ends = call.staleMs === 0 || circuit.settings.degradation !== undefined;
  if (ends) calm(circuit, period, nowMs);
  if (hearing >= HEARS_LATENCIES) decideTrip(circuit, period, call, nowMs);
}

/** A success ends the run of failures; with degradation it forgives one of them. */
export function calm(circuit: Circuit, period: ClosedPeriod, nowMs: number): void {
  const { settings, consecutiveFailures } = circuit;
  if (settings.degradation !== undefined) {
    period.gather().activeMs = nowMs;
    changeFailures(circuit, period, Math.max(0, consecutiveFailures - 1));
    return;
  }
  circuit.forgetFailures();
  const { evidence } = period;
  if (evidence === null) return;
  evidence.run = null;
  // A rate does not fall to nothing at a success: its climb ends when the rate is down.
  if (settings.hearing < HEARS_SUCCESSES) evidence.climb = null;
}

function settleMeasured(circuit: Circuit, period: DisabledPeriod, call: Call, nowMs: number): void {
  const reason = record(circuit, call);
  if (circuit.period !== period) return;
  if (reason === null && call.outcome !== "success") return;
  if (reason === null && call.staleMs === 0) circuit.forgetFailures();
  const { rules, shadow } = circuit.settings;
  const { underWay: calls } = circuit;
  if (reason === null) calls?.succeeded(nowMs - call.staleMs);
  period.own ??= new ShadowTrip(rules, calls);
  period.own.observe(circuit, call, reason, nowMs);
  if (shadow === undefined) return;
  period.shadow ??= new ShadowTrip(shadow, calls);
  period.shadow.observe(circuit, call, reason, nowMs);
}

function settleProbe(circuit: Circuit, probe: Probe, call: Call, nowMs: number): void {
  const { period } = probe;
  const reason = record(circuit, call);
  period.inFlight.delete(probe);
  tellProbe(circuit, call.outcome, call);
  if (circuit.period !== period) return;
  if (reason !== null) failProbe(circuit, period, call, nowMs);
  else if (call.outcome === "success") {
    period.successes++;
    if (closes(circuit.settings, period)) circuit.close("probe", { note: undefined }, nowMs);
  }
}

function failProbe(circuit: Circuit, period: HalfOpenPeriod, call: Call, nowMs: number): void {
  if (call.permanent) {
    if (circuit.incident !== null) circuit.incident.reopens++;
    forcePermanently(circuit, call, nowMs);
    return;
  }
  period.failures ??= new FailureRun(circuit.wallMs(), nowMs);
  period.failures.add(call.outcome === "latency" ? "latency" : "error");
  if (!reopens(circuit.settings, period)) return;
  const { cause, reason } = probeDecision(circuit.settings, period, period.failures);
  const { thrown, retryAfterMs } = call;
  circuit.trip(reason, { cause, thrown, retryAfterMs, cooling: null }, nowMs);
}

function forcePermanently(circuit: Circuit, { thrown }: Call, nowMs: number): void {
  keepPermanent(thrown?.value);
  circuit.force({ note: "permanent failure", thrown, forMs: Number.POSITIVE_INFINITY }, nowMs);
}

/** Counts and tells what a current call counted as; the reason when it was a failure. */
function record(circuit: Circuit, call: Call): FailureReason | null {
  const { outcome } = call;
  if (isTold(circuit, call)) {
    circuit.tally.endAsSkip();
    return null;
  }
  circuit.tally.call(outcome);
  switch (outcome) {
    case "success":
      succeeded(circuit, call);
      circuit.journal?.success(call);
      return null;
    case "error":
    case "latency":
      circuit.consecutiveFailures++;
      circuit.lastFailureAtMs = circuit.wallMs();
      circuit.lastThrown = call.thrown?.value;
      circuit.journal?.failure(outcome, call);
      return outcome;
    case "ignored":
    case "cancelled":
    case "unreached":
      circuit.journal?.ignored(outcome, call);
      return null;
  }
}

/** Whether the call was counted and told as a skip already, by a refusal on the breaker's behalf. */
function isTold(circuit: Circuit, { outcome, thrown }: Call): boolean {
  return outcome === "unreached" && toldRefusal(circuit.name, thrown?.value) !== null;
}

function tellProbe(circuit: Circuit, outcome: ProbeOutcome, { latencyMs, context }: Call): void {
  circuit.tally.probe(outcome);
  const { period } = circuit;
  const probesInFlight = period.state === "half_open" ? period.inFlight.size : 0;
  circuit.journal?.probe({ outcome, latencyMs, probesInFlight }, context);
}
