import type { Clock } from "./clock.ts";

type Reading = "clock.monotonicMs" | "clock.epochMs";

/**
 * Makes a clock that the user gave safe to decide by: time never goes backwards (a step back counts as no time), and
 * a clock that throws or answers no finite number stands still instead of failing a call.
 */
export class SteadyClock implements Clock {
  readonly #clock: Clock;
  readonly #failed: (reading: Reading, thrown: unknown) => void;
  #lastReadMs: number | undefined;
  #started = false;
  #steadyMs = 0;
  #lastEpochMs = 0;
  /** Whether the wall clock was read since the monotonic one was: a step has one moment on both. */
  #epochRead = false;
  /** A failure now would be told already, or is nobody's business. */
  #silent = false;

  constructor(clock: Clock, failed: (reading: Reading, thrown: unknown) => void) {
    this.#clock = clock;
    this.#failed = failed;
  }

  monotonicMs(): number {
    this.#epochRead = false;
    const read = this.#read("clock.monotonicMs", () => this.#clock.monotonicMs());
    if (read !== undefined) {
      // The first reading is the start, unless an earlier one failed: then the start was 0.
      if (this.#lastReadMs === undefined) this.#steadyMs = this.#started ? this.#steadyMs : read;
      else if (read > this.#lastReadMs) this.#steadyMs += read - this.#lastReadMs;
      this.#lastReadMs = read;
    }
    this.#started = true;
    return this.#steadyMs;
  }

  /** The same for one who only reads: a failure is not told. */
  glanceMs(): number {
    const reporting = this.#silent;
    this.#silent = true;
    const nowMs = this.monotonicMs();
    this.#silent = reporting;
    return nowMs;
  }

  epochMs(): number {
    if (this.#epochRead) return this.#lastEpochMs;
    this.#epochRead = true;
    this.#lastEpochMs =
      this.#read("clock.epochMs", () => this.#clock.epochMs()) ?? this.#lastEpochMs;
    return this.#lastEpochMs;
  }

  #read(reading: Reading, read: () => number): number | undefined {
    try {
      const value = read();
      if (Number.isFinite(value)) return value;
      throw new TypeError(`${reading} must return a finite number, received ${String(value)}`);
    } catch (thrown) {
      // The report carries a time, which asks the clock again.
      if (!this.#silent) {
        this.#silent = true;
        this.#failed(reading, thrown);
        this.#silent = false;
      }
      return undefined;
    }
  }
}
