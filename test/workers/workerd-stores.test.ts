import type { Miniflare } from "miniflare";
import { afterAll, beforeAll } from "vitest";
import {
  type StateRow,
  type StateStore,
  type StoreCapabilities,
  StoreError,
  type StoreErrorCode,
} from "../../src/state/index.ts";
import { storeSuite } from "../state/store-suite.ts";
import { bundleWorker, startWorkers, workerOptions } from "./worker.ts";

// The stores run where they belong, in workerd. What is begun together here is begun together there, by one request.

const SCRIPT = `
  import { DurableObject } from "cloudflare:workers";
  import { createDurableObjectStore, createKvStore } from "./src/workers/index.ts";

  async function answer(store, { op, given }) {
    try {
      if (op === "describe") return { name: store.name, capabilities: store.capabilities };
      if (op !== "load") return { value: (await store[op](given)) ?? null };
      const rows = [];
      for await (const row of store.load(given ?? undefined)) rows.push(row);
      return { value: rows };
    } catch ({ name, message, code }) {
      return { error: { name, message, code } };
    }
  }
  const opened = (stores, n, open) => {
    if (!stores.has(n)) stores.set(n, open());
    return stores.get(n);
  };

  export class Place extends DurableObject {
    #stores = new Map();
    run({ n, asked }) {
      const store = opened(this.#stores, n, () => createDurableObjectStore(this.ctx.storage));
      return Promise.all(asked.map((one) => answer(store, one)));
    }
  }

  const kvStores = new Map();
  export default {
    async fetch(request, env) {
      const { kind, place, n, asked } = await request.json();
      if (kind === "durable") {
        return Response.json(await env.PLACES.getByName(place).run({ n, asked }));
      }
      const store = opened(kvStores, place + n, () =>
        createKvStore(env.KV, { prefix: place + ":", writeIntervalMs: 1 }),
      );
      return Response.json(await Promise.all(asked.map((one) => answer(store, one))));
    },
  };
`;

interface Answer {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly value: readonly StateRow[];
  readonly error?: { readonly name: string; readonly message: string; readonly code: string };
}

interface Asked {
  readonly op: string;
  readonly given?: unknown;
  readonly answered: (answer: Answer) => void;
  readonly failed: (failure: unknown) => void;
}

let workers: Miniflare;
let places = 0;

beforeAll(async () => {
  workers = await startWorkers({
    ...workerOptions("stores", await bundleWorker(SCRIPT)),
    durableObjects: { PLACES: { className: "Place", useSQLite: true } },
    kvNamespaces: ["KV"],
  });
});
afterAll(() => workers.dispose());

/** A store in workerd, as one here. */
class RemoteStore implements StateStore {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly #address: object;
  #waiting: Asked[] = [];

  constructor(address: object, { name, capabilities }: Pick<Answer, "name" | "capabilities">) {
    this.#address = address;
    this.name = name;
    this.capabilities = Object.freeze(capabilities);
  }

  async *load(keys?: Iterable<string>): AsyncGenerator<StateRow> {
    yield* (await this.ask("load", keys === undefined ? undefined : [...keys])).value;
  }

  async write(rows: Iterable<StateRow>): Promise<void> {
    await this.ask("write", [...rows]);
  }

  async remove(keys: Iterable<string>): Promise<void> {
    await this.ask("remove", [...keys]);
  }

  async close(): Promise<void> {
    await this.ask("close");
  }

  async ask(op: string, given?: unknown): Promise<Answer> {
    const answer = await new Promise<Answer>((answered, failed) => {
      this.#waiting.push({ op, given, answered, failed });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#send());
    });
    if (answer.error === undefined) return answer;
    const { name, message, code } = answer.error;
    if (name !== "StoreError") throw Object.assign(new Error(message), { name, code });
    // Only the fields are compared: the message comes whole.
    const error = new StoreError({ action: "", code: code as StoreErrorCode, reason: message });
    throw error;
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const asked = waiting.map(({ op, given }) => ({ op, given }));
    const body = JSON.stringify({ ...this.#address, asked });
    workers
      .dispatchFetch("http://stores/", { method: "POST", body })
      .then(async (response) => {
        // Whatever the Worker answers comes from the script above.
        const answers = (await response.json()) as Answer[];
        for (const [n, answer] of answers.entries()) waiting[n]?.answered(answer);
      })
      .catch((failure: unknown) => {
        for (const { failed } of waiting) failed(failure);
      });
  }
}

async function remotePlace(kind: "durable" | "kv") {
  const place = `place-${places++}`;
  let n = 0;
  const probe = new RemoteStore(
    { kind, place, n: n++ },
    {
      name: "",
      capabilities: { durable: true, consistent: true, atomic: true, mayOwnMoney: true },
    },
  );
  const described = await probe.ask("describe");
  return { open: () => new RemoteStore({ kind, place, n: n++ }, described), end: async () => {} };
}

storeSuite({
  kind: "Durable Object",
  capabilities: { durable: true, consistent: true, atomic: true, mayOwnMoney: true },
  place: () => remotePlace("durable"),
});

// In one place, where the local simulator shows no lag: what it does elsewhere is in kv-store.test.ts.
storeSuite({
  kind: "KV",
  capabilities: { durable: true, consistent: false, atomic: false, mayOwnMoney: false },
  place: () => remotePlace("kv"),
});
