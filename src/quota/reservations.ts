import type { NanoUsd } from "./nano-usd.ts";

/** What is held together for one model. */
export interface HeldSum {
  nano: NanoUsd;
  requests: number;
  tokens: number;
}

/** What a reservation holds until it is committed, released, or its time is over. */
export interface Held extends Readonly<HeldSum> {
  readonly provider: string;
  readonly model: string;
  readonly expiresMs: number;
}

/** The reservations that hold something, in the order in which they end, and their sums by model. */
export class Reservations {
  readonly #held = new Set<Held>();
  readonly #sums = new Map<string, Map<string, HeldSum & { count: number }>>();

  add(held: Held): void {
    this.#held.add(held);
    let models = this.#sums.get(held.provider);
    if (models === undefined) {
      models = new Map();
      this.#sums.set(held.provider, models);
    }
    const sum = models.get(held.model) ?? { nano: 0, requests: 0, tokens: 0, count: 0 };
    models.set(held.model, sum);
    sum.nano += held.nano;
    sum.requests += held.requests;
    sum.tokens += held.tokens;
    sum.count++;
  }

  /** Gives back what is held; nothing when it had ended already. */
  end(held: Held, nowMs: number): void {
    this.#expire(nowMs);
    this.#giveBack(held);
  }

  /** The sum of what is held for models that match. */
  sum(nowMs: number, matches: (provider: string, model: string) => boolean): Readonly<HeldSum> {
    this.#expire(nowMs);
    const total = { nano: 0, requests: 0, tokens: 0 };
    for (const [provider, models] of this.#sums) {
      for (const [model, sum] of models) {
        if (!matches(provider, model)) continue;
        total.nano += sum.nano;
        total.requests += sum.requests;
        total.tokens += sum.tokens;
      }
    }
    return total;
  }

  /** All have the same length, so the oldest end first. */
  #expire(nowMs: number): void {
    for (const held of this.#held) {
      if (held.expiresMs > nowMs) return;
      this.#giveBack(held);
    }
  }

  #giveBack(held: Held): void {
    if (!this.#held.delete(held)) return;
    const models = this.#sums.get(held.provider);
    const sum = models?.get(held.model);
    if (models === undefined || sum === undefined) return;
    sum.nano -= held.nano;
    sum.requests -= held.requests;
    sum.tokens -= held.tokens;
    sum.count--;
    if (sum.count > 0) return;
    models.delete(held.model);
    if (models.size === 0) this.#sums.delete(held.provider);
  }
}
