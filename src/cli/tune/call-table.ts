import { type CallLog, FATE } from "./call-log.ts";
import { orderOf } from "./call-order.ts";

/**
 * The calls of one process to one dependency, in the order of their starts, as a replay takes them. The arrays are
 * shared among the threads that replay.
 */
export interface CallTable {
  /** The moment that the times count from, in epoch milliseconds. */
  readonly originMs: number;
  readonly startMs: Float64Array;
  readonly durationMs: Float64Array;
  /** One of FATE each, none of them unknown. */
  readonly fate: Uint8Array;
  /** 1 for a call that the recording has no outcome of: what is said of it here is assumed. */
  readonly assumed: Uint8Array;
  /** The places of the calls in the order of their ends. */
  readonly byEnd: Uint32Array;
  /** More calls than are ever under way at once, a power of two. */
  readonly room: number;
}

/**
 * The tables that stand for one log: the likeliest first. Where calls were refused in the recording, the second takes
 * the better and the third the worse of the two known results around each of them: what the recording leaves open lies
 * between.
 */
export type Assumptions = readonly [CallTable] | readonly [CallTable, CallTable, CallTable];

/** Whether a call was of no use to its caller: failed, cut off, or slower than `slowMs`. */
export const isBad = (fate: number, durationMs: number, slowMs: number): boolean =>
  fate === FATE.error || fate === FATE.timeout || (fate === FATE.ok && durationMs > slowMs);

/** Puts a log in order. At least one of its calls must have an outcome. */
export function tablesOf(log: CallLog, slowMs: number): Assumptions {
  const order = orderOf(log.startMs);
  const { startMs: starts, durationMs: durations, fate: fates } = log;
  const originMs = starts[order[0] ?? 0] ?? 0;
  const startMs = sharedFloats(log.length);
  const durationMs = sharedFloats(log.length);
  const fate = sharedBytes(log.length);
  const assumed = sharedBytes(log.length);
  let unknown = 0;
  for (let at = 0; at < order.length; at++) {
    const place = order[at] ?? 0;
    startMs[at] = (starts[place] ?? 0) - originMs;
    durationMs[at] = durations[place] ?? 0;
    fate[at] = fates[place] ?? 0;
    if (fate[at] !== FATE.unknown) continue;
    assumed[at] = 1;
    unknown++;
  }
  const known = { originMs, startMs, durationMs, fate, assumed };
  if (unknown === 0) return [withEnds(known)];
  const around = neighbours(known);
  const choose = (choice: Choice): CallTable => withEnds(filledIn(known, around, choice));
  const badAt = (at: number): boolean => isBad(fate[at] ?? 0, durationMs[at] ?? 0, slowMs);
  return [
    choose((at, before, after) =>
      (startMs[at] ?? 0) - (startMs[before] ?? 0) <= (startMs[after] ?? 0) - (startMs[at] ?? 0)
        ? before
        : after,
    ),
    choose((_, before, after) => (badAt(before) ? after : before)),
    choose((_, before, after) => (badAt(before) ? before : after)),
  ];
}

type Plain = Omit<CallTable, "byEnd" | "room">;
/** Which of the calls with a known outcome around it a call is taken to be like. */
type Choice = (at: number, before: number, after: number) => number;

interface Neighbours {
  readonly before: Uint32Array;
  readonly after: Uint32Array;
}

/** The places of the calls with an outcome next to each one; at the edges both are the same. */
function neighbours({ fate }: Plain): Neighbours {
  const before = new Uint32Array(fate.length);
  const after = new Uint32Array(fate.length);
  const isKnown = (value: number): boolean => value !== FATE.unknown;
  let last = fate.findIndex(isKnown);
  for (let at = 0; at < fate.length; at++) {
    if (fate[at] !== FATE.unknown) last = at;
    before[at] = last;
  }
  let next = fate.findLastIndex(isKnown);
  for (let at = fate.length - 1; at >= 0; at--) {
    if (fate[at] !== FATE.unknown) next = at;
    after[at] = next;
  }
  return { before, after };
}

function filledIn(known: Plain, { before, after }: Neighbours, choice: Choice): Plain {
  const durationMs = sharedFloats(known.fate.length);
  const fate = sharedBytes(known.fate.length);
  durationMs.set(known.durationMs);
  fate.set(known.fate);
  for (let at = 0; at < fate.length; at++) {
    if (known.assumed[at] === 0) continue;
    const like = choice(at, before[at] ?? 0, after[at] ?? 0);
    durationMs[at] = known.durationMs[like] ?? 0;
    fate[at] = known.fate[like] ?? 0;
  }
  return { ...known, durationMs, fate };
}

function withEnds(plain: Plain): CallTable {
  const { startMs, durationMs } = plain;
  const endMs = startMs.map((start, at) => start + (durationMs[at] ?? 0));
  const byEnd = shared(orderOf(endMs));
  return { ...plain, byEnd, room: roomFor(startMs, endMs, byEnd) };
}

/** How many places after one another may be in use between the start of a call and its end, as a power of two. */
function roomFor(startMs: Float64Array, endMs: Float64Array, byEnd: Uint32Array): number {
  let widest = 1;
  let started = 0;
  for (const place of byEnd) {
    const end = endMs[place] ?? 0;
    while (started < startMs.length && (started <= place || (startMs[started] ?? 0) < end))
      started++;
    widest = Math.max(widest, started - place);
  }
  return 2 ** Math.ceil(Math.log2(widest + 1));
}

const sharedFloats = (length: number): Float64Array =>
  new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));

const sharedBytes = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length));

function shared(places: Uint32Array): Uint32Array {
  const copy = new Uint32Array(new SharedArrayBuffer(places.byteLength));
  copy.set(places);
  return copy;
}
