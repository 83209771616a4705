import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Redis as Ioredis } from "ioredis";
import { createClient, createClientPool, createSentinel } from "redis";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Backplane,
  type Operation,
  type RedisBackplaneOptions,
  redisBackplane,
} from "../../src/redis/index.ts";
import { describeWith } from "../support/programs.ts";
import { CLIENTS } from "../support/redis-clients.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const DEAF = { message: () => {}, forged: () => {}, lost: () => {} };
const ON = { key: "b:payments", by: "t", base: { e: 0, v: 0 } };
const FORCE: Operation = { do: "force", ...ON, forMs: 0, note: "", incident: "" };

const [[, someClient] = []] = CLIENTS;
const client = () => {
  if (someClient === undefined) throw new Error("There are clients");
  return someClient({ port: 1, url: "redis://127.0.0.1:1" });
};

test.each<[unknown, ErrorConstructor, string]>([
  [{ prefix: "" }, RangeError, "prefix must be a string of 1 to 64 characters"],
  [{ prefix: "a{b}" }, RangeError, 'prefix must be letters, digits and . : / - _, received "a{b}"'],
  [{ prefix: "a*" }, RangeError, "prefix must be letters, digits"],
  [{ secret: "short" }, RangeError, 'secret must be at least 16 characters, received "*****"'],
  [{ secret: 5 }, TypeError, "secret must be a string"],
  [{ connectMs: 0 }, RangeError, "connectMs must be a positive number of milliseconds"],
  [{ conectMs: 1 }, TypeError, 'unknown option "conectMs", did you mean "connectMs"'],
  [5, TypeError, "options must be an object"],
])("redisBackplane() refuses the options %j", (options, kind, message) => {
  // Wrong on purpose.
  const make = () => redisBackplane(client(), options as RedisBackplaneOptions);
  expect(make).toThrow(kind);
  expect(make).toThrow(`Cannot make Redis backplane: ${message}`);
});

test.each<[string, () => unknown]>([
  ["nothing", () => undefined],
  ["a text", () => "redis://127.0.0.1"],
  ["an object", () => ({})],
  ["a pool", () => createClientPool()],
  ["a client of sentinels", () => createSentinel({ name: "x", sentinelRootNodes: [] })],
])("redisBackplane() refuses %s as a client", (_what, make) => {
  // Wrong on purpose.
  expect(() => redisBackplane(make() as never)).toThrow(
    /Cannot make Redis backplane: client must be a client of redis or ioredis/,
  );
});

test.each(CLIENTS)(
  "connectMs: a server that accepts and never answers is given up, with %s",
  async (_, make) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.resume());
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("A port was expected");
    const { port } = address;
    const backplane = redisBackplane(make({ port, url: `redis://127.0.0.1:${port}` }), {
      connectMs: 50,
    });
    await expect(backplane.connect(DEAF, "shop")).rejects.toThrow(
      /Cannot connect to Redis: no answer within 50 ms|timeout|ETIMEDOUT/i,
    );
    await backplane.close();
    // Nothing of the attempt is left.
    await until(() => sockets.length > 0 && sockets.every(({ readableEnded }) => readableEnded));
    for (const socket of sockets) socket.destroy();
    server.close();
  },
);

describeWith("redis-server").each(CLIENTS)("redisBackplane() with %s", (name, make) => {
  let server: RedisServer;
  const made: Backplane[] = [];
  const backplaneOf = (options?: RedisBackplaneOptions) => {
    const backplane = redisBackplane(make(server), options);
    made.push(backplane);
    return backplane;
  };

  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    for (const backplane of made.splice(0)) await backplane.close();
    await server.stop();
  });

  test("prefix: every key begins with it, then the protocol's major and the namespace as hash tag", async () => {
    const backplane = backplaneOf({ prefix: "acme:prod" });
    await backplane.connect(DEAF, "shop {1}");
    await backplane.run(FORCE);
    const keys = await server.ask("KEYS", "*");
    const root = "acme:prod:1:{shop%20;%7b;1%7d;}:";
    for (const name of ["records", "meta", "audit"]) expect(keys).toContain(root + name);
    expect(keys.match(/acme:prod/g)?.length).toBe(3);
    expect(await server.ask("PUBSUB", "SHARDCHANNELS")).toContain(`${root}channel`);
  });

  test("lost() is told once when either connection ends by itself, and nothing runs until it is opened again", async () => {
    const told = { lost: 0 };
    const backplane = backplaneOf();
    await backplane.connect({ ...DEAF, lost: () => told.lost++ }, "shop");
    for (const type of ["pubsub", "normal"]) {
      const before = told.lost;
      await server.ask("CLIENT", "KILL", "TYPE", type);
      await until(() => told.lost > before);
      expect(told.lost).toBe(before + 1);
      await expect(backplane.run(FORCE)).rejects.toThrow(
        "Cannot ask Redis: there is no connection",
      );
      await backplane.reconnect();
      await expect(backplane.run(FORCE)).resolves.toMatchObject({ at: expect.any(Number) });
    }
    // The one that asks, and the two that are open: nothing of the earlier ones is left.
    await until(async () => {
      const clients = await server.ask("INFO", "clients");
      return clients.includes("connected_clients:3");
    });
  });

  test("a client with a key prefix keeps to the names all the same", async () => {
    const backplane = redisBackplane(
      name === "ioredis"
        ? new Ioredis({ port: server.port, keyPrefix: "mine:", lazyConnect: true })
        : createClient({ url: server.url, keyPrefix: "mine:" }),
    );
    made.push(backplane);
    await backplane.connect(DEAF, "shop");
    await backplane.run(FORCE);
    expect(await server.ask("EXISTS", "telltale:1:{shop}:records")).toBe(":1");
  });

  test("a name, a note or a task with half a character does not keep the others from the store", async () => {
    const backplane = backplaneOf();
    await backplane.connect(DEAF, "shop");
    const odd = { ...FORCE, key: "b:\ud800", note: "cut \ud83d", by: "\udc00" };
    await expect(backplane.run(odd)).resolves.toMatchObject({ outcome: "written" });
  });
});
