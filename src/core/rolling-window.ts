import type { FailureReason } from "../events/vocabulary.ts";

/** What a window holds at one moment. */
export interface WindowCounts {
  readonly calls: number;
  readonly errors: number;
  readonly latencies: number;
  /** The first failure it still holds, to a segment of the window; null when it holds none. */
  readonly firstFailureMs: number | null;
}

/** Counts verdicts over a stretch of calls or of time, in fixed memory and in the same time for each call. */
export interface RollingWindow {
  add(verdict: FailureReason | null, nowMs: number): void;
  /** The same as so many successes added one by one at `nowMs`; the time it takes is that of the longest memory fill. */
  addSuccesses(count: number, nowMs: number): void;
  counts(nowMs: number): WindowCounts;
  /** Until when a success makes no difference to one at the moment of the last addition. */
  readonly sameUntilMs: number;
  /** Takes in what a window of the same kind holds; nothing from one of another kind. For a window that is empty. */
  takeOver(other: RollingWindow): void;
  /** When the verdict came that would leave it next, to a segment; -Infinity while it holds everything. */
  beganMs(nowMs: number): number;
  /** What it holds, as plain data; moments as the time that has passed since. */
  save(nowMs: number): SavedWindow;
  /**
   * Holds what a window has saved, at the moment `savedMs` of the clock of now; of one of another length, as much as
   * reaches; of one of another kind, nothing. For a window that is empty.
   * @throws {TypeError} when a window cannot have saved that
   */
  load(saved: unknown, savedMs: number): void;
}

/** What a window holds, as plain data. */
export type SavedWindow =
  | {
      readonly size: number;
      /** The slot that is written next. */
      readonly next: number;
      /** The verdicts by slot, `s`, `e` and `l`, each followed by how often it comes when that is more than once. */
      readonly verdicts: string;
      /** By segment of those in use; null for none, or for a moment that was not known. */
      readonly firstFailuresAgoMs: readonly (number | null)[];
      readonly begansAgoMs: readonly (number | null)[];
    }
  | {
      readonly durationMs: number;
      /** How long ago the zero is that its buckets are numbered from. */
      readonly zeroAgoMs: number;
      /** The newest first, up to the oldest that holds a call; null for one that holds none. */
      readonly buckets: readonly (SavedBucket | null)[];
    };

/** What came in one stretch of time, and how long ago the first failure of it was. */
export type SavedBucket = readonly [
  calls: number,
  errors: number,
  latencies: number,
  failedAgoMs: number | null,
];

/** The earliest of the moments that are one; null when none is. */
export function earliest(momentsMs: Float64Array): number | null {
  let first = Number.POSITIVE_INFINITY;
  for (const momentMs of momentsMs) if (momentMs < first) first = momentMs;
  return Number.isFinite(first) ? first : null;
}
