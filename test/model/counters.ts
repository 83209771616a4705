import type { BreakerStats, CircuitBreaker } from "../../src/index.ts";

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** The first counter that fell; null when none did. */
function wentBack(before: BreakerStats, after: BreakerStats): string | null {
  const groups = ["calls", "skips", "trips", "transitions", "probes", "timeInStateMs"] as const;
  for (const group of groups) {
    const now: Readonly<Record<string, number>> = after[group];
    for (const [key, count] of Object.entries(before[group])) {
      if (!(Number(now[key]) >= count)) return `${group}.${key}`;
    }
  }
  return null;
}

/** What the callers of one breaker have seen: the other side of its counters. */
export class Counters {
  /** As of the end of the last step. */
  stats: BreakerStats;
  /** Calls and records that were given a result. */
  settled = 0;
  refused = 0;
  readonly #breaker: CircuitBreaker;
  readonly #maxProbes: number;

  constructor(breaker: CircuitBreaker, maxProbes: number) {
    this.#breaker = breaker;
    this.#maxProbes = maxProbes;
    this.stats = breaker.stats;
  }

  /** What cannot be after a step. `onlyResult`: the step brought one result and nothing else. */
  problems(onlyResult: boolean): readonly string[] {
    const { stats, probesInFlight } = this.#breaker;
    const before = this.stats;
    const back = wentBack(before, stats);
    const late = onlyResult && stats.calls.late > before.calls.late;
    const calls = sum(stats.calls);
    const skips = sum(stats.skips);
    const claims: readonly (readonly [boolean, string])[] = [
      [calls === this.settled, `${calls} calls counted, ${this.settled} settled`],
      [skips === this.refused, `${skips} skips counted, ${this.refused} calls refused`],
      [probesInFlight <= this.#maxProbes, `${probesInFlight} probes of ${this.#maxProbes}`],
      [back === null, `stats.${back} went back`],
      [
        !late || sum(stats.transitions) === sum(before.transitions),
        "a late result changed the state",
      ],
      [
        !late || stats.consecutiveFailures === before.consecutiveFailures,
        "a late result changed consecutiveFailures",
      ],
    ];
    return claims.filter(([holds]) => !holds).map(([, otherwise]) => otherwise);
  }
}
