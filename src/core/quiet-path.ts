import { platformClock } from "../platform.ts";
import { unjudged } from "./call.ts";
import type { Guarded } from "./call-options.ts";
import type { Circuit } from "./circuit.ts";
import { outcomeOfThrown } from "./classification.ts";
import { follow } from "./follow.ts";
import type { ClosedPeriod, DisabledPeriod } from "./period.ts";
import { rejection } from "./rejection.ts";
import { settle } from "./settlement.ts";
import type { Tally } from "./tally.ts";
import { shapesTraffic } from "./traffic.ts";
import { metersOf } from "./trip-decision.ts";
import type { TripMeters } from "./trip-meters.ts";
import { HEARS_LATENCIES, HEARS_MOMENTS, HEARS_SUCCESSES } from "./trip-rule.ts";

/** Successes between two readings of the clock, at the most. */
const LONGEST_BLOCK = 16;
/** Only calls that come faster than this are worth counting in blocks. */
const DENSE_GAP_MS = 1;

/**
 * How calls run while nothing needs the time: no latency limit, no classifier, nobody who hears of single calls. The
 * two handlers are made once per period, so a success costs one comparison and two stores, and that comparison also
 * tells a late result, and one that began under other settings.
 *
 * `lastSuccessAtMs` alone wants the clock. In dense traffic it is read once in a block of up to 16 successes; a block
 * grows with the traffic and is one success long where calls are rare.
 */
export class QuietPath {
  readonly onValue: <T>(value: T) => T;
  readonly onThrow: (thrown: unknown) => PromiseLike<never>;
  readonly period: ClosedPeriod | DisabledPeriod;
  readonly #circuit: Circuit;
  readonly #tally: Tally;
  /** The period whose rules hear successes; null when none does. */
  readonly #counted: ClosedPeriod | null;
  readonly #momentous: boolean;
  #meters: TripMeters | null = null;
  #block = 1;
  /** The count of successes at which the clock is read next. */
  #readAt = 0;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(circuit: Circuit, period: ClosedPeriod | DisabledPeriod) {
    const { hearing } = circuit.settings;
    this.period = period;
    this.#counted = hearing >= HEARS_SUCCESSES && period.state === "closed" ? period : null;
    this.#momentous = hearing >= HEARS_MOMENTS;
    this.#circuit = circuit;
    this.#tally = circuit.tally;
    this.onValue = (value) => {
      if (!this.success()) {
        settle(circuit, { ...unjudged("success", null, null), slot: period }, circuit.begin());
      }
      return value;
    };
    this.onThrow = (thrown) => {
      const call = unjudged(outcomeOfThrown(thrown), null, { value: thrown });
      settle(circuit, { ...call, slot: period }, circuit.begin());
      return rejection(thrown);
    };
  }

  /** Counts a success; false when it decides something, is late, or began under other settings: then `settle` takes it. */
  success(): boolean {
    const circuit = this.#circuit;
    if (
      circuit.quiet !== this ||
      circuit.consecutiveFailures > 0 ||
      (circuit.journal !== null && !isQuiet(circuit))
    ) {
      return false;
    }
    const successes = ++circuit.tally.successes;
    let nowMs = Number.NaN;
    if (this.#momentous) {
      nowMs = circuit.begin();
      circuit.lastSuccessAtMs = circuit.wallMs();
    } else if (successes >= this.#readAt) this.#readClock(circuit);
    if (this.#counted !== null) {
      this.#meters ??= metersOf(circuit, this.#counted);
      this.#meters.success(nowMs);
    }
    return true;
  }

  #readClock(circuit: Circuit): void {
    const nowMs = circuit.begin();
    circuit.lastSuccessAtMs = circuit.wallMs();
    const dense = nowMs - this.#readMs < this.#block * DENSE_GAP_MS;
    // A clock of the user's making is read each time, since tests and simulations want the exact moment.
    const exact = circuit.clock !== platformClock;
    this.#block = dense && !exact ? Math.min(LONGEST_BLOCK, this.#block * 2) : 1;
    this.#readAt = circuit.tally.successes + this.#block;
    this.#readMs = nowMs;
  }

  run<T>(fn: Guarded<T>): Promise<T> {
    this.#tally.begun++;
    return follow(fn, this.onValue<T>, this.onThrow);
  }
}

/** The quiet path, or null when the call has to be timed or admitted with care. */
export function quietPath(circuit: Circuit): QuietPath | null {
  // Nobody can listen, and other settings forget it: what was decided once holds.
  if (circuit.journal === null && circuit.quiet !== undefined) return circuit.quiet;
  if (!isQuiet(circuit)) return null;
  if (circuit.quiet === undefined) {
    const { period } = circuit;
    // The rules of a disabled breaker hear its calls, too.
    const passes =
      period.state === "closed" || (period.state === "disabled" && circuit.settings.hearing === 0);
    circuit.quiet = passes ? new QuietPath(circuit, period) : null;
  }
  return circuit.quiet;
}

function isQuiet(circuit: Circuit): boolean {
  const { journal } = circuit;
  const version = journal === null ? 0 : journal.version;
  if (version !== circuit.heardVersion) {
    circuit.heardVersion = version;
    circuit.timed = needsTime(circuit);
  }
  return !circuit.timed;
}

function needsTime({ settings, journal, durations }: Circuit): boolean {
  return (
    durations !== null ||
    settings.latencyTripMs !== Number.POSITIVE_INFINITY ||
    settings.classify !== undefined ||
    settings.quota !== undefined ||
    settings.hearing >= HEARS_LATENCIES ||
    settings.shadow !== undefined ||
    shapesTraffic(settings) ||
    (journal !== null &&
      (journal.hears("circuit.success") ||
        journal.hears("circuit.failure") ||
        journal.hears("circuit.ignored") ||
        journal.hears("circuit.late")))
  );
}
