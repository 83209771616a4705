import {
  createMemoryStore,
  type StateRow,
  type StateStore,
  type StoreCapabilities,
} from "../../src/state/index.ts";

/** A store in memory that fails or hangs when it is told to, and counts. */
export class FlakyStore implements StateStore {
  readonly name = "flaky";
  readonly capabilities: StoreCapabilities;
  readonly rows: Map<string, string>;
  readonly #inner: StateStore;
  /** What every call throws; null while it works. */
  failure: Error | null = null;
  /** Calls wait for this. */
  gate: Promise<void> = Promise.resolve();
  writes: StateRow[][] = [];
  removals: string[][] = [];
  loads = 0;
  /** Calls under way, and the most there ever were. */
  underWay = 0;
  most = 0;

  constructor(
    rows = new Map<string, string>(),
    capabilities: Partial<StoreCapabilities> = { mayOwnMoney: true },
  ) {
    this.rows = rows;
    this.#inner = createMemoryStore({ rows, capabilities });
    this.capabilities = this.#inner.capabilities;
  }

  /** Lets calls hang until the function that it returns is called. */
  hang(): () => void {
    let open = (): void => {};
    this.gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => open();
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    this.underWay++;
    this.most = Math.max(this.most, this.underWay);
    try {
      await this.gate;
      if (this.failure !== null) throw this.failure;
      return await work();
    } finally {
      this.underWay--;
    }
  }

  async *load(keys?: Iterable<string>): AsyncGenerator<StateRow> {
    this.loads++;
    yield* await this.#do(async () => this.#inner.load(keys));
  }

  write(rows: Iterable<StateRow>): Promise<void> {
    const given = [...rows];
    return this.#do(async () => {
      await this.#inner.write(given);
      this.writes.push(given);
    });
  }

  remove(keys: Iterable<string>): Promise<void> {
    const given = [...keys];
    return this.#do(async () => {
      await this.#inner.remove(given);
      this.removals.push(given);
    });
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
