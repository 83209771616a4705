import type { Row } from "./frame.ts";
import { series } from "./panels.ts";
import { increase, maxBy, ofChosen, rate, sumBy } from "./queries.ts";

// The rows of the overview about what is no breaker: providers out of quota, money, and the cluster.

const BY_PROVIDER = "job, provider";
const BY_BUDGET = "job, budget";
const BY_MODEL = "job, provider, model";
const BY_INSTANCE = "job, instance";
const PROVIDER = "{{provider}} ({{job}})";
const BUDGET = "{{budget}} ({{job}})";
const MODEL = "{{provider}} {{model}}";
const INSTANCE = "{{job}} {{instance}}";

const until = ofChosen("telltale_quota_until_timestamp_seconds");
const spent = maxBy(BY_BUDGET, ofChosen("telltale_budget_spent_usd"));
const limit = maxBy(BY_BUDGET, ofChosen("telltale_budget_limit_usd"));
const depletion = ofChosen("telltale_budget_depletion_timestamp_seconds");

export const money: Row = [
  "Quota and money",
  series({
    title: "Providers out of quota",
    description:
      "Instances that have a provider marked as out of quota: they refuse calls to it with reason quota, or go elsewhere. 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "red"]],
    queries: [{ expr: sumBy(BY_PROVIDER, ofChosen("telltale_quota_exhausted")), legend: PROVIDER }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerQuotaExhausted"],
  }),
  series({
    title: "Until providers are back",
    description:
      "How long until each provider is expected to have quota again. 0 when it has. A line that falls and jumps up again is a provider that is marked anew each time it is back.",
    unit: "s",
    limits: ["green", [1, "yellow"], [3600, "red"]],
    queries: [
      {
        expr: `clamp_min(${maxBy(BY_PROVIDER, until)} - time(), 0)`,
        legend: PROVIDER,
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerQuotaExhausted"],
  }),
  series({
    title: "Marks",
    description:
      "How often providers were marked as out of quota, also for less than a scrape. Many short marks mean that the traffic is at a limit per minute.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    bars: true,
    queries: [
      {
        expr: sumBy("job", increase(ofChosen("telltale_quota_exhaustions_total"))),
        legend: "{{job}}",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerQuotaExhausted"],
  }),
  series({
    title: "Budgets, spent",
    description:
      "The share of each budget that is spent this month, as the instance that knows most sees it. A gap: the ledger is unknown.",
    unit: "percentunit",
    limits: ["green", [0.8, "yellow"], [0.95, "red"]],
    lines: true,
    queries: [{ expr: `${spent}\n/ clamp_min(${limit}, 1e-9)`, legend: BUDGET }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerBudgetHigh", "CircuitBreakerBudgetEnd"],
  }),
  series({
    title: "Budgets, held by calls under way",
    description:
      "What reservations hold of each budget. It falls to 0 between calls; a line that only rises is calls that hang.",
    unit: "currencyUSD",
    limits: ["green"],
    queries: [{ expr: sumBy(BY_BUDGET, ofChosen("telltale_budget_reserved_usd")), legend: BUDGET }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerBudgetEnd"],
  }),
  series({
    title: "Budgets run out in",
    description:
      "How long each budget lasts at the rate of the last seven days; nothing while it lasts until its month ends.",
    unit: "s",
    limits: ["red", [86_400, "yellow"], [604_800, "green"]],
    queries: [{ expr: `min by (${BY_BUDGET}) (${depletion} > 0) - time()`, legend: BUDGET }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerBudgetDepletion"],
  }),
  series({
    title: "Spend by model",
    description: "USD an hour that the instances record, by provider and model.",
    unit: "currencyUSD",
    limits: ["green"],
    stacked: true,
    queries: [
      {
        expr: `${sumBy(BY_MODEL, rate(ofChosen("telltale_spend_usd_total")))} * 3600`,
        legend: MODEL,
      },
    ],
    width: 6,
    height: 7,
    runbooks: ["CircuitBreakerBudgetHigh"],
  }),
  series({
    title: "Requests by model",
    description: "Requests per second that the instances record, by provider and model.",
    unit: "reqps",
    limits: ["green"],
    queries: [
      { expr: sumBy(BY_MODEL, rate(ofChosen("telltale_spend_requests_total"))), legend: MODEL },
    ],
    width: 6,
    height: 7,
    runbooks: ["CircuitBreakerBudgetHigh"],
  }),
  series({
    title: "Tokens by model and kind",
    description: "Tokens per second that the instances record: what limits per minute are about.",
    unit: "short",
    limits: ["green"],
    queries: [
      {
        expr: sumBy(`${BY_MODEL}, kind`, rate(ofChosen("telltale_spend_tokens_total"))),
        legend: "{{model}} {{kind}}",
      },
    ],
    width: 6,
    height: 7,
    runbooks: ["CircuitBreakerQuotaExhausted"],
  }),
  series({
    title: "What the ledgers do not know",
    description:
      "Instances whose ledger could not read what was spent before, and spends of models without a price. Both make the budgets read too low. 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "red"]],
    queries: [
      { expr: `sum(${ofChosen("telltale_ledger_unknown")})`, legend: "unknown ledgers" },
      {
        expr: `sum(${increase(ofChosen("telltale_spend_unpriced_total"))})`,
        legend: "spends without a price",
      },
    ],
    width: 6,
    height: 7,
    runbooks: ["CircuitBreakerLedgerUnknown", "CircuitBreakerSpendUnpriced"],
  }),
];

export const cluster: Row = [
  "Cluster",
  series({
    title: "Connected to the cluster",
    description:
      "1 while an instance hears the other tasks and the store answers, 0 while its breakers are on their own.",
    unit: "short",
    limits: ["red", [1, "green"]],
    queries: [{ expr: ofChosen("telltale_cluster_connected"), legend: INSTANCE }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerClusterLost"],
  }),
  series({
    title: "Losses of the cluster",
    description:
      "How often an instance found itself on its own, also for less than a scrape. 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    bars: true,
    queries: [
      {
        expr: sumBy(BY_INSTANCE, increase(ofChosen("telltale_cluster_losses_total"))),
        legend: INSTANCE,
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerClusterLost"],
  }),
  series({
    title: "Peers heard",
    description:
      "Other tasks that each instance hears. The same number everywhere is healthy; one that is lower does not hear all.",
    unit: "short",
    limits: ["green"],
    queries: [{ expr: ofChosen("telltale_cluster_peers"), legend: INSTANCE }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerClusterDisagrees"],
  }),
  series({
    title: "Last reset, how long ago",
    description:
      "Time since the last reset of a breaker that each instance knows of. The lines lie on each other; one that is above the others has not heard the last.",
    unit: "s",
    limits: ["green"],
    queries: [
      {
        expr: `time() - (${ofChosen("telltale_cluster_reset_timestamp_seconds")} > 0)`,
        legend: INSTANCE,
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerClusterDisagrees"],
  }),
  series({
    title: "News that waits",
    description:
      "Breakers whose open or reset the fleet has not heard yet: above 0 for longer than a second, the store does not take it.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    queries: [{ expr: ofChosen("telltale_cluster_waiting"), legend: INSTANCE }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerClusterLost"],
  }),
  series({
    title: "Input dropped",
    description: "Messages and answers that were not valid, by what was wrong. 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "red"]],
    bars: true,
    stacked: true,
    queries: [
      {
        expr: sumBy("job, reason", increase(ofChosen("telltale_cluster_rejected_total"))),
        legend: "{{reason}}",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerClusterRejected"],
  }),
];
