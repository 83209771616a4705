import { expect, test } from "vitest";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { EVENTS, type EventType, type TelltaleEvent } from "../../src/index.ts";
import { broadRun } from "../support/broad-run.ts";
import { faultsOf, fieldsOf } from "../support/event-shape.ts";

// The events of the contract's table that exist now: severity, and the fields beyond the envelope. A question mark is
// a key that may be missing. Beyond the table, which may be added to: `spentMs` of each change of state and the
// `consecutiveFailures` that a success leaves, without which the stream could not be replayed.
const CONTRACT: Record<EventType, [severity: string, fields: string]> = {
  "circuit.success": ["trace", "latencyMs consecutiveFailures?"],
  "circuit.failure": ["warn", "reason consecutiveFailures failureThreshold latencyMs error?"],
  "circuit.ignored": ["debug", "countedAs latencyMs"],
  "circuit.progress": ["warn", "ratio failuresToTrip? rule consecutiveFailures failureThreshold"],
  "circuit.open": [
    "error",
    "from spentMs reason rule note? consecutiveFailures failuresByReason window threshold cooldownMs retryAtMs firstFailureAtMs detectMs reopens error? origin? epoch?",
  ],
  "circuit.skip": ["warn", "openMs skipsSinceOpened skipsInIncident retryAfterMs reason"],
  "circuit.half_open": ["info", "from spentMs openMs idleMs"],
  "circuit.probe": ["info", "outcome latencyMs probesInFlight"],
  "circuit.close": [
    "info",
    "from spentMs reason note? mttrMs openMs skipsSinceOpened skipsInIncident probes reopens origin? epoch?",
  ],
  "circuit.late": ["debug", "countedAs latencyMs"],
  "circuit.degrade": ["warn", "from to consecutiveFailures"],
  "circuit.would_open": [
    "warn",
    "from reason rule note? consecutiveFailures failuresByReason window threshold cooldownMs retryAtMs firstFailureAtMs detectMs reopens error?",
  ],
  "circuit.disable": ["warn", "from spentMs"],
  "circuit.enable": ["info", "from spentMs"],
  "circuit.force_changed": [
    "warn",
    "note? previousNote cooldownMs retryAtMs previousRetryAtMs origin? epoch?",
  ],
  "circuit.reconfigure": ["info", "from to"],
  "circuit.restore": ["info", "from ageMs source applied consecutiveFailures retryAtMs"],
  "circuit.callback_failed": ["error", "callback error"],
  "retry.attempt": ["info", "policy context? attempt attempts delayMs retryAfterMs error?"],
  "retry.give_up": ["warn", "policy context? reason attempts elapsedMs error?"],
  "timeout.expired": ["warn", "policy context? limitMs abandoned"],
  "fallback.served": ["warn", "policy context? source ageMs reason error"],
  "policy.callback_failed": ["error", "policy context? callback error"],
  "registry.added": ["debug", "breaker size limit"],
  "registry.removed": ["debug", "breaker reason state incidentId? size limit"],
  "registry.full": ["error", "breaker unkept limit"],
  "quota.exhausted": ["warn", "provider untilMs source error?"],
  "quota.recovered": ["info", "provider exhaustedMs reason"],
  "budget.threshold": ["warn", "budget month tier spendNanoUsd budgetNanoUsd"],
  "budget.unpriced": ["warn", "provider model month"],
  "budget.depletion": [
    "warn",
    "budget month tier daysLeft depletesAtMs burnNanoUsdPerDay spendNanoUsd budgetNanoUsd",
  ],
  "cluster.opened": ["warn", "breaker incidentId origin epoch forced note retryAtMs"],
  "cluster.closed": ["info", "breaker incidentId origin epoch reason mttrMs"],
  "cluster.degraded": ["warn", "reason waiting error?"],
  "cluster.recovered": ["info", "lostMs waiting rejected"],
  "cluster.peer_joined": ["info", "peer peers"],
  "cluster.peer_left": ["info", "peer peers"],
  "cluster.rejected": ["warn", "reason count"],
  "state.rejected": ["error", "source subject code path"],
  "state.store_failed": ["error", "store operation waiting error"],
  "state.store_recovered": ["info", "store operation waiting failedMs failures"],
  "owner.unreachable": ["warn", "owner asked reason fallback ageMs waitedMs count error?"],
  "owner.reachable": ["info", "owner lostMs count waiting"],
  "owner.store_failed": ["warn", "owner store error"],
  "owner.spend_lost": ["error", "owner provider model id reason error?"],
  "bus.listener_failed": ["error", "sink count failedType error"],
  "bus.dropped": ["warn", "sink count error?"],
};
const ENVELOPE = "v seq breaker instance? atMs generation state attributes? context? incidentId?";
const BUS_ENVELOPE = "v atMs";
const PLAIN_ENVELOPE = "v instance? atMs";

/** Events of breakers and of the bus have envelopes of their own. */
const envelopeWords = (type: EventType): string => {
  if (type.startsWith("circuit.")) return ENVELOPE;
  return type.startsWith("bus.") ? BUS_ENVELOPE : PLAIN_ENVELOPE;
};

// The keys of EVENTS are exactly EventType.
const types = Object.keys(EVENTS) as EventType[];

const written = (type: EventType): string[] =>
  Object.entries(fieldsOf(type)).map(([name, { optional }]) => (optional ? `${name}?` : name));

