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

/** One budget in one month: its spend and what was told of it. */
export class Budget {
  readonly rule: BudgetRule;
  month = "";
  spendNano: NanoUsd = 0;
  #told: ToldTiers = { thresholds: 0, depletions: 0 };
  /** Spend by day, of the last days only. */
  readonly #days = new Map<string, { fromMs: number; nano: NanoUsd }>();
  #firstMs = Number.POSITIVE_INFINITY;

  constructor(rule: BudgetRule) {
    this.rule = rule;
  }

  covers(provider: string, model: string): boolean {
    const { rule } = this;
    return (
      (rule.provider === undefined || rule.provider === provider) &&
      (rule.model === undefined || rule.model === model)
    );
  }

  /** Enters a month: what was told is forgotten with the old one. */
  turnTo(month: string): void {
    if (month === this.month) return;
    this.month = month;
    this.spendNano = 0;
    this.#told = { thresholds: 0, depletions: 0 };
  }

  /** Forgets the spend, which is then added up anew. */
  clear(): void {
    this.spendNano = 0;
    this.#days.clear();
    this.#firstMs = Number.POSITIVE_INFINITY;
  }

  /** Adds a spend of the present month, or of a day shortly before it. */
  add(nano: NanoUsd, day: CalendarSpan, inMonth: boolean): void {
    if (inMonth) this.spendNano += nano;
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

  get told(): ToldTiers {
    return this.#told;
  }

  /** Takes over what was told of the same month elsewhere. */
  markTold(month: string, told: ToldTiers): void {
    if (month !== this.month) return;
    this.#told = {
      thresholds: Math.max(this.#told.thresholds, told.thresholds),
      depletions: Math.max(this.#told.depletions, told.depletions),
    };
  }

  /** Nano-USD a day, over the last seven days. */
  burnPerDay(nowMs: number): number {
    const sinceMs = nowMs - RATE_DAYS * DAY_MS;
    let nano = 0;
    for (const day of this.#days.values()) if (day.fromMs >= sinceMs - DAY_MS && day.fromMs <= nowMs) {
      // The day that is only partly within the stretch counts by its part.
      const within = Math.min(1, (day.fromMs + DAY_MS - sinceMs) / DAY_MS);
      nano += day.nano * Math.max(0, within);
    }
    const days = Math.min(RATE_DAYS, (nowMs - this.#firstMs) / DAY_MS);
    return nano / Math.max(1, days);
  }

  /** When it runs out at the present rate; null when that is not before the month ends. */
  depletesAtMs(nowMs: number, monthEndsMs: number): number | null {
    const left = this.rule.nanoPerMonth - this.spendNano;
    if (left <= 0) return nowMs;
    const burn = this.burnPerDay(nowMs);
    if (burn <= 0) return null;
    const atMs = nowMs + (left / burn) * DAY_MS;
    return atMs < monthEndsMs ? Math.floor(atMs) : null;
  }

  /** The tiers that were newly reached, each once a month. */
  news(settings: BudgetTiers, nowMs: number, monthEndsMs: number): BudgetNews | null {
    const { thresholds, depletionDays } = settings;
    const reached = reachedCount(thresholds, (tier) => this.spendNano >= tier * this.rule.nanoPerMonth);
    let near = this.#told.depletions;
    if (near < depletionDays.length && this.spendNano < this.rule.nanoPerMonth) {
      const atMs = this.depletesAtMs(nowMs, monthEndsMs);
      if (atMs !== null) {
        near = Math.max(near, reachedCount(depletionDays, (days) => atMs - nowMs <= days * DAY_MS));
      }
    }
    const told = this.#told;
    if (reached <= told.thresholds && near <= told.depletions) return null;
    this.#told = { thresholds: Math.max(reached, told.thresholds), depletions: near };
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
