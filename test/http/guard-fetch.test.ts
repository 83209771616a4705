import { expect, test } from "vitest";
import { type GuardFetchOptions, guardFetch, HttpStatusError } from "../../src/http/index.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { eachGuarded } from "../support/guarded-server.ts";
import { ok, status } from "../support/loopback.ts";

const { given, guard, calls } = eachGuarded();

test("guardFetch() gives the response that fetch gave, and its text", async () => {
  const { server, told } = given;
  const response = await guard()(`${server.url}/orders`);
  expect(response).toBeInstanceOf(Response);
  expect(response.url).toBe(`${server.url}/orders`);
  await expect(response.text()).resolves.toBe("answer to /orders");
  expect(told()).toEqual(["circuit.success"]);
});

test.each([500, 502, 503, 529, 429])("guardFetch() counts HTTP %i as an error", async (code) => {
  given.server.answer = status(code);
  const response = await guard()(given.server.url);
  expect(response.status).toBe(code);
  await expect(response.text()).resolves.toBe("no");
  expect(given.events).toMatchObject([
    { type: "circuit.failure", reason: "error", error: { message: `HTTP ${code}` } },
    { type: "circuit.progress" },
  ]);
});

test.each([400, 401, 404, 409, 422])("guardFetch() counts HTTP %i as a success", async (code) => {
  given.server.answer = status(code);
  await (await guard()(given.server.url)).text();
  expect(calls()).toMatchObject({ success: 1, error: 0 });
});

test("guardFetch() rejects with CircuitOpenError, whose cause is the status, and asks nobody", async () => {
  const { server } = given;
  server.answer = status(503);
  const guarded = guard();
  await guarded(server.url);
  await guarded(server.url);
  await expect(guarded(server.url)).rejects.toMatchObject({
    code: "ERR_CIRCUIT_OPEN",
    breaker: "upstream",
    retryAfterMs: 1_000,
    cause: new HttpStatusError(503),
  });
  expect(server.requests).toBe(2);
});

test("option refusal: a refusal is a response of status 503 with Retry-After", async () => {
  given.breaker.forceOpen("maintenance", { forMs: 2_500 });
  const response = await guard({ refusal: "response" })(given.server.url);
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("3");
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  await expect(response.json()).resolves.toMatchObject({ status: 503, breaker: "upstream" });
});

test("option refusal: what is no refusal still rejects", async () => {
  await given.server.stop();
  await expect(guard({ refusal: "response" })(given.server.url)).rejects.toThrow("fetch failed");
});

test.each([
  { form: "seconds", header: () => "7", cooldownMs: 7_000 },
  { form: "two values, the longest", header: () => "3, 7", cooldownMs: 7_000 },
  {
    form: "a date",
    header: () => new Date(given.clock.epochMs() + 9_000).toUTCString(),
    cooldownMs: 9_000,
  },
])("guardFetch() stays open as long as Retry-After asks: $form", async ({ header, cooldownMs }) => {
  const { server, breaker } = given;
  server.answer = status(429, { "retry-after": header() });
  const guarded = guard();
  await guarded(server.url);
  await guarded(server.url);
  expect(breaker.retryAfterMs).toBe(cooldownMs);
});

test.each([
  { form: "0 seconds", header: () => "0" },
  {
    form: "a date in the past",
    header: () => new Date(given.clock.epochMs() - 9_000).toUTCString(),
  },
])("guardFetch() stays open for its own cooldown when Retry-After asks for $form", async (row) => {
  const { server, breaker } = given;
  server.answer = status(503, { "retry-after": row.header() });
  const guarded = guard();
  await guarded(server.url);
  await guarded(server.url);
  expect([breaker.state, breaker.retryAfterMs]).toEqual(["open", 1_000]);
});

test("option maxRetryAfterMs bounds what Retry-After may ask", async () => {
  const { server, breaker } = given;
  server.answer = status(503, { "retry-after": "86400" });
  const guarded = guard({ maxRetryAfterMs: 60_000 });
  await guarded(server.url);
  await guarded(server.url);
  expect(breaker.retryAfterMs).toBe(60_000);
});

