import { Budget } from "./budget.ts";
import type { CalendarSpan } from "./calendar.ts";
import { LedgerNews } from "./ledger-news.ts";
import type { LedgerSettings } from "./ledger-options.ts";
import type { NanoUsd } from "./nano-usd.ts";
import { count, SpendCounters } from "./spend-counters.ts";
import { rowParts, SpendRows } from "./spend-rows.ts";
import { SpendSet, type WriterState } from "./spend-set.ts";
import { copied, NOTHING, plus, type SpendTotals } from "./spend-totals.ts";

const DAY_MS = 86_400_000;
/** The days that the rate is taken over, and one more. */
const RATE_DAYS = 8;
/** Days whose rows are kept; the months keep their sums. */
const KEPT_DAYS = 32;
const MOST_UNPRICED = 10_000;

/** Which month rows are asked for. */
export interface SpendQuery {
  /**
   * A month in the ledger's time zone, such as `2026-11`.
   * @default the present month
   */
  readonly month?: string;
  readonly provider?: string;
  readonly model?: string;
}

/** What was spent on one model in one month. Frozen. */
export interface SpendRow extends SpendTotals {
  readonly month: string;
  readonly provider: string;
  readonly model: string;
}

/** A spend that was priced. */
export interface PricedSpend {
  readonly provider: string;
  readonly model: string;
  readonly spent: SpendTotals;
  readonly id: string | null;
  readonly atMs: number;
  readonly priced: boolean;
}

/** The spends, and the budgets that follow them through days and months. */
export class LedgerAccounts {
  readonly budgets: readonly Budget[];
  /** What this process recorded since it began. */
  readonly counters = new SpendCounters();
  readonly #settings: LedgerSettings;
  readonly #spends: SpendSet;
  readonly #rows: SpendRows;
  readonly #news: LedgerNews;
  #writer: string | undefined;
  #day: CalendarSpan | undefined;
  #month: CalendarSpan | undefined;
  readonly #unpriced = new Set<string>();

  constructor(settings: LedgerSettings) {
    this.#settings = settings;
    this.#spends = new SpendSet(settings.window);
    this.#rows = new SpendRows(settings.calendar, this.counters);
    this.#news = new LedgerNews(settings);
    this.#writer = settings.writer;
    // At zero from the start: a counter that begins at its first spend loses it to `increase()`.
    for (const [provider, model] of settings.prices.named()) this.counters.of(provider, model);
    this.budgets = settings.budgets.map((rule) => new Budget(rule));
  }

  /** Records a spend and tells what it reached. False when its id is known. */
  record(spend: PricedSpend, nowMs: number): boolean {
    const { provider, model, spent, id, atMs } = spend;
    const month = this.turnTo(nowMs);
    const { row, day, own } = this.#rows.of(provider, model, atMs);
    const entry = { id, rows: row, spent, atMs: nowMs };
    if (!this.#spends.record(this.#writerName(), entry)) return false;
    count(own, spent);
    if (!spend.priced) {
      this.counters.unpriced++;
      this.#tellUnpriced(provider, model, nowMs);
    }
    const inMonth = atMs >= month.fromMs && atMs < month.untilMs;
    for (const budget of this.budgets) {
      if (!budget.covers(provider, model)) continue;
      if (inMonth) budget.addToMonth(spent.nano);
      budget.addToDay(spent.nano, day);
      this.#news.tiers(budget, nowMs, month.untilMs);
    }
    return true;
  }

  /** Enters the month and the day of a moment; whatever asks for a budget does this first. */
  turnTo(nowMs: number): CalendarSpan {
    const { calendar } = this.#settings;
    const day = this.#day;
    const month = this.#month;
    if (day !== undefined && month !== undefined && nowMs >= day.fromMs && nowMs < day.untilMs) {
      return month;
    }
    this.#day = calendar.day(nowMs);
    const entered = calendar.month(nowMs);
    if (entered.key !== month?.key) this.#unpriced.clear();
    this.#month = entered;
    this.#spends.foldSilent(this.#writerName(), nowMs);
    this.#prune(nowMs);
    this.#addUp(nowMs);
    return entered;
  }

