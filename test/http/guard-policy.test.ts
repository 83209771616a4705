import { afterEach, beforeEach, expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { errorKind, isTransient, pipeline, retry, timeout } from "../../src/index.ts";
import { type GuardedServer, guardedServer } from "../support/guarded-server.ts";
import { hang, ok, status } from "../support/loopback.ts";
import { networkError } from "../support/policies.ts";

let given: GuardedServer;

beforeEach(async () => {
  given = await guardedServer();
});
afterEach(() => given.server.stop());

const patient = () =>
  retry("client", {
    attempts: 3,
    backoff: { initialMs: 1, maxMs: 2 },
    shouldRetryResult: (value) => value instanceof Response && value.status >= 500,
  });
const guard = (policy = patient()) => guardFetch(fetch, { policy });

/** Answers in turn, then well. */
const inTurn = (...codes: number[]) => {
  given.server.answer = (request, response) => {
    const code = codes.shift();
    (code === undefined ? ok : status(code))(request, response);
  };
};

test("option policy: each attempt asks the breaker", async () => {
  inTurn(503, 500);
  const { breaker, server } = given;
  breaker.reset();
  const guarded = guardFetch(fetch, { policy: patient(), defaults: { failureThreshold: 5 } });
  await expect((await guarded(server.url)).text()).resolves.toBe("answer to /");
  expect(server.requests).toBe(3);
  const [own] = guarded.breakers;
  expect(own?.stats.calls).toMatchObject({ error: 2, success: 1 });
});

test.each([
  { method: "GET", requests: 2 },
  { method: "PUT", requests: 2 },
  { method: "DELETE", requests: 2 },
  { method: "POST", requests: 1 },
  { method: "PATCH", requests: 1 },
])("option policy: $method is made $requests times when it may have been done", async (row) => {
  const { method, requests } = row;
  inTurn(500);
  const response = await guard()(given.server.url, { method });
  expect([response.status, given.server.requests]).toEqual([requests === 2 ? 200 : 500, requests]);
});

test("option policy: the attempts of a Request send its body each time", async () => {
  const bodies: string[] = [];
  given.server.answer = async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    (bodies.length === 1 ? status(500) : ok)(request, response);
  };
  const put = new Request(given.server.url, { method: "PUT", body: "whole" });
  await expect(guard()(put)).resolves.toMatchObject({ status: 200 });
  expect(bodies).toEqual(["whole", "whole"]);
});

test("option policy: a body that is a stream is sent once", async () => {
  inTurn(429, 500);
  const body = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("once"));
        controller.close();
      },
    });
  const init = () => ({ method: "PUT", body: body(), duplex: "half" as const });
  await expect(guard()(given.server.url, init())).resolves.toMatchObject({ status: 429 });
  await expect(guard()(given.server.url, init())).resolves.toMatchObject({ status: 500 });
  expect(given.server.requests).toBe(2);
  await given.server.stop();
  await expect(guard()(given.server.url, init())).rejects.toThrow("fetch failed");
});

test("option policy: what failed before a stream was sent is not repeated, nor permanent for others", async () => {
  const refused = networkError("ECONNREFUSED", "connect");
  let attempts = 0;
  const guarded = guardFetch(
    async (_: string, __?: RequestInit): Promise<Response> => {
      attempts++;
      throw refused;
    },
    { policy: patient() },
  );
  const post = guarded(given.server.url, { method: "POST", body: new Blob(["once"]).stream() });
  await expect(post).rejects.toBe(refused);
  expect(attempts).toBe(1);
  // A fallback outside may serve for it, and the next request has a body of its own.
  expect(errorKind(refused)).toBe("unsent");
});

test("option policy: the reason of an abort comes through untouched, also when the body is a stream", async () => {
  given.server.answer = hang;
  const leaving = new AbortController();
  const init = { method: "POST", body: new Blob(["once"]).stream(), duplex: "half" as const };
  const left = guard()(given.server.url, { ...init, signal: leaving.signal });
  leaving.abort("no more");
  await expect(left).rejects.toBe("no more");
});

test.each([
  { name: "timeout", policy: timeout("client", { limitMs: 60_000 }) },
  { name: "retry with totalMs", policy: retry("client", { totalMs: 60_000 }) },
])("option policy: $name leaves the body to the caller's signal", async ({ policy }) => {
  given.server.answer = (_, response) => void response.writeHead(200).write("begun");
  const { breaker, server } = given;
  const guarded = guardFetch(fetch, { breaker, policy });
  const leaving = new AbortController();
  const response = await guarded(server.url, { signal: leaving.signal });
  const reading = response.text();
  leaving.abort();
  await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  expect(breaker.stats.calls).toMatchObject({ cancelled: 1, error: 0 });
});

test.each([
  { code: 503, requests: 2 },
  { code: 429, requests: 2 },
  { code: 404, requests: 1 },
  { code: 501, requests: 1 },
])("isTransient() says which responses are worth another try: $code", async (row) => {
  inTurn(row.code);
  const policy = retry("client", { backoff: () => 1, shouldRetryResult: isTransient });
  await guardFetch(fetch, { policy })(given.server.url);
  expect(given.server.requests).toBe(row.requests);
});

test("option policy: a time limit ends the attempt, and the breaker sees latency", async () => {
  given.server.answer = hang;
  const guarded = guardFetch(fetch, {
    policy: pipeline(timeout("upstream", { limitMs: 20 })),
  });
  await expect(guarded(given.server.url)).rejects.toMatchObject({ name: "TimeoutError" });
  const [own] = guarded.breakers;
  while (own?.stats.calls.latency === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(own?.stats.calls).toMatchObject({ latency: 1, error: 0 });
});

test("option policy: the caller's signal ends the retries", async () => {
  given.server.answer = status(500);
  const leaving = AbortSignal.abort(new Error("left"));
  await expect(guard()(given.server.url, { signal: leaving })).rejects.toThrow("left");
  expect(given.server.requests).toBe(0);
});

test("option policy with refusal: a retry that gave up on a refusal is answered 503", async () => {
  given.breaker.forceOpen();
  const { breaker } = given;
  const guarded = guardFetch(fetch, { breaker, policy: patient(), refusal: "response" });
  await expect(guarded(given.server.url)).resolves.toMatchObject({ status: 503 });
  expect(given.server.requests).toBe(0);
});
