import { hostname } from "node:os";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { CircuitBreaker, createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { type Cluster, joinCluster, redisBackplane } from "../../src/redis/index.ts";
import { succeed } from "../support/breaker.ts";
import { freePort } from "../support/free-port.ts";
import { describeWith } from "../support/programs.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { BUNDLE, type Ended, MAIN, telltale } from "../support/telltale-process.ts";
import { until } from "../support/until.ts";

const SECRET = "a secret of sixteen and more";

async function command(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  main = MAIN,
): Promise<Ended> {
  const { REDIS_URL: _, ...plain } = process.env;
  return telltale(["cluster", ...args], { main, env: { ...plain, ...env } });
}

describeWith("redis-server")("telltale cluster, against a real Redis", () => {
  let server: RedisServer;
  const tasks: Cluster[] = [];
  const clients: { destroy(): void }[] = [];

  /** A task of the cluster, with a breaker called "payments". */
  async function task(name: string, options: { namespace?: string; secret?: string } = {}) {
    const { namespace = "default", secret } = options;
    const bus = createEventBus({ instance: name });
    const breaker = new CircuitBreaker("payments", { bus });
    const events: TelltaleEvent[] = [];
    bus.on("circuit.*", (event) => events.push(event));
    const client = createClient({ url: server.url });
    client.on("error", () => {});
    const backplane = redisBackplane(client, secret === undefined ? {} : { secret });
    const registry = {
      bus,
      follow: (follower: { added(one: CircuitBreaker): void }) => {
        follower.added(breaker);
        return () => {};
      },
    };
    const cluster = joinCluster(registry, backplane, { task: name, namespace });
    tasks.push(cluster);
    await until(() => cluster.status.phase === "up");
    return { breaker, cluster, events };
  }

  /** What the command prints, which must succeed. */
  async function printed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await command([...args, "--redis", server.url]);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout;
  }

  beforeAll(async () => {
    server = await startRedis();
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(() => server.ask("FLUSHALL"));
  afterEach(async () => {
    for (const cluster of tasks.splice(0)) await cluster.leave();
    for (const client of clients.splice(0)) client.destroy();
  });

  test("force-open holds the breaker of every task open, with who and why, until reset closes it", async () => {
    const [a, b] = [await task("a"), await task("b")];
    const why = "INC-42: refunds are doubled";
    const told = await printed("force-open", "payments", "--why", why, "--by", "ana");
    expect(told).toBe(`payments is forced open for the fleet, until a reset, by ana: ${why}\n`);
    await until(() => [a, b].every(({ breaker }) => breaker.state === "forced_open"));
    for (const { events } of [a, b]) {
      expect(events.find(({ type }) => type === "circuit.open")).toMatchObject({
        reason: "peer",
        note: why,
        origin: "ana",
      });
    }
    await expect(a.breaker.call(succeed)).rejects.toMatchObject({ reason: "forced_open" });
    expect(await printed("force-open", "payments", "--why", why, "--by", "bob")).toMatch(
      /^payments was forced open already, until a reset, by ana: INC-42/,
    );
    expect(await printed("force-open", "payments", "--why", "2 h more", "--by", "bob")).toBe(
      "payments is forced open for the fleet, until a reset, by bob: 2 h more\n",
    );
    const changeOf = ({ events }: typeof a) =>
      events.find(({ type }) => type === "circuit.force_changed");
    await until(() => [a, b].every((one) => changeOf(one) !== undefined));
    for (const one of [a, b]) {
      expect(changeOf(one)).toMatchObject({ note: "2 h more", previousNote: why, origin: "bob" });
    }
    const reset = await printed("reset", "payments", "--why", "INC-42: fixed", "--by", "bob");
    expect(reset).toMatch(/^payments is reset for the fleet, by bob; epoch \d{13}\n$/);
    await until(() => [a, b].every(({ breaker }) => breaker.state === "closed"));
  });

  test("force-open --for ends by itself", async () => {
    const { breaker } = await task("a");
    const told = await printed("force-open", "payments", "--why", "drill", "--for", "10m");
    const [, end = ""] = /until (\S+), by/.exec(told) ?? [];
    const leftMs = Date.parse(end) - Date.now();
    expect(leftMs).toBeGreaterThan(500_000);
    expect(leftMs).toBeLessThanOrEqual(600_000);
    await until(() => breaker.state === "forced_open");
    expect(breaker.retryAfterMs).toBeGreaterThan(500_000);
  });

  test("status shows what is held first, quotas too, and names that nobody wrote", async () => {
    const { breaker, cluster } = await task("a");
    expect(await printed("status")).toBe(
      "Nothing was ever opened, forced or reset in the namespace default.\n",
    );
    breaker.forceOpen("by hand");
    cluster.markQuota("openai", 60_000, "429");
    await printed("force-open", "search", "--why", "drill", "--by", "ana");
    await printed("reset", "search", "--why", "over", "--by", "ana");
    await until(async () => (await printed("status")).includes("openai"));
    const [head, ...rows] = (await printed("status")).trimEnd().split("\n");
    expect(head?.split(/ {2,}/)).toEqual(["breaker", "state", "since", "until", "last by", "why"]);
    const cells = rows.map((row) => row.split(/ {2,}/));
    expect(cells.map(([name, state]) => [name, state])).toEqual([
      ["quota openai", "exhausted"],
      ["payments", "forced_open"],
      ["search", "closed"],
    ]);
    expect(cells[1]?.slice(3)).toEqual(["a reset", "a", "by hand"]);
    const json = JSON.parse(await printed("status", "payments", "nobody", "--format", "json"));
    expect(json).toMatchObject({
      namespace: "default",
      known: [
        { kind: "breaker", name: "payments", state: "forced_open", untilAtMs: null, by: "a" },
      ],
      unknown: ["nobody"],
    });
    expect(await printed("status", "nobody")).toBe(
      "nobody: never opened, forced or reset for the fleet\n",
    );
  });

  test("audit says who forced and reset what, and why, the newest first; tasks are in it too", async () => {
    const { breaker } = await task("a");
    expect(await printed("audit")).toBe("Nobody forced or reset anything in default.\n");
    await printed("force-open", "payments", "--why", "first");
    await until(() => breaker.state === "forced_open");
    breaker.reset("mended");
    await until(async () => (await printed("audit")).includes("reset"));
    await printed("force-open", "search", "--why", "last", "--by", "ana");
    const rows = (await printed("audit")).trimEnd().split("\n").slice(1);
    expect(rows.map((row) => row.split(/ {2,}/).slice(1))).toEqual([
      ["force-open", "search", "ana", "last"],
      ["reset", "payments", "a", "mended"],
      ["force-open", "payments", expect.stringContaining(`@${hostname()}`), "first"],
    ]);
    expect((await printed("audit", "--limit", "1")).trimEnd().split("\n")).toHaveLength(2);
    expect(JSON.parse(await printed("audit", "search", "--format", "json"))).toMatchObject([
      { breaker: "search", did: "force", by: "ana", why: "last" },
    ]);
  });

  test("audit of a breaker finds it behind more entries of others than the limit", async () => {
    const why = ["--why", "drill"];
    await printed("reset", "payments", ...why);
    await printed("reset", "search", "mail", ...why);
    const rows = (await printed("audit", "payments", "--limit", "1"))
      .trimEnd()
      .split("\n")
      .slice(1);
    expect(rows).toEqual([expect.stringMatching(/ reset +payments .*drill$/)]);
    expect(await printed("audit", "billing")).toBe("Nobody forced or reset billing in default.\n");
  });

  test("reset says why in the audit, and names several breakers at once", async () => {
    const told = await printed("reset", "payments", "search", "--why", "both", "--by", "ana");
    expect(told.trimEnd().split("\n")).toHaveLength(2);
    expect(await printed("audit")).toMatch(
      /reset +search +ana +both\n.*reset +payments +ana +both/,
    );
  });

  test("namespace: another cluster on the same Redis is left alone", async () => {
    const other = await task("a", { namespace: "shop" });
    await printed("force-open", "payments", "--why", "x", "--namespace", "elsewhere");
    await printed("force-open", "payments", "--why", "y", "--namespace", "shop");
    await until(() => other.breaker.state === "forced_open");
    expect(other.events[0]).toMatchObject({ note: "y" });
    expect(await server.ask("EXISTS", "telltale:1:{elsewhere}:records")).toBe(":1");
    await printed("force-open", "payments", "--why", "z", "--prefix", "own");
    expect(await server.ask("EXISTS", "own:1:{default}:records")).toBe(":1");
  });

  test("with a secret the tasks are told what is signed, and REDIS_URL says where", async () => {
    const { breaker, cluster } = await task("a", { secret: SECRET });
    const env = { REDIS_URL: server.url, TELLTALE_CLUSTER_SECRET: SECRET };
    const forced = await command(["force-open", "payments", "--why", "signed"], env);
    expect(forced).toMatchObject({ code: 0, stderr: "" });
    await until(() => breaker.state === "forced_open");
    expect(Object.values(cluster.status.rejected).every((count) => count === 0)).toBe(true);
  });

  test("what names and reasons hold does not act on the terminal", async () => {
    const name = "\u001b[31mred\u0007";
    expect(await printed("force-open", name, "--why", "\u001b[2Jgone")).not.toContain("\u001b");
    expect(await printed("status")).not.toContain("\u001b");
    expect(await printed("audit")).not.toContain("\u001b");
  });

  test("Redis that is away, stalled or refuses is said so, with exit code 1 and without the password", async () => {
    const nobody = await command([
      ...["status", "--redis", `redis://ana:secret@127.0.0.1:${await freePort()}`],
    ]);
    expect(nobody).toMatchObject({ code: 1, stdout: "" });
    expect(nobody.stderr).toMatch(
      /^Cannot reach Redis at redis:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    );
    expect(nobody.stderr).not.toContain("secret");
    const wrong = await command(["status", "--redis", server.url.replace("//", "//ana:secret@")]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/^Cannot reach Redis at \S+: .*WRONGPASS/);
    server.signal("SIGSTOP");
    const stalled = await command(["reset", "payments", "--why", "x", "--redis", server.url]);
    server.signal("SIGCONT");
    expect(stalled).toMatchObject({ code: 1, stdout: "" });
    expect(stalled.stderr).toMatch(/^Cannot reach Redis at .*: .*(5000 ms|timeout)/i);
    await server.ask("SET", "telltale:1:{default}:records", "somebody else's");
    const foreign = await command(["status", "--redis", server.url]);
    expect(foreign.code).toBe(1);
    expect(foreign.stderr).toMatch(/^Cannot use Redis at .*: .*WRONGTYPE/);
  }, 60_000);

  test("an operator needs the rights of docs/redis.md, and no others", async () => {
    const rights = [
      ...["resetkeys", "resetchannels", "~telltale:1:{shop}:*", "&telltale:1:{shop}:*", "-@all"],
      ...["+eval", "+evalsha", "+hget", "+hmget", "+hset", "+hdel", "+hgetall", "+xadd", "+time"],
      ...["+publish", "+spublish", "+hello", "+auth", "+ping", "+info", "+xrevrange"],
    ];
    await server.ask("ACL", "SETUSER", "operator", "on", ">pass", ...rights);
    const env = { REDIS_URL: server.url.replace("//", "//operator:pass@") };
    for (const args of [
      ["force-open", "payments", "--why", "x", "--namespace", "shop"],
      ["reset", "payments", "--why", "y", "--namespace", "shop"],
      ["status", "--namespace", "shop"],
      ["audit", "--namespace", "shop"],
    ]) {
      expect(await command(args, env)).toMatchObject({ code: 0, stderr: "" });
    }
    const elsewhere = await command(["status"], env);
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.stderr).toMatch(/NOPERM|permission/i);
    expect(elsewhere.stderr).not.toContain("pass@");
  });

  test("the bundle has the client with it", async () => {
    const { code, stdout } = await command(["status"], { REDIS_URL: server.url }, BUNDLE);
    expect([code, stdout]).toEqual([
      0,
      "Nothing was ever opened, forced or reset in the namespace default.\n",
    ]);
  });
});

describeWith("redis-server")("telltale cluster, against a Redis Cluster", () => {
  test("finds the node that has the keys, and says of one URL that there must be two", async () => {
    const servers = await startRedisCluster();
    try {
      const urls = servers.nodes.map(({ url }) => url).join(",");
      const forced = await command(["force-open", "payments", "--why", "x", "--redis", urls]);
      expect(forced).toMatchObject({ code: 0, stderr: "" });
      const status = await command(["status", "--redis", urls]);
      expect(status.stdout).toMatch(/payments +forced_open/);
      // Of one node alone: it has the keys, or says what to do.
      const each = await Promise.all(
        servers.nodes.map(({ url }) => command(["status", "--redis", url])),
      );
      expect(each.map(({ code }) => code).toSorted()).toEqual([0, 1, 1]);
      for (const { stderr } of each.filter(({ code }) => code === 1)) {
        expect(stderr).toMatch(/MOVED .*name two of its nodes, separated by a comma/);
      }
    } finally {
      await servers.stop();
    }
  }, 120_000);
});

test.each([
  [[], "Cannot run cluster: one of status, force-open, reset, audit must follow"],
  [["statsu"], 'Cannot run cluster: it cannot "statsu", did you mean'],
  [
    ["force-open", "--why", "x"],
    "Cannot run cluster force-open: the name of a breaker must follow",
  ],
  [["reset", "a"], "Cannot run cluster reset: --why must say the reason"],
  [
    ["reset", "a", "--why", "x", "--for", "1m"],
    "Cannot run cluster reset: --for has no use with it",
  ],
  [["status", "--limit", "3"], "Cannot run cluster status: --limit has no use with it"],
  [
    ["audit", "--limit", "0"],
    "Cannot run cluster audit: --limit must be a whole number from 1 to 1000",
  ],
  [
    ["force-open", "a", "--why", "x", "--for", "2d"],
    "Cannot run cluster force-open: --for must be a time",
  ],
  [
    ["force-open", "a", "--why", "x".repeat(257)],
    "--why must have 1 to 256 characters, received 257",
  ],
  [["reset", "a", "--why", "x", "--by", "x".repeat(129)], "--by must have 1 to 128 characters"],
  [["status", "--redis", "http://x:secret@h"], "--redis must be a URL that begins with redis://"],
  [["status", "--prefix", "a{b}"], "--prefix must be letters, digits"],
  [["status", "--namespace", "x".repeat(65)], "--namespace must have 1 to 64 characters"],
  [["status", "x".repeat(257)], "the name of a breaker must have 1 to 256 characters"],
  [["status", "--format", "xml"], "--format must be text or json"],
])("telltale cluster %j is refused before Redis is asked", async (args, message) => {
  const { code, stdout, stderr } = await command(args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("secret");
});
