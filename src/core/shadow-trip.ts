import type { FailureReason } from "../events/vocabulary.ts";
import { cooldownOf } from "./asked-options.ts";
import type { Call } from "./call.ts";
import type { CallsUnderWay } from "./calls-under-way.ts";
import type { Circuit } from "./circuit.ts";
import type { Opening } from "./facts.ts";
import { FailureRun, type RunAside } from "./failure-run.ts";
import { askedAfter, decisionOf } from "./trip-decision.ts";
import {
  type Following,
  type LoadedMeter,
  type Moment,
  type Nearest,
  type SavedMeter,
  TripMeters,
} from "./trip-meters.ts";
import type { TripRule } from "./trip-rule.ts";

/** What a candidate had seen when a snapshot was taken, its moments on the monotonic clock of now. */
export interface ShadowTripState {
  readonly meters: readonly SavedMeter[];
  readonly run: FailureRun | null;
  readonly failures: number;
  readonly blindUntilMs: number;
}

/** What rules read at a moment, after a call that ended, or after none. */
interface Observed {
  readonly nearest: Nearest | null;
  readonly moment: Moment;
  readonly last: FailureReason;
  readonly call: Call | null;
}

/**
 * Rules that only report: those of a disabled breaker, and candidates that run beside the rules in force. When they
 * would have tripped they say so, once, look away for the cooldown that would have followed, and begin again.
 */
export class ShadowTrip {
  #rules: readonly TripRule[];
  #calls: CallsUnderWay | null;
  #meters: TripMeters | null = null;
  #run: FailureRun | null = null;
  #failures = 0;
  #blindUntilMs = Number.NEGATIVE_INFINITY;
  /** Calls that became overdue up to then have been counted. */
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(rules: readonly TripRule[], calls: CallsUnderWay | null) {
    this.#rules = rules;
    this.#calls = calls;
  }

  /** What it has seen; the meters as of `nowMs`. */
  state(nowMs: number): ShadowTripState & { readonly meters: readonly SavedMeter[] } {
    const meters = this.#meters?.save(nowMs) ?? [];
    return {
      meters,
      run: this.#run,
      failures: this.#failures,
      blindUntilMs: this.#blindUntilMs,
    };
  }

  /** Goes on from what a snapshot has. */
  resume(
    circuit: Circuit,
    { run, failures, blindUntilMs }: Omit<ShadowTripState, "meters">,
    meters: readonly LoadedMeter[],
  ): void {
    this.#run = run;
    this.#failures = failures;
    this.#blindUntilMs = blindUntilMs;
    if (meters.length > 0) {
      this.#meters = new TripMeters(this.#rules, circuit, this.#following(), meters);
    }
  }

  /** Goes on with other rules. */
  follow(rules: readonly TripRule[], calls: CallsUnderWay | null): void {
    this.#rules = rules;
    this.#calls = calls;
    this.#meters = this.#meters?.succeededBy(rules, this.#following()) ?? null;
  }

  /** Takes a verdict; `reason` is null for a success. */
  observe(circuit: Circuit, call: Call, reason: FailureReason | null, nowMs: number): void {
    if (nowMs < this.#blindUntilMs) return;
    // As for the rules in force: failures that came since it was known are none that it ends.
    if (reason !== null || call.staleMs === 0) this.#count(circuit, reason, nowMs);
    const meters = this.#metersOf(circuit);
    meters.record(reason, call.latencyMs, nowMs);
    const moment: Moment = { consecutiveFailures: this.#failures, nowMs, overdue: 0 };
    const nearest = meters.nearest(moment, askedAfter(call.outcome));
    const last = this.#run?.last ?? "latency";
    this.#decide(circuit, { nearest, moment, last, call }, nowMs);
  }

  /** Takes the calls that became overdue before now, up to the moment `lastMs`. */
  notice(circuit: Circuit, lastMs: number, nowMs: number): void {
    this.#calls?.age(nowMs);
    for (;;) {
      const meters = this.#metersOf(circuit);
      const { nextOverdueMs: momentMs } = meters;
      if (!(momentMs < nowMs && momentMs <= lastMs)) return;
      meters.takeOverdue(momentMs);
      const moment: Moment = {
        consecutiveFailures: this.#failures,
        nowMs: momentMs,
        overdue: 0,
      };
      const nearest = meters.nearestByOverdue(moment);
      this.#decide(circuit, { nearest, moment, last: "latency", call: null }, nowMs);
    }
  }

  #metersOf(circuit: Circuit): TripMeters {
    this.#meters ??= new TripMeters(this.#rules, circuit, this.#following());
    return this.#meters;
  }

  #following(): Following {
    return { calls: this.#calls, fromMs: this.#blindUntilMs, countedMs: this.#countedMs };
  }

  /** Tells a would-be open, effective at `moment` and told now. */
  #decide(circuit: Circuit, { nearest, moment, last, call }: Observed, nowMs: number): void {
    if (nearest === null || nearest.reading.ratio < 1) return;
    const evidence = this.#metersOf(circuit).explain(nearest, moment);
    const { cause, reason } = decisionOf(circuit, { run: this.#run, evidence, last }, nowMs);
    const cooldownMs = call?.retryAfterMs ?? cooldownOf(circuit, 1);
    const { nowMs: sinceMs } = moment;
    const opening: Opening = {
      from: circuit.period.state,
      reason,
      cause,
      note: undefined,
      cooldownMs,
      sinceMs,
      thrown: call?.thrown ?? null,
    };
    circuit.journal?.wouldOpen(opening, this.#failures, nowMs);
    this.#beginAgain(sinceMs + cooldownMs);
    // Calls that hang are followed only for as long as somebody counts them. Each counts once.
    if (call === null) this.#countedMs = sinceMs;
    if (this.#calls !== null) this.#metersOf(circuit);
  }

  /** Ends its failures in a row until it is known how an answer ends that has begun well. */
  setAside(): RunAside & Pick<ShadowTripState, "blindUntilMs"> {
    const aside = { failures: this.#failures, run: this.#run, blindUntilMs: this.#blindUntilMs };
    this.#failures = 0;
    this.#run = null;
    return aside;
  }

  /** Puts `older` failures before its own, unless it would have tripped and begun again since. */
  takeUp(older: ReturnType<ShadowTrip["setAside"]>): void {
    if (older.blindUntilMs !== this.#blindUntilMs) return;
    this.#failures += older.failures;
    this.#run = older.run?.joined(this.#run) ?? this.#run;
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
    this.#meters?.end();
    this.#meters = null;
    this.#run = null;
    this.#failures = 0;
  }
}
