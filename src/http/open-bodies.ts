import type { BodyWaiter, HttpCall } from "./http-call.ts";

/** Bodies that are waited for at the same time; the oldest counts by its head when there are more. */
const LIMIT = 10_000;
/** How long one is waited for that nobody has begun to read. */
const UNREAD_MS = 1_000;

/**
 * The calls whose bodies have not ended yet. No timer runs for them: what is due is found by the next call, as a
 * breaker's cooldown is, and before it asks to be admitted, so that a probe whose body nobody reads holds nobody up.
 */
export class OpenBodies {
  readonly #leaseMs: number;
  readonly #unreadMs: number;
  /** Those that are here for so short a time that it is not asked whether somebody reads them. */
  readonly #fresh = new BodyChain();
  readonly #beingRead = new BodyChain();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
    this.#unreadMs = Math.min(leaseMs, UNREAD_MS);
  }

  /** Whether there is any. */
  get waiting(): boolean {
    return this.#fresh.first !== null || this.#beingRead.first !== null;
  }

  add(call: HttpCall): void {
    if (this.#fresh.length + this.#beingRead.length === LIMIT) {
      (this.#fresh.first ?? this.#beingRead.first)?.lapse();
    }
    this.#fresh.add(call);
  }

  /** Ends the wait for those that are due, the oldest first. */
  sweep(nowMs: number): void {
    for (let call = this.#fresh.first; call !== null; call = this.#fresh.first) {
      if (call.sinceMs + this.#unreadMs > nowMs) break;
      if (call.isBeingRead) {
        this.#fresh.ended(call);
        this.#beingRead.add(call);
      } else call.lapse();
    }
    for (let call = this.#beingRead.first; call !== null; call = this.#beingRead.first) {
      if (call.sinceMs + this.#leaseMs > nowMs) break;
      call.lapse();
    }
  }
}

/** Calls in the order of their heads, linked: a call is let go as fast as it came. */
class BodyChain implements BodyWaiter {
  first: HttpCall | null = null;
  length = 0;
  #last: HttpCall | null = null;

  add(call: HttpCall): void {
    const last = this.#last;
    call.awaitedBy(this);
    call.before = last;
    if (last === null) this.first = call;
    else last.after = call;
    this.#last = call;
    this.length++;
  }

  ended(call: HttpCall): void {
    const { before, after } = call;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    call.before = null;
    call.after = null;
    this.length--;
  }
}
