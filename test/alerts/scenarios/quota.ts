import type { Scenario } from "../scenario.ts";

const EXHAUSTED = "CircuitBreakerQuotaExhausted";
const HIGH = "CircuitBreakerBudgetHigh";
const END = "CircuitBreakerBudgetEnd";
const DEPLETION = "CircuitBreakerBudgetDepletion";
const UNKNOWN = "CircuitBreakerLedgerUnknown";
const UNPRICED = "CircuitBreakerSpendUnpriced";

const CHECKOUT = { job: "checkout" };
const STOCK = { job: "stock" };
const OTEL = { otel_scope_version: "0.1.0" };
const OTHER_OTEL = { otel_scope_version: "0.2.0" };

const exhausted = (timelines: Readonly<Record<string, string>>) => ({
  telltale_quota_exhausted: timelines,
});
const exhaustedTold = (count: number, provider: string, { job } = CHECKOUT) => ({
  alert: EXHAUSTED,
  labels: { job, provider },
  summary: `Provider ${provider} is out of quota (job ${job})`,
  description: `${count} instances have it marked: calls to it are refused, or go elsewhere, until the provider gives quota again. The provider is well; no breaker need be reset.`,
});

/** Budgets by name: what is spent, of how much. */
const budgets = (all: Readonly<Record<string, readonly [spent: string, limit: string]>>) => ({
  telltale_budget_spent_usd: Object.fromEntries(
    Object.entries(all).map(([name, [spent]]) => [name, spent]),
  ),
  telltale_budget_limit_usd: Object.fromEntries(
    Object.entries(all).map(([name, [, limit]]) => [name, limit]),
  ),
});
const highTold = (usd: string, budget: string, { job } = CHECKOUT) => ({
  alert: HIGH,
  labels: { job, budget },
  summary: `Budget ${budget} is spent to 80% or more (job ${job})`,
  description: `${usd} USD of it are spent this month.`,
});
const endTold = (usd: string, budget: string, { job } = CHECKOUT) => ({
  alert: END,
  labels: { job, budget },
  summary: `Budget ${budget} is spent to 95% or more (job ${job})`,
  description: `${usd} USD of it are spent this month: when it is used up, a hard budget refuses every call that it covers until the month ends.`,
});
const depletionTold = (at: string, budget: string, { job } = CHECKOUT) => ({
  alert: DEPLETION,
  labels: { job, budget },
  summary: `Budget ${budget} will run out before its month ends (job ${job})`,
  description: `At the rate of the last seven days it is used up at ${at}.`,
});
const unknownTold = (count: number, { job } = CHECKOUT) => ({
  alert: UNKNOWN,
  labels: { job },
  summary: `What was spent is not known (job ${job})`,
  description: `${count} instances could not read what was spent before: budgets are not watched there, and unless onUnknown allows them, calls under a budget are refused.`,
});
const unpricedTold = (count: number, { job } = CHECKOUT) => ({
  alert: UNPRICED,
  labels: { job },
  summary: `Calls are recorded at no cost (job ${job})`,
  description: `${count} spends in 10 minutes named a model that the price table does not: what was spent reads too low.`,
});

