const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (value: number): string => String(value).padStart(2, "0");

/** A length of time as a clock that ticks shows it, in whole seconds: `12 s`, `3 min 04 s`, `2 h 05 min`. */
export function brief(lengthMs: number): string {
  const rounded = Math.max(0, Math.ceil(lengthMs / SECOND) * SECOND);
  if (rounded < MINUTE) return `${rounded / SECOND} s`;
  if (rounded < HOUR) {
    return `${Math.floor(rounded / MINUTE)} min ${two((rounded % MINUTE) / SECOND)} s`;
  }
  if (rounded < DAY) {
    return `${Math.floor(rounded / HOUR)} h ${two(Math.floor((rounded % HOUR) / MINUTE))} min`;
  }
  const days = Math.floor(rounded / DAY);
  return days > 999 ? "over 999 d" : `${days} d ${two(Math.floor((rounded % DAY) / HOUR))} h`;
}

/** The time of day in UTC. */
export function clock(atMs: number): string {
  const moment = new Date(atMs);
  return Number.isNaN(moment.getTime()) ? "unknown" : moment.toISOString().slice(11, 19);
}

/** A share from 0 to 1. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;
