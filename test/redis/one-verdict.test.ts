import { afterEach, beforeEach, expect, test } from "vitest";
import { BreakerRegistry } from "../../src/index.ts";
import {
  type Cluster,
  type ClusterOptions,
  joinCluster,
  redisBackplane,
} from "../../src/redis/index.ts";
import { failTimes, succeed } from "../support/breaker.ts";
import { describeWith } from "../support/programs.ts";
import { CLIENTS } from "../support/redis-clients.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

describeWith("redis-server").each(CLIENTS)("one verdict over Redis, with %s", (_, make) => {
  let server: RedisServer;
  const clusters: Cluster[] = [];

  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.leave();
    await server.stop();
  });

  /** Tasks with a breaker each. */
  const fleet = async (count: number, cooldownMs: number, options: ClusterOptions = {}) => {
    const registries = Array.from(
      { length: count },
      () => new BreakerRegistry({ defaults: { failureThreshold: 2, cooldownMs } }),
    );
    for (const registry of registries) {
      const timing = { heartbeatMs: 2_000, deadlineMs: 2_000, ...options };
      clusters.push(joinCluster(registry, redisBackplane(make(server)), timing));
    }
    await until(() => clusters.every(({ status }) => status.phase === "up"));
    return registries.map((registry) => registry.get("payments"));
  };

  test("trap 50: no lock is held in Redis while a probe runs: others are refused at once, and it ends without Redis", async () => {
    const [a, b] = await fleet(2, 50);
    if (a === undefined || b === undefined) throw new Error("There are two tasks");
    await failTimes(a, 2);
    await until(() => b.state !== "closed");
    let answer: (value: string) => void = () => {};
    let probes = 0;
    const slow = () =>
      new Promise<string>((resolve) => {
        probes++;
        answer = resolve;
      });
    let probe: Promise<unknown> = Promise.resolve();
    await until(() => {
      // A caller that comes while the lease is fetched is skipped; the next one may probe.
      if (probes === 0) probe = a.execute(slow);
      return probes === 1;
    });
    expect((await b.execute(succeed)).outcome).toBe("circuit-open");
    expect((await a.execute(succeed)).outcome).toBe("circuit-open");
    server.signal("SIGSTOP");
    answer("the dependency's");
    expect(await probe).toMatchObject({ outcome: "ok", value: "the dependency's" });
    expect(a.state).toBe("closed");
    server.signal("SIGCONT");
    await until(() => b.state === "closed");
  });

  test("trap 50: a prober that is gone holds nobody up: its lease ends", async () => {
    const [a, b] = await fleet(2, 50, { probeLeaseMs: 200 });
    if (a === undefined || b === undefined) throw new Error("There are two tasks");
    await failTimes(a, 2);
    await until(() => b.state !== "closed");
    let gone = false;
    await until(() => {
      void a.execute(() => {
        gone = true;
        return new Promise(() => {});
      });
      return gone;
    });
    await until(async () => (await b.execute(succeed)).outcome === "ok");
    await until(() => b.state === "closed" && a.state === "closed");
  });

  test("trap 57: with a quorum one bad node opens its own breaker and not the fleet's", async () => {
    const open = { quorum: 2, withinMs: 60_000 };
    const [bad, well, third] = await fleet(3, 60_000, { open });
    if (bad === undefined || well === undefined || third === undefined) {
      throw new Error("There are three tasks");
    }
    await failTimes(bad, 2);
    await until(async () => (await server.ask("HLEN", "telltale:1:{default}:votes")) === ":1");
    expect([bad.state, well.state, third.state]).toEqual(["open", "closed", "closed"]);
    expect((await well.execute(succeed)).outcome).toBe("ok");
    // The second voice makes it the fleet's.
    await failTimes(well, 2);
    await until(() => third.state === "open");
  });
});
