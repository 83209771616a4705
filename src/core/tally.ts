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

const TRANSITION_WORDS = TRANSITIONS.map(([from, to]): Transition => {
  // Each pair of TRANSITIONS is a Transition by its definition.
  return `${from}->${to}` as Transition;
});

/** The counters that an idle or healthy breaker has no use for. */
class Counts {
  readonly calls: CountsOf<CountedAs> = zeros(COUNTED_AS);
  readonly skips: CountsOf<SkipReason> = zeros(SKIP_REASONS);
  readonly trips: CountsOf<FailureReason> = zeros(FAILURE_REASONS);
  readonly transitions: CountsOf<Transition> = zeros(TRANSITION_WORDS);
  readonly probes: CountsOf<ProbeOutcome> = zeros(PROBE_OUTCOMES);
  readonly timeInStateMs: CountsOf<CircuitState> = zeros(STATES);
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
    return {
      calls: Object.freeze({ ...calls, success: this.successes }),
      skips: Object.freeze({ ...skips }),
      trips: Object.freeze({ ...trips }),
      transitions: Object.freeze({ ...transitions }),
      probes: Object.freeze({ ...probes }),
      timeInStateMs: { ...timeInStateMs },
    };
  }

  #counted(): Counts {
    this.#counts ??= new Counts();
    return this.#counts;
  }
}

/** A copy of the counters at one moment. */
export interface TallySnapshot {
  readonly calls: Readonly<CountsOf<CountedAs>>;
  readonly skips: Readonly<CountsOf<SkipReason>>;
  readonly trips: Readonly<CountsOf<FailureReason>>;
  readonly transitions: Readonly<CountsOf<Transition>>;
  readonly probes: Readonly<CountsOf<ProbeOutcome>>;
  readonly timeInStateMs: CountsOf<CircuitState>;
}
