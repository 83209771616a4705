import { Check } from "../events/check.ts";
import { Budget, type BudgetStatus } from "./budget.ts";
import { LedgerNews } from "./ledger-news.ts";
import { type CreditLedgerOptions, type LedgerSettings, ledgerSettings, type LimitRule } from "./ledger-options.ts";
import { formatUsd, type NanoUsd, nanoUsd } from "./nano-usd.ts";
import { TOKEN_KINDS, type Tokens } from "./price-table.ts";
import { RollingUse } from "./rate-limit.ts";
import { type Held, Reservations } from "./reservations.ts";
import { SpendRows } from "./spend-rows.ts";
import { SpendSet } from "./spend-set.ts";
import { NOTHING, plus, type SpendTotals } from "./spend-totals.ts";

/** What was used: of one call, or of several together. */
export interface Usage {
  readonly provider: string;
  readonly model: string;
  /** Tokens by kind; a kind that is missing is 0. */
  readonly tokens?: Tokens;
  /** @default 1 */
  readonly requests?: number;
  /** What it cost, in USD, where the caller knows better than the price table. */
  readonly usd?: number | string;
}

/** One spend. */
export interface Spend extends Usage {
  /** Tells a repeated send from another spend. Without it every send counts. */
  readonly id?: string;
  /**
   * When it was, in epoch milliseconds.
   * @default now
   */
  readonly atMs?: number;
}

/** What became of a spend. */
export interface Recorded {
  /** False when its id was known: then nothing was added. */
  readonly counted: boolean;
  readonly nanoUsd: NanoUsd;
  /** False when the price table has no price for the model and the spend named none: it counts tokens and requests. */
  readonly priced: boolean;
}

/** Why a reservation was refused. */
export interface Denied {
  readonly ok: false;
  /** A hard budget, a rate limit, a model without a price under a hard budget, or a ledger that could not be read. */
  readonly reason: "budget" | "requests" | "tokens" | "unpriced" | "unknown";
  /** The budget that would be exceeded. */
  readonly budget: string | null;
  /** When it may fit, in milliseconds; null when nobody knows. */
  readonly retryAfterMs: number | null;
}

/** An estimate that holds its share of budgets and limits. */
export interface Reservation {
  readonly ok: true;
  readonly nanoUsd: NanoUsd;
  /**
   * Records what was really used, and gives the estimate back. A reservation whose time was over is recorded all the
   * same: what was spent is spent.
   */
  commit(actual: Omit<Spend, "provider" | "model">): Recorded;
  /** Gives the estimate back: nothing was used. */
  release(): void;
}

const ADMITTED = null;
const LONGEST_NAME = 256;

/**
 * Keeps what calls cost: by provider and model, with budgets per month, limits per minute and day, and reservations for
 * hard limits. Money is exact, in nano-USD. Starts no timer: everything is worked out when it is asked.
 *
 * @example
 * const ledger = new CreditLedger({
 *   prices: { openai: { "gpt-5": { perMillion: { input: "1.25", output: 10 } } } },
 *   budgets: [{ name: "all", usdPerMonth: 500, hard: true }],
 * });
 * const held = ledger.reserve({ provider: "openai", model: "gpt-5", tokens: { input: 900, output: 500 } });
 * if (held.ok) held.commit({ tokens: { input: 881, output: 120 }, id: "request-1" });
 */
export class CreditLedger {
  readonly #settings: LedgerSettings;
  readonly #spends: SpendSet;
  readonly #rows: SpendRows;
  readonly #budgets: readonly Budget[];
  readonly #limits: readonly { readonly rule: LimitRule; readonly use: RollingUse }[];
  readonly #reservations = new Reservations();
  readonly #news: LedgerNews;
  #writer: string | undefined;
  #unknown = false;

