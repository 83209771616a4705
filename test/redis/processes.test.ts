import { afterEach, beforeEach, expect, test } from "vitest";
import type { TaskProcess } from "../support/cluster-process.ts";
import { describeWith } from "../support/programs.ts";
import { RealFleet } from "../support/real-fleet.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

// Several processes, a real Redis, real faults. Each task calls a dependency that is well, all the time: whatever
// happens to Redis, no call may fail.

describeWith("redis-server").each(["node-redis", "ioredis"] as const)(
  "processes with %s",
  { timeout: 120_000 },
  (client) => {
    let redis: RedisServer;
    let fleet: RealFleet;
    let a: TaskProcess;
    let b: TaskProcess;

    beforeEach(async () => {
      redis = await startRedis();
      fleet = new RealFleet({ client, port: redis.port });
      [a, b] = await Promise.all([fleet.boot("a"), fleet.boot("b"), fleet.boot("c")]);
    });
    afterEach(async () => {
      await fleet.stop();
      await redis.stop();
    });

    test("a trip, a forced open and a reset reach every process", async () => {
      await a.tell({ do: "trip" });
      await fleet.converges("open");
      expect(await b.control("reset")).toMatchObject({ scope: "cluster" });
      await fleet.converges("closed");
      expect(await a.control("force")).toMatchObject({ scope: "cluster" });
      await fleet.converges("forced_open");
      expect(await b.control("reset")).toMatchObject({ scope: "cluster" });
      await fleet.converges("closed");
      await fleet.stays("closed");
      await fleet.noCallFailed();
    });

    test.each(["cut", "stalled", "stalled to the server", "stalled to the client"] as const)(
      "trap 51: a wire that is %s is noticed, and the task is with the others again after it",
      async (wire) => {
        await a.control("force");
        await fleet.converges("forced_open");
        fleet.wire(a, wire);
        await until(async () => (await a.report()).status.phase === "degraded");
        // Both sides act while they cannot hear each other; a reset is final on both.
        expect(await b.control("reset")).toMatchObject({ scope: "cluster" });
        expect((await a.report()).state).toBe("forced_open");
        expect(await a.control("reset")).toMatchObject({ scope: "local-only" });
        fleet.wire(a, "whole");
        await fleet.converges("closed");
        await fleet.stays("closed");
        await until(async () => {
          const { degraded, recovered } = await a.report();
          return degraded.length > 0 && recovered === degraded.length;
        });
        await fleet.noCallFailed();
      },
    );

    test("trap 47: what a cut-off task forced before a reset does not come back after it", async () => {
      fleet.wire(a, "stalled");
      expect(await a.control("force")).toMatchObject({ scope: "local-only" });
      await until(async () => (await a.report()).status.phase === "degraded");
      expect(await b.control("reset")).toMatchObject({ scope: "cluster" });
      fleet.wire(a, "whole");
      await fleet.converges("closed");
      await fleet.stays("closed");
      await fleet.noCallFailed();
    });

    test("Redis stopped: every process goes on by itself, and they agree after it", async () => {
      redis.signal("SIGSTOP");
      await until(async () =>
        (await fleet.reports()).every(({ status }) => status.phase === "degraded"),
      );
      expect(await a.control("force")).toMatchObject({ scope: "local-only" });
      expect((await a.report()).state).toBe("forced_open");
      expect((await b.report()).state).toBe("closed");
      redis.signal("SIGCONT");
      await fleet.converges("forced_open");
      await b.control("reset");
      await fleet.converges("closed");
      await fleet.noCallFailed();
    });

    test("Redis killed and emptied: a reset meanwhile is final, also for who boots later", async () => {
      await a.control("force");
      await fleet.converges("forced_open");
      const restarted = redis.restart();
      await until(async () => (await a.report()).status.phase === "degraded");
      await b.control("reset");
      await restarted;
      await fleet.converges("closed");
      await fleet.boot("d");
      await fleet.converges("closed");
      await fleet.stays("closed");
      await fleet.noCallFailed();
    });

    test("trap 46: a process that boots neither closes what is open nor keeps it open longer", async () => {
      await a.control("force");
      await fleet.converges("forced_open");
      const record = await redis.ask("HGET", "telltale:1:{chaos}:records", "b:payments");
      await fleet.boot("d");
      await fleet.converges("forced_open");
      // Who comes after a restart without data is told by those who know.
      await redis.restart();
      await fleet.converges("forced_open");
      await until(
        async () =>
          (await redis.ask("HGET", "telltale:1:{chaos}:records", "b:payments")) === record,
      );
      await fleet.boot("e");
      await fleet.converges("forced_open");
    });

    test("leave() leaves nothing behind that keeps the process or the server busy", async () => {
      const wire = fleet.wires.get(a);
      await a.tell({ do: "leave" });
      await until(() => wire?.connections === 0);
      await until(async () => !(await b.report()).status.peers.includes("a"));
      // The process ends by itself.
      await a.ended;
      fleet.tasks.splice(0, 1);
      await fleet.noCallFailed();
    });

    test("quota marks reach every process", async () => {
      await a.tell({ do: "quota", provider: "openai", forMs: 60_000 });
      await until(async () =>
        (await fleet.reports()).slice(1).every(({ quota }) => quota.includes("openai peer")),
      );
    });
  },
);
