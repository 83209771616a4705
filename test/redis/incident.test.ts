import { expect, test } from "vitest";
import type { TaskProcess } from "../support/cluster-process.ts";
import { describeWith } from "../support/programs.ts";
import { RealFleet } from "../support/real-fleet.ts";
import { startRedis } from "../support/redis-server.ts";

/** A sentinel of the old kind, as long as the breaker is forced open; how its last attempt ended. */
async function insist(task: TaskProcess): Promise<unknown> {
  let scope: unknown = null;
  for (;;) {
    const result = await task.checkAndForce();
    if (result === null) return scope;
    ({ scope } = result);
  }
}

describeWith("redis-server").each(["node-redis", "ioredis"] as const)(
  "the incident, with two processes and %s",
  { timeout: 120_000 },
  (client) => {
    test("trap 45: two tasks with a sentinel each, and one of the old kind each: 2 transitions", async () => {
      const redis = await startRedis();
      const fleet = new RealFleet({ client, port: redis.port, sentinel: true });
      try {
        const [a, b] = await Promise.all([fleet.boot("a"), fleet.boot("b")]);
        expect(await a.control("force")).toMatchObject({ scope: "cluster" });
        // The dependency is well. The sentinels reset; who takes "my breaker is open" for evidence wants it back.
        await Promise.all([insist(a), insist(b)]);
        await fleet.converges("closed");
        await fleet.stays("closed");
        const flips = (await fleet.reports()).map(({ opens, closes }) => opens + closes);
        expect(flips).toEqual([2, 2]);
        await fleet.noCallFailed();
      } finally {
        await fleet.stop();
        await redis.stop();
      }
    });
  },
);
