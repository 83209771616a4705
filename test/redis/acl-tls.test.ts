import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis as Ioredis, Cluster as IoredisCluster } from "ioredis";
import { createClient, createCluster } from "redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BreakerRegistry } from "../../src/index.ts";
import { joinCluster, type RedisClient, redisBackplane } from "../../src/redis/index.ts";
import { freePort } from "../support/free-port.ts";
import { describeWith, program } from "../support/programs.ts";
import { type RedisClusterServers, startRedisCluster } from "../support/redis-cluster.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const DOCS = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8");

/** A rule as it is printed there, word by word. */
function printedRule(name: string): string[] {
  const text = new RegExp(`\`\`\`text ${name}\n([^\`]*)`).exec(DOCS)?.[1] ?? "";
  return text.replaceAll("\\\n", " ").trim().split(/\s+/);
}

/** A task that forces a breaker open, as another of the fleet sees it. */
async function travels(make: () => RedisClient): Promise<void> {
  const registries = [new BreakerRegistry(), new BreakerRegistry()] as const;
  const clusters = registries.map((registry) =>
    joinCluster(registry, redisBackplane(make()), { namespace: "shop" }),
  );
  try {
    for (const registry of registries) registry.get("payments");
    await until(() => clusters.every(({ status }) => status.phase === "up"));
    // The beat has come back: the channel is open in both directions.
    await until(() => clusters.every(({ status }) => status.peers.length === 1));
    const forced = await clusters[0]?.forceOpen("payments", "by hand");
    expect(forced).toMatchObject({ scope: "cluster" });
    await until(() => registries[1].get("payments").state === "forced_open");
    const reset = await clusters[1]?.reset("payments");
    expect(reset).toMatchObject({ scope: "cluster" });
    await until(() => registries[0].get("payments").state === "closed");
  } finally {
    for (const cluster of clusters) await cluster.leave();
  }
}

const quiet = <T extends RedisClient>(client: T): T => {
  client.on("error", () => {});
  return client;
};

describeWith("redis-server")("the rules of docs/redis.md", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
    expect(printedRule("acl").slice(0, 3)).toEqual(["ACL", "SETUSER", "telltale"]);
    expect(await server.ask(...printedRule("acl"))).toBe("+OK");
  });
  afterAll(() => server.stop());

  const user = { username: "telltale", password: "change-me" };
  const clients: readonly [string, () => RedisClient][] = [
    ["node-redis", () => quiet(createClient({ url: server.url, ...user }))],
    ["ioredis", () => quiet(new Ioredis({ port: server.port, lazyConnect: true, ...user }))],
  ];

  test.each(clients)("a user with these rights and no others is enough for %s", async (_, make) => {
    await travels(make);
    expect(await server.ask("ACL", "LOG")).toBe("*0");
    expect(await server.ask("XLEN", "telltale:1:{shop}:audit")).not.toBe(":0");
  });

  test("the user may touch neither another namespace nor another channel", async () => {
    const client = quiet(createClient({ url: server.url, ...user }));
    await client.connect();
    const denied = /NOPERM/;
    await expect(client.get("other")).rejects.toThrow(denied);
    await expect(client.hGet("telltale:1:{other}:records", "x")).rejects.toThrow(denied);
    await expect(client.publish("news", "x")).rejects.toThrow(denied);
    await expect(client.sPublish("telltale:1:{other}:channel", "x")).rejects.toThrow(denied);
    await expect(client.eval("return redis.call('GET', 'other')")).rejects.toThrow(
      /can't run this command/,
    );
    await expect(client.sendCommand(["CONFIG", "GET", "*"])).rejects.toThrow(denied);
    await expect(client.sendCommand(["FLUSHALL"])).rejects.toThrow(denied);
    client.destroy();
  });

  test("a user that may not is told as unreachable, and no call fails", async () => {
    const registry = new BreakerRegistry();
    const reasons: string[] = [];
    registry.bus.on("cluster.degraded", ({ reason }) => reasons.push(reason));
    const client = quiet(createClient({ url: server.url, username: "telltale", password: "no" }));
    const cluster = joinCluster(registry, redisBackplane(client), { heartbeatMs: 20 });
    try {
      await until(() => reasons.length > 0);
      expect(reasons).toEqual(["unreachable"]);
      expect((await registry.get("payments").execute(() => "ok")).outcome).toBe("ok");
    } finally {
      await cluster.leave();
    }
  });
});

describeWith("redis-server")("the rules of docs/redis.md for a Redis Cluster", () => {
  let servers: RedisClusterServers;
  const user = { username: "telltale", password: "change-me" };

  beforeAll(async () => {
    servers = await startRedisCluster();
    for (const node of servers.nodes) {
      expect(await node.ask(...printedRule("acl"))).toBe("+OK");
      expect(await node.ask(...printedRule("acl cluster"))).toBe("+OK");
    }
  });
  afterAll(() => servers.stop());

  const clients: readonly [string, (node: RedisServer) => RedisClient][] = [
    [
      "node-redis",
      ({ url }) => quiet(createCluster({ rootNodes: [{ url, ...user }], defaults: user })),
    ],
    [
      "ioredis",
      ({ port }) => {
        const nodes = [{ host: "127.0.0.1", port }];
        return quiet(new IoredisCluster(nodes, { lazyConnect: true, redisOptions: user }));
      },
    ],
  ];

  test.each(clients)("a user with these rights and no others is enough for %s", async (_, make) => {
    const [node] = servers.nodes;
    if (node === undefined) throw new Error("There are three nodes");
    await travels(() => make(node));
    for (const one of servers.nodes) expect(await one.ask("ACL", "LOG")).toBe("*0");
  });
});

describeWith("redis-server", "openssl")("TLS, with a certificate of the test's own", () => {
  let server: RedisServer;
  let folder: string;
  let tlsPort: number;
  let ca: Buffer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "telltale-tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    execFileSync(
      program("openssl"),
      ["req", "-x509", ...made, "-keyout", key, "-out", cert, "-days", "2", ...subject],
      { stdio: "ignore" },
    );
    ca = readFileSync(cert);
    tlsPort = await freePort();
    const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert];
    const auth = ["--tls-auth-clients", "no"];
    server = await startRedis("--tls-port", String(tlsPort), ...files, ...auth);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const clients: readonly [string, (trusted: boolean) => RedisClient][] = [
    [
      "node-redis",
      (trusted) => {
        const trust = trusted ? { ca } : {};
        const socket = { host: "127.0.0.1", port: tlsPort, tls: true, ...trust } as const;
        return quiet(createClient({ socket }));
      },
    ],
    [
      "ioredis",
      (trusted) => {
        const tls = trusted ? { ca } : {};
        return quiet(new Ioredis({ port: tlsPort, host: "127.0.0.1", lazyConnect: true, tls }));
      },
    ],
  ];

  test.each(clients)("the backplane goes through it with %s", async (_, make) => {
    await travels(() => make(true));
  });

  test.each(clients)(
    "a certificate that nobody vouches for is refused with %s",
    async (_, make) => {
      const backplane = redisBackplane(make(false));
      const listener = { message: () => {}, forged: () => {}, lost: () => {} };
      await expect(backplane.connect(listener, "shop")).rejects.toThrow(/certificate/i);
      await backplane.close();
    },
  );
});
