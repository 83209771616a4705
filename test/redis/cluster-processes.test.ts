import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { namespaceKeys } from "../../src/redis/namespace-keys.ts";
import type { TaskProcess } from "../support/cluster-process.ts";
import { describeWith } from "../support/programs.ts";
import { RealFleet } from "../support/real-fleet.ts";
import { type RedisClusterServers, startRedisCluster } from "../support/redis-cluster.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const { records } = namespaceKeys("telltale", "chaos");

describeWith("redis-server").each(["node-redis", "ioredis"] as const)(
  "processes with the cluster client of %s",
  { timeout: 120_000 },
  (client) => {
    let servers: RedisClusterServers;
    let fleet: RealFleet;
    let a: TaskProcess;
    let b: TaskProcess;
    /** The node that has everything of ours. */
    let owner: RedisServer;

    beforeAll(async () => {
      servers = await startRedisCluster();
    });
    afterAll(() => servers.stop());
    beforeEach(async () => {
      for (const node of servers.nodes) await node.ask("FLUSHALL");
      fleet = new RealFleet({ client, port: servers.nodes[0]?.port ?? 0, sharded: true });
      [a, b] = await Promise.all([fleet.boot("a"), fleet.boot("b")]);
      const answers = await Promise.all(servers.nodes.map((node) => node.ask("HLEN", records)));
      const found = servers.nodes.find((_, n) => !answers[n]?.includes("MOVED"));
      if (found === undefined) throw new Error("One node has the slot");
      owner = found;
    });
    afterEach(() => fleet.stop());

    test("everything lies in one slot, and its node stopped leaves every process to itself", async () => {
      expect(await a.control("force")).toMatchObject({ scope: "cluster" });
      await fleet.converges("forced_open");
      for (const node of servers.nodes) {
        const keys = await node.ask("DBSIZE");
        expect(keys.startsWith(":0")).toBe(node !== owner);
      }
      owner.signal("SIGSTOP");
      await until(async () =>
        (await fleet.reports()).every(({ status }) => status.phase === "degraded"),
      );
      expect(await b.control("reset")).toMatchObject({ scope: "local-only" });
      owner.signal("SIGCONT");
      await fleet.converges("closed");
      await fleet.stays("closed");
      await fleet.noCallFailed();
    });

    test("its node killed and emptied: the processes give back what they know", async () => {
      expect(await a.control("force")).toMatchObject({ scope: "cluster" });
      await fleet.converges("forced_open");
      await owner.restart();
      await until(async () => (await owner.ask("HLEN", records)).startsWith(":1"));
      await fleet.converges("forced_open");
      expect(await b.control("reset")).toMatchObject({ scope: "cluster" });
      await fleet.converges("closed");
      await fleet.noCallFailed();
    });
  },
);
