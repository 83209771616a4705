import type { EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { listenerFailed } from "../events/listener-failed.ts";
import { snapshotRejected } from "../events/snapshot-rejected.ts";
import type { CircuitState, RemovalReason } from "../events/vocabulary.ts";
import type { RegistryFollower } from "./breaker-view.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import { type Audience, audienceOf } from "./guarded-bus.ts";
import type { Entry } from "./use-order.ts";

/** How many breakers a registry has, and may have. */
interface Room {
  readonly size: number;
  readonly limit: number;
}

interface Following {
  readonly follower: RegistryFollower<CircuitBreaker>;
  readonly sink: string;
}

/** Tells what becomes of the breakers of a registry: to those who follow it, and as events on its bus. */
export class RegistryJournal {
  readonly bus: EventBus;
  readonly #audience: Audience;
  #following: readonly Following[] = [];

  constructor(bus: EventBus) {
    this.bus = bus;
    this.#audience = audienceOf(bus);
  }

  /** Tells a follower of each breaker that comes or goes, from now on. */
  follow(follower: RegistryFollower<CircuitBreaker>, sink: string): () => void {
    const following = { follower, sink };
    this.#following = [...this.#following, following];
    return () => {
      this.#following = this.#following.filter((other) => other !== following);
    };
  }

  added({ breaker, circuit }: Entry, room: Room): void {
    const type = "registry.added";
    const atMs = circuit.wallMs();
    this.#tellFollowers(type, (follower) => follower.added(breaker), atMs);
    if (!this.#audience.has(type)) return;
    this.#emit({ type, v: 1, ...this.#instance, atMs, breaker: circuit.name, ...room });
  }

  removed({ breaker, circuit }: Entry, reason: RemovalReason, room: Room): void {
    const type = "registry.removed";
    const { name, incident, period } = circuit;
    circuit.begin();
    const atMs = circuit.wallMs();
    this.#tellFollowers(type, (follower) => follower.removed(breaker), atMs);
    if (!this.#audience.has(type)) return;
    const state: CircuitState = period.state;
    const ended = incident === null ? {} : { incidentId: incident.id };
    const fields = { breaker: name, reason, state, ...ended, ...room };
    this.#emit({ type, v: 1, ...this.#instance, atMs, ...fields });
  }

  /** `unkept` breakers since there was last room. */
  full({
    name,
    atMs,
    unkept,
    limit,
  }: {
    name: string;
    atMs: number;
    unkept: number;
    limit: number;
  }) {
    const type = "registry.full";
    if (!this.#audience.has(type)) return;
    this.#emit({ type, v: 1, ...this.#instance, atMs, breaker: name, unkept, limit });
  }

  /** Snapshots could not be used. */
  rejected(fields: Parameters<typeof snapshotRejected>[0], atMs: number): void {
    if (!this.#audience.has("state.rejected")) return;
    const { instance } = this.#audience;
    this.#emit(snapshotRejected(fields, { atMs, instance }));
  }

  /** Something that was told, or let go, threw; what it was told of goes on. */
  failed(thrown: unknown, failedType: EventType, { sink, atMs }: { sink: string; atMs: number }) {
    if (!this.#audience.has("bus.listener_failed")) return;
    this.#emit(listenerFailed({ sink, failedType, atMs }, thrown));
  }

  get #instance(): { readonly instance?: string } {
    const { instance } = this.#audience;
    return instance === undefined ? {} : { instance };
  }

  #tellFollowers(
    type: EventType,
    tell: (follower: RegistryFollower<CircuitBreaker>) => void,
    atMs: number,
  ): void {
    for (const { follower, sink } of this.#following) {
      try {
        tell(follower);
      } catch (thrown) {
        this.failed(thrown, type, { sink, atMs });
      }
    }
  }

  #emit(event: TelltaleEvent): void {
    this.#audience.emit(Object.freeze(event));
  }
}
