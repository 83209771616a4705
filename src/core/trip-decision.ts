import type { Call } from "./call.ts";
import type { Circuit } from "./circuit.ts";
import { type FailureRun, majority } from "./failure-run.ts";
import type { TripCause } from "./journal.ts";
import type { ClosedPeriod } from "./period.ts";
import { ProgressClimb } from "./progress-climb.ts";
import { levelsOf, type Nearest, TripMeters } from "./trip-meters.ts";
import type { Situation, Verdict } from "./trip-rule.ts";

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
  if (verdict !== null && period.climb !== null) {
    const consecutiveFailures = circuit.consecutiveFailures - 1;
    period.climb.fallTo(meters.nearest({ consecutiveFailures, nowMs })?.reading.ratio ?? 0);
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
  const situation = situationOf(circuit, nowMs);
  const nearest = meters.nearest(situation);
  if (nearest === null) return false;
  if (nearest.reading.ratio >= 1) {
    const cause = causeOf(circuit, period, meters.explain(nearest, situation), nearest, nowMs);
    const reason = majority(cause.failuresByReason, period.run?.last ?? "latency");
    circuit.trip(reason, { cause, thrown: call.thrown, retryAfterMs: call.retryAfterMs }, nowMs);
    return true;
  }
  if (call.outcome === "success") return false;
  period.climb ??= new ProgressClimb();
  if (period.climb.reaches(nearest.reading.ratio, levelsOf(nearest.rule))) {
    circuit.journal?.progress(nearest.rule, nearest.reading, call);
  }
  return false;
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

function metersOf(circuit: Circuit, period: ClosedPeriod): TripMeters {
  period.meters ??= new TripMeters(circuit.settings.rules, (callback, thrown) =>
    circuit.callbackFailed(callback, thrown),
  );
  return period.meters;
}

function situationOf({ consecutiveFailures }: Circuit, nowMs: number): Situation {
  return { consecutiveFailures, nowMs };
}

function causeOf(
  circuit: Circuit,
  { run }: ClosedPeriod,
  evidence: ReturnType<TripMeters["explain"]>,
  { rule }: Nearest,
  nowMs: number,
): TripCause {
  const { failuresByReason, firstFailureMs, window } = evidence;
  const counted = failuresByReason ?? run?.byReason ?? { error: 0, latency: 0 };
  const { name, threshold } = rule;
  if (firstFailureMs === null) {
    // The rule keeps no moments: the run of failures does.
    const { firstAtMs = null, firstMs = null } = run ?? {};
    return {
      rule: name,
      threshold,
      window,
      failuresByReason: counted,
      firstFailureAtMs: firstAtMs,
      firstFailureMs: firstMs,
    };
  }
  const firstFailureAtMs = Math.round(circuit.wallMs() - (nowMs - firstFailureMs));
  return {
    rule: name,
    threshold,
    window,
    failuresByReason: counted,
    firstFailureAtMs,
    firstFailureMs,
  };
}
