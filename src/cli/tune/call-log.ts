import { RefusedRecord } from "../reading/read-record.ts";

/** What became of a recorded call: what the breaker is told of it in a replay. */
export const FATE = {
  /** It gave a value; whether that was too slow is for the setting to say. */
  ok: 0,
  error: 1,
  /** A time limit ended it, which counts as latency whatever the limit of the setting. */
  timeout: 2,
  /** It says nothing of the dependency: cancelled, ignored, never reached. */
  ignored: 3,
  /** It was refused when the recording was made, so nobody knows. */
  unknown: 4,
} as const;

/** The most calls that a replay holds: a gigabyte of memory, two when calls were refused in the recording. */
export const MOST_CALLS = 20_000_000;

/** The recording has more calls than a replay holds. */
export function tooManyCalls(): never {
  throw new RefusedRecord(
    `the recording has more than ${MOST_CALLS / 1_000_000} million calls, which is as many as a replay holds: choose a part of it with --since, --until or --breaker`,
  );
}

const FIRST_ROOM = 1_024;

/** The calls of one process to one dependency, in any order, as typed arrays that grow. */
export class CallLog {
  length = 0;
  #startMs = new Float64Array(FIRST_ROOM);
  #durationMs = new Float64Array(FIRST_ROOM);
  #fate = new Uint8Array(FIRST_ROOM);

  /** When the calls started, in epoch milliseconds. */
  get startMs(): Float64Array {
    return this.#startMs.subarray(0, this.length);
  }

  /** How long they took, in milliseconds; of a call that was refused 0. */
  get durationMs(): Float64Array {
    return this.#durationMs.subarray(0, this.length);
  }

  /** One of {@link FATE} each. */
  get fate(): Uint8Array {
    return this.#fate.subarray(0, this.length);
  }

  add(startMs: number, durationMs: number, fate: number): void {
    if (this.length === this.#fate.length) this.#grow();
    this.#startMs[this.length] = startMs;
    this.#durationMs[this.length] = durationMs;
    this.#fate[this.length] = fate;
    this.length++;
  }

  #grow(): void {
    const room = this.#fate.length * 2;
    this.#startMs = copied(this.#startMs, new Float64Array(room));
    this.#durationMs = copied(this.#durationMs, new Float64Array(room));
    this.#fate = copied(this.#fate, new Uint8Array(room));
  }
}

function copied<A extends Float64Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
