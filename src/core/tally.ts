import {
  type CircuitState,
  COUNTED_AS,
  type CountedAs,
  FAILURE_REASONS,
  type FailureReason,
  PROBE_OUTCOMES,
  type ProbeOutcome,
  SKIP_REASONS,
  type SkipReason,
  STATES,
  TRANSITIONS,
  type Transition,
} from "../events/vocabulary.ts";

/** A counter for each word of a list. */
type CountsOf<Word extends string> = Record<Word, number>;

function zeros<Word extends string>(words: readonly Word[]): CountsOf<Word> {
  // Every word gets its number, which is what the type says.
  return Object.fromEntries(words.map((word) => [word, 0])) as CountsOf<Word>;
}

/** Every legal change of state as one word. */
export const TRANSITION_WORDS = TRANSITIONS.map(([from, to]): Transition => {
  // Each pair of TRANSITIONS is a Transition by its definition.
  return `${from}->${to}` as Transition;
});

/** Copied for each breaker that counts, since making them word by word takes ten times as long. */
const ZEROS = /* @__PURE__ */ Object.freeze({
  calls: zeros(COUNTED_AS),
  skips: zeros(SKIP_REASONS),
  trips: zeros(FAILURE_REASONS),
  transitions: zeros(TRANSITION_WORDS),
  probes: zeros(PROBE_OUTCOMES),
  timeInStateMs: zeros(STATES),
});

/** The counters that an idle or healthy breaker has no use for. */
class Counts {
  readonly calls: CountsOf<CountedAs> = { ...ZEROS.calls };
  readonly skips: CountsOf<SkipReason> = { ...ZEROS.skips };
  readonly trips: CountsOf<FailureReason> = { ...ZEROS.trips };
  readonly transitions: CountsOf<Transition> = { ...ZEROS.transitions };
  readonly probes: CountsOf<ProbeOutcome> = { ...ZEROS.probes };
  readonly timeInStateMs: CountsOf<CircuitState> = { ...ZEROS.timeInStateMs };
  /** The sum of `calls`, and those that ended as a skip that was counted on their behalf. */
  ended = 0;
  /** The sum of `skips`, without those of calls that had begun. */
  skipped = 0;
}

/** What a breaker that counted nothing reads, so that a scrape of idle ones makes no zeros. */
const NOTHING: Readonly<Counts> = /* @__PURE__ */ new Counts();

/** What a breaker has counted since it was made. Counters only grow. */
export class Tally {
  /** In a plain field, because the quiet path does nothing else. */
  successes = 0;
  /** Calls that ran or are under way; each is counted once more, by its outcome, when it ends. */
  begun = 0;
  /** Made when something other than a success is counted. */
  #counts: Counts | null = null;
  /** What was counted before a snapshot was restored. Apart, because it says nothing of the calls that began here. */
  #before: Counted | null = null;

  call(outcome: CountedAs): void {
    if (outcome === "success") this.successes++;
    else {
      const counts = this.#counted();
      counts.calls[outcome]++;
      counts.ended++;
    }
  }

  skip(reason: SkipReason): void {
    const counts = this.#counted();
    counts.skips[reason]++;
    counts.skipped++;
  }

  trip(reason: FailureReason): void {
    this.#counted().trips[reason]++;
  }

  probe(outcome: ProbeOutcome): void {
    this.#counted().probes[outcome]++;
  }

  transition(from: CircuitState, to: CircuitState, spentMs: number): void {
    const { transitions, timeInStateMs } = this.#counted();
    // The circuit commits only the legal pairs; a test walks every state and input.
    transitions[`${from}->${to}` as Transition]++;
    timeInStateMs[from] += spentMs;
  }

  /** Calls that have begun and not ended. */
  get underWay(): number {
    return this.begun - this.successes - (this.#counts?.ended ?? 0);
  }

  /** Calls that were asked for: begun or refused. */
  get asked(): number {
    return this.begun + (this.#counts?.skipped ?? 0);
  }

  /** A call that began has ended as a refusal that was counted already. */
  endAsSkip(): void {
    const counts = this.#counted();
    counts.ended++;
    counts.skipped--;
  }

  /** A copy; what was never counted is there as zeros. */
  copy(): TallySnapshot {
    const { calls, skips, trips, transitions, probes, timeInStateMs } = this.#counts ?? NOTHING;
    const copied: TallySnapshot = {
      calls: { ...calls, success: this.successes },
      skips: { ...skips },
      trips: { ...trips },
      transitions: { ...transitions },
      probes: { ...probes },
      timeInStateMs: { ...timeInStateMs },
    };
    if (this.#before !== null) for (const kind of COUNTED) add(copied[kind], this.#before[kind]);
    return copied;
  }

  /** Time spent in a state, without that in the present one since it was entered. */
  timeInMs(state: CircuitState): number {
    const { timeInStateMs } = this.#counts ?? NOTHING;
    return timeInStateMs[state] + (this.#before?.timeInStateMs?.[state] ?? 0);
  }

  /** Counts in what was counted elsewhere. */
  takeIn(counted: Counted): void {
    if (this.#before === null) this.#before = counted;
    else {
      const sums: Record<string, object> = {};
      for (const kind of COUNTED) sums[kind] = add({ ...counted[kind] }, this.#before[kind]);
      this.#before = sums;
    }
  }

  #counted(): Counts {
    this.#counts ??= new Counts();
    return this.#counts;
  }
}

/** The counters at one moment; a copy. */
export interface TallySnapshot {
  readonly calls: CountsOf<CountedAs>;
  readonly skips: CountsOf<SkipReason>;
  readonly trips: CountsOf<FailureReason>;
  readonly transitions: CountsOf<Transition>;
  readonly probes: CountsOf<ProbeOutcome>;
  readonly timeInStateMs: CountsOf<CircuitState>;
}

/** The kinds of counters. */
export const COUNTED = [
  "calls",
  "skips",
  "trips",
  "transitions",
  "probes",
  "timeInStateMs",
] as const satisfies readonly (keyof TallySnapshot)[];

/** Counters that are not 0, by kind and word. */
export type Counted = {
  readonly [Kind in keyof TallySnapshot]?: {
    readonly [Word in keyof TallySnapshot[Kind]]?: number;
  };
};

function add(
  counts: Record<string, number>,
  more: Readonly<Record<string, number | undefined>> = {},
): object {
  for (const word in more) counts[word] = (counts[word] ?? 0) + (more[word] ?? 0);
  return counts;
}
