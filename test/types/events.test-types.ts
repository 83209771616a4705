import type { TelltaleEvent } from "../../src/index.ts";

/** A switch over every event needs no default. */
export function label(event: TelltaleEvent): string {
  switch (event.type) {
    case "circuit.success":
    case "circuit.ignored":
    case "circuit.late":
    case "circuit.probe":
      return String(event.latencyMs);
    case "circuit.failure":
      return event.error?.message ?? event.reason;
    case "circuit.progress":
      return event.ratio.toFixed(2);
    case "circuit.open":
      return event.from;
    case "circuit.skip":
      return event.reason;
    case "circuit.half_open":
      return event.idleMs.toFixed();
    case "circuit.close":
      return event.mttrMs.toFixed();
    case "circuit.degrade":
      return event.to.toFixed(2);
    case "circuit.would_open":
      return event.rule ?? event.reason;
    case "circuit.disable":
    case "circuit.enable":
      return event.from;
    case "circuit.force_changed":
      return event.note ?? String(event.cooldownMs ?? event.previousRetryAtMs);
    case "circuit.reconfigure":
      return Object.keys(event.to).join();
    case "circuit.callback_failed":
    case "policy.callback_failed":
      return event.callback;
    case "retry.attempt":
      return event.delayMs.toFixed();
    case "retry.give_up":
      return event.reason;
    case "timeout.expired":
      return String(event.abandoned);
    case "fallback.served":
      return event.source;
    case "registry.added":
    case "registry.removed":
      return event.size.toFixed();
    case "registry.full":
      return event.unkept.toFixed();
    case "quota.exhausted":
    case "quota.recovered":
    case "budget.unpriced":
      return event.provider;
    case "budget.threshold":
    case "budget.depletion":
      return event.budget;
    case "cluster.opened":
    case "cluster.closed":
    case "cluster.degraded":
    case "cluster.recovered":
    case "cluster.peer_joined":
    case "cluster.peer_left":
    case "cluster.rejected":
      return "reason" in event ? event.reason : event.type;
    case "circuit.restore":
      return event.applied;
    case "state.rejected":
      return event.path;
    case "state.store_failed":
    case "state.store_recovered":
      return event.store;
    case "owner.unreachable":
      return event.fallback;
    case "owner.reachable":
      return `${event.lostMs}`;
    case "owner.store_failed":
      return event.store;
    case "owner.spend_lost":
      return event.reason;
    case "bus.listener_failed":
      return event.failedType;
    case "bus.dropped":
      return event.sink;
  }
}