  /** @throws {TypeError|RangeError} naming the option that cannot be used */
  constructor(options: CreditLedgerOptions) {
    const settings = ledgerSettings(options);
    this.#settings = settings;
    this.#spends = new SpendSet(settings.window);
    this.#rows = new SpendRows(settings.calendar);
    this.#budgets = settings.budgets.map((rule) => new Budget(rule));
    this.#limits = settings.limits.map((rule) => ({
      rule,
      use: new RollingUse(rule.per === "minute" ? 60_000 : 86_400_000),
    }));
    this.#news = new LedgerNews(settings);
    this.#writer = settings.writer;
  }
  /**
   * Records a spend. With an id that is known nothing is added.
   *
   * @throws {TypeError|RangeError} naming the field that cannot be used; nothing is recorded then
   */
  record(spend: Spend): Recorded {
    const checked = checkedSpend(new Check("record spend"), spend);
    const nowMs = this.#settings.clock.epochMs();
    const atMs = checked.atMs ?? nowMs;
    const { nano, priced } = this.#cost(checked, atMs);
    const { provider, model, requests } = checked;
    const spent: SpendTotals = { nano, requests, tokens: checked.tokens };
    const rows = this.#rows.of(provider, model, atMs);
    const counted = this.#spends.record(this.#writerName(), { id: checked.id, rows, spent, atMs });
    if (counted) this.#counted({ provider, model, spent, atMs, nowMs, priced });
    return { counted, nanoUsd: nano, priced };
  }

  /** Whether a use fits under every hard budget and every limit; null when it does. Holds nothing. */
  check(usage: Usage): Denied | null {
    const checked = checkedUsage(new Check("check spend"), usage);
    const nowMs = this.#settings.clock.epochMs();
    return this.#denied(checked, nowMs);
  }

  /**
   * Holds an estimate until it is committed or released, so that calls under way together cannot exceed a hard budget
   * or a limit.
   *
   * @throws {TypeError|RangeError} naming the field that cannot be used
   */
  reserve(estimate: Usage): Reservation | Denied {
    const checked = checkedUsage(new Check("reserve spend"), estimate);
    const nowMs = this.#settings.clock.epochMs();
    const denied = this.#denied(checked, nowMs);
    if (denied !== null) return denied;
    const { provider, model, requests } = checked;
    const nano = this.#cost(checked, nowMs).nano;
    const tokens = tokenCount(checked.tokens);
    const expiresMs = nowMs + this.#settings.reservationMs;
    const held: Held = { provider, model, nano, requests, tokens, expiresMs };
    this.#reservations.add(held);
    const release = (): void => {
      this.#reservations.end(held, this.#settings.clock.epochMs());
    };
    return {
      ok: true,
      nanoUsd: nano,
      commit: (actual) => {
        const recorded = this.record({ ...actual, provider, model });
        release();
        return recorded;
      },
      release,
    };
  }

  /** What was spent in a month (the present one without `month`), by provider and model where they are named. */
  spent(query: { readonly month?: string; readonly provider?: string; readonly model?: string } = {}): SpendTotals {
    const nowMs = this.#settings.clock.epochMs();
    const month = query.month ?? this.#settings.calendar.month(nowMs).key;
    let total = NOTHING;
    for (const [row, spent] of this.#spends.rows()) {
      const parts = rowParts(row);
      if (parts === null || parts.span !== "month" || parts.key !== month) continue;
      if (query.provider !== undefined && parts.provider !== query.provider) continue;
      if (query.model !== undefined && parts.model !== query.model) continue;
      total = plus(total, spent);
    }
    return total;
  }

  /** How every budget stands now. */
  budgets(): readonly BudgetStatus[] {
    const nowMs = this.#settings.clock.epochMs();
    const { untilMs } = this.#turnTo(nowMs);
    return this.#budgets.map((budget) => {
      const { rule } = budget;
      const reserved = this.#reservations.sum(nowMs, ({ provider, model }) => budget.covers(provider, model));
      return Object.freeze({
        name: rule.name,
        month: budget.month,
        spendNanoUsd: budget.spendNano,
        reservedNanoUsd: reserved.nano,
        budgetNanoUsd: rule.nanoPerMonth,
        burnNanoUsdPerDay: budget.burnPerDay(nowMs),
        depletesAtMs: budget.depletesAtMs(nowMs, untilMs),
      });
    });
  }
}
