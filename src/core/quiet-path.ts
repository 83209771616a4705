import type { Outcome } from "../events/vocabulary.ts";
import type { Call } from "./call.ts";
import type { Guarded } from "./call-options.ts";
import type { Circuit } from "./circuit.ts";
import { outcomeOfThrown } from "./classification.ts";
import type { ClosedPeriod, DisabledPeriod } from "./period.ts";
import { settle } from "./settlement.ts";

/**
 * How calls run while nothing needs the time: no latency limit, no classifier, nobody who hears of single calls. The
 * two handlers are made once per period, so a success costs one comparison and two stores, and that comparison also
 * tells a late result.
 */
export class QuietPath {
  readonly onValue: <T>(value: T) => T;
  readonly onThrow: (thrown: unknown) => never;

  constructor(circuit: Circuit, period: ClosedPeriod | DisabledPeriod) {
    this.onValue = (value) => {
      if (
        circuit.period === period &&
        circuit.consecutiveFailures === 0 &&
        (circuit.journal === null || isQuiet(circuit))
      ) {
        circuit.tally.successes++;
        circuit.lastSuccessAtMs = null;
      } else settle(circuit, untimed(period, "success", null), circuit.begin());
      return value;
    };
    this.onThrow = (thrown) => {
      const call = untimed(period, outcomeOfThrown(thrown), { value: thrown });
      settle(circuit, call, circuit.begin());
      throw thrown;
    };
  }

  run<T>(fn: Guarded<T>): Promise<T> {
    let returned: Promise<T>;
    try {
      returned = Promise.resolve(fn());
    } catch (thrown) {
      returned = Promise.reject(thrown);
    }
    return returned.then(this.onValue, this.onThrow);
  }
}

/** The quiet path, or null when the call has to be timed or admitted with care. */
export function quietPath(circuit: Circuit): QuietPath | null {
  if (!isQuiet(circuit)) return null;
  if (circuit.quiet === undefined) {
    const { period } = circuit;
    const passes = period.state === "closed" || period.state === "disabled";
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

function needsTime({ settings, journal }: Circuit): boolean {
  if (settings.latencyTripMs !== Number.POSITIVE_INFINITY || settings.classify !== undefined) {
    return true;
  }
  return (
    journal !== null &&
    (journal.hears("circuit.success") ||
      journal.hears("circuit.failure") ||
      journal.hears("circuit.ignored") ||
      journal.hears("circuit.late"))
  );
}

function untimed(
  slot: ClosedPeriod | DisabledPeriod,
  outcome: Outcome,
  thrown: Call["thrown"],
): Call {
  return {
    slot,
    outcome,
    permanent: false,
    latencyMs: null,
    thrown,
    retryAfterMs: null,
    context: undefined,
  };
}
