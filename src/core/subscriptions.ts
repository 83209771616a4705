import { type EndSignal, endWith } from "../events/end-signal.ts";

/** The subscriptions that were made through one breaker on a bus it shares, so that they end with the breaker. */
export class Subscriptions {
  #ends: Set<() => void> | null = null;

  /** Keeps a function that unsubscribes, until it is called, the signal aborts or the breaker goes. */
  hold(off: () => void, signal: EndSignal | undefined): () => void {
    this.#ends ??= new Set();
    const held = this.#ends;
    const end = endWith(signal, () => {
      held.delete(end);
      off();
    });
    held.add(end);
    return end;
  }

  /** Ends all of them, whatever one throws; returns what was thrown. */
  end(): unknown[] {
    const thrown: unknown[] = [];
    for (const end of [...(this.#ends ?? [])]) {
      try {
        end();
      } catch (refused) {
        thrown.push(refused);
      }
    }
    return thrown;
  }
}
