import type { Clock } from "../core/clock.ts";
import type { BodyWaiter, HttpCall } from "./http-call.ts";

/** Bodies of one registry that are waited for at the same time; one counts by its head when there are more. */
const LIMIT = 10_000;
/** How long one is waited for that nobody has begun to read. */
const UNREAD_MS = 1_000;

/** What guards share that share their breakers: a body of one guard may hold the only probe that another one needs. */
class SharedBodies {
  /** Bodies in all. */
  waiting = 0;
  /** Those that have had a body since a neighbour last looked. */
  readonly listed = new Set<OpenBodies>();
  /** One for all guards with the same clock and lease, so that it costs nothing to have many of them. */
  readonly #kinds = new WeakMap<Clock, Map<number, OpenBodies>>();

  of(leaseMs: number, clock: Clock): OpenBodies {
    const kinds = this.#kinds.get(clock) ?? new Map<number, OpenBodies>();
    this.#kinds.set(clock, kinds);
    const bodies = kinds.get(leaseMs) ?? new OpenBodies(leaseMs, clock, this);
    kinds.set(leaseMs, bodies);
    return bodies;
  }
}

/** By what the guards have in common: a registry, or a breaker. */
const shared = new WeakMap<object, SharedBodies>();

/** The bodies of a guard, and of all that share its breakers, its clock and its lease. */
export function openBodiesOf(leaseMs: number, clock: Clock, breakers: object): OpenBodies {
  const together = shared.get(breakers) ?? new SharedBodies();
  shared.set(breakers, together);
  return together.of(leaseMs, clock);
}

/**
 * The calls whose bodies have not ended yet. No timer runs for them: what is due is found by the next call, as a
 * breaker's cooldown is, and before it asks to be admitted, so that a probe whose body nobody reads holds nobody up.
 */
export class OpenBodies {
  readonly #leaseMs: number;
  readonly #unreadMs: number;
  readonly #clock: Clock;
  readonly #shared: SharedBodies;
  #isListed = false;
  /** Those that are here for so short a time that it is not asked whether somebody reads them. */
  readonly #fresh: BodyChain;
  readonly #beingRead: BodyChain;

  constructor(leaseMs: number, clock: Clock, together: SharedBodies) {
    this.#leaseMs = leaseMs;
    this.#unreadMs = Math.min(leaseMs, UNREAD_MS);
    this.#clock = clock;
    this.#shared = together;
    this.#fresh = new BodyChain(together);
    this.#beingRead = new BodyChain(together);
  }

  /** Ends the wait for those that are due, also of its neighbours. */
  sweep(): void {
    this.#sweepOwn();
    if (this.#shared.listed.size > Number(this.#isListed)) this.#sweepOthers();
  }

  add(call: HttpCall): void {
    if (this.#shared.waiting === LIMIT) (this.#oldest ?? this.#oldestOfOthers())?.lapse();
    this.#fresh.add(call);
    if (this.#isListed) return;
    this.#isListed = true;
    this.#shared.listed.add(this);
  }

  /** Nearly: what nobody reads goes before what somebody does. */
  get #oldest(): HttpCall | null {
    return this.#fresh.first ?? this.#beingRead.first;
  }

  #oldestOfOthers(): HttpCall | null {
    for (const bodies of this.#shared.listed) if (!bodies.#isEmpty) return bodies.#oldest;
    return null;
  }

  #sweepOthers(): void {
    for (const bodies of this.#shared.listed) {
      if (bodies === this) continue;
      bodies.#sweepOwn();
      if (bodies.#isEmpty) bodies.#leave();
    }
  }

  get #isEmpty(): boolean {
    return this.#oldest === null;
  }

  #leave(): void {
    this.#isListed = false;
    this.#shared.listed.delete(this);
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
  readonly #shared: SharedBodies;
  #last: HttpCall | null = null;

  constructor(together: SharedBodies) {
    this.#shared = together;
  }

  add(call: HttpCall): void {
    const last = this.#last;
    call.awaitedBy(this);
    call.before = last;
    if (last === null) this.first = call;
    else last.after = call;
    this.#last = call;
    this.#shared.waiting++;
  }

  ended(call: HttpCall): void {
    const { before, after } = call;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    call.before = null;
    call.after = null;
    this.#shared.waiting--;
  }
}
