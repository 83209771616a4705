import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { Rejection } from "./message.ts";
import type { Evidence } from "./names-host.ts";

/** What a cluster needs of a registry. */
export interface ClusterRegistry {
  readonly bus: EventBus;
  /** Tells of the breakers there are and of each that comes or goes; returns a function that ends it. */
  follow(follower: {
    added(breaker: CircuitBreaker): void;
    removed(breaker: CircuitBreaker): void;
  }): () => void;
}

/** How far a control call has got. */
export interface ControlResult {
  /**
   * `cluster`: the store has it, and every task that hears the store follows. `local-only`: it holds here, and is told
   * to the fleet when the store can be reached, unless a reset comes first. `stale`: nothing was done, for a reset has
   * come since the evidence was begun.
   */
  readonly scope: "cluster" | "local-only" | "stale";
  /** The epoch that the breaker is in, as far as it is known here. */
  readonly epoch: number;
}

/** Options of {@link Cluster.forceOpen}. */
export interface ClusterForceOptions {
  /**
   * After this many milliseconds a probe may run; in the other tasks after a day at the latest.
   * @default until `reset`
   */
  readonly forMs?: number;
  /**
   * From `evidence`, when what speaks for it was begun earlier.
   * @default what is known now
   */
  readonly evidence?: Evidence;
}

/** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range */
export function checkedForce(options: ClusterForceOptions): ClusterForceOptions {
  const check = new Check("force open");
  check.keys(check.object("options", options) && options, ["forMs", "evidence"]);
  const { forMs, evidence } = options;
  if (forMs !== undefined) check.positiveMs("forMs", forMs);
  if (evidence !== undefined) check.object("evidence", evidence);
  return options;
}

/** The state of this task's part in the cluster. */
export interface ClusterStatus {
  readonly task: string;
  readonly phase: "joining" | "up" | "degraded" | "left";
  /** Other tasks that are heard. */
  readonly peers: readonly string[];
  /** Breakers whose news the fleet has not heard yet. */
  readonly waiting: number;
  /** Input that was dropped, by reason. */
  readonly rejected: Readonly<Record<Rejection, number>>;
}
