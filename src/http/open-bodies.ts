import type { BodyWaiter, HttpCall } from "./http-call.ts";

/** Bodies that are waited for at the same time; the oldest counts by its head when there are more. */
const LIMIT = 10_000;

/**
 * The calls whose bodies nobody has read to the end yet. No timer runs for them: what is due is found by the next call,
 * as a breaker's cooldown is, and before it asks to be admitted, so that a probe whose body nobody reads holds nobody up.
 */
export class OpenBodies implements BodyWaiter {
  readonly #leaseMs: number;
  readonly #calls = new Set<HttpCall>();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Whether there is any. */
  get waiting(): boolean {
    return this.#calls.size > 0;
  }

  add(call: HttpCall, nowMs: number): void {
    if (this.#calls.size >= LIMIT) {
      for (const oldest of this.#calls) {
        oldest.lapse();
        break;
      }
    }
    this.#calls.add(call);
    call.awaitedBy(this, nowMs + this.#leaseMs);
  }

  ended(call: HttpCall): void {
    this.#calls.delete(call);
  }

  /** Ends the wait for those that are due, the oldest first. */
  sweep(nowMs: number): void {
    for (const call of this.#calls) {
      if (call.dueMs > nowMs) return;
      call.lapse();
    }
  }
}
