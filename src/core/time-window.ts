import type { FailureReason } from "../events/vocabulary.ts";
import {
  earliest,
  type RollingWindow,
  type SavedBucket,
  type SavedWindow,
  type WindowCounts,
} from "./rolling-window.ts";
import { agoMs, listOf, momentOf, numberOf, recordOf, wholeOf } from "./saved-data.ts";

const BUCKETS = 10;

/**
 * The last `durationMs`: ten buckets that are emptied as time passes, however long nothing came. Holds between nine
 * tenths and the whole of the time.
 */
export class TimeWindow implements RollingWindow {
  readonly #durationMs: number;
  readonly #bucketMs: number;
  readonly #calls = new Float64Array(BUCKETS);
  readonly #errors = new Float64Array(BUCKETS);
  readonly #latencies = new Float64Array(BUCKETS);
  readonly #firstFailuresMs = new Float64Array(BUCKETS).fill(Number.NaN);
  readonly #total = { calls: 0, errors: 0, latencies: 0 };
  /** Where the numbers of the buckets begin: the clock's zero, or that of the clock before a restore. */
  #zeroMs = 0;
  /** The number of the newest bucket. */
  #newest = Number.NEGATIVE_INFINITY;

  constructor(durationMs: number) {
    this.#durationMs = durationMs;
    this.#bucketMs = durationMs / BUCKETS;
  }

  add(verdict: FailureReason | null, nowMs: number): void {
    const bucket = this.#turnTo(nowMs);
    this.#calls[bucket] = (this.#calls[bucket] ?? 0) + 1;
    this.#total.calls++;
    if (verdict === null) return;
    if (verdict === "error") {
      this.#errors[bucket] = (this.#errors[bucket] ?? 0) + 1;
      this.#total.errors++;
    } else {
      this.#latencies[bucket] = (this.#latencies[bucket] ?? 0) + 1;
      this.#total.latencies++;
    }
    if (Number.isNaN(this.#firstFailuresMs[bucket] ?? Number.NaN)) {
      this.#firstFailuresMs[bucket] = nowMs;
    }
  }

  addSuccesses(count: number, nowMs: number): void {
    const bucket = this.#turnTo(nowMs);
    this.#calls[bucket] = (this.#calls[bucket] ?? 0) + count;
    this.#total.calls += count;
  }

  /** A billionth before the bucket's end: beyond it rounding may already have turned the page. */
  get sameUntilMs(): number {
    return this.#zeroMs + (this.#newest + 1) * this.#bucketMs - this.#bucketMs * 1e-9;
  }

  counts(nowMs: number): WindowCounts {
    this.#turnTo(nowMs);
    const { calls, errors, latencies } = this.#total;
    const firstFailureMs = errors + latencies === 0 ? null : earliest(this.#firstFailuresMs);
    return { calls, errors, latencies, firstFailureMs };
  }

  /**
   * The verdicts of each bucket count as having come when it began: with other buckets than before, a verdict may
   * leave the window up to one old bucket too early, and never too late.
   */
  takeOver(other: RollingWindow): void {
    if (!(other instanceof TimeWindow) || !Number.isFinite(other.#newest)) return;
    for (let back = BUCKETS - 1; back >= 0; back--) {
      const from = placeOf(other.#newest - back);
      const calls = other.#calls[from] ?? 0;
      if (calls === 0) continue;
      const to = this.#turnTo(other.#zeroMs + (other.#newest - back) * other.#bucketMs);
      const [errors, latencies] = [other.#errors[from] ?? 0, other.#latencies[from] ?? 0];
      this.#calls[to] = (this.#calls[to] ?? 0) + calls;
      this.#errors[to] = (this.#errors[to] ?? 0) + errors;
      this.#latencies[to] = (this.#latencies[to] ?? 0) + latencies;
      this.#total.calls += calls;
      this.#total.errors += errors;
      this.#total.latencies += latencies;
      if (Number.isNaN(this.#firstFailuresMs[to] ?? Number.NaN)) {
        this.#firstFailuresMs[to] = other.#firstFailuresMs[from] ?? Number.NaN;
      }
    }
  }

  beganMs(nowMs: number): number {
    const present = Math.floor((nowMs - this.#zeroMs) / this.#bucketMs);
    return this.#zeroMs + (present - BUCKETS + 1) * this.#bucketMs;
  }

  save(nowMs: number): SavedWindow {
    this.#turnTo(nowMs);
    const buckets = Array.from({ length: BUCKETS }, (_, back): SavedBucket | null => {
      const at = placeOf(this.#newest - back);
      const calls = this.#calls[at] ?? 0;
      const failedAgoMs = agoMs(this.#firstFailuresMs[at] ?? Number.NaN, nowMs);
      if (calls === 0) return null;
      return [calls, this.#errors[at] ?? 0, this.#latencies[at] ?? 0, failedAgoMs];
    });
    const held = 1 + buckets.findLastIndex((bucket) => bucket !== null);
    return {
      durationMs: this.#durationMs,
      zeroAgoMs: nowMs - this.#zeroMs,
      buckets: buckets.slice(0, held),
    };
  }

  load(saved: unknown, savedMs: number): void {
    const { durationMs, zeroAgoMs, buckets } = recordOf(saved);
    if (durationMs === undefined) return;
    const length = numberOf(durationMs);
    if (length <= 0) throw new TypeError("no duration");
    if (length !== this.#durationMs) {
      const other = new TimeWindow(length);
      other.load(saved, savedMs);
      this.takeOver(other);
      return;
    }
    this.#zeroMs = savedMs - numberOf(zeroAgoMs);
    this.#newest = Math.floor(numberOf(zeroAgoMs) / this.#bucketMs);
    listOf(buckets, BUCKETS).forEach((bucket, back) => {
      if (bucket === null) return;
      const [calls, errors, latencies, firstAgoMs] = listOf(bucket, 4);
      const at = placeOf(this.#newest - back);
      this.#calls[at] = wholeOf(calls);
      this.#errors[at] = wholeOf(errors);
      this.#latencies[at] = wholeOf(latencies);
      this.#firstFailuresMs[at] = momentOf(firstAgoMs, savedMs);
      this.#total.calls += wholeOf(calls);
      this.#total.errors += wholeOf(errors);
      this.#total.latencies += wholeOf(latencies);
    });
  }

  /** Empties the buckets that time has passed over, ten at the most, and returns the place of the present one. */
  #turnTo(nowMs: number): number {
    const present = Math.floor((nowMs - this.#zeroMs) / this.#bucketMs);
    const passed = Math.min(BUCKETS, present - this.#newest);
    for (let step = 0; step < passed; step++) this.#empty(placeOf(present - step));
    if (passed > 0) this.#newest = present;
    return placeOf(this.#newest);
  }

  #empty(bucket: number): void {
    this.#total.calls -= this.#calls[bucket] ?? 0;
    this.#total.errors -= this.#errors[bucket] ?? 0;
    this.#total.latencies -= this.#latencies[bucket] ?? 0;
    this.#calls[bucket] = 0;
    this.#errors[bucket] = 0;
    this.#latencies[bucket] = 0;
    this.#firstFailuresMs[bucket] = Number.NaN;
  }
}

/** A monotonic clock may start below 0. */
function placeOf(bucketNumber: number): number {
  return ((bucketNumber % BUCKETS) + BUCKETS) % BUCKETS;
}
