// Reads what a meter has saved, which may be damaged or be of something else. What is wrong is an error without a
// place: whoever restores the snapshot knows which meter it was.

/** Beyond it no moment is a date. */
const LONGEST_MS = 8.64e15;

export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new TypeError("no record");
  // A copy of the own properties: what a prototype brings in does not count.
  return Object.assign(Object.create(null), value);
}

/** A list of at most so many items. */
export function listOf(value: unknown, longest: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= longest) return value;
  throw new TypeError("no list");
}

/** A number that a length of time or a moment can be. */
export function numberOf(value: unknown): number {
  if (typeof value === "number" && Math.abs(value) <= LONGEST_MS) return value;
  throw new TypeError("no number");
}

/** A whole number from 0 to `most`. */
export function wholeOf(value: unknown, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && numberOf(value) >= 0 && numberOf(value) <= most) {
    return numberOf(value);
  }
  throw new TypeError("no count");
}

/** How long ago a moment is; null for NaN. */
export function agoMs(momentMs: number, nowMs: number): number | null {
  return Number.isNaN(momentMs) ? null : nowMs - momentMs;
}

/** The moment that long before `savedMs`; NaN for null. */
export function momentOf(value: unknown, savedMs: number): number {
  return value === null ? Number.NaN : savedMs - numberOf(value);
}

/** Fills an array of moments, each as long before `savedMs` as the list says. */
export function loadMoments(value: unknown, momentsMs: Float64Array, savedMs: number): void {
  listOf(value, momentsMs.length).forEach((item, at) => {
    momentsMs[at] = momentOf(item, savedMs);
  });
}
