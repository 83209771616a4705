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
}

const SUCCESS = 0;
const ERROR = 1;
const LATENCY = 2;
const SEGMENTS = 16;

/** The last `size` calls: a ring of one byte a call. */
export class CountWindow implements RollingWindow {
  readonly sameUntilMs = Number.POSITIVE_INFINITY;
  readonly #size: number;
  readonly #segmentSize: number;
  readonly #verdicts: Uint8Array;
  /** When the first failure of each segment was counted; NaN for none. */
  readonly #firstFailuresMs: Float64Array;
  /** When the first verdict of each segment was counted; known when somebody times the calls. */
  readonly #begansMs = new Float64Array(SEGMENTS);
  readonly #held = [0, 0, 0];
  #next = 0;
  #calls = 0;

  constructor(size: number) {
    this.#size = size;
    this.#segmentSize = Math.ceil(size / SEGMENTS);
    this.#verdicts = new Uint8Array(size);
    this.#firstFailuresMs = new Float64Array(SEGMENTS).fill(Number.NaN);
  }

  add(verdict: FailureReason | null, nowMs: number): void {
    const code = verdict === null ? SUCCESS : verdict === "error" ? ERROR : LATENCY;
    const at = this.#next;
    if (this.#calls < this.#size) this.#calls++;
    else this.#count(this.#verdicts[at] ?? SUCCESS, -1);
    this.#verdicts[at] = code;
    this.#count(code, 1);
    this.#noteFailure(at, code, nowMs);
    this.#next = at + 1 === this.#size ? 0 : at + 1;
  }

  addSuccesses(count: number): void {
    // What would be overwritten again need not be written.
    const skipped = Math.max(0, count - this.#size);
    this.#calls = Math.min(this.#size, this.#calls + skipped);
    this.#next = (this.#next + skipped) % this.#size;
    let left = count - skipped;
    while (left > 0) {
      const from = this.#next;
      const to = Math.min(this.#size, from + left);
      this.#overwrite(from, to);
      left -= to - from;
      this.#next = to === this.#size ? 0 : to;
    }
  }

  /** Puts successes into the slots of a stretch. */
  #overwrite(from: number, to: number): void {
    const held = this.#held;
    const empty = Math.min(this.#size - this.#calls, to - from);
    this.#calls += empty;
    let failures = 0;
    if ((held[ERROR] ?? 0) + (held[LATENCY] ?? 0) > 0) {
      const stretch = this.#verdicts.subarray(from, to);
      for (const code of [ERROR, LATENCY]) {
        for (let at = stretch.indexOf(code); at !== -1; at = stretch.indexOf(code, at + 1)) {
          this.#count(code, -1);
          failures++;
        }
      }
      stretch.fill(SUCCESS);
    }
    // As in #noteFailure: a lap of a segment begins at its first slot.
    const size = this.#segmentSize;
    for (let at = Math.ceil(from / size); at * size < to; at++) {
      this.#firstFailuresMs[at] = Number.NaN;
      this.#begansMs[at] = Number.NaN;
    }
    this.#count(SUCCESS, empty + failures);
  }

  counts(): WindowCounts {
    const errors = this.#held[ERROR] ?? 0;
    const latencies = this.#held[LATENCY] ?? 0;
    const firstFailureMs = errors + latencies === 0 ? null : earliest(this.#firstFailuresMs);
    return { calls: this.#calls, errors, latencies, firstFailureMs };
  }

  /** The last calls of the other, as many as fit. */
  takeOver(other: RollingWindow): void {
    if (!(other instanceof CountWindow)) return;
    const kept = Math.min(this.#size, other.#calls);
    for (let back = kept; back > 0; back--) {
      const at = (other.#next - back + other.#size) % other.#size;
      const code = other.#verdicts[at] ?? SUCCESS;
      const verdict = code === SUCCESS ? null : code === ERROR ? "error" : "latency";
      const segment = Math.floor(at / other.#segmentSize);
      const begins = this.#next % this.#segmentSize === 0;
      const own = Math.floor(this.#next / this.#segmentSize);
      this.add(verdict, other.#firstFailuresMs[segment] ?? Number.NaN);
      if (begins) this.#begansMs[own] = other.#begansMs[segment] ?? Number.NaN;
    }
  }

  beganMs(): number {
    if (this.#calls < this.#size) return Number.NEGATIVE_INFINITY;
    // What is left of a segment that is being written over has no moment: the next segment is the oldest.
    const oldest = Math.ceil(this.#next / this.#segmentSize);
    return this.#begansMs[oldest * this.#segmentSize < this.#size ? oldest : 0] ?? Number.NaN;
  }

  #count(code: number, by: number): void {
    this.#held[code] = (this.#held[code] ?? 0) + by;
  }

  #noteFailure(at: number, code: number, nowMs: number): void {
    const segment = Math.floor(at / this.#segmentSize);
    // The first slot of a segment begins its new lap: what the old lap noted is leaving the window.
    if (at % this.#segmentSize === 0) {
      this.#firstFailuresMs[segment] = Number.NaN;
      this.#begansMs[segment] = nowMs;
    }
    if (code !== SUCCESS && Number.isNaN(this.#firstFailuresMs[segment] ?? Number.NaN)) {
      this.#firstFailuresMs[segment] = nowMs;
    }
  }
}

const BUCKETS = 10;

/**
 * The last `durationMs`: ten buckets that are emptied as time passes, however long nothing came. Holds between nine
 * tenths and the whole of the time.
 */
export class TimeWindow implements RollingWindow {
  readonly #bucketMs: number;
  readonly #calls = new Float64Array(BUCKETS);
  readonly #errors = new Float64Array(BUCKETS);
  readonly #latencies = new Float64Array(BUCKETS);
  readonly #firstFailuresMs = new Float64Array(BUCKETS).fill(Number.NaN);
  readonly #total = { calls: 0, errors: 0, latencies: 0 };
  /** The number of the newest bucket since the clock's zero. */
  #newest = Number.NEGATIVE_INFINITY;

  constructor(durationMs: number) {
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
    return (this.#newest + 1) * this.#bucketMs - this.#bucketMs * 1e-9;
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
      const to = this.#turnTo((other.#newest - back) * other.#bucketMs);
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
    return (Math.floor(nowMs / this.#bucketMs) - BUCKETS + 1) * this.#bucketMs;
  }

  /** Empties the buckets that time has passed over, ten at the most, and returns the place of the present one. */
  #turnTo(nowMs: number): number {
    const present = Math.floor(nowMs / this.#bucketMs);
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

function earliest(momentsMs: Float64Array): number | null {
  let first = Number.POSITIVE_INFINITY;
  for (const momentMs of momentsMs) if (momentMs < first) first = momentMs;
  return Number.isFinite(first) ? first : null;
}
