import { describeError } from "../events/describe-error.ts";
import type { EventOf, EventType } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { Told } from "./effect.ts";
import { nameOf } from "./record.ts";

type ClusterEventType = Extract<EventType, `cluster.${string}`>;
type OwnFields<T extends ClusterEventType> = Omit<EventOf<T>, "type" | "v" | "instance" | "atMs">;

/** What of the task goes into its events. */
export interface TaskFacts {
  readonly atMs: number;
  readonly waiting: number;
  readonly peers: number;
  readonly rejected: number;
}

/** Builds the events of the cluster; what nobody listens to is not built. A bus that fails disturbs nobody. */
export class ClusterJournal {
  readonly #bus: EventBus;

  constructor(bus: EventBus) {
    this.#bus = bus;
  }

  tell(told: Told, facts: TaskFacts): void {
    switch (told.what) {
      case "opened":
      case "closed":
        this.#tellIncident(told, facts);
        return;
      case "degraded":
        this.#tellDegraded(told, facts);
        return;
      case "recovered": {
        const { lostMs, waiting } = told;
        this.#emit("cluster.recovered", { lostMs, waiting, rejected: facts.rejected }, facts);
        return;
      }
      case "peer joined":
        this.#emit("cluster.peer_joined", { peer: told.peer, peers: facts.peers }, facts);
        return;
      case "peer left":
        this.#emit("cluster.peer_left", { peer: told.peer, peers: facts.peers }, facts);
        return;
      case "rejected":
        this.#emit("cluster.rejected", { reason: told.reason, count: told.count }, facts);
    }
  }

  #tellDegraded({ reason, fault }: Extract<Told, { what: "degraded" }>, facts: TaskFacts): void {
    const { waiting } = facts;
    const error = fault === undefined ? {} : { error: describeError(fault) };
    this.#emit("cluster.degraded", { reason, waiting, ...error }, facts);
  }

  #tellIncident(told: Extract<Told, { what: "opened" | "closed" }>, facts: TaskFacts): void {
    const { kind, name: breaker } = nameOf(told.key);
    if (kind !== "breaker") return;
    const { e: epoch, o: origin, f, fr: note, ou, i } = told.record;
    if (told.what === "closed") {
      const { incident: incidentId, by: reason, lastedMs: mttrMs } = told;
      this.#emit("cluster.closed", { breaker, incidentId, origin, epoch, reason, mttrMs }, facts);
      return;
    }
    const fields = { breaker, incidentId: i, origin, epoch, forced: f === 1, note };
    this.#emit("cluster.opened", { ...fields, retryAtMs: ou === 0 ? null : ou }, facts);
  }

  #emit<T extends ClusterEventType>(type: T, fields: OwnFields<T>, { atMs }: TaskFacts): void {
    const { instance } = this.#bus;
    try {
      if (!this.#bus.has(type)) return;
      const envelope = { type, v: 1, ...(instance === undefined ? {} : { instance }), atMs };
      // Envelope plus own fields is what EventOf<T> is made of; the compiler cannot follow a spread of a generic.
      this.#bus.emit(Object.freeze({ ...envelope, ...fields }) as unknown as EventOf<T>);
    } catch {
      // The bus is the user's own and nobody is left to tell: the cluster goes on.
    }
  }
}