/** Providers out of quota, and money. */
export const QUOTA_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerQuotaExhausted fires for each provider that stays marked for two minutes, until it is back",
    length: 40,
    exported: [
      { instance: "a", measured: exhausted({ openai: "0*4 1*16 0", azure: "0*4 1*8 0" }) },
      { instance: "b", measured: exhausted({ openai: "0*6 1*6 0", gone: "0" }) },
      { job: "stock", instance: "a", labels: OTEL, measured: exhausted({ openai: "0*8 1*12 0" }) },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: exhausted({ openai: "0*8 1*12 0" }),
      },
    ],
    firing: {
      "2m45s": [],
      "3m": [[EXHAUSTED, { ...CHECKOUT, provider: "openai" }]],
      "3m45s": [[EXHAUSTED, { ...CHECKOUT, provider: "openai" }]],
      "4m": [
        [EXHAUSTED, { ...CHECKOUT, provider: "openai" }],
        [EXHAUSTED, { ...STOCK, provider: "openai" }],
      ],
      "4m45s": [
        [EXHAUSTED, { ...CHECKOUT, provider: "openai" }],
        [EXHAUSTED, { ...STOCK, provider: "openai" }],
      ],
      "5m": [],
    },
    told: {
      // Azure, marked for two minutes less a step, is not among them; b has openai no more.
      "4m": [exhaustedTold(1, "openai"), exhaustedTold(2, "openai", STOCK)],
    },
  },
  {
    name: "CircuitBreakerBudgetHigh fires at 80 % of the largest that an instance knows, until the month turns",
    length: 30,
    exported: [
      // 0.8 of the larger limit, 125, is 100; of the smaller 80.
      { instance: "a", measured: budgets({ all: ["70*4 99.9*4 100*8 5", "125"] }) },
      { instance: "b", measured: budgets({ all: ["60*4 70", "100"], small: ["0.5", "1"] }) },
      { job: "stock", instance: "a", labels: OTEL, measured: budgets({ all: ["90*4 0", "100"] }) },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: budgets({ all: ["40*4 0", "100"] }),
      },
    ],
    firing: {
      "45s": [[HIGH, { ...STOCK, budget: "all" }]],
      "1m": [],
      "1m45s": [],
      "2m": [[HIGH, { ...CHECKOUT, budget: "all" }]],
      "3m45s": [[HIGH, { ...CHECKOUT, budget: "all" }]],
      "4m": [],
    },
    told: {
      "45s": [highTold("90.00", "all", STOCK)],
      "2m": [highTold("100.00", "all")],
    },
  },
  {
    name: "CircuitBreakerBudgetEnd fires at 95 %, beside the other, and not while the spend is unknown",
    length: 30,
    exported: [
      { instance: "a", measured: budgets({ all: ["180*4 189.9*4 190*8 5", "200"] }) },
      { instance: "b", measured: budgets({ all: ["150*4 160", "160"] }) },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: budgets({ all: ["99*4 NaN", "100"] }),
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: budgets({ all: ["40*4 NaN", "100"], more: ["1", "100"] }),
      },
    ],
    firing: {
      "45s": [
        [HIGH, { ...CHECKOUT, budget: "all" }],
        [HIGH, { ...STOCK, budget: "all" }],
        [END, { ...STOCK, budget: "all" }],
      ],
      "1m": [[HIGH, { ...CHECKOUT, budget: "all" }]],
      "1m45s": [[HIGH, { ...CHECKOUT, budget: "all" }]],
      "2m": [
        [HIGH, { ...CHECKOUT, budget: "all" }],
        [END, { ...CHECKOUT, budget: "all" }],
      ],
      "3m45s": [
        [HIGH, { ...CHECKOUT, budget: "all" }],
        [END, { ...CHECKOUT, budget: "all" }],
      ],
      // b still knows of 160: 80 % of 200.
      "4m": [[HIGH, { ...CHECKOUT, budget: "all" }]],
    },
    told: { "45s": [endTold("99.00", "all", STOCK)], "2m": [endTold("190.00", "all")] },
  },
  {
    name: "CircuitBreakerBudgetDepletion fires when a budget will last for less than three days, for half an hour",
    length: 180,
    exported: [
      // Three days and two minutes from the begin: less than three days from the next sample on.
      {
        instance: "a",
        measured: {
          telltale_budget_depletion_timestamp_seconds: { all: "259320*160 0", lasts: "0" },
        },
      },
      {
        instance: "b",
        measured: { telltale_budget_depletion_timestamp_seconds: { all: "900000*160 0" } },
      },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: { telltale_budget_depletion_timestamp_seconds: { all: "259379*160 0" } },
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: { telltale_budget_depletion_timestamp_seconds: { all: "259379*160 0" } },
      },
    ],
    firing: {
      "32m": [],
      "32m15s": [[DEPLETION, { ...CHECKOUT, budget: "all" }]],
      "32m45s": [[DEPLETION, { ...CHECKOUT, budget: "all" }]],
      "33m": [
        [DEPLETION, { ...CHECKOUT, budget: "all" }],
        [DEPLETION, { ...STOCK, budget: "all" }],
      ],
      "39m45s": [
        [DEPLETION, { ...CHECKOUT, budget: "all" }],
        [DEPLETION, { ...STOCK, budget: "all" }],
      ],
      "40m": [],
    },
    told: {
      "33m": [
        depletionTold("1970-01-04 00:02:00 +0000 UTC", "all"),
        depletionTold("1970-01-04 00:02:59 +0000 UTC", "all", STOCK),
      ],
    },
  },
  {
    name: "CircuitBreakerLedgerUnknown fires when an instance does not know for two minutes what was spent",
    length: 40,
    exported: [
      { instance: "a", measured: { telltale_ledger_unknown: { "": "0*4 1*16 0" } } },
      { instance: "b", measured: { telltale_ledger_unknown: { "": "0*4 1*6 0" } } },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: { telltale_ledger_unknown: { "": "0*8 1*12 0" } },
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: { telltale_ledger_unknown: { "": "0*8 1*12 0" } },
      },
    ],
    firing: {
      "2m45s": [],
      "3m": [[UNKNOWN, CHECKOUT]],
      "3m45s": [[UNKNOWN, CHECKOUT]],
      "4m": [
        [UNKNOWN, CHECKOUT],
        [UNKNOWN, STOCK],
      ],
      "4m45s": [
        [UNKNOWN, CHECKOUT],
        [UNKNOWN, STOCK],
      ],
      "5m": [],
    },
    told: { "4m": [unknownTold(1), unknownTold(2, STOCK)] },
  },
  {
    name: "CircuitBreakerSpendUnpriced fires for spends without a price, and resolves after ten minutes",
    length: 50,
    exported: [
      { instance: "a", measured: { telltale_spend_unpriced_total: { "": "0*4 2" } } },
      { instance: "b", measured: { telltale_spend_unpriced_total: { "": "9*4 10" } } },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: { telltale_spend_unpriced_total: { "": "4*4 0*2 1" } },
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: { telltale_spend_unpriced_total: { "": "0" } },
      },
    ],
    firing: {
      "45s": [],
      "1m": [[UNPRICED, CHECKOUT]],
      "1m30s": [
        [UNPRICED, CHECKOUT],
        [UNPRICED, STOCK],
      ],
      "10m45s": [
        [UNPRICED, CHECKOUT],
        [UNPRICED, STOCK],
      ],
      "11m": [[UNPRICED, STOCK]],
      "11m30s": [],
    },
    told: { "10m": [unpricedTold(3), unpricedTold(1, STOCK)] },
  },
];
