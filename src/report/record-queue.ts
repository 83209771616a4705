import type { CircuitRecord } from "./event-record.ts";

/** Where an entry of a record stands. */
export interface RecordSource {
  /** The file as it was named; `-` for standard input. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** An event of a breaker, and where it was read. */
export interface SourcedRecord {
  readonly record: CircuitRecord;
  readonly source: RecordSource | null;
}

/**
 * Puts the events of one breaker in one process in order, as far as they come at most `reach` events late. An event
 * moves before others only when its number and its moment both say so: a lower number at a later time is a process
 * that began anew, a higher number at an earlier time a wall clock that was set back.
 */
export class RecordQueue {
  /** Events that came later than the reach allows. */
  tooLate = 0;
  readonly #reach: number;
  readonly #take: (sourced: SourcedRecord) => void;
  /** In order; those before `#given` are handed on already. */
  #waiting: SourcedRecord[] = [];
  #given = 0;
  /** The last that was handed on in its order. */
  #last: CircuitRecord | null = null;

  constructor(reach: number, take: (sourced: SourcedRecord) => void) {
    this.#reach = reach;
    this.#take = take;
  }

  /** Events that wait. */
  get length(): number {
    return this.#waiting.length - this.#given;
  }

  add(sourced: SourcedRecord): void {
    let at = this.#waiting.length;
    while (at > this.#given && isBefore(sourced.record, this.#waiting[at - 1]?.record)) at--;
    if (at === this.#waiting.length) this.#waiting.push(sourced);
    else this.#waiting.splice(at, 0, sourced);
    if (at === this.#given && this.#last !== null && isBefore(sourced.record, this.#last)) {
      this.tooLate++;
    }
    if (this.length > this.#reach) this.release(1);
  }

  /** Hands on this many of those that wait, or all. */
  release(count = this.length): void {
    for (const end = this.#given + count; this.#given < end; this.#given++) {
      const next = this.#waiting[this.#given];
      if (next === undefined) break;
      if (!isBefore(next.record, this.#last ?? undefined)) this.#last = next.record;
      this.#take(next);
    }
    if (this.#given > this.#reach || this.length === 0) {
      this.#waiting = this.#waiting.slice(this.#given);
      this.#given = 0;
    }
  }
}

function isBefore(next: CircuitRecord, last: CircuitRecord | undefined): boolean {
  return last !== undefined && next.seq < last.seq && next.atMs <= last.atMs;
}
