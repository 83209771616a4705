/** The subscriptions that were made through one breaker on a bus it shares, so that they end with the breaker. */
export class Subscriptions {
  #offs: Set<() => void> | null = null;

  /** Keeps a function that unsubscribes; the one that is returned also forgets it. */
  hold(off: () => void): () => void {
    this.#offs ??= new Set();
    const held = this.#offs;
    const end = () => {
      held.delete(end);
      off();
    };
    held.add(end);
    return end;
  }

  /** Ends all of them, whatever one throws; returns what was thrown. */
  end(): unknown[] {
    const thrown: unknown[] = [];
    for (const end of [...(this.#offs ?? [])]) {
      try {
        end();
      } catch (refused) {
        thrown.push(refused);
      }
    }
    return thrown;
  }
}
