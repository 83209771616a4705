import type { CalendarSpan } from "./calendar.ts";
import type { BudgetRule } from "./ledger-options.ts";
import type { NanoUsd } from "./nano-usd.ts";

const DAY_MS = 86_400_000;
/** The stretch that the present rate is taken over, in days. */
const RATE_DAYS = 7;

/** How a budget stands. Frozen. */
export interface BudgetStatus {
  readonly name: string;
  /** The month in the ledger's time zone, such as `2026-11`. */
  readonly month: string;
  readonly spendNanoUsd: NanoUsd;
  /** Held by reservations that are neither committed nor released. */
  readonly reservedNanoUsd: NanoUsd;
  readonly budgetNanoUsd: NanoUsd;
  /** The present rate: the mean of the last seven days, or of the time since the first spend, a day at least. */
  readonly burnNanoUsdPerDay: number;
  /** When it runs out at the present rate; null when it does not before the month ends. */
  readonly depletesAtMs: number | null;
}

/** What was newly reached, to be told. */
export interface BudgetNews {
  readonly thresholds: readonly number[];
  readonly depletions: readonly number[];
}

/** Which tiers of a month were told: how many of each list, from its begin. */
export interface ToldTiers {
  readonly thresholds: number;
  readonly depletions: number;
}

const NOTHING_TOLD: ToldTiers = { thresholds: 0, depletions: 0 };
/** Months whose told tiers are kept: a wall clock that steps back must not tell them again. */
const TOLD_MONTHS = 3;

/** One budget in one month: its spend and what was told of it. */
export class Budget {
  readonly rule: BudgetRule;
  #month = "";
  #spendNano: NanoUsd = 0;
  readonly #told = new Map<string, ToldTiers>();
  /** Spend by day, of the last days only. */
  readonly #days = new Map<string, { fromMs: number; nano: NanoUsd }>();
  #firstMs = Number.POSITIVE_INFINITY;

  constructor(rule: BudgetRule) {
    this.rule = rule;
  }

  get month(): string {
    return this.#month;
  }

  get spendNano(): NanoUsd {
    return this.#spendNano;
  }

  covers(provider: string, model: string): boolean {
    const { rule } = this;
    return (
      (rule.provider === undefined || rule.provider === provider) &&
      (rule.model === undefined || rule.model === model)
    );
  }

  /** Starts to add up the spend of a month, and of the days before now. */
  begin(month: string): void {
    this.#month = month;
    this.#spendNano = 0;
    this.#days.clear();
    this.#firstMs = Number.POSITIVE_INFINITY;
  }

  addToMonth(nano: NanoUsd): void {
    // Several rows together may be more than a Number holds exactly; no budget is as large.
    this.#spendNano = Math.min(Number.MAX_SAFE_INTEGER, this.#spendNano + nano);
  }

  addToDay(nano: NanoUsd, day: CalendarSpan): void {
    this.#firstMs = Math.min(this.#firstMs, day.fromMs);
    const held = this.#days.get(day.key);
    if (held !== undefined) {
      held.nano += nano;
      return;
    }
    this.#days.set(day.key, { fromMs: day.fromMs, nano });
    for (const [key, { fromMs }] of this.#days) {
      if (fromMs < day.fromMs - (RATE_DAYS + 1) * DAY_MS) this.#days.delete(key);
    }
  }

  /** What was told, by month. */
  get told(): ReadonlyMap<string, ToldTiers> {
    return this.#told;
  }

  /** Takes over what was told of a month elsewhere too. */
  markTold(month: string, { thresholds, depletions }: ToldTiers): void {
    const known = this.#told.get(month) ?? NOTHING_TOLD;
    this.#told.set(month, {
      thresholds: Math.max(known.thresholds, thresholds),
      depletions: Math.max(known.depletions, depletions),
    });
    if (this.#told.size <= TOLD_MONTHS) return;
    const [oldest] = [...this.#told.keys()].sort();
    if (oldest !== undefined) this.#told.delete(oldest);
  }

  /** Nano-USD a day, over the last seven days. */
  burnPerDay(nowMs: number): number {
    const sinceMs = nowMs - RATE_DAYS * DAY_MS;
    let nano = 0;
    for (const day of this.#days.values()) {
      if (day.fromMs < sinceMs - DAY_MS || day.fromMs > nowMs) continue;
      // The day that is only partly within the stretch counts by its part.
      const within = Math.min(1, (day.fromMs + DAY_MS - sinceMs) / DAY_MS);
      nano += day.nano * Math.max(0, within);
    }
    const days = Math.min(RATE_DAYS, (nowMs - this.#firstMs) / DAY_MS);
    return nano / Math.max(1, days);
  }

  /** When it runs out at the present rate; null when that is not before the month ends. */
  depletesAtMs(nowMs: number, monthEndsMs: number): number | null {
    const left = this.rule.nanoPerMonth - this.#spendNano;
    if (left <= 0) return nowMs;
    const burn = this.burnPerDay(nowMs);
    if (burn <= 0) return null;
    const atMs = nowMs + (left / burn) * DAY_MS;
    return atMs < monthEndsMs ? Math.floor(atMs) : null;
  }

  /** The tiers that were newly reached, each once a month. */
  news(settings: BudgetTiers, nowMs: number, monthEndsMs: number): BudgetNews | null {
    const { thresholds, depletionDays } = settings;
    const told = this.#told.get(this.#month) ?? NOTHING_TOLD;
    const { nanoPerMonth } = this.rule;
    const spendNano = this.#spendNano;
    const reached = reachedCount(thresholds, (tier) => spendNano >= tier * nanoPerMonth);
    let near = told.depletions;
    if (near < depletionDays.length && spendNano < nanoPerMonth) {
      const atMs = this.depletesAtMs(nowMs, monthEndsMs);
      if (atMs !== null) {
        near = Math.max(
          near,
          reachedCount(depletionDays, (days) => atMs - nowMs <= days * DAY_MS),
        );
      }
    }
    if (reached <= told.thresholds && near <= told.depletions) return null;
    this.markTold(this.#month, { thresholds: reached, depletions: near });
    return {
      thresholds: thresholds.slice(told.thresholds, reached),
      // Of several that are reached at once only the nearest says something.
      depletions: near > told.depletions ? depletionDays.slice(near - 1, near) : [],
    };
  }
}

/** The tiers of every budget. */
export interface BudgetTiers {
  readonly thresholds: readonly number[];
  readonly depletionDays: readonly number[];
}

/** How many tiers are reached, the list being in the order in which they are. */
function reachedCount(tiers: readonly number[], reached: (tier: number) => boolean): number {
  let count = 0;
  for (const tier of tiers) {
    if (!reached(tier)) break;
    count++;
  }
  return count;
}
