/** A process whose events are dated before the lines that they follow in a file. */
export interface Skew {
  readonly file: string;
  readonly process: string;
  /** At least so far its clock is behind those of the others. */
  readonly behindMs: number;
}

interface Lag {
  leastMs: number;
  times: number;
}

/** Fewer may be chance. */
const ENOUGH = 3;
/** Less may be lines that overtook each other on their way to the file. */
const NOTABLE_MS = 500;
const MOST_PROCESSES = 10_000;

/**
 * Finds clocks that differ, in files into which several processes wrote: when every event of one process that follows
 * one of another is dated well before it, its clock is behind. Where that holds for all of them, the file is not in the
 * order of time and says nothing.
 */
export class ClockSkew {
  readonly #lags = new Map<string, Map<string, Lag>>();
  readonly #last = new Map<string, { readonly process: string; readonly atMs: number }>();
  #processes = 0;

  take(file: string, process: string, atMs: number): void {
    const last = this.#last.get(file);
    this.#last.set(file, { process, atMs });
    if (last === undefined || last.process === process) return;
    let lags = this.#lags.get(file);
    if (lags === undefined) {
      lags = new Map();
      this.#lags.set(file, lags);
    }
    let lag = lags.get(process);
    if (lag === undefined) {
      if (this.#processes >= MOST_PROCESSES) return;
      this.#processes++;
      lag = { leastMs: Number.POSITIVE_INFINITY, times: 0 };
      lags.set(process, lag);
    }
    lag.times++;
    lag.leastMs = Math.min(lag.leastMs, last.atMs - atMs);
  }

  found(): readonly Skew[] {
    return [...this.#lags].flatMap(([file, lags]) => {
      const behind = [...lags].filter(
        ([, { times, leastMs }]) => times >= ENOUGH && leastMs >= NOTABLE_MS,
      );
      if (behind.length === lags.size) return [];
      return behind.map(([process, { leastMs }]) => ({ file, process, behindMs: leastMs }));
    });
  }
}