test("EVENTS has the names that the bus knows", () => {
  expect([...EVENT_TYPES].sort()).toEqual([...types].sort());
});

test("EVENTS has the events of the contract", () => {
  expect([...types].sort()).toEqual(Object.keys(CONTRACT).sort());
});

test.each(types)("%s has the severity and the fields of the contract", (type) => {
  const [severity, own] = CONTRACT[type];
  expect(EVENTS[type].severity).toBe(severity);
  expect(written(type).sort()).toEqual(`${envelopeWords(type)} ${own}`.split(" ").sort());
});

test.each(types)("%s has a sentence, a description of when, and one of each field", (type) => {
  const { sentence, when } = EVENTS[type];
  for (const prose of [sentence, when, ...Object.values(fieldsOf(type)).map(({ doc }) => doc)]) {
    expect(prose.length).toBeGreaterThan(3);
    expect(prose).not.toMatch(/\.$/);
  }
});

test("fields with a unit say so in their names", () => {
  for (const type of types) {
    for (const [name, { doc }] of Object.entries(fieldsOf(type))) {
      if (/milliseconds|seconds/.test(doc)) expect(name, doc).toMatch(/Ms$/);
    }
  }
});

test("a broad run tells every type of event", async () => {
  const told = new Set((await broadRun()).map(({ type }) => type));
  expect([...told].sort()).toEqual([...types].sort());
});

test("every event of a broad run has exactly the fields of the catalogue, in their shapes", async () => {
  for (const event of await broadRun()) {
    expect(faultsOf(event), JSON.stringify(event)).toEqual([]);
  }
});

test("a broad run has every optional field, and every null, that an event can have", async () => {
  const events = await broadRun();
  const unseen: string[] = [];
  for (const type of types) {
    const told = events.filter((event) => event.type === type);
    for (const [name, field] of Object.entries(fieldsOf(type))) {
      const values = told.map((event): unknown => Reflect.get(event, name));
      if (field.optional && values.every((value) => value === undefined))
        unseen.push(`${type} ${name}?`);
      if (field.nullable && values.every((value) => value !== null))
        unseen.push(`${type} ${name} null`);
    }
  }
  expect(unseen).toEqual([
    // Takes a listener that came after the call began; see lazy.test.ts.
    "circuit.ignored latencyMs null",
    // Told of the breaker and not of one call, or outside of every incident.
    "circuit.progress incidentId?",
    "circuit.open context?",
    "circuit.half_open context?",
    "circuit.close context?",
    // As circuit.open, but never forced and never in an incident.
    "circuit.would_open context?",
    "circuit.would_open incidentId?",
    "circuit.would_open rule null",
    "circuit.would_open note?",
    "circuit.would_open window null",
    "circuit.would_open threshold null",
    "circuit.would_open cooldownMs null",
    "circuit.would_open retryAtMs null",
    "circuit.would_open firstFailureAtMs null",
    "circuit.would_open detectMs null",
    "circuit.degrade context?",
    "circuit.degrade incidentId?",
    "circuit.disable context?",
    "circuit.disable incidentId?",
    "circuit.enable context?",
    "circuit.enable incidentId?",
    "circuit.force_changed context?",
    "circuit.reconfigure context?",
    "circuit.restore context?",
    "circuit.callback_failed context?",
    // Takes a listener that came after the call began; see retry-limits.test.ts.
    "retry.give_up elapsedMs null",
  ]);
});

// The validator itself has to be able to fail.
const good = {
  type: "circuit.probe",
  v: 1,
  seq: 3,
  breaker: "dependency",
  atMs: 1.5,
  generation: 0,
  state: "half_open",
  outcome: "expired",
  latencyMs: null,
  probesInFlight: 0,
} as const satisfies TelltaleEvent;

test.each([
  { change: {}, fault: [] },
  { change: { seq: 1.5 }, fault: ["seq: no integer"] },
  { change: { seq: -1 }, fault: ["seq: no integer"] },
  { change: { latencyMs: -1 }, fault: ["latencyMs: no number"] },
  { change: { atMs: null }, fault: ["atMs: no number"] },
  { change: { state: "ajar" }, fault: ["state: no word"] },
  { change: { v: 2 }, fault: ["v: no word"] },
  { change: { breaker: 5 }, fault: ["breaker: no text"] },
  { change: { context: { deep: {} } }, fault: ["context: no scalars"] },
  { change: { surplus: 1 }, fault: ["surplus: not in the catalogue"] },
  { change: { type: "circuit.nonsense" }, fault: ["type: not the name of an event"] },
])("the validator finds $fault", ({ change, fault }) => {
  // Wrong on purpose: the validator is there for events that the compiler would refuse.
  expect(faultsOf({ ...good, ...change } as unknown as TelltaleEvent)).toEqual(fault);
});

test("the validator finds a missing field, a wrong error and wrong counts", () => {
  const { probesInFlight: _, ...missing } = good;
  expect(faultsOf(missing as TelltaleEvent)).toEqual(["probesInFlight: missing"]);
  const failed = { type: "bus.listener_failed", v: 1, atMs: 0, sink: "s", count: 1.5 };
  const error = { name: "Error", message: "m", code: 5 };
  expect(faultsOf({ ...failed, failedType: "t", error } as unknown as TelltaleEvent)).toEqual([
    "count: no integer",
    "error: no error",
  ]);
});
