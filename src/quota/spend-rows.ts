import type { Calendar, CalendarSpan } from "./calendar.ts";

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

/** The keys of the rows that a spend is added to, kept while month and day stay the same. */
export class SpendRows {
  readonly #calendar: Calendar;
  #month: CalendarSpan | undefined;
  #day: CalendarSpan | undefined;
  readonly #known = new Map<string, Map<string, readonly [string, string]>>();

  constructor(calendar: Calendar) {
    this.#calendar = calendar;
  }

  /** The month row and the day row of a spend. */
  of(provider: string, model: string, atMs: number): readonly [string, string] {
    const month = this.#calendar.month(atMs);
    const day = this.#calendar.day(atMs);
    if (month !== this.#month || day !== this.#day) {
      this.#month = month;
      this.#day = day;
      this.#known.clear();
    }
    let models = this.#known.get(provider);
    if (models === undefined) {
      models = new Map();
      this.#known.set(provider, models);
    }
    let rows = models.get(model);
    if (rows === undefined) {
      rows = [rowKey({ span: "month", key: month.key, provider, model }), rowKey({ span: "day", key: day.key, provider, model })];
      models.set(model, rows);
    }
    return rows;
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
