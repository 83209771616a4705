const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A count with its thousands apart: `1 234`. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, " ");

/** A count with its noun: `1 call`, `1 234 calls`. */
export function counted(count: number, noun: string): string {
  const plural = noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

/** A moment in UTC with its milliseconds. */
export function utc(atMs: number): string {
  const moment = new Date(atMs);
  // A damaged length of an incident can put its beginning before any date.
  if (Number.isNaN(moment.getTime())) return "an unknown time";
  return `${moment.toISOString().replace("T", " ").slice(0, -1)} UTC`;
}

/** A length of time in two units at most, so that the size is seen at a glance. */
export function duration(lengthMs: number): string {
  if (lengthMs < SECOND) return `${Math.round(lengthMs)} ms`;
  if (lengthMs < MINUTE) return `${(Math.floor(lengthMs / 10) / 100).toFixed(2)} s`;
  const [large, small, largeMs, smallMs] =
    lengthMs < HOUR
      ? ["min", "s", MINUTE, SECOND]
      : lengthMs < DAY
        ? ["h", "min", HOUR, MINUTE]
        : ["d", "h", DAY, HOUR];
  return `${Math.floor(lengthMs / largeMs)} ${large} ${Math.floor((lengthMs % largeMs) / smallMs)} ${small}`;
}
