import type { Calendar, CalendarSpan } from "./calendar.ts";
import type { OwnSpend, SpendCounters } from "./spend-counters.ts";

/** Between the parts of a row's key; names may not hold it. */
export const SEPARATOR = "\u0000";

/** What a row is about. */
export interface RowParts {
  readonly span: "month" | "day";
  /** `2026-11` or `2026-11-21`. */
  readonly key: string;
  readonly provider: string;
  readonly model: string;
}

/** Where a spend is added. */
export interface SpendPlace {
  /** The keys of its month row and its day row. */
  readonly row: readonly [string, string];
  readonly day: CalendarSpan;
  /** What this process recorded of the model, whatever the day. */
  readonly own: OwnSpend;
}

/** Models whose places are kept at the most: names may come from outside. */
const MOST_KNOWN = 10_000;

/** The places of spends, kept while the day stays the same. */
export class SpendRows {
  readonly #calendar: Calendar;
  readonly #counters: SpendCounters;
  #day: CalendarSpan | undefined;
  #count = 0;
  readonly #known = new Map<string, Map<string, SpendPlace>>();

  constructor(calendar: Calendar, counters: SpendCounters) {
    this.#calendar = calendar;
    this.#counters = counters;
  }

  of(provider: string, model: string, atMs: number): SpendPlace {
    const present = this.#day;
    if (present === undefined || atMs < present.fromMs || atMs >= present.untilMs) {
      this.#day = this.#calendar.day(atMs);
      this.#forget();
    }
    const known = this.#known.get(provider)?.get(model);
    return known ?? this.#added(provider, model, atMs);
  }

  #added(provider: string, model: string, atMs: number): SpendPlace {
    const month = this.#calendar.month(atMs);
    const day = this.#calendar.day(atMs);
    const row = [
      rowKey({ span: "month", key: month.key, provider, model }),
      rowKey({ span: "day", key: day.key, provider, model }),
    ] as const;
    if (this.#count === MOST_KNOWN) this.#forget();
    const models = this.#known.get(provider) ?? new Map<string, SpendPlace>();
    this.#known.set(provider, models);
    const place = { row, day, own: this.#counters.of(provider, model) };
    models.set(model, place);
    this.#count++;
    return place;
  }

  #forget(): void {
    this.#known.clear();
    this.#count = 0;
  }
}

/** One string for a row; `rowParts` takes it apart. */
export function rowKey({ span, key, provider, model }: RowParts): string {
  return [span, key, provider, model].join(SEPARATOR);
}

/** What a row's key says; null when it is none. */
export function rowParts(row: string): RowParts | null {
  const [span, key, provider, model, ...rest] = row.split(SEPARATOR);
  if ((span !== "month" && span !== "day") || rest.length > 0) return null;
  if (key === undefined || provider === undefined || model === undefined) return null;
  return { span, key, provider, model };
}
