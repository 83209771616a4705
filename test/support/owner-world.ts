import { DatabaseSync } from "node:sqlite";
import type {
  CallReport,
  DurableContext,
  DurableStorage,
  Lifetime,
  OwnerNamespace,
  OwnerOptions,
  OwnerRequest,
  OwnerStub,
} from "../../src/workers/index.ts";
import { ProviderOwner } from "../../src/workers/provider-owner.ts";
import { VirtualTime } from "./virtual-time.ts";

/** A failed call of the breaker "chat", as isolates report it. */
export const FAILURE: CallReport = {
  breaker: "chat",
  generation: null,
  permit: null,
  outcome: "error",
  latencyMs: 5,
  permanent: false,
  retryAfterMs: null,
  error: { name: "Error", message: "boom" },
  context: null,
};

/** The storage of a Durable Object on the SQLite of Node: what a crash leaves is what was committed. */
class SqliteStorage implements DurableStorage {
  readonly #database = new DatabaseSync(":memory:");
  alarmAtMs: number | null = null;
  /** Statements that were run. */
  statements: string[] = [];
  /** The next statement that contains it fails. */
  failsAt: string | null = null;

  readonly sql = {
    exec: (query: string, ...values: (string | number | null)[]) => {
      if (this.failsAt !== null && query.includes(this.failsAt)) throw new Error("disk I/O error");
      this.statements.push(query);
      const rows = this.#database.prepare(query).all(...values);
      return { toArray: () => rows };
    },
  };

  transactionSync<T>(body: () => T): T {
    this.#database.exec("BEGIN");
    try {
      const result = body();
      this.#database.exec("COMMIT");
      return result;
    } catch (thrown) {
      this.#database.exec("ROLLBACK");
      throw thrown;
    }
  }

  async sync(): Promise<void> {}

  async setAlarm(atMs: number): Promise<void> {
    this.alarmAtMs = atMs;
  }
}

interface Surroundings {
  readonly storage: SqliteStorage;
  readonly time: VirtualTime;
}

/** How a request to the owner ends. */
export type Fate = "answered" | "lost" | "refused" | "hangs";

/**
 * An owner whose object can crash, and isolates that ask it over a wire which can lose questions and replies: `lost` has
 * done what it was asked, `refused` has not.
 */
export class OwnerWorld {
  readonly time: VirtualTime;
  readonly storage: SqliteStorage;
  readonly options: OwnerOptions;
  /** What becomes of the next requests, in order; then all are answered. */
  fates: Fate[] = [];
  requests: { readonly method: "ask" | "report"; readonly request: OwnerRequest }[] = [];
  aborted = 0;
  /** What handlers left to be done after their response. */
  readonly #after: Promise<unknown>[] = [];
  #owner: ProviderOwner | null = null;

  /** Another object may have had the storage before. */
  constructor(
    options: OwnerOptions,
    { storage = new SqliteStorage(), time = new VirtualTime() }: Partial<Surroundings> = {},
  ) {
    this.time = time;
    this.storage = storage;
    this.options = { clock: this.time, ...options };
  }

  /** The object, made anew after a crash. */
  get owner(): ProviderOwner {
    const context: DurableContext = {
      storage: this.storage,
      id: { toString: () => "id", name: "openai" },
      waitUntil: (promise) => void this.#after.push(promise),
      abort: () => {
        this.aborted++;
        this.#owner = null;
      },
    };
    this.#owner ??= new ProviderOwner(context, this.options);
    return this.#owner;
  }

  /** The object is gone, and what it had in memory. */
  crash(): void {
    this.#owner = null;
  }

  /** What the object has written. */
  rows(): ReadonlyMap<string, string> {
    const rows = this.storage.sql.exec("SELECT key, text FROM telltale_state").toArray();
    return new Map(rows.map((row) => [String(row["key"]), String(row["text"])]));
  }

  putRow(key: string, text: string): void {
    this.storage.sql.exec("INSERT OR REPLACE INTO telltale_state VALUES (?, ?)", key, text);
  }

  readonly lifetime: Lifetime = { waitUntil: (promise) => void this.#after.push(promise) };

  readonly namespace: OwnerNamespace = {
    getByName: (): OwnerStub => ({
      ask: (request) => this.#exchange("ask", request),
      report: (request) => this.#exchange("report", request),
      control: async (control) => structuredClone(this.owner.control(control)),
      status: async () => structuredClone(this.owner.status()),
    }),
  };

  /** Lets be done what handlers left to be done; no request may hang. */
  async settled(): Promise<void> {
    while (this.#after.length > 0) {
      await this.time.until(Promise.allSettled(this.#after.splice(0)));
    }
  }

  async #exchange(method: "ask" | "report", request: OwnerRequest): Promise<unknown> {
    this.requests.push({ method, request: structuredClone(request) });
    const fate = this.fates.shift() ?? "answered";
    if (fate === "hangs") return new Promise<never>(() => {});
    if (fate === "refused") throw new Error("Network connection lost.");
    // A copy, as what comes over a wire.
    const answer = structuredClone(this.owner.exchange(structuredClone(request)));
    if (fate === "lost") throw new Error("Network connection lost.");
    return answer;
  }
}
