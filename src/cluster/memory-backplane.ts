import type { Backplane, BackplaneListener } from "./backplane.ts";
import type { Operation } from "./operation.ts";
import { emptyStore, runOnStore, type StoreData } from "./store-rules.ts";

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * The store's clock in epoch milliseconds.
   * @default Date.now
   */
  readonly epochMs?: () => number;
}

/**
 * A store in this process, by the rules that the Redis scripts equal. Tasks of one process share it, each with a
 * backplane of its own; what it holds dies with the process.
 *
 * @example
 * const store = new MemoryStore();
 * const cluster = joinCluster(registry, store.backplane(), { namespace: "shop" });
 */
export class MemoryStore {
  readonly #epochMs: () => number;
  readonly #listeners = new Set<BackplaneListener>();
  #data: StoreData = emptyStore();

  constructor({ epochMs = () => Date.now() }: MemoryStoreOptions = {}) {
    this.#epochMs = epochMs;
  }

  /** A connection for one task. */
  backplane(): Backplane {
    let own: BackplaneListener | null = null;
    const leave = () => {
      if (own !== null) this.#listeners.delete(own);
    };
    const join = () => {
      if (own !== null) this.#listeners.add(own);
    };
    return {
      connect: async (listener) => {
        leave();
        own = listener;
        join();
      },
      reconnect: async () => join(),
      // Never at once: a store is somewhere else, and its caller has gone on by the time it acts.
      run: (operation) => Promise.resolve().then(() => this.#run(operation)),
      publish: async (text) => this.#publish(text),
      close: async () => leave(),
    };
  }

  /** Forgets everything, as a store does that is restarted without its data. */
  clear(): void {
    this.#data = emptyStore();
  }

  #run(operation: Operation): unknown {
    const serverMs = Math.floor(this.#epochMs());
    const { answer, messages } = runOnStore(this.#data, operation, { serverMs });
    for (const message of messages) this.#publish(JSON.stringify(message));
    // As a store at the other end of a wire would answer: a copy.
    return JSON.parse(JSON.stringify(answer));
  }

  #publish(text: string): void {
    for (const listener of [...this.#listeners]) listener.message(text);
  }
}
