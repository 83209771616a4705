import type { Effect } from "./effect.ts";
import type { Answer, Operation } from "./operation.ts";
import type { TaskSettings } from "./task-settings.ts";

/** What the protocol of the names needs of the task around it. */
export interface NamesHost {
  readonly settings: TaskSettings;
  /** Whether operations can be run. */
  readonly isReachable: boolean;
  /** The store's time at a moment of the monotonic clock. */
  serverMs(nowMs: number): number;
  /** Runs an operation; `done` is given null when there was no answer in time. */
  send(
    operation: Operation,
    nowMs: number,
    done: (answer: Answer | null, nowMs: number) => void,
  ): void;
  push(effect: Effect): void;
  /** An operation failed; intents wait for a while. */
  retryLater(nowMs: number): void;
  /** The store knows less of this name than the task does. */
  giveBack(key: string): void;
}

/** What a local change of a breaker was decided on: it has force as long as no reset came after it. */
export interface Evidence {
  readonly fence: number;
  readonly epoch: number;
}

/** A breaker was reset here. */
export interface LocalReset {
  /** Who waits for what comes of it; null when nobody does. */
  readonly ticket?: number | null;
  /** Why. */
  readonly note?: string | undefined;
}

/** A breaker opened here. */
export interface LocalOpen {
  /** Infinity without an end. */
  readonly forMs: number;
  readonly note: string;
  readonly incident: string;
  readonly evidence?: Evidence;
}
