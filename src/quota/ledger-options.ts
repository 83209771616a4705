import type { Clock } from "../core/clock.ts";
import { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import { platformClock, platformRandom } from "../platform.ts";
import { Calendar } from "./calendar.ts";
import { type NanoUsd, nanoUsd } from "./nano-usd.ts";
import { Prices, type PriceTable } from "./price-table.ts";
import type { SpendWindow } from "./spend-set.ts";
import { withDefaults } from "./with-defaults.ts";

/** A monthly budget. Without `provider` it covers all of them, without `model` all models of the provider. */
export interface BudgetOptions {
  /** Named in events, unique in the ledger. */
  readonly name: string;
  readonly provider?: string;
  readonly model?: string;
  /** USD per calendar month, as a number or an exact decimal string. */
  readonly usdPerMonth: number | string;
  /**
   * Whether a reservation that would exceed it is refused.
   * @default false
   */
  readonly hard?: boolean;
}

/** How much a provider, or one of its models, may be used. At least one of the four limits. */
export interface RateLimitOptions {
  readonly provider: string;
  readonly model?: string;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly requestsPerDay?: number;
  readonly tokensPerDay?: number;
}

/** Options of {@link CreditLedger}. */
export interface CreditLedgerOptions {
  /** What models cost: the caller's data. */
  readonly prices: PriceTable;
  /** @default [] */
  readonly budgets?: readonly BudgetOptions[];
  /** @default [] */
  readonly limits?: readonly RateLimitOptions[];
  /**
   * The time zone of months and days, as IANA names it.
   * @default "UTC"
   */
  readonly timeZone?: string;
  /**
   * Shares of a budget at which `budget.threshold` is told, rising, above 0.
   * @default [0.8, 0.9, 0.95]
   */
  readonly thresholds?: readonly number[];
  /**
   * Days to depletion at which `budget.depletion` is told, falling.
   * @default [7, 3, 1]
   */
  readonly depletionDays?: readonly number[];
  /**
   * What `reserve` and `check` answer while the ledger is `unknown`: after a snapshot that could not be read.
   * @default "block"
   */
  readonly onUnknown?: "block" | "allow";
  /**
   * How long a reservation holds without a commit. Milliseconds.
   * @default 600 000
   */
  readonly reservationMs?: number;
  /**
   * How long the id of a spend is kept, so that a repeated send counts once. Milliseconds.
   * @default 86 400 000, a day
   */
  readonly idWindowMs?: number;
  /**
   * How many ids are kept at the most; the oldest go first.
   * @default 100 000
   */
  readonly idLimit?: number;
  /**
   * How many past months are kept beside the present one.
   * @default 13
   */
  readonly keepMonths?: number;
  /**
   * The name of this writer, unique among ledgers that are merged. One that restarts from anything but its own complete
   * last state must take another.
   * @default a random name, made at the first spend
   */
  readonly writer?: string;
  readonly bus?: EventBus;
  readonly clock?: Pick<Clock, "epochMs">;
  readonly random?: () => number;
}

/** A checked budget. */
export interface BudgetRule {
  readonly name: string;
  readonly provider: string | undefined;
  readonly model: string | undefined;
  readonly nanoPerMonth: NanoUsd;
  readonly hard: boolean;
}

/** A checked limit: what may be used in a stretch of time. */
export interface LimitRule {
  readonly provider: string;
  readonly model: string | undefined;
  readonly per: "minute" | "day";
  readonly most: { readonly requests: number; readonly tokens: number };
}

/** Options that were checked once. */
export interface LedgerSettings {
  readonly prices: Prices;
  readonly budgets: readonly BudgetRule[];
  readonly limits: readonly LimitRule[];
  readonly calendar: Calendar;
  readonly thresholds: readonly number[];
  readonly depletionDays: readonly number[];
  readonly onUnknown: "block" | "allow";
  readonly reservationMs: number;
  readonly window: SpendWindow;
  readonly keepMonths: number;
  readonly writer: string | undefined;
  readonly bus: EventBus | undefined;
  readonly clock: Pick<Clock, "epochMs">;
  readonly random: () => number;
}

const KNOWN = [
  "prices",
  "budgets",
  "limits",
  "timeZone",
  "thresholds",
  "depletionDays",
  "onUnknown",
  "reservationMs",
  "idWindowMs",
  "idLimit",
  "keepMonths",
  "writer",
  "bus",
  "clock",
  "random",
];
/** How long an estimate is held. */
export const RESERVATION_MS = 600_000;
const DEFAULTS = Object.freeze({
  timeZone: "UTC",
  thresholds: Object.freeze([0.8, 0.9, 0.95]),
  depletionDays: Object.freeze([7, 3, 1]),
  onUnknown: "block",
  reservationMs: RESERVATION_MS,
  idWindowMs: 86_400_000,
  idLimit: 100_000,
  keepMonths: 13,
});
const LONGEST_NAME = 256;
const MOST_RULES = 1_000;
const MOST_TIERS = 20;

/** @throws {TypeError|RangeError} naming the option that cannot be used */
export function ledgerSettings(options: CreditLedgerOptions): LedgerSettings {
  const check = new Check("create credit ledger");
  check.keys(check.object("options", options), KNOWN);
  const given = withDefaults(DEFAULTS, options);
  if (given.onUnknown !== "block" && given.onUnknown !== "allow") {
    check.type("onUnknown", '"block" or "allow"', given.onUnknown);
  }
  const { bus, clock = platformClock, random = platformRandom, writer } = options;
  if (bus !== undefined)
    for (const method of ["emit", "on", "has"] as const)
      check.function(`bus.${method}`, bus[method]);
  check.function("clock.epochMs", check.object("clock", clock)["epochMs"]);
  return {
    prices: new Prices(check, options.prices),
    budgets: budgetRules(check, options.budgets ?? []),
    limits: limitRules(check, options.limits ?? []),
    calendar: new Calendar(check, given.timeZone),
    thresholds: tiers(check, "thresholds", given.thresholds, 1),
    depletionDays: tiers(check, "depletionDays", given.depletionDays, -1),
    onUnknown: given.onUnknown === "allow" ? "allow" : "block",
    reservationMs: check.positiveMs("reservationMs", given.reservationMs),
    window: {
      durationMs: check.positiveMs("idWindowMs", given.idWindowMs),
      entries: check.positiveInteger("idLimit", given.idLimit),
    },
    keepMonths: check.positiveInteger("keepMonths", given.keepMonths),
    writer: writer === undefined ? undefined : check.text("writer", writer, LONGEST_NAME),
    bus,
    clock,
    random: check.function("random", random),
  };
}

/** Positive numbers, rising or falling; none is one that was given before. */
function tiers(check: Check, field: string, given: unknown, direction: 1 | -1): readonly number[] {
  const allowed = `up to ${MOST_TIERS} positive numbers, ${direction === 1 ? "rising" : "falling"}`;
  if (!Array.isArray(given)) return check.type(field, allowed, given);
  const numbers: unknown[] = given;
  const held = numbers.map((tier) =>
    typeof tier === "number" ? tier : check.type(field, allowed, tier),
  );
  const sorted = held.every((tier, n) => n === 0 || (tier - (held[n - 1] ?? 0)) * direction > 0);
  if (
    held.length > MOST_TIERS ||
    !sorted ||
    held.some((tier) => !(tier > 0 && Number.isFinite(tier)))
  ) {
    return check.range(field, allowed, held.join(", "));
  }
  return Object.freeze(held);
}

function list(check: Check, field: string, given: unknown): readonly unknown[] {
  if (!Array.isArray(given)) return check.type(field, "a list", given);
  if (given.length > MOST_RULES) check.range(field, `at most ${MOST_RULES} entries`, given.length);
  return given;
}

const optionalName = (check: Check, field: string, value: unknown): string | undefined =>
  value === undefined ? undefined : check.text(field, value, LONGEST_NAME);

const BUDGET_KEYS = ["name", "provider", "model", "usdPerMonth", "hard"];

function budgetRules(check: Check, given: unknown): readonly BudgetRule[] {
  const names = new Set<string>();
  return list(check, "budgets", given).map((one, n) => {
    const at = `budgets[${n}]`;
    const budget = check.keys(check.object(at, one), BUDGET_KEYS, `${at}.`);
    const name = check.text(`${at}.name`, budget["name"], LONGEST_NAME);
    if (names.has(name)) check.range(`${at}.name`, "unique in the ledger", name);
    names.add(name);
    const provider = optionalName(check, `${at}.provider`, budget["provider"]);
    const model = optionalName(check, `${at}.model`, budget["model"]);
    if (model !== undefined && provider === undefined) {
      check.type(`${at}.provider`, "given where a model is", undefined);
    }
    const { hard = false } = budget;
    if (typeof hard !== "boolean") return check.type(`${at}.hard`, "true or false", hard);
    const nanoPerMonth = nanoUsd(check, `${at}.usdPerMonth`, budget["usdPerMonth"]);
    if (nanoPerMonth === 0) check.range(`${at}.usdPerMonth`, "more than 0", budget["usdPerMonth"]);
    return { name, provider, model, nanoPerMonth, hard };
  });
}

const LIMITS = {
  minute: { requests: "requestsPerMinute", tokens: "tokensPerMinute" },
  day: { requests: "requestsPerDay", tokens: "tokensPerDay" },
} as const;
const LIMIT_KEYS = [
  "provider",
  "model",
  ...Object.values(LIMITS).flatMap((keys) => Object.values(keys)),
];

function limitRules(check: Check, given: unknown): readonly LimitRule[] {
  return list(check, "limits", given).flatMap((one, n) => {
    const at = `limits[${n}]`;
    const limit = check.keys(check.object(at, one), LIMIT_KEYS, `${at}.`);
    const provider = check.text(`${at}.provider`, limit["provider"], LONGEST_NAME);
    const model = optionalName(check, `${at}.model`, limit["model"]);
    const most = (key: string): number =>
      limit[key] === undefined
        ? Number.POSITIVE_INFINITY
        : check.positiveInteger(`${at}.${key}`, limit[key]);
    const rules = (["minute", "day"] as const).flatMap((per) => {
      const { requests, tokens } = LIMITS[per];
      if (limit[requests] === undefined && limit[tokens] === undefined) return [];
      return [{ provider, model, per, most: { requests: most(requests), tokens: most(tokens) } }];
    });
    if (rules.length === 0)
      check.type(at, `an object with at least one of ${LIMIT_KEYS.slice(2).join(", ")}`, one);
    return rules;
  });
}
