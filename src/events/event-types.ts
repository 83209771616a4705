import type { EventType } from "./event.ts";

// The keys of the catalogue once more, so that the bus can check names without carrying the whole catalogue into
// every bundle. The type makes a forgotten name an error; a test compares the two lists.
const names: Readonly<Record<EventType, true>> = {
  "circuit.success": true,
  "circuit.failure": true,
  "circuit.ignored": true,
  "circuit.late": true,
  "circuit.progress": true,
  "circuit.probe": true,
  "circuit.open": true,
  "circuit.skip": true,
  "circuit.half_open": true,
  "circuit.close": true,
  "circuit.would_open": true,
  "circuit.degrade": true,
  "circuit.disable": true,
  "circuit.enable": true,
  "circuit.force_changed": true,
  "circuit.reconfigure": true,
  "circuit.restore": true,
  "circuit.callback_failed": true,
  "retry.attempt": true,
  "retry.give_up": true,
  "timeout.expired": true,
  "fallback.served": true,
  "policy.callback_failed": true,
  "registry.added": true,
  "registry.removed": true,
  "registry.full": true,
  "quota.exhausted": true,
  "quota.recovered": true,
  "budget.threshold": true,
  "budget.unpriced": true,
  "budget.depletion": true,
  "cluster.opened": true,
  "cluster.closed": true,
  "cluster.degraded": true,
  "cluster.recovered": true,
  "cluster.peer_joined": true,
  "cluster.peer_left": true,
  "cluster.rejected": true,
  "state.rejected": true,
  "state.store_failed": true,
  "state.store_recovered": true,
  "owner.unreachable": true,
  "owner.reachable": true,
  "owner.store_failed": true,
  "owner.spend_lost": true,
  "bus.listener_failed": true,
  "bus.dropped": true,
};

/** The name of every event. */
// The record's keys are exactly EventType: the annotation above refuses any other.
export const EVENT_TYPES = Object.keys(names) as readonly EventType[];

/** Whether an event has this name. */
export function isEventType(name: unknown): name is EventType {
  return typeof name === "string" && Object.hasOwn(names, name);
}

/** The families, as `on` takes them: `"circuit.*"`, `"bus.*"`. */
export const EVENT_FAMILIES: readonly string[] = [
  ...new Set(EVENT_TYPES.map((type) => `${type.slice(0, type.indexOf("."))}.*`)),
];
