import type { NanoUsd } from "./nano-usd.ts";

/** What a reservation holds until it is committed, released, or its time is over. */
export interface Held {
  readonly provider: string;
  readonly model: string;
  readonly nano: NanoUsd;
  readonly requests: number;
  readonly tokens: number;
  readonly expiresMs: number;
}

/** The reservations that hold something, in the order in which they end. */
export class Reservations {
  readonly #held = new Set<Held>();

  add(held: Held): void {
    this.#held.add(held);
  }

  /** False when it had ended already. */
  end(held: Held, nowMs: number): boolean {
    this.#expire(nowMs);
    return this.#held.delete(held);
  }

  /** The sum of what is held for calls that match. */
  sum(nowMs: number, matches: (held: Held) => boolean): { nano: NanoUsd; requests: number; tokens: number } {
    this.#expire(nowMs);
    const sum = { nano: 0, requests: 0, tokens: 0 };
    for (const held of this.#held) {
      if (!matches(held)) continue;
      sum.nano += held.nano;
      sum.requests += held.requests;
      sum.tokens += held.tokens;
    }
    return sum;
  }

  get size(): number {
    return this.#held.size;
  }

  /** All have the same length, so the oldest end first. */
  #expire(nowMs: number): void {
    for (const held of this.#held) {
      if (held.expiresMs > nowMs) return;
      this.#held.delete(held);
    }
  }
}
