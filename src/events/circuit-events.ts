import { define, type EventMetric } from "./event-definition.ts";
import * as field from "./field.ts";
import {
  type CircuitState,
  CLOSE_REASONS,
  FAILURE_REASONS,
  OPEN_REASONS,
  OUTCOMES,
  PROBE_OUTCOMES,
  RESTORED,
  SKIP_REASONS,
  STATES,
} from "./vocabulary.ts";

/** The fields that every event of a breaker has. */
export const CIRCUIT_ENVELOPE = {
  v: field.word([1], "The version of the event's form"),
  seq: field.count(
    "Numbers the emitted events of the breaker from 1 without gaps; a missing number is a lost event",
  ),
  breaker: field.text("The breaker's name"),
  instance: field.optional(field.text("Which process: set once on the bus")),
  atMs: field.atMs("When it was committed"),
  generation: field.count("Grows by one at every committed state change"),
  state: field.word(STATES, "The committed state after the event"),
  attributes: field.optional(field.scalars("The static attributes of the breaker")),
  context: field.optional(
    field.scalars(
      "The context given with the call, or taken from the breaker's option `context`; on events about one call, not on state changes",
    ),
  ),
  incidentId: field.optional(field.text("The incident that the event belongs to")),
} satisfies field.Fields;

const latencyMs = field.nullable(
  field.ms("How long the call took; null when nothing needed the time when it was admitted"),
);
const consecutiveFailures = field.count("Failures in a row, this one included");
const failureThreshold = field.nullable(
  field.count("Consecutive failures that trip; null when no rule counts them"),
);
const lastError = field.optional(field.error("What was thrown"));
const note = field.optional(field.text("The reason that the operator gave"));
const from = field.word(STATES, "The committed state before");
const spentMs = field.ms("How long the state before had lasted");
const openMs = field.ms("Time since the last open");
const skipsSinceOpened = field.count("Calls refused since the last open");
const skipsInIncident = field.count("Calls refused since the incident began");

const callsTotal = "circuit_breaker_calls_total";
const transitionsTotal = "circuit_breaker_transitions_total";
/** The change to a state, which counts only in that state when the event may lead to several. */
const changeTo = (to: CircuitState, only?: EventMetric["only"]): EventMetric => ({
  metric: transitionsTotal,
  labels: { from: "from", to: { value: to } },
  ...(only === undefined ? {} : { only }),
});

/** Of what another task of the cluster has decided. */
const peer = {
  origin: field.optional(field.text("The task that decided, when a peer's state is adopted")),
  epoch: field.optional(
    field.count("The epoch that it decided in, when a peer's state is adopted"),
  ),
};

/** What an open tells, and a would-be open as well. */
const opening = {
  from,
  reason: field.word(OPEN_REASONS, "Throwing, slow, forced, or adopted from a peer"),
  rule: field.nullable(
    field.text(
      "The rule that decided; `probe` for a failed probe, `probeFailureRate` for a rate of them; null when forced",
    ),
  ),
  note,
  consecutiveFailures: field.count("Failures in a row"),
  failuresByReason: field.counts(FAILURE_REASONS, "The failures that decided, by reason"),
  window: field.nullable(
    field.numbers(
      "The numbers that decided; with `inFlight` also the calls under way, and those of them that were overdue and counted as failures; null when forced",
    ),
  ),
  threshold: field.nullable(field.number("The limit that the rule holds them against")),
  cooldownMs: field.nullable(
    field.ms(
      "Time until a probe may run, from the moment at which the open took effect; null without an end",
    ),
  ),
  retryAtMs: field.nullable(field.atMs("When a probe may run; null without an end")),
  firstFailureAtMs: field.nullable(field.atMs("The first of the failures that decided")),
  detectMs: field.nullable(field.ms("From that first failure to this open")),
  reopens: field.count("Failed recoveries of this incident so far"),
  error: lastError,
};

