import type { Scenario } from "../scenario.ts";

const DROPPED = "CircuitBreakerEventsDropped";
const OVERFLOW = "CircuitBreakerSeriesOverflow";
const ABSENT = "CircuitBreakerTelemetryAbsent";

const CHECKOUT = { job: "checkout" };
const STOCK = { job: "stock" };
const droppedTold = (count: number, sink: string, labels = CHECKOUT) => ({
  alert: DROPPED,
  labels: { ...labels, sink },
  summary: `Circuit breaker events get lost in sink ${sink} (job ${labels.job})`,
  description: `The sink failed to take ${count} events in 10 minutes: what is made of them, such as logs and incident reports, is incomplete.`,
});
const overflowTold = (count: number, job: string) => ({
  alert: OVERFLOW,
  labels: { job },
  summary: `Circuit breakers share one series (job ${job})`,
  description: `${count} breakers of a process came after its nameBudget was used up and are shown together as __other__: no alert tells them apart.`,
});
const absentTold = (job: string) => ({
  alert: ABSENT,
  labels: job === "" ? {} : { job },
  summary: "No circuit breaker can be seen",
  description: `The metrics of circuit breakers are gone (job ${job}; nothing named when there are none at all): whether calls are protected is not known, and no other alert can fire.`,
});

/** What can be seen at all. */
export const TELEMETRY_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerEventsDropped fires for each sink that loses events, and resolves after ten minutes",
    length: 50,
    exported: [
      { instance: "a", dropped: { pino: "0*4 2", bus: "7*6 0*4" } },
      { instance: "b", dropped: { pino: "0*4 1" } },
      {
        job: "stock",
        labels: { otel_scope_version: "0.1.0" },
        dropped: { pino: "0*4 1", listener: "4*4 0*2 1" },
      },
    ],
    firing: {
      "45s": [],
      "1m": [
        [DROPPED, { ...CHECKOUT, sink: "pino" }],
        [DROPPED, { ...STOCK, sink: "pino" }],
      ],
      "10m45s": [
        [DROPPED, { ...CHECKOUT, sink: "pino" }],
        [DROPPED, { ...STOCK, sink: "pino" }],
        [DROPPED, { ...STOCK, sink: "listener" }],
      ],
      "11m": [[DROPPED, { ...STOCK, sink: "listener" }]],
      "11m30s": [],
    },
    told: {
      "10m": [
        droppedTold(3, "pino"),
        droppedTold(1, "pino", STOCK),
        droppedTold(1, "listener", STOCK),
      ],
    },
  },
  {
    name: "CircuitBreakerSeriesOverflow fires for the worst process of a job until it restarts",
    length: 20,
    exported: [
      { instance: "a", overflow: "0*4 3*8 0" },
      { instance: "b", overflow: "0*4 2*8 0" },
      { job: "stock", labels: { otel_scope_version: "0.1.0" }, overflow: "0*6 1*10 0" },
    ],
    firing: {
      "45s": [],
      "1m": [[OVERFLOW, CHECKOUT]],
      "2m45s": [
        [OVERFLOW, CHECKOUT],
        [OVERFLOW, STOCK],
      ],
      "3m": [[OVERFLOW, STOCK]],
      "4m": [],
    },
    told: { "2m45s": [overflowTold(3, "checkout"), overflowTold(1, "stock")] },
  },
  {
    name: "CircuitBreakerTelemetryAbsent fires five minutes after the series of a job have vanished, until they are back",
    length: 60,
    exported: [
      { instance: "a", life: "up*8 down*32 up" },
      { instance: "b", life: "up*8 down*32 up", states: "open*8 closed" },
      { instance: "b", labels: { otel_scope_version: "0.1.0" }, life: "up*8 down*32 up" },
      { job: "stock" },
    ],
    firing: {
      "6m45s": [],
      "7m": [[ABSENT, CHECKOUT]],
      "9m45s": [[ABSENT, CHECKOUT]],
      "10m": [],
    },
    told: { "7m": [absentTold("checkout")] },
  },
  {
    name: "CircuitBreakerTelemetryAbsent fires without a break, first for the job and then for nothing at all",
    length: 320,
    exported: [{ life: "up*8 down" }],
    firing: {
      "6m45s": [],
      "7m": [[ABSENT, CHECKOUT]],
      // 50 minutes after the last sample, at 1m45s, and 5 more.
      "56m45s": [[ABSENT, CHECKOUT]],
      "57m": [
        [ABSENT, CHECKOUT],
        [ABSENT, {}],
      ],
      "1h1m45s": [
        [ABSENT, CHECKOUT],
        [ABSENT, {}],
      ],
      "1h2m": [[ABSENT, {}]],
      "1h19m": [[ABSENT, {}]],
    },
    told: { "1h2m": [absentTold("")] },
  },
  {
    name: "CircuitBreakerTelemetryAbsent does not fire for a restart, for one instance of several, or for one breaker less",
    length: 60,
    exported: [
      { instance: "a", life: "up*8 down*12 up" },
      { job: "stock", instance: "a", life: "up*8 down" },
      { job: "stock", instance: "b" },
      { job: "stock", instance: "b", name: "search", life: "up*8 down" },
      // Nobody says that the series have ended: the last sample stands for five minutes.
      { job: "pushed", life: "up*8 silent*30 up" },
    ],
    firing: { "6m45s": [], "7m": [], "9m30s": [], "11m": [], "14m": [] },
  },
  {
    name: "CircuitBreakerTelemetryAbsent fires when there has never been a breaker",
    length: 40,
    exported: [],
    firing: { "4m45s": [], "5m": [[ABSENT, {}]], "9m": [[ABSENT, {}]] },
  },
];
