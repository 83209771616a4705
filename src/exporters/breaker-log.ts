import type { CircuitEvent } from "../events/event.ts";
import { type SkipEvent, SkipSampling } from "./skip-sampling.ts";

/** What a line tells beyond its event, so that a reader can tell what is missing between two lines. */
export interface Trail {
  /** The `seq` of the breaker's previous line; null on its first. */
  readonly prevSeq: number | null;
  /** Skips since that line that were not written. */
  readonly suppressed: number;
}

/** Writes one line; may throw. Returns false when the destination takes no such line at present. */
export type WriteLine = (event: CircuitEvent, trail: Trail) => unknown;

/** The lines of one breaker: numbered, with its skips sampled. */
export class BreakerLog {
  readonly #write: WriteLine;
  readonly #sampling = new SkipSampling();
  readonly #sampled: boolean;
  #prevSeq: number | null = null;

  /** `sampled` is false when every skip is to be written. */
  constructor(write: WriteLine, sampled: boolean) {
    this.#write = write;
    this.#sampled = sampled;
  }

  /** The last skip that no line has told yet, with the number of them. */
  get untold(): { readonly last: SkipEvent; readonly count: number } | null {
    const { lastSuppressed: last, suppressed: count } = this.#sampling;
    return last === null ? null : { last, count };
  }

  /** Whether a skip that is about to be told makes no line; it is counted then, and need not be told. */
  declines(skip: SkipEvent): boolean {
    if (!this.#sampled || this.#sampling.isDue(skip)) return false;
    this.#sampling.suppress(skip);
    return true;
  }

  /** Whether the event was tried as a line; if not, it is a skip that was counted. */
  take(event: CircuitEvent): boolean {
    if (event.type !== "circuit.skip") {
      if (event.type === "circuit.open") this.#sampling.restart(event.generation);
      this.#sampling.trying(event.atMs);
      const prevSeq = this.#prevSeq;
      // Set before the logger is tried: a line that it loses shows as a number that no line has.
      this.#prevSeq = event.seq;
      const trail = { prevSeq, suppressed: this.#sampling.suppressed };
      if (this.#write(event, trail) === false) this.#prevSeq = prevSeq;
      else this.#sampling.carried();
      return true;
    }
    if (this.declines(event)) return false;
    this.#writeSkip(event);
    return true;
  }

  /** The last line, with what is left: the last suppressed skip, carrying the number of the others. */
  writeRest(): void {
    const { lastSuppressed, suppressed } = this.#sampling;
    if (lastSuppressed === null) return;
    this.#write(lastSuppressed, { prevSeq: this.#prevSeq, suppressed: suppressed - 1 });
  }

  #writeSkip(skip: SkipEvent): void {
    this.#sampling.tryingSkip(skip);
    const trail = { prevSeq: this.#prevSeq, suppressed: this.#sampling.suppressed };
    let isWritten = false;
    try {
      isWritten = this.#write(skip, trail) !== false;
    } finally {
      // What was not written is carried by the next line; when the logger threw, the bus reports it.
      if (!isWritten) this.#sampling.suppress(skip);
    }
    if (!isWritten) return;
    this.#prevSeq = skip.seq;
    this.#sampling.carried();
  }
}