/** The events of a breaker. */
export const CIRCUIT_EVENTS = {
  "circuit.success": define({
    severity: "trace",
    sentence: "call succeeded",
    when: "A call counted as success",
    fields: {
      latencyMs,
      consecutiveFailures: field.optional(
        field.count(
          "While closed: the failures that still count after it, because of `degradation` or because they came after its answer; missing when there are none",
        ),
      ),
    },
    metrics: [{ metric: callsTotal, labels: { outcome: { value: "success" } } }],
  }),
  "circuit.failure": define({
    severity: "warn",
    sentence: "call failed",
    when: "A call counted as error or latency, probes included",
    fields: {
      reason: field.word(FAILURE_REASONS, "Was it throwing (`error`) or slow (`latency`)"),
      consecutiveFailures,
      failureThreshold,
      latencyMs,
      error: lastError,
    },
    metrics: [{ metric: callsTotal, labels: { outcome: "reason" } }],
  }),
  "circuit.ignored": define({
    severity: "debug",
    sentence: "call decided nothing",
    when: "A call counted as ignored, cancelled or unreached",
    fields: {
      countedAs: field.word(["ignored", "cancelled", "unreached"], "What the call counted as"),
      latencyMs,
    },
    metrics: [{ metric: callsTotal, labels: { outcome: "countedAs" } }],
  }),
  "circuit.late": define({
    severity: "debug",
    sentence: "late result dropped",
    when: "A result of an older generation, or one that came after its probe lease",
    fields: {
      countedAs: field.word(OUTCOMES, "What it would have counted as"),
      latencyMs,
    },
    metrics: [{ metric: callsTotal, labels: { outcome: { value: "late" } } }],
  }),
  "circuit.progress": define({
    severity: "warn",
    sentence: "closer to a trip",
    when: "While closed, the distance to a trip first reaches a level in this climb: each k/n for n up to 10, else tenths and the last two failures; never at the trip. A climb ends at count 0, at half its peak, or at the trip",
    fields: {
      ratio: field.share("How near the trip is; 1 would be the trip"),
      failuresToTrip: field.optional(
        field.count("Further failures in a row that would trip; of counting rules only"),
      ),
      rule: field.text("The rule that is nearest to its trip"),
      consecutiveFailures,
      failureThreshold,
    },
    metrics: [],
  }),
  "circuit.probe": define({
    severity: "info",
    sentence: "probe ended",
    when: "A probe settles, or its lease ends",
    fields: {
      outcome: field.word(PROBE_OUTCOMES, "What it counted as, or `expired`"),
      latencyMs,
      probesInFlight: field.count("Probes still under way"),
    },
    metrics: [{ metric: "circuit_breaker_probes_total", labels: { outcome: "outcome" } }],
  }),
  "circuit.open": define({
    severity: "error",
    sentence: "circuit opened",
    when: "A trip, a failed probe, a forced open, or a peer's open that is adopted",
    fields: { ...opening, spentMs, ...peer },
    metrics: [
      changeTo("open", { field: "state", words: ["open"] }),
      changeTo("forced_open", { field: "state", words: ["forced_open"] }),
      {
        metric: "circuit_breaker_trips_total",
        labels: { reason: "reason" },
        only: { field: "reason", words: FAILURE_REASONS },
      },
    ],
  }),
  "circuit.skip": define({
    severity: "warn",
    sentence: "call refused",
    when: "A call is refused without running",
    fields: {
      openMs,
      skipsSinceOpened,
      skipsInIncident,
      retryAfterMs: field.nullable(
        field.ms(
          "When to try again; null when that is unknown (forced without an end, probes full)",
        ),
      ),
      reason: field.word(SKIP_REASONS, "Why it was refused"),
    },
    metrics: [{ metric: "circuit_breaker_skips_total", labels: { reason: "reason" } }],
  }),
  "circuit.half_open": define({
    severity: "info",
    sentence: "circuit half open",
    when: "The first probe is admitted after the cooldown",
    fields: {
      from,
      spentMs,
      openMs,
      idleMs: field.ms("How long the cooldown had been over before a call came"),
    },
    metrics: [changeTo("half_open")],
  }),
  "circuit.close": define({
    severity: "info",
    sentence: "circuit closed",
    when: "Recovery, a reset, or a peer's close that is adopted",
    fields: {
      from,
      spentMs,
      reason: field.word(CLOSE_REASONS, "What closed it"),
      note,
      mttrMs: field.ms("The whole incident, from its first open to this close"),
      openMs,
      skipsSinceOpened,
      skipsInIncident,
      probes: field.count("Probes that the incident took"),
      reopens: field.count("Failed recoveries of the incident"),
      ...peer,
    },
    metrics: [changeTo("closed")],
  }),
  "circuit.would_open": define({
    severity: "warn",
    sentence: "circuit would have opened",
    when: "The rules of a disabled breaker, or a shadow rule, would have tripped",
    fields: opening,
    metrics: [],
  }),
  "circuit.degrade": define({
    severity: "warn",
    sentence: "traffic share changed",
    when: "While closed, the share of calls that degradation lets pass changes",
    fields: {
      from: field.share("The share before"),
      to: field.share("The share now"),
      consecutiveFailures: field.count("The count that decides it"),
    },
    metrics: [],
  }),
  "circuit.disable": define({
    severity: "warn",
    sentence: "circuit disabled",
    when: "The control call `disable`",
    fields: { from, spentMs },
    metrics: [changeTo("disabled")],
  }),
  "circuit.enable": define({
    severity: "info",
    sentence: "circuit enabled",
    when: "The control call `enable`",
    fields: { from, spentMs },
    metrics: [changeTo("closed")],
  }),
  "circuit.force_changed": define({
    severity: "warn",
    sentence: "forced open changed",
    when: "While forced open, the end or the reason becomes another: by a further `forceOpen`, or by what a peer decided. The state stays, and the incident goes on",
    fields: {
      note: field.optional(
        field.text("The reason that stands from now on: the last one that was given"),
      ),
      previousNote: field.nullable(
        field.text("The reason that stood before; null when none was given"),
      ),
      cooldownMs: field.nullable(
        field.ms("Time until a probe may run, from now on; null without an end"),
      ),
      retryAtMs: field.nullable(field.atMs("When a probe may run; null without an end")),
      previousRetryAtMs: field.nullable(
        field.atMs("When a probe might have run as it was before; null without an end"),
      ),
      ...peer,
    },
    metrics: [],
  }),
  "circuit.reconfigure": define({
    severity: "info",
    sentence: "options changed",
    when: "The control call `reconfigure` changed an option; the state stays",
    fields: {
      from: field.scalars(
        "The options that changed, by name, as they were: null for off, `function` for one, rules by name and threshold",
      ),
      to: field.scalars("The same options as they are now"),
    },
    metrics: [],
  }),
  "circuit.restore": define({
    severity: "info",
    sentence: "snapshot restored",
    when: "A snapshot was applied: the breaker goes on where it was taken. Counters may rise with it, and no other event tells of the change",
    fields: {
      from,
      ageMs: field.ms("How old the snapshot was"),
      source: field.text("Where it came from, as whoever restored it says"),
      applied: field.word(
        RESTORED,
        "`state` with everything that it holds; only its `counters` where the breaker's own state was newer",
      ),
      consecutiveFailures: field.count("Failures in a row"),
      retryAtMs: field.nullable(
        field.atMs("When a probe may run; null when none is waited for, or without an end"),
      ),
    },
    metrics: [],
  }),
  "circuit.callback_failed": define({
    severity: "error",
    sentence: "a function given as an option failed",
    when: "A function given as an option threw or answered outside its contract, or the context of a call had too many keys",
    fields: {
      callback: field.text("The option, such as `classify`"),
      error: field.error("What it threw"),
    },
    metrics: [],
  }),
} as const;
