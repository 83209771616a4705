/** A count with its thousands apart: `1 234`. */
export const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, " ");

/** A count with its noun: `1 call`, `1 234 calls`. */
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** A length of time as a person says it: `412 ms`, `7.9 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** The time of day in UTC: `14:03:07`. */
export const utc = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);
