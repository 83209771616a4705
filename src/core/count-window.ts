import type { FailureReason } from "../events/vocabulary.ts";
import {
  earliest,
  type RollingWindow,
  type SavedWindow,
  type WindowCounts,
} from "./rolling-window.ts";
import { agoMs, loadMoments, recordOf, wholeOf } from "./saved-data.ts";

const SUCCESS = 0;
const ERROR = 1;
const LATENCY = 2;
const SEGMENTS = 16;
/** The longest window by count. */
export const LARGEST_WINDOW = 1_000_000;

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

  save(nowMs: number): SavedWindow {
    const ago = (momentMs: number): number | null => agoMs(momentMs, nowMs);
    const segments = Math.ceil(this.#calls / this.#segmentSize);
    return {
      size: this.#size,
      next: this.#next,
      verdicts: shortVerdicts(this.#verdicts.subarray(0, this.#calls)),
      firstFailuresAgoMs: Array.from(this.#firstFailuresMs.subarray(0, segments), ago),
      begansAgoMs: Array.from(this.#begansMs.subarray(0, segments), ago),
    };
  }

  load(saved: unknown, savedMs: number): void {
    const { size, next, verdicts, firstFailuresAgoMs, begansAgoMs } = recordOf(saved);
    if (size === undefined) return;
    const length = wholeOf(size, LARGEST_WINDOW);
    if (length !== this.#size) {
      const other = new CountWindow(length);
      other.load(saved, savedMs);
      this.takeOver(other);
      return;
    }
    this.#calls = readVerdicts(verdicts, this.#verdicts);
    this.#next = wholeOf(next, length - 1);
    // As long as it is not full, the next verdict goes behind those it holds.
    if (this.#calls < length && this.#next !== this.#calls) throw new TypeError("torn");
    for (const code of this.#verdicts.subarray(0, this.#calls)) this.#count(code, 1);
    loadMoments(firstFailuresAgoMs, this.#firstFailuresMs, savedMs);
    loadMoments(begansAgoMs, this.#begansMs, savedMs);
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

const LETTERS = "sel";

/** The verdicts as a text: a letter each, and how often it comes when that is more than once. */
function shortVerdicts(verdicts: Uint8Array): string {
  const runs: string[] = [];
  for (let from = 0, to = 0; from < verdicts.length; from = to) {
    const code = verdicts[from] ?? SUCCESS;
    while (to < verdicts.length && verdicts[to] === code) to++;
    runs.push(to - from === 1 ? LETTERS.charAt(code) : `${LETTERS.charAt(code)}${to - from}`);
  }
  return runs.join("");
}

/** Writes the verdicts of a text into the slots and says how many there were. */
function readVerdicts(text: unknown, verdicts: Uint8Array): number {
  if (typeof text !== "string") throw new TypeError("no text");
  let calls = 0;
  let read = 0;
  for (const [run, letter = "", times = ""] of text.matchAll(/([sel])(\d*)/g)) {
    read += run.length;
    const from = calls;
    calls += times === "" ? 1 : Number(times);
    if (calls > verdicts.length) break;
    verdicts.fill(LETTERS.indexOf(letter), from, calls);
  }
  if (read !== text.length || calls > verdicts.length) throw new TypeError("no verdicts");
  return calls;
}
