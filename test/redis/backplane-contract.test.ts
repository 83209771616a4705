import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NOTHING } from "../../src/cluster/record.ts";
import { readAnswer } from "../../src/cluster/wire.ts";
import { BreakerRegistry } from "../../src/index.ts";
import {
  type Backplane,
  type Cluster,
  joinCluster,
  MemoryStore,
  redisBackplane,
} from "../../src/redis/index.ts";
import { fail } from "../support/breaker.ts";
import { describeWith } from "../support/programs.ts";
import { CLIENTS, CLUSTER_CLIENTS } from "../support/redis-clients.ts";
import { type RedisClusterServers, startRedisCluster } from "../support/redis-cluster.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

/** What every backplane has to do; `make` gives one more connection to the same store. */
function contract(make: () => Backplane, clear: () => Promise<unknown>): void {
  const made: Backplane[] = [];

  const listening = async (namespace = "default") => {
    const backplane = make();
    made.push(backplane);
    const heard: string[] = [];
    const told = { lost: 0, forged: 0 };
    const listener = {
      message: (text: string) => heard.push(text),
      forged: () => told.forged++,
      lost: () => told.lost++,
    };
    await backplane.connect(listener, namespace);
    return { backplane, heard, told };
  };
  const force = (by: string, key = "b:payments") =>
    ({ do: "force", key, by, base: { e: 0, v: 0 }, forMs: 0, note: "n", incident: "i" }) as const;
  const stop = async () => {
    for (const backplane of made.splice(0)) await backplane.close();
  };
  beforeEach(async () => {
    await stop();
    await clear();
    return stop;
  });

  test("run() answers, and every task hears what was written, the writer too", async () => {
    const [one, two] = [await listening(), await listening()];
    const answer = readAnswer(await one.backplane.run(force("one")))?.answer;
    expect(answer).toMatchObject({ outcome: "written", record: { f: 1, o: "one" } });
    await until(() => one.heard.length === 1 && two.heard.length === 1);
    expect(JSON.parse(two.heard[0] ?? "")).toEqual({
      ...{ p: 1, k: "write", key: "b:payments" },
      position: answer?.position,
      record: answer?.record,
    });
    const listed = await two.backplane.run({ do: "sync", by: "two", position: null });
    expect(readAnswer(listed)?.answer.entries).toEqual([["b:payments", answer?.record]]);
  });

  test("publish() comes back to the sender and to the others", async () => {
    const [one, two] = [await listening(), await listening()];
    await one.backplane.publish("hello æ 日本");
    await until(() => one.heard.length === 1 && two.heard.length === 1);
    expect([...one.heard, ...two.heard]).toEqual(["hello æ 日本", "hello æ 日本"]);
  });

  test("namespaces share neither records nor messages", async () => {
    const [shop, desk] = [await listening("shop"), await listening("desk {1}*")];
    await shop.backplane.run(force("one"));
    await desk.backplane.publish("to the desk");
    await until(() => shop.heard.length === 1 && desk.heard.length === 1);
    expect(desk.heard).toEqual(["to the desk"]);
    const read = { do: "read", by: "two", keys: ["b:payments"] } as const;
    const answer = readAnswer(await desk.backplane.run(read))?.answer;
    expect(answer?.entries).toEqual([["b:payments", NOTHING]]);
  });

  test("reconnect() listens again, and close() ends it without a word of loss", async () => {
    const [one, two] = [await listening(), await listening()];
    await one.backplane.reconnect();
    await two.backplane.publish("again");
    await until(() => one.heard.length === 1);
    await one.backplane.close();
    await two.backplane.publish("gone");
    await until(() => two.heard.length === 2);
    expect(one).toMatchObject({ heard: ["again"], told: { lost: 0, forged: 0 } });
  });

  test("joinCluster() with the real registry: a trip, a forced open and a reset travel", async () => {
    const options = { defaults: { failureThreshold: 2, cooldownMs: 60_000 } };
    const registries = [new BreakerRegistry(options), new BreakerRegistry(options)] as const;
    const clusters: Cluster[] = registries.map((registry) => joinCluster(registry, make(), {}));
    const [a, b] = registries.map((registry) => registry.get("payments"));
    const late = new BreakerRegistry(options);
    try {
      await until(() => clusters.every(({ status }) => status.phase === "up"));
      await a?.execute(fail);
      await a?.execute(fail);
      await until(() => b?.state === "open");
      expect(await clusters[1]?.reset("payments")).toMatchObject({ scope: "cluster" });
      await until(() => a?.state === "closed");
      expect(await clusters[0]?.forceOpen("payments", "by hand")).toMatchObject({
        scope: "cluster",
      });
      await until(() => b?.state === "forced_open");
      clusters.push(joinCluster(late, make(), {}));
      await until(() => late.get("payments").state === "forced_open");
    } finally {
      for (const cluster of clusters) await cluster.leave();
    }
  });
}

describe("MemoryStore", () => {
  const store = new MemoryStore();
  contract(
    () => store.backplane(),
    async () => store.clear(),
  );
});

describeWith("redis-server")("Redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
    return () => server.stop();
  });

  for (const [name, make] of CLIENTS) {
    describe(`redisBackplane() with ${name}`, () => {
      contract(
        () => redisBackplane(make(server)),
        () => server.ask("FLUSHALL"),
      );
    });
    describe(`redisBackplane() with ${name} and a secret`, () => {
      contract(
        () => redisBackplane(make(server), { secret: "correct horse battery" }),
        () => server.ask("FLUSHALL"),
      );
    });
  }
});

describeWith("redis-server")("Redis Cluster", () => {
  let servers: RedisClusterServers;
  beforeAll(async () => {
    servers = await startRedisCluster();
    return () => servers.stop();
  });

  for (const [name, make] of CLUSTER_CLIENTS) {
    describe(`redisBackplane() with the cluster client of ${name}`, () => {
      contract(
        () => redisBackplane(make(servers.nodes[1] ?? { port: 0, url: "" })),
        () => Promise.all(servers.nodes.map((node) => node.ask("FLUSHALL"))),
      );
    });
  }
});
