import type { CircuitState } from "../events/vocabulary.ts";

/**
 * Who holds calls beside a breaker, and must know when it is open. No event is built for them, and to come and go costs
 * the same however many listen to the breaker.
 */
export class Onlookers {
  readonly #onlookers = new Set<() => void>();

  add(onlooker: () => void): void {
    this.#onlookers.add(onlooker);
  }

  remove(onlooker: () => void): void {
    this.#onlookers.delete(onlooker);
  }

  /** A step has ended and was told, and left the breaker in this state. */
  stepped(state: CircuitState): void {
    if (state !== "open" && state !== "forced_open") return;
    for (const onlooker of this.#onlookers) onlooker();
  }
}
