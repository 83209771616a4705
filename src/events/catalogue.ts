import { BUS_ENVELOPE, BUS_EVENTS } from "./bus-events.ts";
import { CIRCUIT_ENVELOPE, CIRCUIT_EVENTS } from "./circuit-events.ts";
import { CLUSTER_EVENTS } from "./cluster-events.ts";
import type { EventDefinition } from "./event-definition.ts";
import * as field from "./field.ts";
import { OWNER_EVENTS } from "./owner-events.ts";
import { POLICY_EVENTS } from "./policy-events.ts";
import { QUOTA_EVENTS } from "./quota-events.ts";
import { REGISTRY_EVENTS } from "./registry-events.ts";
import { STATE_EVENTS } from "./state-events.ts";

/** The fields of every event that is neither a breaker's nor the bus's own: registry, policies, quota, budget, cluster, state, owner. */
export const PLAIN_ENVELOPE = {
  v: field.word([1], "The version of the event's form"),
  instance: field.optional(field.text("Which process: set once on the bus")),
  atMs: field.atMs("When it happened"),
} satisfies field.Fields;

/**
 * Every event of telltale: severity, sentence, fields and the counters it moves, written in the files of its family
 * and put together here. Event types, exporters, docs and schemas are made from it.
 */
export const EVENTS = {
  ...CIRCUIT_EVENTS,
  ...POLICY_EVENTS,
  ...REGISTRY_EVENTS,
  ...QUOTA_EVENTS,
  ...CLUSTER_EVENTS,
  ...STATE_EVENTS,
  ...OWNER_EVENTS,
  ...BUS_EVENTS,
} as const satisfies Record<string, EventDefinition>;

/** The fields that an event has because of its family. */
export function envelopeOf(type: string): field.Fields {
  if (type.startsWith("circuit.")) return CIRCUIT_ENVELOPE;
  return type.startsWith("bus.") ? BUS_ENVELOPE : PLAIN_ENVELOPE;
}
