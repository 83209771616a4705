import type { Row } from "./frame.ts";
import { series } from "./panels.ts";
import { increase, ofChosen, sumBy } from "./queries.ts";

const BY_INSTANCE = "job, instance";
const INSTANCE = "{{job}} {{instance}}";
const BY_OWNER = "job, owner";
const OWNER = "{{owner}} ({{job}})";

/** How long ago a moment was; nothing when it never was. */
const ago = (moment: string): string => `time() - (${moment} > 0)`;

/** The row of the overview about stores of state, and about the owners of Workers. */
export const keeping: Row = [
  "Stores and owners",
  series({
    title: "Stores that fail",
    description:
      "Instances whose store of state cannot be read (load) or written (write): nothing is saved there. 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "red"]],
    queries: [
      {
        expr: sumBy("job, operation", ofChosen("telltale_state_store_failing")),
        legend: "{{operation}} ({{job}})",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerStoreFailing"],
  }),
  series({
    title: "Failures of stores",
    description:
      "How often a store began to fail, also for less than a scrape. Many short failures are a store near its limits.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    bars: true,
    queries: [
      {
        expr: sumBy(BY_INSTANCE, increase(ofChosen("telltale_state_store_failures_total"))),
        legend: INSTANCE,
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerStoreFailing"],
  }),
  series({
    title: "Rows that wait for the store",
    description:
      "Breakers with something that the store does not have yet. It rises and falls with each batch; a line that stays up is what an instance that ends now would lose.",
    unit: "short",
    limits: ["green"],
    queries: [{ expr: ofChosen("telltale_state_waiting"), legend: INSTANCE }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerStoreFailing"],
  }),
  series({
    title: "Rows rejected",
    description:
      "Rows that could not be used when the store was read, or not be kept, since each instance began, by what was wrong. 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "red"]],
    stacked: true,
    queries: [
      {
        expr: sumBy("job, code", ofChosen("telltale_state_rejected_total")),
        legend: "{{code}} ({{job}})",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerSnapshotRejected"],
  }),
  series({
    title: "Last row rejected, how long ago",
    description: "Time since an instance rejected a row; nothing when it never did.",
    unit: "s",
    limits: ["red", [600, "green"]],
    queries: [
      {
        expr: ago(ofChosen("telltale_state_rejected_timestamp_seconds")),
        legend: INSTANCE,
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerSnapshotRejected"],
  }),
  series({
    title: "Isolates without their owner",
    description:
      "Isolates of Workers whose last question the owner did not answer: they decide alone. 0 is healthy; an isolate that nobody calls keeps its last word.",
    unit: "short",
    limits: ["green", [1, "red"]],
    queries: [{ expr: sumBy(BY_OWNER, ofChosen("telltale_owner_unreachable")), legend: OWNER }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerOwnerUnreachable"],
  }),
  series({
    title: "Asked in vain, of all requests",
    description: "The share of the requests to an owner that it did not answer in time.",
    unit: "percentunit",
    limits: ["green", [0.01, "yellow"], [0.1, "red"]],
    queries: [
      {
        expr: `${sumBy(BY_OWNER, increase(ofChosen("telltale_owner_failures_total")))}\n/ clamp_min(${sumBy(BY_OWNER, increase(ofChosen("telltale_owner_requests_total")))}, 1e-9)`,
        legend: OWNER,
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerOwnerUnreachable"],
  }),
  series({
    title: "What isolates go by instead",
    description:
      "Questions in vain, by what the isolate went on by: its last answer (cache), the stored one (snapshot), closed breakers (closed), a refusal or no reservation (refused, unreserved). none is a report, which waits.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    bars: true,
    stacked: true,
    queries: [
      {
        expr: sumBy("job, fallback", increase(ofChosen("telltale_owner_failures_total"))),
        legend: "{{fallback}} ({{job}})",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerOwnerUnreachable"],
  }),
  series({
    title: "Spends that wait for their owner",
    description:
      "Spends that no owner has acknowledged: lost if their isolate ends. It falls to 0 between calls.",
    unit: "short",
    limits: ["green"],
    queries: [{ expr: sumBy(BY_OWNER, ofChosen("telltale_owner_waiting")), legend: OWNER }],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerSpendLost"],
  }),
  series({
    title: "Spends lost",
    description:
      "Spends that no ledger has, since each isolate began: refused by the ledger, or given up because too many waited (overflow). 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "red"]],
    queries: [
      {
        expr: sumBy("job, owner, reason", ofChosen("telltale_owner_spends_lost_total")),
        legend: "{{owner}} {{reason}} ({{job}})",
      },
    ],
    width: 12,
    height: 7,
    runbooks: ["CircuitBreakerSpendLost"],
  }),
  series({
    title: "Last spend lost, how long ago",
    description: "Time since an isolate lost a spend; nothing when it never did.",
    unit: "s",
    limits: ["red", [600, "green"]],
    queries: [
      { expr: ago(ofChosen("telltale_owner_spend_lost_timestamp_seconds")), legend: OWNER },
    ],
    width: 12,
    height: 7,
    runbooks: ["CircuitBreakerSpendLost"],
  }),
];