  /**
   * Takes in what writers recorded elsewhere, then whatever else `taken` does, and tells what was reached by it. All or
   * nothing.
   * @throws {RangeError} when a sum is no longer exact
   */
  merge(states: ReadonlyMap<string, WriterState>, nowMs: number, taken: () => void): void {
    const month = this.turnTo(nowMs);
    this.#spends.merge(states);
    taken();
    this.#spends.foldSilent(this.#writerName(), nowMs);
    this.#prune(nowMs);
    this.#addUp(nowMs);
    for (const budget of this.budgets) this.#news.tiers(budget, nowMs, month.untilMs);
  }

  states(): ReadonlyMap<string, WriterState> {
    return this.#spends.states();
  }

  /** The month rows that match. */
  rows(query: SpendQuery, nowMs: number): SpendRow[] {
    const month = query.month ?? this.turnTo(nowMs).key;
    const found: SpendRow[] = [];
    for (const [row, spent] of this.#spends.rows()) {
      const parts = rowParts(row);
      if (parts === null || parts.span !== "month" || parts.key !== month) continue;
      const { provider, model } = parts;
      if (query.provider !== undefined && provider !== query.provider) continue;
      if (query.model !== undefined && model !== query.model) continue;
      found.push(Object.freeze({ month, provider, model, ...copied(spent) }));
    }
    return found;
  }

  /** The sum of the month rows that match. */
  total(query: SpendQuery, nowMs: number): SpendTotals {
    return this.rows(query, nowMs).reduce<SpendTotals>(plus, NOTHING);
  }

  #tellUnpriced(provider: string, model: string, nowMs: number): void {
    const month = this.#month?.key ?? "";
    const key = JSON.stringify([provider, model]);
    if (this.#unpriced.has(key) || this.#unpriced.size >= MOST_UNPRICED) return;
    this.#unpriced.add(key);
    this.#news.unpriced({ provider, model, month }, nowMs);
  }

  /** Adds the budgets up anew from the rows. */
  #addUp(nowMs: number): void {
    const { calendar } = this.#settings;
    const month = this.#month?.key ?? "";
    const days = new Map<string, CalendarSpan>();
    for (let back = RATE_DAYS; back >= 0; back--) {
      const day = calendar.day(nowMs - back * DAY_MS);
      days.set(day.key, day);
    }
    const [oldest] = days.values();
    for (const budget of this.budgets) budget.begin(month);
    for (const [row, { nano }] of this.#spends.rows()) {
      const parts = rowParts(row);
      if (parts === null) continue;
      for (const budget of this.budgets) {
        if (!budget.covers(parts.provider, parts.model)) continue;
        if (parts.span === "month") {
          if (parts.key === month) budget.addToMonth(nano);
          continue;
        }
        const day = days.get(parts.key);
        if (day !== undefined) budget.addToDay(nano, day);
        else if (oldest !== undefined && parts.key < oldest.key)
          budget.addToDay(0 as NanoUsd, oldest);
      }
    }
  }

  #prune(nowMs: number): void {
    const { calendar, keepMonths } = this.#settings;
    const month = monthsBefore(calendar.month(nowMs).key, keepMonths);
    const day = calendar.day(nowMs - KEPT_DAYS * DAY_MS).key;
    const isOver = (row: string): boolean => {
      const parts = rowParts(row);
      return parts === null || parts.key < (parts.span === "month" ? month : day);
    };
    this.#spends.prune(isOver, this.#writerName());
  }

  #writerName(): string {
    this.#writer ??= randomName(this.#settings.random);
    return this.#writer;
  }
}

/** The key of the month that is so many months before one. */
function monthsBefore(key: string, months: number): string {
  const [year = 0, month = 1] = key.split("-").map(Number);
  const count = Math.max(0, year * 12 + month - 1 - months);
  const padded = (value: number, length: number): string => String(value).padStart(length, "0");
  return `${padded(Math.floor(count / 12), 4)}-${padded((count % 12) + 1, 2)}`;
}

/** Sixty-two random bits: two of a million writers are the same with a chance of one in ten million. */
function randomName(random: () => number): string {
  const part = (): string => Math.floor(random() * 2 ** 31).toString(36);
  return `${part()}-${part()}`;
}
