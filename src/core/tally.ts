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
export type CountsOf<Word extends string> = Record<Word, number>;

function zeros<Word extends string>(words: readonly Word[]): CountsOf<Word> {
  // Every word gets its number, which is what the type says.
  return Object.fromEntries(words.map((word) => [word, 0])) as CountsOf<Word>;
}

const TRANSITION_WORDS = TRANSITIONS.map(([from, to]): Transition => {
  // Each pair of TRANSITIONS is a Transition by its definition.
  return `${from}->${to}` as Transition;
});

/**
 * What a breaker has counted since it was made. Each group is made when its first event is counted: an idle breaker
 * holds none of them. Counters only grow.
 */
export class Tally {
  /** In a plain field of its own, because the quiet path does nothing else. */
  successes = 0;
  calls: CountsOf<CountedAs> | null = null;
  skips: CountsOf<SkipReason> | null = null;
  trips: CountsOf<FailureReason> | null = null;
  transitions: CountsOf<Transition> | null = null;
  probes: CountsOf<ProbeOutcome> | null = null;
  timeInStateMs: CountsOf<CircuitState> | null = null;

  call(outcome: CountedAs): void {
    if (outcome === "success") {
      this.successes++;
      return;
    }
    this.calls ??= zeros(COUNTED_AS);
    this.calls[outcome]++;
  }

  skip(reason: SkipReason): void {
    this.skips ??= zeros(SKIP_REASONS);
    this.skips[reason]++;
  }

  trip(reason: FailureReason): void {
    this.trips ??= zeros(FAILURE_REASONS);
    this.trips[reason]++;
  }

  probe(outcome: ProbeOutcome): void {
    this.probes ??= zeros(PROBE_OUTCOMES);
    this.probes[outcome]++;
  }

  transition(from: CircuitState, to: CircuitState, spentMs: number): void {
    this.transitions ??= zeros(TRANSITION_WORDS);
    this.timeInStateMs ??= zeros(STATES);
    // The circuit commits only the legal pairs; a test walks every state and input.
    this.transitions[`${from}->${to}` as Transition]++;
    this.timeInStateMs[from] += spentMs;
  }

  /** A frozen copy; what was never counted is there as zeros. */
  freeze(): TallySnapshot {
    return {
      calls: Object.freeze({ ...(this.calls ?? zeros(COUNTED_AS)), success: this.successes }),
      skips: Object.freeze({ ...(this.skips ?? zeros(SKIP_REASONS)) }),
      trips: Object.freeze({ ...(this.trips ?? zeros(FAILURE_REASONS)) }),
      transitions: Object.freeze({ ...(this.transitions ?? zeros(TRANSITION_WORDS)) }),
      probes: Object.freeze({ ...(this.probes ?? zeros(PROBE_OUTCOMES)) }),
      timeInStateMs: { ...(this.timeInStateMs ?? zeros(STATES)) },
    };
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
