import type { Exported } from "../exported.ts";
import type { Scenario } from "../scenario.ts";
import { other } from "./shared-name.ts";

const DISAGREE = "CircuitBreakerInstancesDisagree";
const FLAPPING = "CircuitBreakerFlapping";
const OPEN = "CircuitBreakerOpen";
const TOO_LONG = "CircuitBreakerOpenTooLong";

const GOOD = { success: "0+1*100" };
/** Opens for good at 1m; somebody is refused. */
const BAD: Exported = { states: "closed*4 open", skips: { open: "0*5 1" } };

/** What tells one bad instance from a bad dependency. */
export const INSTANCE_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerInstancesDisagree fires when one of three is open for ten minutes, and resolves when it closes",
    length: 70,
    exported: [
      { instance: "a", states: "closed*4 open*50 closed", skips: { open: "0*5 1" } },
      { instance: "b", calls: GOOD },
      { instance: "c", calls: GOOD },
    ],
    firing: {
      "2m": [OPEN],
      "10m45s": [OPEN],
      "11m": [OPEN, DISAGREE],
      "13m15s": [OPEN, DISAGREE],
      "13m30s": [OPEN],
      "15m30s": [],
    },
    told: {
      "11m": [
        {
          alert: DISAGREE,
          summary: "Instances disagree about circuit breaker payments (job checkout)",
          description:
            "1 of 3 instances refuse calls to a dependency that others reach: look at those instances and their network, not at the dependency.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerInstancesDisagree does not fire when all are open, when the others have no calls, or only failing ones",
    length: 60,
    exported: [
      { name: "all", instance: "a", ...BAD, calls: GOOD },
      { name: "all", instance: "b", ...BAD, calls: GOOD },
      { name: "idle", instance: "a", ...BAD },
      { name: "idle", instance: "b" },
      { name: "failing", instance: "a", ...BAD },
      { name: "failing", instance: "b", calls: { error: "0+0.01*60" } },
      { name: "fine", instance: "a", calls: GOOD },
    ],
    firing: {
      "14m": ["all", "idle", "failing"].map((circuit_breaker_name) => [
        OPEN,
        { job: "checkout", circuit_breaker_name },
      ]),
    },
  },
  {
    name: "CircuitBreakerInstancesDisagree keeps breakers and jobs apart",
    length: 60,
    exported: [
      { instance: "a", ...BAD },
      { instance: "b", name: "search", calls: GOOD },
      { instance: "b", job: "stock", calls: GOOD },
      { instance: "a", job: "stock", name: "search", ...BAD },
      { instance: "b", job: "stock", name: "search", calls: GOOD },
    ],
    firing: {
      "14m": [
        OPEN,
        [OPEN, { job: "stock", circuit_breaker_name: "search" }],
        [DISAGREE, { job: "stock", circuit_breaker_name: "search" }],
      ],
    },
  },
  {
    name: "CircuitBreakerInstancesDisagree counts those that refuse, and ends five minutes after the last success of the others",
    length: 92,
    exported: [
      { instance: "a", ...BAD },
      { instance: "b", states: "closed*4 forced_open", skips: { forced_open: "0*5 1" } },
      { instance: "c", calls: { success: "0+1*60 59" } },
      { instance: "d", calls: { success: "0+1*40 39" } },
    ],
    firing: {
      "11m": [OPEN, DISAGREE],
      "16m": [OPEN, TOO_LONG, DISAGREE],
      "19m30s": [OPEN, TOO_LONG, DISAGREE],
      "19m45s": [OPEN, TOO_LONG],
    },
    told: {
      "16m": [
        {
          alert: DISAGREE,
          summary: "Instances disagree about circuit breaker payments (job checkout)",
          description:
            "2 of 4 instances refuse calls to a dependency that others reach: look at those instances and their network, not at the dependency.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerInstancesDisagree does not take breakers that share a name for one that disagrees with itself",
    length: 60,
    exported: [other({ closed: "2", open: "1" }, { calls: GOOD })],
    firing: { "14m": [[OPEN, { job: "checkout", circuit_breaker_name: "__other__" }]] },
  },
  {
    name: "CircuitBreakerFlapping fires with the third open in half an hour, and resolves as the first leaves it",
    length: 130,
    exported: [{ transitions: { "closed->open": "0*4 1*8 2*8 3" } }],
    firing: { "4m45s": [], "5m": [FLAPPING], "30m45s": [FLAPPING], "31m": [] },
    told: {
      "5m": [
        {
          alert: FLAPPING,
          summary: "Circuit breaker payments opens and closes again and again (job checkout)",
          description:
            "One instance has opened anew 3 times in 30 minutes: probes succeed, and the traffic after them fails.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerFlapping does not count failed probes, forced opens, or one open of each instance",
    length: 40,
    exported: [
      { name: "probes", transitions: { "half_open->open": "0+1*40", "closed->open": "0*2 1" } },
      { name: "forced", transitions: { "closed->forced_open": "0+1*40" } },
      { name: "twice", transitions: { "closed->open": "0 1*4 2" } },
      ...["a", "b", "c", "d"].map(
        (instance): Exported => ({
          name: "each",
          instance,
          transitions: { "closed->open": "0*2 1" },
        }),
      ),
    ],
    firing: { "5m": [], "9m": [] },
  },
  {
    name: "CircuitBreakerFlapping takes the worst instance, counts across a restart and an upgrade, and keeps breakers and jobs apart",
    length: 40,
    exported: [
      { instance: "a", name: "search", transitions: { "closed->open": "0 2*4 0 1" } },
      { instance: "b", name: "search", transitions: { "closed->open": "0 1" } },
      {
        instance: "a",
        job: "stock",
        labels: { otel_scope_version: "0.1.0" },
        life: "up*10 down",
        transitions: { "closed->open": "0 2" },
      },
      {
        instance: "a",
        job: "stock",
        labels: { otel_scope_version: "0.2.0" },
        life: "silent*10 up",
        transitions: { "closed->open": "0*14 1 2" },
      },
      { instance: "a", job: "stock", name: "search", transitions: { "closed->open": "0 1 2" } },
      { instance: "a", transitions: { "closed->open": "0 1 2" } },
    ],
    firing: {
      "1m": [],
      "1m30s": [[FLAPPING, { job: "checkout", circuit_breaker_name: "search" }]],
      "3m45s": [
        [FLAPPING, { job: "checkout", circuit_breaker_name: "search" }],
        [FLAPPING, { job: "stock", circuit_breaker_name: "payments" }],
      ],
    },
    told: {
      "3m": [
        {
          alert: FLAPPING,
          labels: { job: "checkout", circuit_breaker_name: "search" },
          summary: "Circuit breaker search opens and closes again and again (job checkout)",
          description:
            "One instance has opened anew 3 times in 30 minutes: probes succeed, and the traffic after them fails.",
        },
      ],
    },
  },
];
