import type { Operation } from "./operation.ts";

/** How an operation ended. */
export interface Outcome {
  /** The answer as it came; null when there was none, or none in time. */
  readonly raw: unknown;
  /** What it failed with; undefined when it did not, or when the time was over. */
  readonly fault?: unknown;
  readonly sentMs: number;
}

export type WhenAnswered = (outcome: Outcome, nowMs: number) => void;

interface Pending {
  readonly sentMs: number;
  readonly done: WhenAnswered;
}

/** The operations under way, each with its deadline. What comes back after it is not listened to. */
export class PendingOperations {
  readonly #deadlineMs: number;
  readonly #pending = new Map<number, Pending>();
  #last = 0;

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  /** The effect that runs the operation. */
  begin(operation: Operation, nowMs: number, done: WhenAnswered) {
    this.#last++;
    this.#pending.set(this.#last, { sentMs: nowMs, done });
    return { do: "run", id: this.#last, operation } as const;
  }

  /** `raw` is null when the operation failed, with `fault`. */
  end(id: number, raw: unknown, nowMs: number, fault?: unknown): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.done({ raw, fault, sentMs: pending.sentMs }, nowMs);
  }

  /** Fails those whose deadline is over. They are in the order in which they were begun. */
  expire(nowMs: number): void {
    for (const [id, { sentMs }] of this.#pending) {
      if (nowMs - sentMs < this.#deadlineMs) return;
      this.end(id, null, nowMs);
    }
  }

  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** When the next deadline is over. */
  get dueMs(): number {
    for (const { sentMs } of this.#pending.values()) return sentMs + this.#deadlineMs;
    return Number.POSITIVE_INFINITY;
  }
}