test("guardFetch() counts a server that is gone as an error, its error untouched", async () => {
  await given.server.stop();
  await expect(guard()(given.server.url)).rejects.toMatchObject({
    message: "fetch failed",
    cause: { code: "ECONNREFUSED" },
  });
  expect(calls()).toMatchObject({ error: 1 });
});

test("guardFetch() counts a TimeoutError as latency and an abort as cancelled", async () => {
  given.server.answer = () => {};
  const guarded = guard();
  const late = new DOMException("too late", "TimeoutError");
  await expect(guarded(given.server.url, { signal: AbortSignal.abort(late) })).rejects.toBe(late);
  expect(calls()).toMatchObject({ latency: 1, cancelled: 0 });
  const leaving = new AbortController();
  const left = guarded(given.server.url, { signal: leaving.signal });
  leaving.abort();
  await expect(left).rejects.toMatchObject({ name: "AbortError" });
  expect(calls()).toMatchObject({ latency: 1, cancelled: 1, error: 0 });
});

test("guardFetch() counts an abort by a time limit as latency, whatever the fetch throws then", async () => {
  const gone = async (): Promise<Response> => {
    throw new DOMException("The user aborted a request.", "AbortError");
  };
  const guarded = guardFetch(async (_: string, __?: { readonly signal?: AbortSignal }) => gone(), {
    breaker: given.breaker,
  });
  const late = AbortSignal.abort(new DOMException("too late", "TimeoutError"));
  await expect(guarded("http://127.0.0.1/", { signal: late })).rejects.toThrow("aborted");
  expect(calls()).toMatchObject({ latency: 1, cancelled: 0 });
  await expect(guarded("http://127.0.0.1/")).rejects.toThrow("aborted");
  expect(calls()).toMatchObject({ latency: 1, cancelled: 1 });
});

test("guardFetch() hears the signal of a Request, too, with a reason of its own", async () => {
  given.server.answer = () => {};
  const leaving = new AbortController();
  const left = guard()(new Request(given.server.url, { signal: leaving.signal }));
  leaving.abort(new Error("not needed"));
  await expect(left).rejects.toThrow("not needed");
  expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
});

test("guardFetch() counts a slow head as latency, however the body goes on", async () => {
  const { server, clock } = given;
  server.answer = (request, response) => {
    clock.advance(501);
    ok(request, response);
  };
  await (await guard()(server.url)).text();
  expect(calls()).toMatchObject({ latency: 1 });
});

test("guardFetch() tells a slow head at once, whether its body is read or not", async () => {
  const { server, clock, told } = given;
  server.answer = (request, response) => {
    clock.advance(501);
    ok(request, response);
  };
  const response = await guard()(server.url);
  expect(told()).toEqual(["circuit.failure", "circuit.progress"]);
  await response.text();
  expect(calls()).toMatchObject({ latency: 1, success: 0 });
});

test("guardFetch() does not take a stream whose head came in time for a call that hangs", async () => {
  const { clock, server } = given;
  server.answer = (_, response) => void response.writeHead(200).write("begun");
  const options = { clock, failureThreshold: 2, latencyTripMs: 500, inFlight: true };
  const streaming = new CircuitBreaker("streaming", options);
  const guarded = guard({ breaker: streaming });
  const responses = [await guarded(server.url), await guarded(server.url)];
  clock.advance(5_000);
  expect(streaming.state).toBe("closed");
  for (const { body } of responses) await body?.cancel();
  expect(streaming.state).toBe("closed");
});

test("guardFetch() takes a request without a head for a call that hangs", async () => {
  const { clock, server } = given;
  server.answer = () => {};
  const options = { clock, failureThreshold: 2, latencyTripMs: 500, inFlight: true };
  const hanging = new CircuitBreaker("hanging", options);
  const guarded = guard({ breaker: hanging });
  const leaving = new AbortController();
  const { signal } = leaving;
  const left = [1, 2].map(() => guarded(server.url, { signal }).catch(() => {}));
  clock.advance(501);
  expect(hanging.state).toBe("open");
  leaving.abort();
  await Promise.all(left);
});

