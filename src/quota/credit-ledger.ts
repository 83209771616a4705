import { SnapshotReader } from "../core/snapshot-reader.ts";
import { Check } from "../events/check.ts";
import { MEASURES, type Measurement, type Measures } from "../events/measurement.ts";
import type { Budget, BudgetStatus, ToldTiers } from "./budget.ts";
import { LedgerAccounts, type SpendQuery, type SpendRow } from "./ledger-accounts.ts";
import { type CreditLedgerOptions, type LedgerSettings, ledgerSettings } from "./ledger-options.ts";
import {
  LEDGER_KIND,
  type LedgerSnapshot,
  type ReadLedger,
  readLedger,
  type ToldSnapshot,
  writerSnapshot,
} from "./ledger-snapshot.ts";
import { type NanoUsd, usdOf } from "./nano-usd.ts";
import { type Denied, denied, type PricedUse, SpendAdmission } from "./spend-admission.ts";
import {
  type CheckedUsage,
  checkedSpend,
  checkedUsage,
  type Spend,
  tokenCount,
  type Usage,
} from "./spend-input.ts";
import type { SpendTotals } from "./spend-totals.ts";

/** What became of a spend. Frozen. */
export interface Recorded {
  /** False when its id was known: then nothing was added. */
  readonly counted: boolean;
  readonly nanoUsd: NanoUsd;
  /** False when the price table has no price for the model and the spend named none: it counts tokens and requests. */
  readonly priced: boolean;
}

/** What was really used, where a reservation named provider and model. */
export type ActualSpend = Omit<Spend, "provider" | "model">;

/** An estimate that holds its share of budgets and limits. */
export interface Reservation {
  readonly ok: true;
  readonly nanoUsd: NanoUsd;
  /**
   * Records what was really used, and gives the estimate back; a second time it records nothing. A reservation whose
   * time was over is recorded all the same: what was spent is spent.
   *
   * @throws {TypeError|RangeError} naming the field that cannot be used; the estimate is held still
   */
  commit(actual: ActualSpend): Recorded;
  /** Gives the estimate back: nothing was used. */
  release(): void;
}

