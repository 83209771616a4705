import type { FailureReason } from "../events/vocabulary.ts";
import type { Call } from "./call.ts";
import type { Circuit } from "./circuit.ts";
import type { TripCause } from "./facts.ts";
import { type FailureRun, majority } from "./failure-run.ts";
import type { ClosedPeriod } from "./period.ts";
import { ProgressClimb } from "./progress-climb.ts";
import {
  type Evidence,
  followAll,
  levelsOf,
  type Moment,
  type Nearest,
  TripMeters,
} from "./trip-meters.ts";
import { HEARS_LATENCIES, type Verdict } from "./trip-rule.ts";

/** Lets the rules hear a verdict of a closed period, before it is decided what follows. */
export function meter(
  circuit: Circuit,
  period: ClosedPeriod,
  verdict: Verdict,
  latencyMs: number | null,
  nowMs: number,
): void {
  const meters = metersOf(circuit, period);
  // What lowered the rate since the last failure may have ended the climb.
  const climb = period.evidence?.climb ?? null;
  if (verdict !== null && climb !== null) {
    const consecutiveFailures = circuit.consecutiveFailures - 1;
    climb.fallTo(meters.nearest({ consecutiveFailures, nowMs, overdue: 0 })?.reading.ratio ?? 0);
  }
  meters.record(verdict, latencyMs, nowMs);
}

/** Trips when a rule says so; otherwise tells the progress towards it. Whether it tripped. */
export function decideTrip(
  circuit: Circuit,
  period: ClosedPeriod,
  call: Call,
  nowMs: number,
): boolean {
  const meters = metersOf(circuit, period);
  const { consecutiveFailures } = circuit;
  const moment: Moment = { consecutiveFailures, nowMs, overdue: 0 };
  const nearest = meters.nearest(moment, askedAfter(call.outcome));
  // A rule of the user's making acted on the breaker: what it was asked about is over.
  if (circuit.period !== period) return true;
  if (nearest === null) return false;
  if (nearest.reading.ratio >= 1) {
    const evidence = meters.explain(nearest, moment);
    if (circuit.period !== period) return true;
    const run = period.evidence?.run ?? null;
    const last = run?.last ?? "latency";
    const { cause, reason } = decisionOf(circuit, { run, evidence, last }, nowMs);
    const { thrown, retryAfterMs } = call;
    circuit.trip(reason, { cause, thrown, retryAfterMs, cooling: null }, nowMs);
    return true;
  }
  tellClimb(circuit, period, { nearest, context: call.context });
  return false;
}

/** Tells the progress when it reaches a level for the first time in its climb. */
export function tellClimb(
  circuit: Circuit,
  period: ClosedPeriod,
  { nearest, context }: { readonly nearest: Nearest; readonly context: Call["context"] },
): void {
  const { rule, reading } = nearest;
  const seen = period.gather();
  seen.climb ??= new ProgressClimb();
  if (seen.climb.reaches(reading.ratio, levelsOf(rule))) {
    circuit.journal?.progress(rule, reading, context);
  }
}

/** Which rules are asked after a result: all after a failure, those that judge slow calls after a success. */
export function askedAfter(outcome: Call["outcome"]): number {
  return outcome === "success" ? HEARS_LATENCIES : 0;
}

/** The meters of a closed period, begun when they are first asked for. */
export function metersOf(circuit: Circuit, period: ClosedPeriod): TripMeters {
  const seen = period.gather();
  seen.meters ??= new TripMeters(circuit.settings.rules, circuit, followAll(circuit.underWay));
  return seen.meters;
}

/** What speaks for an open, or a would-be open. */
export interface Speaking {
  /** The failures since the last success. */
  readonly run: FailureRun | null;
  readonly evidence: Evidence;
  /** The reason of the failure that decided. */
  readonly last: FailureReason;
}

/** What an open, or a would-be open, is for, and what it explains itself by. */
export function decisionOf(
  circuit: Circuit,
  speaking: Speaking,
  nowMs: number,
): { readonly cause: TripCause; readonly reason: FailureReason } {
  const cause = causeOf(circuit, speaking, nowMs);
  return { cause, reason: majority(cause.failuresByReason, speaking.last) };
}

function causeOf(circuit: Circuit, { run, evidence }: Speaking, nowMs: number): TripCause {
  const { window, rule, overdue, firstOverdueMs } = evidence;
  const { error = 0, latency = 0 } = run?.byReason ?? {};
  const told = {
    rule: rule.name,
    threshold: rule.threshold,
    window,
    failuresByReason: evidence.failuresByReason ?? { error, latency: latency + overdue },
  };
  // A rule that keeps no moments leaves them to the run of failures; one that counted only calls that hang has none.
  const onlyOverdue = firstOverdueMs !== null && evidence.failuresByReason !== null;
  const countedMs = evidence.firstFailureMs ?? (onlyOverdue ? null : (run?.firstMs ?? null));
  const firstFailureMs =
    countedMs === null ? firstOverdueMs : Math.min(countedMs, firstOverdueMs ?? countedMs);
  const isOfRun = countedMs !== null && evidence.firstFailureMs === null;
  if (run !== null && isOfRun && firstFailureMs === run.firstMs) {
    return { ...told, firstFailureAtMs: run.firstAtMs, firstFailureMs };
  }
  const firstFailureAtMs =
    firstFailureMs === null ? null : Math.round(circuit.wallMs() - (nowMs - firstFailureMs));
  return { ...told, firstFailureAtMs, firstFailureMs };
}
