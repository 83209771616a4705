import {
  type CircuitState,
  COUNTED_AS,
  FAILURE_REASONS,
  PROBE_OUTCOMES,
  SKIP_REASONS,
  STATES,
  TRANSITIONS,
  type Transition,
} from "../events/vocabulary.ts";
import type { ReplayedStats } from "./replayed-breaker.ts";

/** A number for each of a list of words. A word that is not of the list, such as one of a newer version, has none. */
class Counts<Word extends string> {
  readonly #counts: Map<string, number>;

  constructor(words: readonly Word[]) {
    this.#counts = new Map(words.map((word) => [word, 0]));
  }

  add(word: string | null, amount = 1): void {
    const count = word === null ? undefined : this.#counts.get(word);
    if (word !== null && count !== undefined) this.#counts.set(word, count + amount);
  }

  /** A frozen copy, with something added to one of the words. */
  copy(word?: Word, amount = 0): Readonly<Record<Word, number>> {
    const counts = [...this.#counts].map(([key, count]) => [
      key,
      key === word ? count + amount : count,
    ]);
    // The keys of the map are the words that it was made from.
    return Object.freeze(Object.fromEntries(counts) as Record<Word, number>);
  }
}

const TRANSITION_WORDS = TRANSITIONS.map(([from, to]): Transition => {
  // Each pair of TRANSITIONS is a Transition by its definition.
  return `${from}->${to}` as Transition;
});

/** The counters of one breaker as its events tell them. */
export class ReplayCounts {
  readonly calls = new Counts(COUNTED_AS);
  readonly skips = new Counts(SKIP_REASONS);
  readonly trips = new Counts(FAILURE_REASONS);
  readonly transitions = new Counts(TRANSITION_WORDS);
  readonly probes = new Counts(PROBE_OUTCOMES);
  readonly timeInStateMs = new Counts(STATES);
  consecutiveFailures = 0;
  lastFailureAtMs: number | null = null;
  lastSuccessAtMs: number | null = null;

  /** A frozen copy, with the time so far of the present state. */
  copy(state: CircuitState, spentMs: number): ReplayedStats {
    const { consecutiveFailures, lastFailureAtMs, lastSuccessAtMs } = this;
    return Object.freeze({
      calls: this.calls.copy(),
      skips: this.skips.copy(),
      trips: this.trips.copy(),
      transitions: this.transitions.copy(),
      probes: this.probes.copy(),
      consecutiveFailures,
      lastFailureAtMs,
      lastSuccessAtMs,
      timeInStateMs: this.timeInStateMs.copy(state, spentMs),
    });
  }
}
