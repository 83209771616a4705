import type { Scenario } from "../scenario.ts";
import { other } from "./shared-name.ts";

const OPEN = "CircuitBreakerOpen";
const TOO_LONG = "CircuitBreakerOpenTooLong";
const FORCED = "CircuitBreakerForcedOpenStuck";
const DISABLED = "CircuitBreakerDisabledStuck";
const IDLE = "CircuitBreakerNoProbeTraffic";

/** One refusal soon after the open: somebody calls, but too few to be a matter of ratios. */
const ONE_SKIP = { open: "0*5 1" };

/** What an open breaker has to do with how long it stays open, and why. */
export const OPEN_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerOpen fires after a minute, through a failed probe, and resolves two minutes after the close",
    length: 40,
    exported: [{ states: "closed*4 open*6 half_open open*5 closed", skips: ONE_SKIP }],
    firing: {
      "1m": [],
      "1m45s": [],
      "2m": [OPEN],
      "2m30s": [OPEN],
      "4m": [OPEN],
      "5m45s": [OPEN],
      "6m": [],
    },
    told: {
      "2m": [
        {
          alert: OPEN,
          summary: "Circuit breaker payments is open (job checkout)",
          description:
            "It refuses calls in 1 of 1 instances: its callers get an error or their fallback.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerOpen does not fire for an open that ends within a minute",
    length: 20,
    exported: [{ states: "closed*4 open*4 closed", skips: ONE_SKIP }],
    firing: { "1m": [], "1m45s": [], "2m": [], "3m": [] },
  },
  {
    name: "CircuitBreakerOpen goes on when another instance takes over, and counts them",
    length: 40,
    exported: [
      { instance: "a", states: "closed*4 open*8 closed", skips: ONE_SKIP },
      { instance: "b", states: "closed*10 open*10 closed", skips: { open: "0*11 1" } },
      { instance: "c" },
    ],
    firing: { "1m45s": [], "2m": [OPEN], "4m": [OPEN], "6m45s": [OPEN], "7m": [] },
    told: {
      "2m45s": [
        {
          alert: OPEN,
          summary: "Circuit breaker payments is open (job checkout)",
          description:
            "It refuses calls in 2 of 3 instances: its callers get an error or their fallback.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerOpen keeps breakers and jobs apart",
    length: 20,
    exported: [
      { states: "open", skips: ONE_SKIP },
      { name: "search" },
      { job: "stock", name: "search", states: "forced_open", skips: ONE_SKIP },
    ],
    firing: {
      "45s": [],
      "1m": [OPEN, [OPEN, { job: "stock", circuit_breaker_name: "search" }]],
    },
  },
  {
    name: "CircuitBreakerOpenTooLong fires after a quarter of an hour, and resolves five minutes after the close",
    length: 110,
    exported: [
      {
        // Failed probes in between do not begin it anew.
        states: "closed*4 open*20 half_open open*20 half_open*2 open*37 closed",
        skips: ONE_SKIP,
        inFlight: "0*45 1*2 0",
        probes: { error: "0*25 1*22 2" },
      },
    ],
    firing: {
      "2m": [OPEN],
      "15m45s": [OPEN],
      "16m": [OPEN, TOO_LONG],
      "21m": [OPEN, TOO_LONG],
      "22m45s": [OPEN, TOO_LONG],
      "23m": [TOO_LONG],
      "25m45s": [TOO_LONG],
      "26m": [],
    },
    told: {
      "16m": [
        {
          alert: TOO_LONG,
          summary: "Circuit breaker payments does not recover (job checkout)",
          description:
            "It has been open in 1 of 1 instances for so long that its dependency will not come back by itself: probe after probe fails.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerOpenTooLong does not fire when it closes just before",
    length: 90,
    exported: [{ states: "closed*4 open*60 closed", skips: ONE_SKIP }],
    firing: { "15m45s": [OPEN], "16m": [OPEN], "17m45s": [OPEN], "18m": [], "20m": [] },
  },
  {
    name: "CircuitBreakerOpenTooLong counts instances, and keeps breakers and jobs apart",
    length: 70,
    exported: [
      { instance: "a", states: "open" },
      { instance: "b", states: "open" },
      { instance: "c", states: "forced_open" },
      { instance: "a", name: "search" },
      { job: "stock", name: "search", states: "open" },
    ],
    firing: {
      "15m": [
        OPEN,
        TOO_LONG,
        [OPEN, { job: "stock", circuit_breaker_name: "search" }],
        [TOO_LONG, { job: "stock", circuit_breaker_name: "search" }],
      ],
    },
    told: {
      "15m": [
        {
          alert: OPEN,
          summary: "Circuit breaker payments is open (job checkout)",
          description:
            "It refuses calls in 3 of 3 instances: its callers get an error or their fallback.",
        },
        {
          alert: OPEN,
          labels: { job: "stock", circuit_breaker_name: "search" },
          summary: "Circuit breaker search is open (job stock)",
          description:
            "It refuses calls in 1 of 1 instances: its callers get an error or their fallback.",
        },
        {
          alert: TOO_LONG,
          summary: "Circuit breaker payments does not recover (job checkout)",
          description:
            "It has been open in 2 of 3 instances for so long that its dependency will not come back by itself: probe after probe fails.",
        },
        {
          alert: TOO_LONG,
          labels: { job: "stock", circuit_breaker_name: "search" },
          summary: "Circuit breaker search does not recover (job stock)",
          description:
            "It has been open in 1 of 1 instances for so long that its dependency will not come back by itself: probe after probe fails.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerForcedOpenStuck fires after half an hour in place of CircuitBreakerOpenTooLong",
    length: 160,
    exported: [{ states: "closed*4 forced_open*130 closed", skips: { forced_open: "0*5 1" } }],
    firing: {
      "2m": [OPEN],
      "20m": [OPEN],
      "30m45s": [OPEN],
      "31m": [OPEN, FORCED],
      "33m15s": [OPEN, FORCED],
      "33m30s": [OPEN],
      "36m": [],
    },
    told: {
      "31m": [
        {
          alert: FORCED,
          summary: "Circuit breaker payments stays forced open (job checkout)",
          description:
            "An operator, or a failure that was classified as permanent, holds it open in 1 of 1 instances; no probe will close it.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerForcedOpenStuck keeps breakers and jobs apart, and does not fire for a trip",
    length: 125,
    exported: [
      { states: "forced_open" },
      { instance: "b" },
      { name: "search" },
      { job: "stock", name: "search", states: "forced_open" },
      { job: "stock", states: "open*124 closed" },
    ],
    firing: {
      "30m": [
        OPEN,
        FORCED,
        [OPEN, { job: "stock", circuit_breaker_name: "search" }],
        [FORCED, { job: "stock", circuit_breaker_name: "search" }],
        [OPEN, { job: "stock", circuit_breaker_name: "payments" }],
        [TOO_LONG, { job: "stock", circuit_breaker_name: "payments" }],
      ],
    },
  },
  {
    name: "CircuitBreakerDisabledStuck fires after an hour, keeps breakers and jobs apart, and resolves at once",
    length: 260,
    exported: [
      { states: "closed*4 disabled*248 closed" },
      { instance: "b", states: "closed*8 disabled*244 closed" },
      { instance: "c" },
      { name: "search" },
      { job: "stock" },
      { job: "stock", name: "search", states: "closed*8 disabled*248 closed" },
      { job: "stock", name: "short", states: "disabled*239 closed" },
    ],
    firing: {
      "1h45s": [],
      "1h1m": [DISABLED],
      "1h2m": [DISABLED, [DISABLED, { job: "stock", circuit_breaker_name: "search" }]],
      "1h2m45s": [DISABLED, [DISABLED, { job: "stock", circuit_breaker_name: "search" }]],
      "1h3m": [[DISABLED, { job: "stock", circuit_breaker_name: "search" }]],
      "1h4m": [],
    },
    told: {
      "1h1m": [
        {
          alert: DISABLED,
          summary: "Circuit breaker payments stays disabled (job checkout)",
          description:
            "It lets every call pass in 2 of 3 instances and will not open, whatever fails.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerNoProbeTraffic fires when the cooldown is over and nobody calls, and the others end",
    length: 100,
    exported: [
      {
        states: "closed*4 open*4 half_open*62 closed",
        skips: ONE_SKIP,
        probes: { success: "0*70 1" },
      },
    ],
    firing: {
      "2m": [OPEN],
      // The refusal of 1m15s is the last sign of a caller for five minutes.
      "8m": [OPEN],
      "8m15s": [],
      "16m": [],
      "16m15s": [IDLE],
      "17m15s": [IDLE],
      "17m30s": [],
      "20m": [],
    },
    told: {
      "16m15s": [
        {
          alert: IDLE,
          summary: "Circuit breaker payments waits for a call to probe with (job checkout)",
          description:
            "Its cooldown is over in 1 of 1 instances, but nobody calls: whether the dependency is back is not known.",
        },
      ],
    },
  },
  {
    name: "CircuitBreakerNoProbeTraffic does not fire while calls are refused, probed, or under way",
    length: 80,
    exported: [
      { name: "refusing", states: "half_open", skips: { half_open: "0+0.01*80" } },
      { name: "probing", states: "half_open", probes: { success: "0+0.01*80" } },
      { name: "hanging", states: "half_open", inFlight: "1", probes: { success: "0+0.01*80" } },
      { name: "idle", states: "half_open" },
      { job: "stock", name: "idle", states: "half_open" },
      { job: "stock", name: "closed" },
    ],
    firing: {
      "10m": [
        [OPEN, { job: "checkout", circuit_breaker_name: "refusing" }],
        [OPEN, { job: "checkout", circuit_breaker_name: "probing" }],
        [OPEN, { job: "checkout", circuit_breaker_name: "hanging" }],
      ],
      // Growth takes two samples to be seen.
      "10m15s": [
        [OPEN, { job: "checkout", circuit_breaker_name: "refusing" }],
        [OPEN, { job: "checkout", circuit_breaker_name: "probing" }],
        [OPEN, { job: "checkout", circuit_breaker_name: "hanging" }],
        [IDLE, { job: "checkout", circuit_breaker_name: "idle" }],
        [IDLE, { job: "stock", circuit_breaker_name: "idle" }],
      ],
    },
  },
  {
    name: "CircuitBreakerOpen fires for breakers that share a name, when one of them is open",
    length: 20,
    exported: [other({ closed: "2*4 1", open: "0*4 1" })],
    firing: {
      "1m45s": [],
      "2m": [[OPEN, { job: "checkout", circuit_breaker_name: "__other__" }]],
    },
  },
];
