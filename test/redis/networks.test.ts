import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { whereIs } from "../../scripts/programs.ts";
import { RealFleet } from "../support/real-fleet.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

// The cable pulled: each task in a network namespace of its own, whose link is taken down. Needs root and `ip`, and a
// kernel that lets a container make namespaces; elsewhere it is skipped, for nothing that could be installed is missing.

const HOST = (n: number) => `10.213.${n}.1`;
const ip = (...args: string[]): boolean => spawnSync("ip", args, { stdio: "ignore" }).status === 0;

/** A network namespace with a link to the test's own. */
class Network {
  readonly name: string;
  readonly #link: string;

  constructor(n: number) {
    this.name = `telltale-${process.pid}-${n}`;
    this.#link = `tt${process.pid % 100_000}-${n}`;
    const inside = ["netns", "exec", this.name, "ip"];
    const steps = [
      ["netns", "add", this.name],
      ["link", "add", this.#link, "type", "veth", "peer", "name", "eth0", "netns", this.name],
      ["addr", "add", `${HOST(n)}/24`, "dev", this.#link],
      ["link", "set", this.#link, "up"],
      [...inside, "addr", "add", `10.213.${n}.2/24`, "dev", "eth0"],
      [...inside, "link", "set", "eth0", "up"],
      [...inside, "route", "add", "default", "via", HOST(n)],
    ];
    for (const step of steps) {
      if (!ip(...step)) throw new Error(`Cannot make a network: ip ${step.join(" ")}`);
    }
  }

  set(state: "up" | "down"): void {
    ip("link", "set", this.#link, state);
  }

  remove(): void {
    ip("link", "del", this.#link);
    ip("netns", "del", this.name);
  }
}

function areNetworksAllowed(): boolean {
  if (whereIs("redis-server") === undefined || process.getuid?.() !== 0) return false;
  try {
    const network = new Network(213);
    network.remove();
    return true;
  } catch {
    ip("netns", "del", `telltale-${process.pid}-213`);
    return false;
  }
}

const describeWithNetworks = areNetworksAllowed() ? describe : describe.skip;

describeWithNetworks.each(["node-redis", "ioredis"] as const)(
  "processes in networks of their own, with %s",
  { timeout: 180_000 },
  (client) => {
    const networks: Network[] = [];
    let redis: RedisServer;

    beforeAll(async () => {
      networks.push(new Network(1), new Network(2));
      redis = await startRedis("--bind", "0.0.0.0", "--protected-mode", "no");
    });
    afterAll(async () => {
      await redis.stop();
      for (const network of networks.splice(0)) network.remove();
    });

    test("a cable that is pulled is noticed; what both sides decided meanwhile converges, a reset is final", async () => {
      const fleet = new RealFleet({ client, port: redis.port, host: HOST(1) });
      const [first, second] = networks;
      if (first === undefined || second === undefined) throw new Error("There are two networks");
      try {
        const a = await fleet.boot("a", first.name);
        const b = await fleet.boot("b", second.name);
        await a.control("force");
        await fleet.converges("forced_open");
        first.set("down");
        await until(async () => (await a.report()).status.phase === "degraded");
        expect(await a.control("reset")).toMatchObject({ scope: "local-only" });
        expect(await b.control("reset")).toMatchObject({ scope: "cluster" });
        expect((await a.report()).state).toBe("closed");
        first.set("up");
        await fleet.converges("closed");
        await fleet.stays("closed");
        await fleet.noCallFailed();
      } finally {
        await fleet.stop();
      }
    });
  },
);