test("guardFetch() does not count the time of a long body", async () => {
  const { server, clock } = given;
  const response = await guard()(server.url);
  clock.advance(9_000);
  await response.text();
  expect(calls()).toMatchObject({ success: 1, latency: 0 });
});

test.each([
  { answer: "HEAD", init: { method: "HEAD" }, code: 200 },
  { answer: "204", init: {}, code: 204 },
  { answer: "304", init: {}, code: 304 },
])("guardFetch() counts an answer without a body at once: $answer", async ({ init, code }) => {
  given.server.answer = (_, response) => void response.writeHead(code).end();
  await guard()(given.server.url, init);
  expect(calls()).toMatchObject({ success: 1 });
});

test("guardFetch() takes a Request, a URL, and an init over them", async () => {
  const seen: string[] = [];
  const guarded = guardFetch(fetch, {
    nameOf: ({ url, method }) => {
      seen.push(`${method} ${url.pathname}`);
      return "one";
    },
  });
  const { url } = given.server;
  await guarded(new Request(`${url}/a`, { method: "POST", body: "x" }));
  await guarded(new URL(`${url}/b`), { method: "delete" });
  await guarded(new Request(`${url}/c`), { method: "PUT", body: "y" });
  expect(seen).toEqual(["POST /a", "DELETE /b", "PUT /c"]);
});

test("guardFetch() counts redirects for the host that was asked", async () => {
  const { server } = given;
  server.answer = (request, response) => {
    if (request.url === "/old") response.writeHead(302, { location: "/new" }).end();
    else ok(request, response);
  };
  const response = await guard()(`${server.url}/old`);
  expect([response.redirected, response.url]).toEqual([true, `${server.url}/new`]);
  await expect(response.text()).resolves.toBe("answer to /new");
  expect(calls()).toMatchObject({ success: 1 });
});

test("guardFetch() puts the context of a request on its events, and on a skip", async () => {
  const { server, events, breaker } = given;
  server.answer = status(500);
  const guarded = guard();
  await guarded(server.url, { context: { delivery: "d-1" } });
  breaker.forceOpen();
  await expect(guarded(server.url, { context: { delivery: "d-2" } })).rejects.toThrow();
  expect(events).toMatchObject([
    { type: "circuit.failure", context: { delivery: "d-1" } },
    { type: "circuit.progress" },
    { type: "circuit.open" },
    { type: "circuit.skip", context: { delivery: "d-2" } },
  ]);
});

test("guardFetch() does not hand the context to fetch, and refuses one that is none", async () => {
  const seen: unknown[] = [];
  const guarded = guardFetch(
    async (_: string, init?: RequestInit) => {
      seen.push(init);
      return new Response("x");
    },
    { breaker: given.breaker },
  );
  await guarded("http://127.0.0.1/", { context: { a: 1 }, method: "POST" });
  expect(seen).toEqual([{ method: "POST" }]);
  // @ts-expect-error a context is flat
  await expect(guarded("http://127.0.0.1/", { context: { a: {} } })).rejects.toThrow("context.a");
});

test("option registry: breakers come from it, by name", async () => {
  const asked: string[] = [];
  const registry = {
    get(name: string) {
      asked.push(name);
      return given.breaker;
    },
  };
  const guarded = guardFetch(fetch, { registry });
  await (await guarded(given.server.url)).text();
  expect(asked).toEqual([new URL(given.server.url).host]);
  expect([...guarded.breakers]).toEqual([]);
});

test("option defaults: its own breakers have them", async () => {
  given.server.answer = status(500);
  const guarded = guardFetch(fetch, { defaults: { failureThreshold: 1 } });
  await guarded(given.server.url);
  await expect(guarded(given.server.url)).rejects.toThrow("is open");
});

test("option classify decides, undefined leaves it to the default, and its failure is told", async () => {
  const { server, told } = given;
  const answers: unknown[] = ["ignored", undefined, "no word"];
  const guarded = guard({ classify: () => answers.shift() as "ignored" });
  server.answer = status(500);
  await guarded(server.url);
  expect(told()).toEqual(["circuit.ignored"]);
  await guarded(server.url);
  expect(told()).toEqual(["circuit.failure", "circuit.progress"]);
  await guarded(server.url);
  expect(told()).toEqual(["circuit.callback_failed", "circuit.failure", "circuit.open"]);
});

