import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  createEventBus,
  type EventBus,
  fallback,
  permanent,
  pipeline,
  ratioBudget,
  retry,
  type TelltaleEvent,
  timeout,
} from "../../src/index.ts";
import { fetchText, hang, type Loopback, loopback, ok, status } from "../support/loopback.ts";
import { listenersOf } from "../support/policies.ts";

// The dependency is a real HTTP server, with the platform's own timers; limits are short and no duration is asserted.

let server: Loopback;
let bus: EventBus;
let events: TelltaleEvent[];

beforeEach(async () => {
  server = await loopback();
  bus = createEventBus();
  events = [];
  for (const family of ["retry.*", "timeout.*", "fallback.*", "circuit.*"] as const) {
    bus.on<"retry.*">(family as "retry.*", (event) => events.push(event));
  }
});
afterEach(() => server.stop());

const get = (path: string) => (signal?: AbortSignal) => fetchText(`${server.url}${path}`, signal);
const names = (): string[] => events.map(({ type }) => type);
const quick = { initialMs: 1, maxMs: 5 };

test("a server that is busy is asked again when it said it may be", async () => {
  const answers = [
    status(503, { "retry-after-ms": "20" }),
    status(429, { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" }),
  ];
  server.answer = (request, response) => (answers.shift() ?? ok)(request, response);
  const policy = retry("client", { bus, backoff: quick, attempts: 3 });
  await expect(policy.call(get("/orders"))).resolves.toBe("answer to /orders");
  expect(server.requests).toBe(3);
  expect(events).toMatchObject([
    { type: "retry.attempt", retryAfterMs: 20 },
    { type: "retry.attempt", retryAfterMs: 0 },
  ]);
  expect(events[0]).toHaveProperty(
    "delayMs",
    expect.toSatisfy((ms: number) => ms >= 20),
  );
});

test("a server that redirects to a wrong address is an outage: the last good result is served, and stays", async () => {
  const kept = fallback("client", { bus, fail: "closed", cache: { maxAgeMs: 60_000 } });
  const policy = pipeline(kept, retry("client", { bus, backoff: quick, attempts: 2 }));
  await policy.call(get("/orders"), { key: "orders" });
  server.answer = (_, response) => void response.writeHead(302, { location: "http://[bad" }).end();
  for (let n = 0; n < 2; n++) {
    const served = await policy.execute(get("/orders"), { key: "orders" });
    expect(served).toMatchObject({ outcome: "fallback", value: "answer to /orders" });
  }
  expect(server.requests).toBe(5);
});

test("a client's mistake is not asked again", async () => {
  server.answer = status(404);
  const policy = retry("client", { bus, backoff: quick });
  await expect(policy.call(get("/nothing"))).rejects.toMatchObject({ status: 404 });
  expect(server.requests).toBe(1);
});

test("a server that is gone is known as such, and may be asked again for what must not be done twice", async () => {
  await server.stop();
  const policy = retry("client", { bus, backoff: quick, attempts: 4, idempotent: false });
  await expect(policy.call(get("/pay"))).rejects.toMatchObject({
    name: "RetryError",
    reason: "attempts",
    attempts: 4,
    cause: { message: "fetch failed" },
  });
});

test("a connection that is cut in the middle is not asked again when it must not be done twice", async () => {
  server.answer = (request) => request.socket.destroy();
  const policy = retry("client", { bus, backoff: quick, idempotent: false });
  await expect(policy.call(get("/pay"))).rejects.toThrow("fetch failed");
  expect(server.requests).toBe(1);
  await expect(policy.call(get("/pay"), { idempotent: true })).rejects.toMatchObject({
    attempts: 3,
  });
  expect(server.requests).toBe(4);
});

test.each(["abandon", "cooperate"] as const)(
  "a request that hangs is ended at its limit, and the server sees its client go (%s)",
  async (mode) => {
    const closed = new Promise<void>((resolve) => {
      server.answer = (request) => void request.socket.once("close", () => resolve());
    });
    const policy = timeout("client", { bus, limitMs: 30, mode });
    await expect(policy.call(get("/slow"))).rejects.toMatchObject({ name: "TimeoutError" });
    await closed;
    expect(names()).toEqual(["timeout.expired"]);
  },
);

test("a caller who goes away ends the request, the wait and everything else", async () => {
  server.answer = status(503);
  const policy = pipeline(
    timeout("all", { bus, limitMs: 120_000 }),
    retry("client", { bus, backoff: () => 60_000 }),
    timeout("each", { bus, limitMs: 60_000 }),
  );
  const caller = new AbortController();
  const waiting = once(caller.signal, "abort");
  bus.on("retry.attempt", () => void turn().then(() => caller.abort(new Error("gone"))));
  await expect(policy.call(get("/"), { signal: caller.signal })).rejects.toThrow("gone");
  await waiting;
  expect(listenersOf(caller.signal)).toBe(0);
});

test("a dead server's load stays under (1 + budget) times the calls", async () => {
  server.answer = status(503);
  const policy = retry("client", {
    backoff: quick,
    budget: ratioBudget({ ratio: 0.2 }),
    attempts: 5,
  });
  for (let n = 0; n < 50; n++) await policy.execute(get("/"));
  expect(server.requests).toBe(60);
});

test("known keys are served through a whole outage, unknown ones are not, and the events tell it", async () => {
  const breaker = new CircuitBreaker("identity", { bus, failureThreshold: 2, cooldownMs: 100 });
  const identity = pipeline(
    fallback<string>("identity", { bus, fail: "closed", cache: { maxAgeMs: 60_000 } }),
    retry("identity", { bus, backoff: quick, attempts: 2 }),
    bulkhead(breaker, { limit: 4, queue: { limit: 20, maxWaitMs: 1_000 } }),
    breaker,
    timeout("identity", { bus, limitMs: 200 }),
  );
  const ask = (key: string) => identity.execute(get(`/${key}`), { key });
  expect(await ask("alice")).toMatchObject({ outcome: "ok", value: "answer to /alice" });

  for (const outage of ["slow", "wrong", "away"]) {
    if (outage === "slow") server.answer = hang;
    else if (outage === "wrong") server.answer = status(500);
    else await server.stop();
    breaker.reset();
    for (let n = 0; n < 3; n++) {
      expect(await ask("alice")).toMatchObject({
        outcome: "fallback",
        value: "answer to /alice",
        source: "cache",
      });
      expect((await ask("mallory")).outcome).not.toBe("ok");
      expect((await ask("mallory")).outcome).not.toBe("fallback");
    }
  }
  expect(names()).toEqual(
    expect.arrayContaining([
      "timeout.expired",
      "circuit.failure",
      "circuit.open",
      "circuit.skip",
      "retry.attempt",
      "retry.give_up",
      "fallback.served",
    ]),
  );
  const served = events.filter(({ type }) => type === "fallback.served");
  expect(served).toHaveLength(9);
  await server.start();
  server.answer = ok;
  breaker.reset();
  expect(await ask("alice")).toMatchObject({ outcome: "ok", value: "answer to /alice" });
});

test("callers of one key make one request", async () => {
  const policy = fallback<string>("rates", {
    fail: "closed",
    cache: { maxAgeMs: 60_000, key: "all" },
  });
  const results = await Promise.all(Array.from({ length: 20 }, () => policy.call(get("/rates"))));
  expect(new Set(results)).toEqual(new Set(["answer to /rates"]));
  expect(server.requests).toBe(1);
});

test("a server that says no for good takes the last good result away", async () => {
  const policy = fallback<string>("tokens", { fail: "closed", cache: { maxAgeMs: 60_000 } });
  await policy.call(get("/token"), { key: "token" });
  server.answer = status(403);
  await expect(policy.call(get("/token"), { key: "token" })).rejects.toMatchObject({ status: 403 });
  await server.stop();
  await expect(policy.call(get("/token"), { key: "token" })).rejects.toThrow("fetch failed");
});

test("no more requests are under way at the server than the bulkhead lets through", async () => {
  const breaker = new CircuitBreaker("server", { bus });
  const places = pipeline(
    bulkhead(breaker, { limit: 3, queue: { limit: 5, maxWaitMs: 10_000 } }),
    breaker,
  );
  let underWay = 0;
  let most = 0;
  server.answer = (request, response) => {
    most = Math.max(most, ++underWay);
    response.on("close", () => underWay--);
    setImmediate(() => ok(request, response));
  };
  const results = await Promise.all(Array.from({ length: 12 }, () => places.execute(get("/"))));
  expect(most).toBeLessThanOrEqual(3);
  expect(results.filter(({ outcome }) => outcome === "ok")).toHaveLength(8);
  expect(breaker.stats.skips.bulkhead).toBe(4);
  expect(breaker.stats.calls.success).toBe(8);
});

test("an error marked permanent stays what it is through every policy", async () => {
  const gone = permanent(new Error("account closed"));
  const policy = pipeline(
    fallback("f", { bus, fail: "open", value: "none", serveOn: { error: true } }),
    retry("r", { bus, backoff: quick }),
    new CircuitBreaker("b"),
    timeout("t", { bus, limitMs: 5_000 }),
  );
  await expect(
    policy.call(async (signal) => {
      await fetchText(server.url, signal);
      throw gone;
    }),
  ).rejects.toBe(gone);
  expect(server.requests).toBe(1);
});
