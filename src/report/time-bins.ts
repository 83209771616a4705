/** What happened in one stretch of time. */
export interface TimeBin {
  /** When it began, epoch milliseconds. */
  readonly fromMs: number;
  readonly skips: number;
  /** Failures by reason. */
  readonly error: number;
  readonly latency: number;
  /** The nearest that the breaker came to a trip, 0 to 1; null when nothing told it. */
  readonly nearest: number | null;
  /** How near it was in the end, by what was told last. */
  readonly last: number | null;
}

/** What is added to a bin; `nearest` comes later than what was added before. */
export interface BinChange {
  readonly skips?: number;
  readonly error?: number;
  readonly latency?: number;
  readonly nearest?: number;
  /** @default `nearest` */
  readonly last?: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** More would be narrower than a pixel of a chart. */
const MOST_BINS = 600;
const NARROWEST_MS = 250;

/**
 * Counts over time in bins of equal width. There are never more than 600: when a moment would need more, the width is
 * doubled until all fit, so a record of any length takes the same memory.
 */
export class TimeBins {
  #bins = new Map<number, Writable<TimeBin>>();
  #widthMs = NARROWEST_MS;

  /** The width of each bin, milliseconds. */
  get widthMs(): number {
    return this.#widthMs;
  }

  add(atMs: number, change: BinChange): void {
    this.#merge(Math.floor(atMs / this.#widthMs) * this.#widthMs, change);
    while (this.#bins.size > MOST_BINS) this.#widen();
  }

  /** The bins in which something happened, by time. */
  list(): readonly TimeBin[] {
    return [...this.#bins.values()].sort((a, b) => a.fromMs - b.fromMs);
  }

  /** Adds the bins of another process, both at the wider of their widths: the one that is nearer in the end counts. */
  addAll(others: TimeBins): void {
    while (this.#widthMs < others.#widthMs) this.#widen();
    while (others.#widthMs < this.#widthMs) others.#widen();
    for (const bin of others.list()) {
      const { last = 0, ...change } = changeOf(bin);
      const own = this.#bins.get(bin.fromMs)?.last ?? 0;
      this.add(bin.fromMs, bin.last === null ? change : { ...change, last: Math.max(own, last) });
    }
  }

  #widen(): void {
    this.#widthMs *= 2;
    const narrow = this.list();
    this.#bins = new Map();
    for (const bin of narrow) {
      this.#merge(Math.floor(bin.fromMs / this.#widthMs) * this.#widthMs, changeOf(bin));
    }
  }

  #merge(fromMs: number, change: BinChange): void {
    const { skips = 0, error = 0, latency = 0, nearest, last = nearest } = change;
    const bin = this.#bins.get(fromMs) ?? {
      ...{ fromMs, skips: 0, error: 0, latency: 0 },
      ...{ nearest: null, last: null },
    };
    this.#bins.set(fromMs, bin);
    bin.skips += skips;
    bin.error += error;
    bin.latency += latency;
    if (nearest !== undefined) bin.nearest = Math.max(bin.nearest ?? 0, nearest);
    if (last !== undefined) bin.last = last;
  }
}

function changeOf({ fromMs: _start, nearest, last, ...counts }: TimeBin): BinChange {
  return nearest === null ? counts : { ...counts, nearest, last: last ?? nearest };
}