test("option classify: a 404 may be an error, an error may be ignored", async () => {
  const { server } = given;
  const guarded = guard({
    classify: (request) =>
      request.ok ? (request.response.status === 404 ? "error" : undefined) : "ignored",
  });
  server.answer = status(404);
  await guarded(server.url);
  await server.stop();
  await expect(guarded(server.url)).rejects.toThrow("fetch failed");
  expect(calls()).toMatchObject({ error: 1, ignored: 1 });
});

test("guardFetch() leaves it to fetch to refuse what is no address", async () => {
  await expect(guard()("not an address")).rejects.toThrow(TypeError);
  expect(calls()).toMatchObject({ error: 0, unreached: 0 });
});

test("guardFetch() counts the refusal of a guard inside as unreached", async () => {
  const inner = new CircuitBreaker("inner");
  inner.forceOpen();
  const guarded = guardFetch(guardFetch(fetch, { breaker: inner }), { breaker: given.breaker });
  await expect(guarded(given.server.url)).rejects.toMatchObject({ breaker: "inner" });
  expect(calls()).toMatchObject({ unreached: 1, error: 0 });
});

const breaker = new CircuitBreaker("given");

test.each(["ended", "broken", "left"] as const)(
  "guards around each other all learn how a body came to its end: %s",
  async (end) => {
    const { server } = given;
    server.answer = (_, response) => {
      response.writeHead(200).write("begun");
      if (end === "ended") response.end();
      if (end === "broken") setImmediate(() => response.destroy());
    };
    const breakers = ["inner", "middle", "outer"].map((name) => new CircuitBreaker(name));
    let guarded: typeof fetch = fetch;
    for (const breaker of breakers) guarded = guardFetch(guarded, { breaker }) as typeof fetch;
    const { body } = await guarded(server.url);
    const reader = body?.getReader();
    await reader?.read();
    if (end === "left") await reader?.cancel();
    else await reader?.read().catch(() => {});
    const counted = { ended: "success", broken: "error", left: "cancelled" } as const;
    for (const { stats } of breakers) expect(stats.calls[counted[end]]).toBe(1);
  },
);

test("guardFetch() counts a response that was read before by its head", async () => {
  const again = new Response("x");
  const guarded = guardFetch(async (_: string, __?: object) => again, { breaker: given.breaker });
  await (await guarded("http://127.0.0.1/")).text();
  await guarded("http://127.0.0.1/");
  expect(calls()).toMatchObject({ success: 2 });
});

test.each([
  { options: { rotes: [] }, message: 'unknown option "rotes"' },
  { options: { breaker: {} }, message: "breaker must be a CircuitBreaker" },
  { options: { routes: ["users"] }, message: 'routes[0] must be a template such as "/users/:id"' },
  { options: { bodyLeaseMs: -1 }, message: "bodyLeaseMs must be a non-negative number" },
  { options: { maxRetryAfterMs: "1" }, message: "maxRetryAfterMs must be a non-negative number" },
  { options: { refusal: "503" }, message: 'refusal must be "throw" or "response"' },
  {
    options: { breaker, routes: ["/a"] },
    message: "routes must be left out where breaker is given",
  },
  { options: { breaker, nameOf: () => "a" }, message: "nameOf must be left out where breaker" },
  { options: { policy: {} }, message: "policy must be a policy or a pipeline" },
  { options: { defaults: { failureThreshold: 0 } }, message: "failureThreshold must be" },
  { options: { defaults: { classify: () => "error" } }, message: "defaults.classify must be left" },
  { options: { registry: {} }, message: "registry.get must be a function" },
  { options: { defaults: {}, registry: { get: () => {} } }, message: "breaker must be the only" },
  { options: { classify: 1 }, message: "classify must be a function" },
  { options: { nameOf: 1 }, message: "nameOf must be a function" },
  { options: { clock: {} }, message: "clock.monotonicMs must be a function" },
])("guardFetch() refuses $message", ({ options, message }) => {
  expect(() => guardFetch(fetch, options as GuardFetchOptions)).toThrow(message);
});
