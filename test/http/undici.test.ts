import { Agent, type Dispatcher, request, fetch as undiciFetch } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  breakerInterceptor,
  type DispatchHandler,
  type DispatchRequest,
  refusalResponse,
} from "../../src/http/index.ts";
import { CircuitBreaker, createEventBus, pipeline, refusalOf, retry } from "../../src/index.ts";
import { type GuardedServer, guardedServer } from "../support/guarded-server.ts";
import { status } from "../support/loopback.ts";

let given: GuardedServer;
let dispatcher: ReturnType<Agent["compose"]>;

beforeEach(async () => {
  given = await guardedServer();
  const { breaker, clock } = given;
  dispatcher = new Agent().compose(breakerInterceptor({ breaker, clock, bodyLeaseMs: 3_000 }));
});
afterEach(async () => {
  await dispatcher.destroy();
  await given.server.stop();
});

const calls = () => given.breaker.stats.calls;

test("breakerInterceptor() counts a body that was read to its end", async () => {
  const { body } = await request(`${given.server.url}/orders`, { dispatcher });
  await expect(body.text()).resolves.toBe("answer to /orders");
  expect(calls()).toMatchObject({ success: 1 });
});

test("breakerInterceptor() opens for failing answers, and as long as Retry-After asks", async () => {
  const { server, breaker } = given;
  server.answer = status(503, { "retry-after": "5" });
  for (const _ of [1, 2]) await (await request(server.url, { dispatcher })).body.dump();
  await expect(request(server.url, { dispatcher })).rejects.toMatchObject({
    code: "ERR_CIRCUIT_OPEN",
  });
  expect([server.requests, breaker.retryAfterMs]).toEqual([2, 5_000]);
});

test("breakerInterceptor() refuses a fetch that uses the dispatcher", async () => {
  given.breaker.forceOpen();
  await expect(undiciFetch(given.server.url, { dispatcher })).rejects.toMatchObject({
    message: "fetch failed",
    cause: { code: "ERR_CIRCUIT_OPEN" },
  });
});

test.each([
  { heads: [200, 200], counts: { success: 1, error: 0 } },
  { heads: [503, 200], counts: { success: 0, error: 1 } },
])(
  "breakerInterceptor() counts a request once that brings the heads $heads",
  ({ heads, counts }) => {
    const { breaker, clock } = given;
    const interceptor = breakerInterceptor({ breaker, clock });
    const repeating = interceptor((_: DispatchRequest, handler: DispatchHandler) => {
      // Wrong on purpose: an interceptor inside that hands on every attempt. Only undici has a controller.
      const nothing = null as never;
      for (const head of heads) handler.onResponseStart?.(nothing, head, nothing);
      handler.onResponseEnd?.(nothing, nothing);
      return true;
    });
    const asked = { origin: given.server.url, path: "/", method: "GET" };
    repeating(asked, {});
    clock.advance(60_000);
    repeating(asked, {});
    expect(calls()).toMatchObject({ success: counts.success * 2, error: counts.error * 2 });
  },
);

test("trap 11: a fetch that the interceptor refused is unreached around it, and is told as a refusal", async () => {
  const { server, breaker, clock } = given;
  breaker.forceOpen("test", { forMs: 60_000 });
  const around = new CircuitBreaker("around", { clock, failureThreshold: 1 });
  const waits: unknown[] = [];
  const bus = createEventBus();
  bus.on("retry.give_up", ({ reason }) => void waits.push(reason));
  const guarded = pipeline(retry("orders", { bus, clock }), around);
  const failed = await guarded
    .call(() => undiciFetch(server.url, { dispatcher }))
    .catch((error: unknown) => error);
  expect(around.stats.calls).toMatchObject({ unreached: 1, error: 0 });
  // It is not tried again before the breaker would take it, which is too long to wait for.
  expect(waits).toEqual(["retry_after"]);
  expect(refusalOf(failed)).toMatchObject({ breaker: breaker.name });
  expect(refusalResponse(failed)?.headers.get("retry-after")).toBe("60");
});

