import type { BodyWaiter, HttpCall } from "./http-call.ts";

/** Bodies that are waited for at the same time; the oldest counts by its head when there are more. */
const LIMIT = 10_000;

/**
 * The calls whose bodies nobody has read to the end yet. No timer runs for them: what is due is found by the next call,
 * as a breaker's cooldown is, and before it asks to be admitted, so that a probe whose body nobody reads holds nobody up.
 */
export class OpenBodies implements BodyWaiter {
  readonly #leaseMs: number;
  /** In the order of their heads, as a chain of links: a call is let go as fast as it came. */
  #first: HttpCall | null = null;
  #last: HttpCall | null = null;
  #length = 0;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Whether there is any. */
  get waiting(): boolean {
    return this.#first !== null;
  }

  add(call: HttpCall): void {
    if (this.#length === LIMIT) this.#first?.lapse();
    const last = this.#last;
    call.awaitedBy(this);
    call.before = last;
    if (last === null) this.#first = call;
    else last.after = call;
    this.#last = call;
    this.#length++;
  }

  ended(call: HttpCall): void {
    const { before, after } = call;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    call.before = null;
    call.after = null;
    this.#length--;
  }

  /** Ends the wait for those that are due, the oldest first. */
  sweep(nowMs: number): void {
    for (let call = this.#first; call !== null; call = this.#first) {
      if (call.sinceMs + this.#leaseMs > nowMs) return;
      call.lapse();
    }
  }
}
