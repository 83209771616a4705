import type { Rejection } from "./message.ts";
import type { Operation } from "./operation.ts";
import type { Basis, ClusterRecord } from "./record.ts";

/** Why a task is on its own. */

export type DegradedReason = "silent" | "unreachable" | "lost";

/** What a task tells of the cluster; the driver turns it into events. */
export type Told =
  | {
      readonly what: "opened";
      readonly key: string;
      readonly record: ClusterRecord;
    }
  | {
      readonly what: "closed";
      readonly key: string;
      readonly record: ClusterRecord;
      readonly incident: string;
      readonly lastedMs: number;
      readonly by: "reset" | "probe";
    }
  | {
      readonly what: "degraded";
      readonly reason: DegradedReason;
      /** What the backplane failed with; undefined when it brought no error. */
      readonly fault: unknown;
    }
  | { readonly what: "recovered"; readonly lostMs: number; readonly waiting: number }
  | { readonly what: "peer joined" | "peer left"; readonly peer: string }
  | { readonly what: "rejected"; readonly reason: Rejection; readonly count: number };

/** How a control call ended for the fleet. */
export interface Settled extends Basis {
  readonly scope: "cluster" | "local-only";
}

/** What a task wants done. The driver does it, and gives back what comes of it. */
export type Effect =
  | { readonly do: "connect" | "reconnect" | "close" }
  | { readonly do: "publish"; readonly text: string }
  | { readonly do: "run"; readonly id: number; readonly operation: Operation }
  | {
      /** The breaker is to refuse calls; also when it does so already, for another end. */
      readonly do: "hold";
      readonly key: string;
      /** Until a probe may run; Infinity without an end. */
      readonly remainingMs: number;
      readonly record: ClusterRecord;
      /** How long the incident has lasted. */
      readonly ageMs: number;
      /** A new epoch: whatever was counted here is of an older one. */
      readonly afresh: boolean;
    }
  | {
      /** The breaker is to let calls pass. */
      readonly do: "release";
      readonly key: string;
      readonly record: ClusterRecord;
      readonly afresh: boolean;
    }
  | { readonly do: "settle"; readonly ticket: number; readonly settled: Settled }
  | { readonly do: "tell"; readonly told: Told };