test("breakerInterceptor() counts a body that breaks in the middle", async () => {
  given.server.answer = (_, response) => {
    response.writeHead(200).write("begun");
    setImmediate(() => response.destroy());
  };
  const { body } = await request(given.server.url, { dispatcher });
  await expect(body.text()).rejects.toThrow();
  expect(calls()).toMatchObject({ error: 1, success: 0 });
});

test("breakerInterceptor() gives no verdict for a body that is left or aborted", async () => {
  given.server.answer = (_, response) => void response.writeHead(200).write("begun");
  const { body } = await request(given.server.url, { dispatcher });
  body.on("error", () => {});
  body.destroy();
  const leaving = new AbortController();
  const { signal } = leaving;
  const second = await request(given.server.url, { dispatcher, signal });
  const reading = second.body.text();
  leaving.abort();
  await expect(reading).rejects.toThrow();
  expect(calls()).toMatchObject({ cancelled: 2, error: 0, success: 0 });
});

test("breakerInterceptor() counts a server that is gone", async () => {
  await given.server.stop();
  await expect(request(given.server.url, { dispatcher })).rejects.toThrow("ECONNREFUSED");
  expect(calls()).toMatchObject({ error: 1 });
});

test("breakerInterceptor() counts HEAD and 204 at once, and a body that nobody reads after its lease", async () => {
  const { server, clock } = given;
  await request(server.url, { dispatcher, method: "HEAD" });
  server.answer = (_, response) => void response.writeHead(204).end();
  await request(server.url, { dispatcher });
  expect(calls()).toMatchObject({ success: 2 });
  server.answer = (_, response) => void response.end("x".repeat(1_000_000));
  await request(server.url, { dispatcher });
  clock.advance(3_000);
  await request(server.url, { dispatcher });
  expect(calls()).toMatchObject({ success: 3 });
});

test("breakerInterceptor() names the host that is asked, whatever the path looks like", async () => {
  const interceptor = breakerInterceptor();
  const own = new Agent().compose(interceptor);
  const { host } = new URL(given.server.url);
  for (const path of ["//other.example/x", "/\\other.example", "/http://other.example/"]) {
    const { body } = await request(given.server.url + path, { dispatcher: own });
    await body.dump();
  }
  expect([...interceptor.breakers].map(({ name }) => name)).toEqual([host]);
  await own.destroy();
});

test("breakerInterceptor() guards CONNECT by the proxy that is asked", async () => {
  const interceptor = breakerInterceptor();
  const own = new Agent().compose(interceptor);
  const { url } = given.server;
  const connecting = own.connect({ origin: url, path: "far.example:443" });
  await expect(connecting).rejects.toThrow("other side closed");
  const [breaker] = interceptor.breakers;
  expect(breaker?.name).toBe(new URL(url).host);
  expect(breaker?.stats.calls).toMatchObject({ error: 1 });
  await own.destroy();
});

test("breakerInterceptor() leaves it to undici to refuse wrong arguments, which count for nothing", async () => {
  const { server } = given;
  const wrong = [{ path: "no slash" }, { path: "/", method: 7 }, { path: "/", headers: "none" }];
  for (const options of wrong) {
    // Wrong on purpose.
    const given = { origin: server.url, method: "GET", ...options } as Dispatcher.RequestOptions;
    await expect(dispatcher.request(given)).rejects.toMatchObject({ code: "UND_ERR_INVALID_ARG" });
  }
  await dispatcher.close();
  await expect(request(server.url, { dispatcher })).rejects.toMatchObject({
    code: expect.stringMatching(/^UND_ERR_(CLOSED|DESTROYED)$/),
  });
  expect(calls()).toMatchObject({ error: 0, success: 0 });
});

test("breakerInterceptor() has a breaker for each route, and refuses unknown options", async () => {
  const interceptor = breakerInterceptor({ routes: ["/users/:id"] });
  const own = new Agent().compose(interceptor);
  await (await request(`${given.server.url}/users/7`, { dispatcher: own })).body.text();
  const { host } = new URL(given.server.url);
  expect([...interceptor.breakers].map(({ name }) => name)).toEqual([`${host} /users/:id`]);
  await own.destroy();
  // @ts-expect-error no option of the interceptor
  expect(() => breakerInterceptor({ refusal: "response" })).toThrow('unknown option "refusal"');
});
