import type { HttpCall } from "./http-call.ts";

/** A call that waits for the end of its body, and until when. */
interface Waiting {
  readonly call: HttpCall;
  readonly dueMs: number;
}

/** Bodies that are waited for at the same time; the oldest counts by its head when there are more. */
const LIMIT = 10_000;

/**
 * The calls whose bodies nobody has read to the end yet. No timer runs for them: what is due is found by the next call,
 * as a breaker's cooldown is, and before it asks to be admitted, so that a probe whose body nobody reads holds nobody up.
 */
export class OpenBodies {
  readonly #leaseMs: number;
  readonly #waiting = new Set<Waiting>();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  add(call: HttpCall, nowMs: number): void {
    if (this.#waiting.size >= LIMIT) {
      for (const oldest of this.#waiting) {
        oldest.call.lapse();
        break;
      }
    }
    const waiting = { call, dueMs: nowMs + this.#leaseMs };
    this.#waiting.add(waiting);
    call.onEnd(() => this.#waiting.delete(waiting));
  }

  /** Ends the wait for those that are due, the oldest first. */
  sweep(nowMs: number): void {
    for (const { call, dueMs } of this.#waiting) {
      if (dueMs > nowMs) return;
      call.lapse();
    }
  }
}
