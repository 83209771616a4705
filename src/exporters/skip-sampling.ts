import type { EventOf } from "../events/event.ts";

/** A refused call, as the log takes it. */
export type SkipEvent = EventOf<"circuit.skip">;

/** The longest that skips of one breaker go without a line, as long as calls come. */
const HEARTBEAT_MS = 10_000;

/**
 * Which skips of one breaker become lines: the 1st, 2nd, 4th, 8th … of an open window, and one when no line was
 * written for 10 s. It loses nothing: the others are counted, and the next line carries their number.
 */
export class SkipSampling {
  /** Skips since the last line that were not written. */
  suppressed = 0;
  /** The last of them. */
  lastSuppressed: SkipEvent | null = null;
  #nextLine = 1;
  #seen = 0;
  #generation = 0;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * Whether this skip is written; if not, `suppress` has to count it. Asking twice is asking once. Reads no clock: the
   * event has the time.
   */
  isDue({ skipsSinceOpened, generation, atMs }: SkipEvent): boolean {
    if (generation > this.#generation) {
      // A count that did not grow is a window that began without `restart` having been told. Only a newer
      // generation proves it: two breakers of one name would otherwise restart each other at every skip.
      if (skipsSinceOpened <= this.#seen) this.restart(generation);
      this.#generation = generation;
    }
    this.#seen = skipsSinceOpened;
    // A wall clock that was set back must not silence the heartbeat for as long as it was set back.
    this.#triedAtMs = Math.min(this.#triedAtMs, atMs);
    return skipsSinceOpened >= this.#nextLine || atMs - this.#triedAtMs >= HEARTBEAT_MS;
  }

  /** An open window begins: its first skip is written. */
  restart(generation: number): void {
    this.#generation = generation;
    this.#nextLine = 1;
    this.#seen = 0;
  }

  /** Counts a skip that is not written. */
  suppress(skip: SkipEvent): void {
    this.suppressed++;
    this.lastSuppressed = skip;
  }

  /** A line is tried: the next heartbeat is due 10 s later, whether the logger takes the line or throws. */
  trying(atMs: number): void {
    this.#triedAtMs = atMs;
  }

  /** The line of a skip is tried: the next one is due at twice the number. */
  tryingSkip({ skipsSinceOpened, atMs }: SkipEvent): void {
    while (this.#nextLine <= skipsSinceOpened) this.#nextLine *= 2;
    this.trying(atMs);
  }

  /** A line has carried the suppressed skips. */
  carried(): void {
    this.suppressed = 0;
    this.lastSuppressed = null;
  }
}
