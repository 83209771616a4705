import type { FailureReason } from "../events/vocabulary.ts";
import type { Call } from "./call.ts";
import type { Circuit } from "./circuit.ts";
import type { TripCause } from "./facts.ts";
import { type FailureRun, majority } from "./failure-run.ts";
import type { ClosedPeriod } from "./period.ts";
import { ProgressClimb } from "./progress-climb.ts";
import { levelsOf, TripMeters } from "./trip-meters.ts";
import {
  HEARS_LATENCIES,
  type Situation,
  type TripEvidence,
  type TripRule,
  type Verdict,
} from "./trip-rule.ts";

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
    climb.fallTo(meters.nearest({ consecutiveFailures, nowMs })?.reading.ratio ?? 0);
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
  const seen = period.gather();
  const meters = metersOf(circuit, period);
  const situation: Situation = { consecutiveFailures: circuit.consecutiveFailures, nowMs };
  const nearest = meters.nearest(situation, askedAfter(call.outcome));
  // A rule of the user's making acted on the breaker: what it was asked about is over.
  if (circuit.period !== period) return true;
  if (nearest === null) return false;
  if (nearest.reading.ratio >= 1) {
    const evidence = { ...meters.explain(nearest, situation), rule: nearest.rule };
    if (circuit.period !== period) return true;
    const { cause, reason } = decisionOf(circuit, seen.run, evidence, nowMs);
    circuit.trip(reason, { cause, thrown: call.thrown, retryAfterMs: call.retryAfterMs }, nowMs);
    return true;
  }
  seen.climb ??= new ProgressClimb();
  if (seen.climb.reaches(nearest.reading.ratio, levelsOf(nearest.rule))) {
    circuit.journal?.progress(nearest.rule, nearest.reading, call);
  }
  return false;
}

/** Which rules are asked after a result: all after a failure, those that judge slow calls after a success. */
export function askedAfter(outcome: Call["outcome"]): number {
  return outcome === "success" ? HEARS_LATENCIES : 0;
}

/** What a failed probe explains itself by: it alone decided. */
export function probeCause(run: FailureRun): TripCause {
  return {
    rule: "probe",
    threshold: 1,
    window: { calls: 1, failures: 1 },
    failuresByReason: run.byReason,
    firstFailureAtMs: run.firstAtMs,
    firstFailureMs: run.firstMs,
  };
}

/** The meters of a closed period, begun when they are first asked for. */
export function metersOf(circuit: Circuit, period: ClosedPeriod): TripMeters {
  const seen = period.gather();
  seen.meters ??= new TripMeters(circuit.settings.rules, circuit);
  return seen.meters;
}

/** What an open, or a would-be open, is for, and what it explains itself by. */
export function decisionOf(
  circuit: Circuit,
  run: FailureRun | null,
  evidence: TripEvidence & { readonly rule: TripRule },
  nowMs: number,
): { readonly cause: TripCause; readonly reason: FailureReason } {
  const cause = causeOf(circuit, run, evidence, nowMs);
  return { cause, reason: majority(cause.failuresByReason, run?.last ?? "latency") };
}

function causeOf(
  circuit: Circuit,
  run: FailureRun | null,
  evidence: TripEvidence & { readonly rule: TripRule },
  nowMs: number,
): TripCause {
  const { firstFailureMs, window, rule } = evidence;
  const told = {
    rule: rule.name,
    threshold: rule.threshold,
    window,
    failuresByReason: evidence.failuresByReason ?? run?.byReason ?? { error: 0, latency: 0 },
  };
  // A rule that keeps no moments leaves them to the run of failures.
  if (firstFailureMs === null) {
    return {
      ...told,
      firstFailureAtMs: run?.firstAtMs ?? null,
      firstFailureMs: run?.firstMs ?? null,
    };
  }
  const firstFailureAtMs = Math.round(circuit.wallMs() - (nowMs - firstFailureMs));
  return { ...told, firstFailureAtMs, firstFailureMs };
}
