import type { Check } from "../events/check.ts";

/** A stretch of the calendar in one time zone. */
export interface CalendarSpan {
  /** `2026-11` for a month, `2026-11-21` for a day: sorts as time does. */
  readonly key: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

const DAY_MS = 86_400_000;
const KNOWN_DAYS = 64;

/**
 * Months and days of a named time zone. Their lengths are the zone's own: a day is 23 or 25 hours long where the clocks
 * change. A span is worked out once and asked again by comparison, since ledgers ask at every call.
 */
export class Calendar {
  readonly timeZone: string;
  readonly #format: Intl.DateTimeFormat;
  #month: CalendarSpan | undefined;
  #day: CalendarSpan | undefined;
  /** The days that were asked for lately. */
  readonly #days: CalendarSpan[] = [];

  /** @throws {RangeError} when the host does not know the time zone */
  constructor(check: Check, timeZone: unknown) {
    this.timeZone = check.text("timeZone", timeZone, 64);
    this.#format = formatOf(check, this.timeZone);
  }

  month(atMs: number): CalendarSpan {
    this.#month = this.#span(this.#month, atMs, 7, 31);
    return this.#month;
  }

  day(atMs: number): CalendarSpan {
    if (this.#day !== undefined && includes(this.#day, atMs)) return this.#day;
    const known = this.#days.find((day) => includes(day, atMs));
    this.#day = known ?? this.#span(undefined, atMs, 10, 1);
    if (known === undefined) this.#days.push(this.#day);
    if (this.#days.length > KNOWN_DAYS) this.#days.shift();
    return this.#day;
  }

  #span(
    known: CalendarSpan | undefined,
    atMs: number,
    keyLength: number,
    days: number,
  ): CalendarSpan {
    if (known !== undefined && includes(known, atMs)) return known;
    const key = this.#key(atMs, keyLength);
    // No day is longer than 26 hours, and none of its neighbours has its key.
    const reachMs = days * DAY_MS + 2 * 3_600_000;
    const fromMs = this.#edge(atMs - reachMs, atMs, (ms) => this.#key(ms, keyLength) === key);
    const untilMs = this.#edge(atMs, atMs + reachMs, (ms) => this.#key(ms, keyLength) !== key);
    return { key, fromMs, untilMs };
  }

  /** The first millisecond of the stretch at which something holds that does not at its begin and does at its end. */
  #edge(fromMs: number, toMs: number, holds: (ms: number) => boolean): number {
    let low = Math.floor(fromMs);
    let high = Math.ceil(toMs);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (holds(middle)) high = middle;
      else low = middle;
    }
    return high;
  }

  #key(atMs: number, length: number): string {
    const parts = this.#format.formatToParts(atMs);
    const part = (type: string): string => parts.find((found) => found.type === type)?.value ?? "";
    return `${part("year").padStart(4, "0")}-${part("month")}-${part("day")}`.slice(0, length);
  }
}

const includes = ({ fromMs, untilMs }: CalendarSpan, atMs: number): boolean =>
  atMs >= fromMs && atMs < untilMs;

function formatOf(check: Check, timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US-u-ca-iso8601-nu-latn", {
      timeZone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
  } catch {
    const allowed = "a time zone that this host knows, such as UTC or Europe/Zurich";
    return check.range("timeZone", allowed, timeZone);
  }
}
