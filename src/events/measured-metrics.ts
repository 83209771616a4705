import { CLUSTER_EVENTS } from "./cluster-events.ts";
import type { Field } from "./field.ts";
import type { MetricDefinition } from "./metric-definition.ts";
import { STATE_EVENTS } from "./state-events.ts";

type Values = MetricDefinition["values"];

/** The values are names from outside: they come as they are met, within a budget. */
const NAMES: Values = [];
const ONE: Values = [[]];
const common = { perBreaker: false, labels: [], values: ONE } as const;

/** The words of an event's field. */
const wordsOf = ({ shape }: Field<unknown>): Values =>
  shape.kind === "word" ? shape.words.map((word) => [`${word}`]) : [];

const REJECTIONS = wordsOf(CLUSTER_EVENTS["cluster.rejected"].fields.reason);
const OPERATIONS = wordsOf(STATE_EVENTS["state.store_failed"].fields.operation);
/** The codes of a `SnapshotError`; whoever counts them has a place for each. */
const SNAPSHOT_CODES: Values = ["JSON", "KIND", "VERSION", "FORM", "SIZE"].map((code) => [
  `ERR_SNAPSHOT_${code}`,
]);

const quota = { ...common, of: "quota" } as const;
const ledger = { ...common, of: "ledger" } as const;
const cluster = { ...common, of: "cluster" } as const;
const state = { ...common, of: "state" } as const;
const owner = { ...common, of: "owner" } as const;
const perOwner = { labels: ["owner"], values: NAMES, names: 1 } as const;
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
  telltale_state_store_failing: define({
    ...state,
    labels: ["operation"],
    values: OPERATIONS,
    type: "gauge",
    unit: "",
    help: "1 while the store cannot be read (load) or written (write), so that nothing is saved, 0 while it can",
    combine: "largest",
  }),
  telltale_state_store_failures_total: define({
    ...state,
    labels: ["operation"],
    values: OPERATIONS,
    type: "counter",
    unit: "{failure}",
    help: "How often the store began to fail",
    combine: "sum",
  }),
  telltale_state_waiting: define({
    ...state,
    type: "gauge",
    unit: "{row}",
    help: "Rows of breakers that wait to be written",
    combine: "sum",
  }),
  telltale_state_rejected_total: define({
    ...state,
    labels: ["code"],
    values: SNAPSHOT_CODES,
    type: "counter",
    unit: "{row}",
    help: "Rows that could not be used when the store was read, or not be kept when it was written",
    combine: "sum",
  }),
  telltale_state_rejected_timestamp_seconds: define({
    ...state,
    type: "gauge",
    unit: "s",
    help: "When a row was rejected last, in Unix time; 0 before one",
    combine: "largest",
  }),
  telltale_owner_unreachable: define({
    ...owner,
    ...perOwner,
    type: "gauge",
    unit: "",
    help: "1 from a question that the owner did not answer until it answers one, 0 otherwise",
    combine: "largest",
  }),
  telltale_owner_requests_total: define({
    ...owner,
    ...perOwner,
    type: "counter",
    unit: "{request}",
    help: "Requests to the owner, whether a call waited for them or not",
    combine: "sum",
  }),
  telltale_owner_failures_total: define({
    ...owner,
    labels: ["owner", "fallback"],
    values: NAMES,
    names: 1,
    type: "counter",
    unit: "{failure}",
    help: "How often the owner was asked in vain, by what the isolate went on by",
    combine: "sum",
  }),
  telltale_owner_waiting: define({
    ...owner,
    ...perOwner,
    type: "gauge",
    unit: "{spend}",
    help: "Spends that the owner has not acknowledged: lost if the isolate ends",
    combine: "sum",
  }),
  telltale_owner_spends_lost_total: define({
    ...owner,
    labels: ["owner", "reason"],
    values: NAMES,
    names: 1,
    type: "counter",
    unit: "{spend}",
    help: "Spends that no ledger has: refused by it, or given up because too many waited (overflow)",
    combine: "sum",
  }),
  telltale_owner_spend_lost_timestamp_seconds: define({
    ...owner,
    ...perOwner,
    type: "gauge",
    unit: "s",
    help: "When a spend was lost last, in Unix time; 0 before one",
    combine: "largest",
  }),
} as const satisfies Record<string, MetricDefinition>;
