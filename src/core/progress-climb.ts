/**
 * One climb towards a trip. It reports a level once, and ends when the count is back at 0 or at half its peak, so
 * that a failure rate which trembles around a level gives one event and not hundreds.
 */
export class ProgressClimb {
  #peak: number;

  constructor(peak = 0) {
    this.#peak = peak;
  }

  /** The highest ratio of this climb. */
  get peak(): number {
    return this.#peak;
  }

  /** Whether `ratio` reaches a level that this climb had not reached before. */
  reaches(ratio: number, levels: readonly number[]): boolean {
    this.fallTo(ratio);
    if (ratio <= this.#peak) return false;
    const before = this.#peak;
    this.#peak = ratio;
    // They rise: the first one above what was reached is the next.
    for (const level of levels) if (level > before) return level <= ratio;
    return false;
  }

  /** The ratio fell, perhaps so far that the climb is over and the next one begins here. */
  fallTo(ratio: number): void {
    if (ratio <= this.#peak / 2) this.#peak = ratio;
  }
}
