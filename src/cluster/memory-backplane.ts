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
  readonly #spaces = new Map<string, Space>();

  constructor({ epochMs = () => Date.now() }: MemoryStoreOptions = {}) {
    this.#epochMs = epochMs;
  }

  /** A connection for one task. */
  backplane(): Backplane {
    let own: BackplaneListener | null = null;
    let space = this.#space("default");
    const leave = () => {
      if (own !== null) space.listeners.delete(own);
    };
    const join = () => {
      if (own !== null) space.listeners.add(own);
    };
    return {
      connect: async (listener, namespace) => {
        leave();
        own = listener;
        space = this.#space(namespace);
        join();
      },
      reconnect: async () => join(),
      // Never at once: a store is somewhere else, and its caller has gone on by the time it acts.
      run: (operation) => Promise.resolve().then(() => this.#run(space, operation)),
      publish: async (text) => publish(space, text),
      close: async () => leave(),
    };
  }

  /** Forgets everything, as a store does that is restarted without its data. */
  clear(): void {
    for (const space of this.#spaces.values()) space.data = emptyStore();
  }

  #space(namespace: string): Space {
    const known = this.#spaces.get(namespace);
    if (known !== undefined) return known;
    const space: Space = { data: emptyStore(), listeners: new Set() };
    this.#spaces.set(namespace, space);
    return space;
  }

  #run(space: Space, operation: Operation): unknown {
    const serverMs = Math.floor(this.#epochMs());
    const { answer, messages } = runOnStore(space.data, operation, { serverMs });
    for (const message of messages) publish(space, JSON.stringify(message));
    // As a store at the other end of a wire would answer: a copy.
    return JSON.parse(JSON.stringify(answer));
  }
}

/** What the tasks of one namespace share. */
interface Space {
  data: StoreData;
  readonly listeners: Set<BackplaneListener>;
}

function publish({ listeners }: Space, text: string): void {
  for (const listener of [...listeners]) listener.message(text);
}
