import type { Clock } from "../core/clock.ts";
import type { BodyWaiter, HttpCall } from "./http-call.ts";

/** Bodies that are waited for at the same time; the oldest counts by its head when there are more. */
const LIMIT = 10_000;
/** How long one is waited for that nobody has begun to read. */
const UNREAD_MS = 1_000;

/** Those of guards that share their breakers: a body of one guard may hold the only probe that another one needs. */
const shared = new WeakMap<object, Set<OpenBodies>>();

/**
 * The calls whose bodies have not ended yet. No timer runs for them: what is due is found by the next call, as a
 * breaker's cooldown is, and before it asks to be admitted, so that a probe whose body nobody reads holds nobody up.
 */
export class OpenBodies {
  readonly #leaseMs: number;
  readonly #unreadMs: number;
  readonly #clock: Clock;
  /** Those that have had a body since a neighbour last looked, this one among them. */
  readonly #listed: Set<OpenBodies>;
  #isListed = false;
  /** Those that are here for so short a time that it is not asked whether somebody reads them. */
  readonly #fresh = new BodyChain();
  readonly #beingRead = new BodyChain();

  /** `breakers` is what it shares with others: a registry, or a breaker. */
  constructor(leaseMs: number, clock: Clock, breakers: object) {
    this.#leaseMs = leaseMs;
    this.#unreadMs = Math.min(leaseMs, UNREAD_MS);
    this.#clock = clock;
    this.#listed = shared.get(breakers) ?? new Set();
    shared.set(breakers, this.#listed);
  }

  /** Ends the wait for those that are due, also of its neighbours. */
  sweep(): void {
    this.#sweepOwn();
    if (this.#listed.size > Number(this.#isListed)) this.#sweepOthers();
  }

  add(call: HttpCall): void {
    if (this.#fresh.length + this.#beingRead.length === LIMIT) {
      (this.#fresh.first ?? this.#beingRead.first)?.lapse();
    }
    this.#fresh.add(call);
    if (this.#isListed) return;
    this.#isListed = true;
    this.#listed.add(this);
  }

  #sweepOthers(): void {
    for (const bodies of this.#listed) {
      if (bodies === this) continue;
      bodies.#sweepOwn();
      if (bodies.#isEmpty) bodies.#leave();
    }
  }

  get #isEmpty(): boolean {
    return this.#fresh.first === null && this.#beingRead.first === null;
  }

  #leave(): void {
    this.#isListed = false;
    this.#listed.delete(this);
  }

  /** The oldest first. */
  #sweepOwn(): void {
    if (this.#isEmpty) return;
    const nowMs = this.#clock.monotonicMs();
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
