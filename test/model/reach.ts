import { LEGAL_PAIRS } from "./readings.ts";

/** The rare things that the model must have seen; one never seen means that the model has gone blind. */
const RARE = [
  "state closed",
  "state open",
  "state half_open",
  "state forced_open",
  "state disabled",
  "effective half_open while committed open",
  "effective half_open while committed forced_open",
  ...LEGAL_PAIRS.map((pair) => `transition ${pair}` as const),
  "lease expired",
  "several leases expired in one step",
  "result exactly at the end of its lease",
  "result one before the end of its lease",
  "orphaned probe settled",
  "orphaned probe settled while another probe runs",
  "late by generation",
  "late by lease",
  "late record",
  "record as probe",
  "admitted exactly at the end of the cooldown",
  "refused one before the end of the cooldown",
  "probe slots full",
  "several probes at once",
  "several successes needed to close",
  "latency exactly at the limit",
  "latency one above the limit",
  "trip by latency",
  "trip by error",
  "trip on a tie of reasons",
  "trip decided against its last reason",
  "cooldown 0",
  "cooldown from the classifier",
  "cooldown 0 from the classifier",
  "progress by tenths",
  "progress level not reached",
  "probe ignored",
  "probe cancelled",
  "probe unreached",
  "probe failed by latency",
  "permanent while closed",
  "permanent probe",
  "permanent while disabled",
  "forced with end",
  "forced without end",
  "forced again",
  "forced end shortened or lengthened",
  "reset while closed",
  "reset while disabled",
  "disable inside an incident",
  "incident with several reopens",
  "incident begun by force, ended by probe",
  "classifier threw",
  "classifier answered nonsense",
  "random failed",
  "inner refusal",
  "undefined thrown",
  "unreadable value thrown",
  "promise given to callSync",
  "cancelled before",
  "cancelled during",
  "timeout beats cancellation",
  "permit settled twice",
  "call never settled",
  "untimed call",
  "untimed call settled late",
  "latency null told",
  "first listener after the first call",
  "listener threw",
  "listener rejected",
  "listener failed on a user's bus",
  "listener removed while delivering",
  "listener added while delivering",
  "once",
  "event of another breaker on the bus",
  "control call inside a listener",
  "control call inside a listener while events wait",
  "control call inside a listener of a half-open time that is over already",
  "control call inside the classifier",
  "call inside a listener",
  "record inside a listener",
  "time taken inside a listener",
  "monotonic clock back",
  "wall clock back inside an incident",
  "would open while disabled",
  "would open again",
  "would open by a success",
  "would open by a shadow rule",
  "verdict while rules look away",
  "verdict when rules look again",
  "degraded skip",
  "passed by chance, degraded",
  "chance exactly at the share",
  "share fell",
  "share rose",
  "success that takes one of several failures off",
  "idle step effective, not committed",
  "idle step committed",
  "idle step committed by a call that passes",
  "several idle steps at once",
  "trip by failures over calls",
  "trip by failures over time",
  "trip by slow calls over calls",
  "trip by slow calls over time",
  "trip by a success",
  "trip by another rule than the first",
  "time window moved on",
  "call window moved on",
  "progress of a rate",
  "no rule counts failures in a row",
  "second attempt",
  "third attempt or later",
  "attempt counted on after a short recovery",
  "attempts begun again after health",
  "attempts begun again by an operator",
  "tripped exactly when it was healthy",
  "tripped one before it was healthy",
  "cooldown function failed",
  "ramping skip",
  "passed by chance, ramping",
] as const;

/** One of the rare things. */
export type Rare = (typeof RARE)[number];

/** Fewer runs than this may miss a rare thing by chance; the rarest comes about fifteen times in as many. */
export const ENOUGH_RUNS = 10_000;

/** How often a whole session of runs came to each of the rare things. */
export class Reach {
  runs = 0;
  steps = 0;
  readonly #counts = new Map<Rare, number>(RARE.map((rare) => [rare, 0]));

  hit(rare: Rare, times = 1): void {
    this.#counts.set(rare, (this.#counts.get(rare) ?? 0) + times);
  }

  /** What was never seen although there were runs enough to see it. */
  get missing(): readonly Rare[] {
    if (this.runs < ENOUGH_RUNS) return [];
    return RARE.filter((rare) => this.#counts.get(rare) === 0);
  }

  get lines(): readonly string[] {
    const width = Math.max(...RARE.map(({ length }) => length));
    return [
      `model: ${this.runs} runs, ${this.steps} steps; how often each rare thing was reached:`,
      ...RARE.map((rare) => `  ${rare.padEnd(width)} ${this.#counts.get(rare) ?? 0}`),
    ];
  }
}
