import type { BreakerView } from "../core/breaker-view.ts";
import { addCounters, combineRows, keepCounters, type Row, tryRead } from "./metric-reading.ts";

/**
 * The one row of the breakers whose names have no series of their own. Its counters never fall: not when a breaker
 * leaves or cannot be read, nor by the last digit of a sum in another order. A counter that falls reads as a restart,
 * and its whole value is counted again.
 */
export class SharedRow {
  /** The last good reading of each breaker; while it is away, its counters stand in for it. */
  readonly #readings = new WeakMap<BreakerView, Row>();
  /** The counters of the breakers that left. */
  #away: Row | null = null;
  #last: Row | null = null;

  /** A breaker comes, or comes back: its own counters include those that stood in for it. */
  join(view: BreakerView): void {
    const last = this.#readings.get(view);
    if (last !== undefined && this.#away !== null) addCounters(this.#away, last, -1);
  }

  /** A breaker leaves, and its counters stay. */
  leave(view: BreakerView): void {
    const last = tryRead(view) ?? this.#readings.get(view);
    if (last === undefined) return;
    this.#readings.set(view, last);
    this.#away ??= new Float64Array(last.length);
    addCounters(this.#away, last, 1);
  }

  /**
   * Reads the breakers that are here; null when none of them can be read, or none ever came. When all have left, the
   * counters stay and the gauges are 0: those who come next count on from there.
   */
  read(views: readonly BreakerView[]): Row | null {
    let row: Row | null = views.length === 0 && this.#away !== null ? zeros(this.#away) : null;
    const unread: Row[] = [];
    for (const view of views) {
      const read = tryRead(view);
      if (read === null) {
        const last = this.#readings.get(view);
        if (last !== undefined) unread.push(last);
        continue;
      }
      this.#readings.set(view, read);
      if (row === null) row = read.slice();
      else combineRows(row, read);
    }
    if (row === null) return null;
    for (const counters of unread) addCounters(row, counters, 1);
    if (this.#away !== null) addCounters(row, this.#away, 1);
    if (this.#last !== null) keepCounters(row, this.#last);
    this.#last = row;
    return row;
  }
}

function zeros({ length }: Row): Row {
  return new Float64Array(length);
}