const RECORD = new Check("record spend");
const CHECK = new Check("check spend");
const RESERVE = new Check("reserve spend");
const QUERY = new Check("read credit ledger");
const QUERY_KEYS = ["month", "provider", "model"];

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
  readonly #accounts: LedgerAccounts;
  readonly #admission: SpendAdmission;
  #known = true;
  #changes = 0;
  /** What exporters of metrics read. */
  readonly [MEASURES]: Measures = { family: "ledger", read: () => this.#measured() };

  /** @throws {TypeError|RangeError} naming the option that cannot be used */
  constructor(options: CreditLedgerOptions) {
    this.#settings = ledgerSettings(options);
    this.#accounts = new LedgerAccounts(this.#settings);
    this.#admission = new SpendAdmission(this.#settings, this.#accounts);
  }

  /**
   * False from {@link markUnknown}, or a `restore` that failed, to the next `restore` that does not, or
   * {@link markKnown}. Meanwhile spends are recorded, what was spent reads null, and `onUnknown` decides what is admitted.
   */
  get known(): boolean {
    return this.#known;
  }

  /** Grows with each spend and each snapshot that is taken in: whoever keeps the ledger sees by it whether to write. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Records a spend. With an id that is known nothing is added.
   *
   * @throws {TypeError|RangeError} naming the field that cannot be used, or a sum that would no longer be exact; nothing
   * is recorded then
   */
  record(spend: Spend): Recorded {
    const checked = checkedSpend(RECORD, spend);
    const { provider, model, requests, tokens, id } = checked;
    const nowMs = this.#settings.clock.epochMs();
    const atMs = checked.atMs ?? nowMs;
    const price = this.#cost(checked, atMs);
    const nano = price ?? 0;
    const priced = price !== undefined;
    const spent: SpendTotals = { nano, requests, tokens };
    const counted = this.#accounts.record({ provider, model, spent, id, atMs, priced }, nowMs);
    if (counted) this.#changes++;
    if (counted && this.#admission.limits.length > 0) {
      const use = { provider, model, nano, requests, tokens: tokenCount(tokens) };
      this.#admission.count(use, atMs, nowMs);
    }
    return Object.freeze({ counted, nanoUsd: nano, priced });
  }

  /**
   * Whether a use fits under every hard budget and every limit; null when it does. Holds nothing.
   *
   * @throws {TypeError|RangeError} naming the field that cannot be used
   */
  check(usage: Usage): Denied | null {
    const nowMs = this.#settings.clock.epochMs();
    return this.#denied(this.#priced(checkedUsage(CHECK, usage), nowMs), nowMs);
  }

  /**
   * Holds an estimate until it is committed or released, so that calls under way together cannot exceed a hard budget
   * or a limit.
   *
   * @throws {TypeError|RangeError} naming the field that cannot be used
   */
  reserve(estimate: Usage): Reservation | Denied {
    const nowMs = this.#settings.clock.epochMs();
    const use = this.#priced(checkedUsage(RESERVE, estimate), nowMs);
    const refused = this.#denied(use, nowMs);
    if (refused !== null) return refused;
    const { provider, model } = use;
    const held = this.#admission.hold(use, nowMs + this.#settings.reservationMs);
    const release = (): void => {
      this.#admission.reservations.end(held, this.#settings.clock.epochMs());
    };
    let recorded: Recorded | undefined;
    return Object.freeze({
      ok: true,
      nanoUsd: held.nano,
      commit: (actual: ActualSpend): Recorded => {
        if (recorded !== undefined) return Object.freeze({ ...recorded, counted: false });
        recorded = this.record({ ...actual, provider, model });
        release();
        return recorded;
      },
      release,
    });
  }

  /**
   * What was spent in a month (the present one without `month`), by provider and model where they are named; null while
   * the ledger is unknown.
   *
   * @throws {TypeError|RangeError} naming the field that cannot be used, or when the sum is too large to be exact
   */
  spent(query: SpendQuery = {}): SpendTotals | null {
    const nowMs = this.#settings.clock.epochMs();
    return this.#known ? this.#accounts.total(checkedQuery(query), nowMs) : null;
  }

  /** The same by provider and model. */
  rows(query: SpendQuery = {}): readonly SpendRow[] | null {
    const nowMs = this.#settings.clock.epochMs();
    return this.#known ? this.#accounts.rows(checkedQuery(query), nowMs) : null;
  }

  /** How every budget stands now; null while the ledger is unknown. */
  budgets(): readonly BudgetStatus[] | null {
    return this.#known ? this.#statuses() : null;
  }

  #statuses(): readonly BudgetStatus[] {
    const nowMs = this.#settings.clock.epochMs();
    const { untilMs } = this.#accounts.turnTo(nowMs);
    return this.#accounts.budgets.map((budget) => this.#statusOf(budget, nowMs, untilMs));
  }

  #measured(): readonly Measurement[] {
    const known = this.#known;
    const unknown = { words: [], value: known ? 0 : 1 };
    return [
      { metric: "telltale_ledger_unknown", ...unknown },
      ...this.#statuses().flatMap((status) => measuredBudget(status, known)),
      ...this.#accounts.counters.measured(),
    ];
  }

  /** The whole of the ledger as plain data for JSON. Reservations are not part of it: they end with their process. */
  snapshot(): LedgerSnapshot {
    const { calendar, clock, thresholds, depletionDays } = this.#settings;
    const atMs = clock.epochMs();
    this.#accounts.turnTo(atMs);
    return {
      kind: LEDGER_KIND,
      v: 1,
      atMs,
      timeZone: calendar.timeZone,
      writers: [...this.#accounts.states()].map(([name, state]) => writerSnapshot(name, state)),
      told: this.#accounts.budgets.flatMap(({ rule, told }) =>
        [...told].map(([month, tiers]) => ({
          budget: rule.name,
          month,
          threshold: thresholds[tiers.thresholds - 1] ?? null,
          depletionDays: depletionDays[tiers.depletions - 1] ?? null,
        })),
      ),
      limits: this.#admission.limits.map(({ rule, use }) => ({
        provider: rule.provider,
        model: rule.model ?? null,
        per: rule.per,
        buckets: use.save(),
      })),
    };
  }

  /** The snapshot as JSON text. */
  serialize(): string {
    return JSON.stringify(this.snapshot());
  }

  /**
   * A ledger that continues from the JSON text of another, or from its snapshot: as `restore` of one that was just made.
   *
   * @throws {SnapshotError} when the text cannot be used: keep what it says of the loss, make a ledger without it and
   * call {@link markUnknown}, so that what was spent does not read as nothing
   * @throws {TypeError|RangeError} naming the option that cannot be used
   * @example
   * const ledger = CreditLedger.deserialize(await readFile("ledger.json", "utf8"), { prices, budgets });
   */
  static deserialize(json: unknown, options: CreditLedgerOptions): CreditLedger {
    const ledger = new CreditLedger(options);
    ledger.restore(json);
    return ledger;
  }

  /**
   * Takes in the snapshot of the ledger that this one continues, or its JSON text, and makes the ledger known. What was
   * recorded here meanwhile stays; the same snapshot twice adds nothing.
   *
   * @throws {SnapshotError} when it cannot be used; nothing of it is then, and the ledger is unknown
   */
  restore(snapshot: unknown): void {
    this.#known = false;
    const { limits } = this.#takeIn(new SnapshotReader("restore credit ledger"), snapshot);
    const nowMs = this.#settings.clock.epochMs();
    for (const { provider, model, per, buckets } of limits) {
      for (const { rule, use } of this.#admission.limits) {
        const same = rule.provider === provider && (rule.model ?? null) === model;
        if (same && rule.per === per) use.load(nowMs, buckets);
      }
    }
    this.#known = true;
  }

  /**
   * Takes in the snapshot of another writer's ledger, or its JSON text: in any order and as often as comes. Rate limits
   * count what is recorded here only.
   *
   * @throws {SnapshotError} when it cannot be used; nothing of it is then
   */
  merge(snapshot: unknown): void {
    this.#takeIn(new SnapshotReader("merge credit ledger"), snapshot);
  }

  /** Says that what was spent before could not be read: such as a store that does not answer. */
  markUnknown(): void {
    this.#known = false;
  }

  /** Says that what is recorded here is all there is: an operator's decision. */
  markKnown(): void {
    this.#known = true;
  }

  #takeIn(reader: SnapshotReader, snapshot: unknown): ReadLedger {
    this.#changes++;
    const { calendar, clock } = this.#settings;
    const nowMs = clock.epochMs();
    return reader.read(() => {
      const read = readLedger(reader, snapshot, { timeZone: calendar.timeZone, nowMs });
      this.#accounts.merge(read.states, nowMs, () => this.#markTold(read.told));
      return read;
    });
  }

  #markTold(told: readonly ToldSnapshot[]): void {
    for (const { budget, month, threshold, depletionDays } of told) {
      const { thresholds, depletionDays: days } = this.#settings;
      const tiers: ToldTiers = {
        thresholds: thresholds.filter((tier) => threshold !== null && tier <= threshold).length,
        depletions: days.filter((tier) => depletionDays !== null && tier >= depletionDays).length,
      };
      for (const own of this.#accounts.budgets) {
        // A month that is yet to come is told when it is there.
        if (own.rule.name === budget && month <= own.month) own.markTold(month, tiers);
      }
    }
  }

  #cost(checked: CheckedUsage, atMs: number): NanoUsd | undefined {
    if (checked.nano !== undefined) return checked.nano;
    return this.#settings.prices.cost(checked.provider, checked.model, checked, atMs);
  }

  #priced(checked: CheckedUsage, nowMs: number): PricedUse {
    const { provider, model, requests, tokens } = checked;
    const nano = this.#cost(checked, nowMs);
    return { provider, model, nano, requests, tokens: tokenCount(tokens) };
  }

  #denied(use: PricedUse, nowMs: number): Denied | null {
    if (!this.#known && this.#settings.onUnknown === "block") return denied("unknown");
    return this.#admission.denied(use, nowMs);
  }

  #statusOf(budget: Budget, nowMs: number, monthEndsMs: number): BudgetStatus {
    const { rule, month, spendNano } = budget;
    const matches = (provider: string, model: string): boolean => budget.covers(provider, model);
    return Object.freeze({
      name: rule.name,
      month,
      spendNanoUsd: spendNano,
      reservedNanoUsd: this.#admission.reservations.sum(nowMs, matches).nano,
      budgetNanoUsd: rule.nanoPerMonth,
      burnNanoUsdPerDay: budget.burnPerDay(nowMs),
      depletesAtMs: budget.depletesAtMs(nowMs, monthEndsMs),
    });
  }
}

function measuredBudget(status: BudgetStatus, known: boolean): readonly Measurement[] {
  const { name, spendNanoUsd, budgetNanoUsd, reservedNanoUsd, depletesAtMs } = status;
  const words = [name];
  const depletion = known && depletesAtMs !== null ? depletesAtMs / 1000 : 0;
  return [
    { metric: "telltale_budget_spent_usd", words, value: known ? usdOf(spendNanoUsd) : Number.NaN },
    { metric: "telltale_budget_limit_usd", words, value: usdOf(budgetNanoUsd) },
    { metric: "telltale_budget_reserved_usd", words, value: usdOf(reservedNanoUsd) },
    { metric: "telltale_budget_depletion_timestamp_seconds", words, value: depletion },
  ];
}

function checkedQuery(query: SpendQuery): SpendQuery {
  const given = QUERY.keys(QUERY.object("query", query), QUERY_KEYS);
  for (const key of QUERY_KEYS) if (given[key] !== undefined) QUERY.text(key, given[key], 256);
  return query;
}
