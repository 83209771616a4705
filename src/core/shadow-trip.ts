import type { FailureReason } from "../events/vocabulary.ts";
import type { Call } from "./call.ts";
import type { Circuit } from "./circuit.ts";
import type { Opening } from "./facts.ts";
import { FailureRun } from "./failure-run.ts";
import { askedAfter, decisionOf } from "./trip-decision.ts";
import { TripMeters } from "./trip-meters.ts";
import type { TripRule } from "./trip-rule.ts";

/**
 * Rules that only report: those of a disabled breaker, and candidates that run beside the rules in force. When they
 * would have tripped they say so, once, look away for the cooldown that would have followed, and begin again.
 */
export class ShadowTrip {
  #rules: readonly TripRule[];
  #meters: TripMeters | null = null;
  #run: FailureRun | null = null;
  #failures = 0;
  #blindUntilMs = Number.NEGATIVE_INFINITY;

  constructor(rules: readonly TripRule[]) {
    this.#rules = rules;
  }

  /** Goes on with other rules. */
  follow(rules: readonly TripRule[]): void {
    this.#rules = rules;
    this.#meters = this.#meters?.succeededBy(rules) ?? null;
  }

  /** Takes a verdict; `reason` is null for a success. */
  observe(circuit: Circuit, call: Call, reason: FailureReason | null, nowMs: number): void {
    if (nowMs < this.#blindUntilMs) return;
    this.#count(circuit, reason, nowMs);
    this.#meters ??= new TripMeters(this.#rules, circuit);
    const meters = this.#meters;
    meters.record(reason, call.latencyMs, nowMs);
    const situation = { consecutiveFailures: this.#failures, nowMs };
    const nearest = meters.nearest(situation, askedAfter(call.outcome));
    if (nearest === null || nearest.reading.ratio < 1) return;
    const evidence = { ...meters.explain(nearest, situation), rule: nearest.rule };
    const { cause, reason: tripReason } = decisionOf(circuit, this.#run, evidence, nowMs);
    const cooldownMs = call.retryAfterMs ?? circuit.cooldownOf(1);
    const opening: Opening = {
      from: circuit.period.state,
      reason: tripReason,
      cause,
      note: undefined,
      cooldownMs,
      thrown: call.thrown,
    };
    circuit.journal?.wouldOpen(opening, this.#failures, nowMs);
    this.#beginAgain(nowMs + cooldownMs);
  }

  #count(circuit: Circuit, reason: FailureReason | null, nowMs: number): void {
    if (reason === null) {
      this.#failures = 0;
      this.#run = null;
      return;
    }
    this.#failures++;
    this.#run ??= new FailureRun(circuit.wallMs(), nowMs);
    this.#run.add(reason);
  }

  #beginAgain(fromMs: number): void {
    this.#blindUntilMs = fromMs;
    this.#meters = null;
    this.#run = null;
    this.#failures = 0;
  }
}
