/** A histogram of one series, as Prometheus has it. */
export class BucketHistogram {
  readonly #bounds: readonly number[];
  /** How many observations fell into each bucket and not into a smaller one. */
  readonly #counts: number[];
  #beyond = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at < 0) this.#beyond++;
    else this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.sum += value;
  }

  /** The upper bound of each bucket with the observations up to it; the last is `+Inf`. */
  cumulative(): readonly (readonly [le: string, count: number])[] {
    let total = 0;
    const buckets = this.#bounds.map((bound, at): [string, number] => {
      total += this.#counts[at] ?? 0;
      return [String(bound), total];
    });
    return [...buckets, ["+Inf", total + this.#beyond]];
  }
}
