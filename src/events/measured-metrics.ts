import { CLUSTER_EVENTS } from "./cluster-events.ts";
import type { MetricDefinition } from "./metric-definition.ts";

type Values = MetricDefinition["values"];

/** The values are names from outside: they come as they are met, within a budget. */
const NAMES: Values = [];
const ONE: Values = [[]];
const common = { perBreaker: false, labels: [], values: ONE } as const;

const { shape: reasons } = CLUSTER_EVENTS["cluster.rejected"].fields.reason;
/** The words of the event. */
const REJECTIONS: Values = reasons.kind === "word" ? reasons.words.map((word) => [`${word}`]) : [];

const quota = { ...common, of: "quota" } as const;
const ledger = { ...common, of: "ledger" } as const;
const cluster = { ...common, of: "cluster" } as const;
const perProvider = { labels: ["provider"], values: NAMES, names: 1 } as const;
const perBudget = { labels: ["budget"], values: NAMES, names: 1 } as const;
const perModel = { labels: ["provider", "model"], values: NAMES, names: 2 } as const;

const define = <const M extends MetricDefinition>(definition: M) => definition;

/** The metrics of what is no breaker. */
export const MEASURED_METRICS = {
  telltale_quota_exhausted: define({
    ...quota,
    ...perProvider,
    type: "gauge",
    unit: "",
    help: "1 while a provider is marked as out of quota, 0 when it is no more",
    combine: "largest",
  }),
  telltale_quota_until_timestamp_seconds: define({
    ...quota,
    ...perProvider,
    type: "gauge",
    unit: "s",
    help: "When a provider is expected back, in Unix time; 0 when it is not marked",
    combine: "largest",
  }),
  telltale_quota_exhaustions_total: define({
    ...quota,
    type: "counter",
    unit: "{mark}",
    help: "How often a provider was marked as out of quota",
    combine: "sum",
  }),
  telltale_budget_spent_usd: define({
    ...ledger,
    ...perBudget,
    type: "gauge",
    unit: "{USD}",
    help: "What was spent of a budget in the present month; NaN while the ledger is unknown",
    combine: "largest",
  }),
  telltale_budget_limit_usd: define({
    ...ledger,
    ...perBudget,
    type: "gauge",
    unit: "{USD}",
    help: "The budget of a month",
    combine: "largest",
  }),
  telltale_budget_reserved_usd: define({
    ...ledger,
    ...perBudget,
    type: "gauge",
    unit: "{USD}",
    help: "Held by reservations of calls under way",
    combine: "sum",
  }),
  telltale_budget_depletion_timestamp_seconds: define({
    ...ledger,
    ...perBudget,
    type: "gauge",
    unit: "s",
    help: "When a budget runs out at the present rate, in Unix time; 0 when it lasts until its month ends",
    combine: "earliest",
  }),
  telltale_ledger_unknown: define({
    ...ledger,
    type: "gauge",
    unit: "",
    help: "1 while what was spent before could not be read, 0 otherwise",
    combine: "largest",
  }),
  telltale_spend_usd_total: define({
    ...ledger,
    ...perModel,
    type: "counter",
    unit: "{USD}",
    help: "What this process recorded as spent, since it began",
    combine: "sum",
  }),
  telltale_spend_requests_total: define({
    ...ledger,
    ...perModel,
    type: "counter",
    unit: "{request}",
    help: "Requests that this process recorded, since it began",
    combine: "sum",
  }),
  telltale_spend_tokens_total: define({
    ...ledger,
    labels: ["provider", "model", "kind"],
    values: NAMES,
    names: 2,
    type: "counter",
    unit: "{token}",
    help: "Tokens that this process recorded, by kind, since it began",
    combine: "sum",
  }),
  telltale_spend_unpriced_total: define({
    ...ledger,
    type: "counter",
    unit: "{spend}",
    help: "Recorded spends of models that the price table does not name: they count as nothing spent",
    combine: "sum",
  }),
  telltale_cluster_connected: define({
    ...cluster,
    type: "gauge",
    unit: "",
    help: "1 while the task hears the others and the store answers, 0 while it is on its own",
    combine: "smallest",
  }),
  telltale_cluster_losses_total: define({
    ...cluster,
    type: "counter",
    unit: "{loss}",
    help: "How often the task found itself on its own",
    combine: "sum",
  }),
  telltale_cluster_peers: define({
    ...cluster,
    type: "gauge",
    unit: "{task}",
    help: "Other tasks that are heard",
    combine: "smallest",
  }),
  telltale_cluster_waiting: define({
    ...cluster,
    type: "gauge",
    unit: "{breaker}",
    help: "Breakers whose news the fleet has not heard yet",
    combine: "sum",
  }),
  telltale_cluster_rejected_total: define({
    ...cluster,
    labels: ["reason"],
    values: REJECTIONS,
    type: "counter",
    unit: "{message}",
    help: "Messages and answers that were dropped because they were not valid",
    combine: "sum",
  }),
  telltale_cluster_reset_timestamp_seconds: define({
    ...cluster,
    type: "gauge",
    unit: "s",
    help: "The last reset of a breaker of the fleet that the task knows of, in Unix time on the store's clock; 0 before one",
    combine: "largest",
  }),
} as const satisfies Record<string, MetricDefinition>;
