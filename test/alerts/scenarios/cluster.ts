import type { Scenario } from "../scenario.ts";

const LOST = "CircuitBreakerClusterLost";
const DISAGREES = "CircuitBreakerClusterDisagrees";
const REJECTED = "CircuitBreakerClusterRejected";

const CHECKOUT = { job: "checkout" };
const STOCK = { job: "stock" };
const OTEL = { otel_scope_version: "0.1.0" };
const OTHER_OTEL = { otel_scope_version: "0.2.0" };

const connected = (timeline: string) => ({ telltale_cluster_connected: { "": timeline } });
const reset = (timeline: string) => ({
  telltale_cluster_reset_timestamp_seconds: { "": timeline },
});
const rejected = (timelines: Readonly<Record<string, string>>) => ({
  telltale_cluster_rejected_total: timelines,
});
const lostTold = (count: number, { job } = CHECKOUT) => ({
  alert: LOST,
  labels: { job },
  summary: `Instances are cut off from the cluster of breakers (job ${job})`,
  description: `${count} instances do not hear the others: their breakers go on by themselves, and an open, a forced open or a reset of another task does not reach them.`,
});
const disagreesTold = (apart: string, { job } = CHECKOUT) => ({
  alert: DISAGREES,
  labels: { job },
  summary: `Instances disagree about the last reset of a breaker (job ${job})`,
  description: `Some have not heard a reset that others heard; the two that they know of are ${apart} apart. What was reset may still be open on them.`,
});
const rejectedTold = (count: number, reason: string, { job } = CHECKOUT) => ({
  alert: REJECTED,
  labels: { job, reason },
  summary: `Cluster input is dropped as ${reason} (job ${job})`,
  description: `${count} messages or answers in 10 minutes were not valid: another version, a fault, or somebody on the channel who is not of the fleet.`,
});

/** Tasks that hear each other, or do not. */
export const CLUSTER_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerClusterLost fires when instances are on their own for a minute, until they hear the others",
    length: 40,
    exported: [
      { instance: "a", measured: connected("1*4 0*12 1") },
      { instance: "b", measured: connected("1*4 0*8 1") },
      { instance: "c", measured: connected("1") },
      { job: "stock", instance: "a", labels: OTEL, measured: connected("1*8 0*8 1") },
      { job: "stock", instance: "b", labels: OTHER_OTEL, measured: connected("1*8 0*8 1") },
      { job: "quick", measured: connected("1*4 0*4 1") },
    ],
    firing: {
      "1m45s": [],
      "2m": [[LOST, CHECKOUT]],
      "2m45s": [[LOST, CHECKOUT]],
      "3m": [
        [LOST, CHECKOUT],
        [LOST, STOCK],
      ],
      "3m45s": [
        [LOST, CHECKOUT],
        [LOST, STOCK],
      ],
      "4m": [],
    },
    told: { "2m": [lostTold(2)], "3m": [lostTold(1), lostTold(2, STOCK)] },
  },
  {
    name: "CircuitBreakerClusterDisagrees fires when an instance has not heard the last reset for two minutes",
    length: 40,
    exported: [
      { instance: "a", measured: reset("100*4 160") },
      { instance: "b", measured: reset("100*16 160") },
      { instance: "c", measured: reset("100*4 160") },
      // Half a second apart.
      { job: "stock", instance: "a", labels: OTEL, measured: reset("50*6 100.5") },
      { job: "stock", instance: "b", labels: OTHER_OTEL, measured: reset("50*6 100*14 100.5") },
      { job: "quick", instance: "a", measured: reset("0*4 100") },
      { job: "quick", instance: "b", measured: reset("0*8 100") },
    ],
    firing: {
      "2m45s": [],
      "3m": [[DISAGREES, CHECKOUT]],
      "3m15s": [[DISAGREES, CHECKOUT]],
      "3m30s": [
        [DISAGREES, CHECKOUT],
        [DISAGREES, STOCK],
      ],
      "3m45s": [
        [DISAGREES, CHECKOUT],
        [DISAGREES, STOCK],
      ],
      "4m": [[DISAGREES, STOCK]],
      "4m45s": [[DISAGREES, STOCK]],
      "5m": [],
    },
    told: { "3m30s": [disagreesTold("1m 0s"), disagreesTold("500ms", STOCK)] },
  },
  {
    name: "CircuitBreakerClusterRejected fires for each reason that input was dropped for, and resolves after ten minutes",
    length: 50,
    exported: [
      { instance: "a", measured: rejected({ malformed: "0*4 2", version: "7*6 0*4" }) },
      { instance: "b", measured: rejected({ malformed: "0*4 1" }) },
      {
        job: "stock",
        labels: OTEL,
        instance: "a",
        measured: rejected({ malformed: "0*4 1", future: "4*4 0*2 1" }),
      },
      {
        job: "stock",
        labels: OTHER_OTEL,
        instance: "b",
        measured: rejected({ malformed: "0*4 1", future: "0" }),
      },
    ],
    firing: {
      "45s": [],
      "1m": [
        [REJECTED, { ...CHECKOUT, reason: "malformed" }],
        [REJECTED, { ...STOCK, reason: "malformed" }],
      ],
      "10m45s": [
        [REJECTED, { ...CHECKOUT, reason: "malformed" }],
        [REJECTED, { ...STOCK, reason: "malformed" }],
        [REJECTED, { ...STOCK, reason: "future" }],
      ],
      "11m": [[REJECTED, { ...STOCK, reason: "future" }]],
      "11m30s": [],
    },
    told: {
      "10m": [
        rejectedTold(3, "malformed"),
        rejectedTold(2, "malformed", STOCK),
        rejectedTold(1, "future", STOCK),
      ],
    },
  },
];
