import { afterAll, beforeAll, expect, test } from "vitest";
import { BreakerRegistry } from "../../src/index.ts";
import { createRedisStore, type RedisClient } from "../../src/redis/index.ts";
import { persist, type StateStore } from "../../src/state/index.ts";
import { storeSuite } from "../state/store-suite.ts";
import { failTimes } from "../support/breaker.ts";
import { describeWith } from "../support/programs.ts";
import { CLIENTS, CLUSTER_CLIENTS } from "../support/redis-clients.ts";
import { type RedisClusterServers, startRedisCluster } from "../support/redis-cluster.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { wrong } from "../support/wrong-values.ts";

const CAPABILITIES = { durable: true, consistent: true, atomic: true, mayOwnMoney: false };

/** Ends a client of either library. */
function end(client: RedisClient): void {
  if ("destroy" in client) client.destroy();
  else client.disconnect();
}

describeWith("redis-server")("a store in Redis", () => {
  let server: RedisServer;
  let cluster: RedisClusterServers;
  beforeAll(async () => {
    server = await startRedis();
    cluster = await startRedisCluster();
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await cluster?.stop();
  });

  for (const [kind, clients, at] of [
    ["one server", CLIENTS, () => server],
    ["a cluster", CLUSTER_CLIENTS, () => cluster.nodes[1] ?? server],
  ] as const) {
    let places = 0;
    for (const [library, make] of clients) {
      storeSuite({
        kind: `redis (${library}, ${kind})`,
        capabilities: CAPABILITIES,
        place: async () => {
          const client = make(at());
          await client.connect();
          const name = `${library} ${places++}`;
          return {
            open: () => createRedisStore(client, { name }),
            end: async () => end(client),
          };
        },
      });
    }
  }

  const connected = async (): Promise<RedisClient> => {
    const [, make] = CLIENTS[0] ?? [];
    if (make === undefined) throw new Error("There is a client");
    const client = make(server);
    await client.connect();
    return client;
  };
  const keysOf = async (store: StateStore): Promise<string[]> => {
    const keys: string[] = [];
    for await (const [key] of store.load()) keys.push(key);
    return keys;
  };

  test("stores of other names and prefixes have other rows", async () => {
    const client = await connected();
    const stores = [
      createRedisStore(client, { name: "a" }),
      createRedisStore(client, { name: "b {a}*" }),
      createRedisStore(client, { name: "a", prefix: "other" }),
    ];
    for (const [n, store] of stores.entries()) await store.write([[`row ${n}`, "text"]]);
    for (const [n, store] of stores.entries()) expect(await keysOf(store)).toEqual([`row ${n}`]);
    expect(await server.ask("KEYS", "*:state:*")).toContain("other:state:{a}");
    end(client);
  });

  test("a server that refuses is a StoreError with its cause, and the store works again when it takes rows", async () => {
    const client = await connected();
    const store = createRedisStore(client, { name: "gone" });
    await server.ask("CONFIG", "SET", "maxmemory", "1");
    await expect(store.write([["a", "1"]])).rejects.toMatchObject({
      name: "StoreError",
      code: "ERR_STORE_FAILED",
      message: expect.stringContaining('Cannot write to redis "telltale:state:{gone}": OOM'),
    });
    await server.ask("CONFIG", "SET", "maxmemory", "0");
    await store.write([["a", "2"]]);
    expect(await keysOf(store)).toEqual(["a"]);
    end(client);
  });

  test("persist() goes on in another process, through a server that stands still meanwhile", async () => {
    const client = await connected();
    const store = createRedisStore(client, { name: "process" });
    const before = new BreakerRegistry({ defaults: { cooldownMs: 3_600_000 } });
    const told: string[] = [];
    before.on("state.*", ({ type }) => told.push(type));
    const state = await persist(before, store, { timeoutMs: 100, batchMs: 20, retryMs: 20 });
    server.signal("SIGSTOP");
    await failTimes(before.get("payments"), 5);
    await until(() => told.includes("state.store_failed"));
    expect(before.get("payments").state).toBe("open");
    server.signal("SIGCONT");
    await until(() => told.includes("state.store_recovered"));
    expect(await state.close()).toBe(true);
    const after = new BreakerRegistry({ defaults: { cooldownMs: 3_600_000 } });
    const going = await persist(after, createRedisStore(client, { name: "process" }));
    expect(after.peek("payments")?.state).toBe("open");
    expect(after.peek("payments")?.openedAtMs).toBe(before.get("payments").openedAtMs);
    await going.close();
    end(client);
  });
});

test.each([
  [{ name: "" }, "name must be a string of 1 to 128 characters"],
  [{ prefix: "a{b}" }, "prefix must be letters, digits and . : / - _"],
  [{ names: "a" }, 'unknown option "names"'],
])("createRedisStore() refuses %o", (options, message) => {
  const [, make] = CLIENTS[0] ?? [];
  const client = make?.({ port: 1, url: "redis://127.0.0.1:1" });
  expect(() => createRedisStore(wrong(client), wrong(options))).toThrow(
    `Cannot create Redis store: ${message}`,
  );
});

test("createRedisStore() refuses what is no client", () => {
  expect(() => createRedisStore(wrong({}))).toThrow(
    "Cannot create Redis store: client must be a client of redis or ioredis",
  );
});
