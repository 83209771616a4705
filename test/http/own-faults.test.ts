import { getEventListeners } from "node:events";
import { Readable } from "node:stream";
import { Agent, interceptors, request } from "undici";
import { expect, test } from "vitest";
import { breakerInterceptor, guardFetch } from "../../src/http/index.ts";
import { CircuitBreaker, createEventBus, errorKind, retry } from "../../src/index.ts";
import { eachGuarded } from "../support/guarded-server.ts";

const { given, guard, calls } = eachGuarded();

const spent = async (): Promise<Request> => {
  const request = new Request(given.server.url, { method: "POST", body: "x" });
  await request.text();
  return request;
};
const half = async (): Promise<ReadableStream> => {
  const body = new Blob(["x".repeat(100_000)]).stream();
  const reader = body.getReader();
  await reader.read();
  reader.releaseLock();
  return body;
};
class Init {
  readonly method = "GET";
  get body() {
    return "x";
  }
}
type Fetched = typeof fetch;

const mistakes: Record<string, (to: Fetched) => Promise<unknown>> = {
  "a GET with a body": (to) => to(given.server.url, { method: "GET", body: "x" }),
  "a GET with a body, by an init of a class": (to) => to(given.server.url, new Init()),
  "a GET with the body of a Request": (to) =>
    to(new Request(given.server.url, { method: "POST", body: "x" }), { method: "GET" }),
  "a Request that was read before": async (to) => to(await spent()),
  "a Request that was read before, as init": async (to) => to(given.server.url, await spent()),
  "a Request that is locked": (to) => {
    const request = new Request(given.server.url, { method: "PUT", body: "x" });
    request.body?.getReader();
    return to(request);
  },
  "a stream of Node that was read before": async (to) => {
    const body = Readable.from([Buffer.from("a")]);
    for await (const _ of body);
    return to(given.server.url, { method: "POST", body, duplex: "half" });
  },
  "a stream of Node that was destroyed before": (to) => {
    const body = Readable.from([Buffer.from("a")]);
    body.destroy();
    return to(given.server.url, { method: "POST", body, duplex: "half" });
  },
  "a stream that is locked": (to) => {
    const body = new ReadableStream();
    body.getReader();
    return to(given.server.url, { method: "POST", body, duplex: "half" });
  },
  "a stream that is half read": async (to) =>
    to(given.server.url, { method: "POST", body: await half(), duplex: "half" }),
  "a stream without duplex": (to) =>
    to(given.server.url, { method: "POST", body: new ReadableStream() }),
  "a wrong header": (to) => to(given.server.url, { headers: { "x-user": "zoë →" } }),
  "a wrong name of a header": (to) => to(given.server.url, { headers: { "x y": "1" } }),
  "a method that fetch does not make": (to) => to(given.server.url, { method: "TRACE" }),
  "a name and a password in the address": (to) =>
    to(given.server.url.replace("//", "//user:password@")),
  // @ts-expect-error it is no signal
  "a signal that is none": (to) => to(given.server.url, { signal: {} }),
  "a length that is not the body's": (to) =>
    to(given.server.url, { method: "POST", body: "abc", headers: { "content-length": "10" } }),
  "a header that undici does not support": (to) =>
    to(given.server.url, { method: "POST", body: "x", headers: { expect: "100-continue" } }),
  "a header that undici sends itself": (to) =>
    to(given.server.url, { headers: { "transfer-encoding": "chunked" } }),
  "such a header on a Request": (to) =>
    to(new Request(given.server.url, { method: "PUT", body: "x", headers: { expect: "x" } })),
  "a port that is not asked": (to) => to("http://127.0.0.1:6667/"),
  "a scheme that nobody knows": (to) => to("ftp://127.0.0.1/"),
};

test.each(Object.keys(mistakes))(
  "guardFetch() counts as unreached what fetch refuses: %s",
  async (name) => {
    const fetched = mistakes[name];
    if (fetched === undefined) throw new Error("A mistake was expected");
    await expect(fetched(guard() as Fetched)).rejects.toThrow(TypeError);
    expect(calls()).toMatchObject({ unreached: 1, error: 0 });
    expect(given.server.requests).toBe(0);
  },
);

test.each(Object.keys(mistakes))(
  "option policy: a retry makes no second attempt of %s",
  async (name) => {
    const fetched = mistakes[name];
    if (fetched === undefined) throw new Error("A mistake was expected");
    const bus = createEventBus();
    const told: string[] = [];
    bus.on("retry.attempt", ({ type }) => told.push(type));
    const policy = retry("client", { bus, idempotent: true });
    const error: unknown = await fetched(guard({ policy }) as Fetched).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect(errorKind(error)).toBe("permanent");
    expect(told).toEqual([]);
    expect(calls()).toMatchObject({ unreached: 1, error: 0 });
  },
);

test("guardFetch() counts a dead server as an error, whatever was sent and however it is asked", async () => {
  const { server } = given;
  await server.stop();
  const { signal } = new AbortController();
  const body = () => new Blob(["x"]).stream();
  const requests: ((to: Fetched) => Promise<unknown>)[] = [
    (to) => to(server.url, { method: "POST", body: "x", signal }),
    (to) => to(new Request(server.url, { method: "POST", body: "x" })),
    (to) => to(server.url, new Request(server.url, { method: "POST", body: "x" })),
    (to) => to(server.url, { method: "POST", body: body(), duplex: "half" }),
  ];
  for (const fetched of requests) {
    given.breaker.reset();
    await expect(fetched(guard() as Fetched)).rejects.toThrow("fetch failed");
  }
  expect(calls()).toMatchObject({ error: requests.length, unreached: 0 });
});

test("guardFetch() counts an error without a cause as one when the request could be made, as browsers tell it", async () => {
  const seen: unknown[] = [];
  const lost = async (_: Request | string, init?: RequestInit): Promise<Response> => {
    seen.push(init?.body);
    throw new TypeError("Failed to fetch");
  };
  const guarded = guardFetch(lost, { breaker: given.breaker });
  const sent = new Request("http://127.0.0.1/", { method: "POST", body: "x" });
  const body = new FormData();
  for (const fetched of [
    () => guarded("http://127.0.0.1/"),
    () => guarded(sent),
    // @ts-expect-error it says nothing of a method
    () => guarded(sent, { method: undefined }),
    () => guarded(sent, { body: null }),
    async () => guarded(await spent(), { body: "y" }),
    () => guarded("http://127.0.0.1/", { method: "POST", body }),
  ]) {
    given.breaker.reset();
    await expect(fetched()).rejects.toThrow("Failed to fetch");
  }
  expect(calls()).toMatchObject({ error: 6, unreached: 0 });
  expect(sent.bodyUsed).toBe(false);
});

test("guardFetch() leaves no listener on the signal of a request that failed", async () => {
  const lost = async (_: string, __?: RequestInit): Promise<Response> => {
    throw new TypeError("Failed to fetch");
  };
  const { signal } = new AbortController();
  const guarded = guardFetch(lost, { breaker: given.breaker });
  await expect(guarded("http://127.0.0.1/", { signal })).rejects.toThrow("Failed to fetch");
  expect(calls()).toMatchObject({ error: 1, unreached: 0 });
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("option policy: a Request that was read before is sent again with the body that its init has", async () => {
  const bodies: string[] = [];
  given.server.answer = async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    bodies.push(`${request.method} ${body}`);
    response.writeHead(503).end();
  };
  const policy = retry("client", {
    attempts: 3,
    backoff: () => 0,
    shouldRetryResult: () => true,
  });
  const used = new Request(given.server.url, { method: "PUT", body: "x" });
  await used.text();
  const breaker = new CircuitBreaker("lenient");
  await guardFetch(fetch, { breaker, policy })(used, { body: "y" }).catch(() => {});
  expect(bodies).toEqual(["PUT y", "PUT y", "PUT y"]);
});

test.each([
  { location: "http://[broken", told: "fetch failed" },
  { location: "ftp://127.0.0.1/", told: "fetch failed" },
  { location: "http://127.0.0.1:6667/", told: "fetch failed" },
])("guardFetch() counts a redirect to $location as an error of the server", async (row) => {
  given.server.answer = (_, response) =>
    void response.writeHead(302, { location: row.location }).end();
  const error: unknown = await guard()(given.server.url).catch((thrown) => thrown);
  expect(error).toMatchObject({ message: row.told });
  expect(errorKind(error)).not.toBe("permanent");
  expect(calls()).toMatchObject({ error: 1, unreached: 0 });
});

test("breakerInterceptor() counts a redirect to a wrong address as an error of the server, too", async () => {
  given.server.answer = (_, response) =>
    void response.writeHead(302, { location: "http://[broken" }).end();
  const guarding = breakerInterceptor({ breaker: given.breaker });
  const agent = new Agent();
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 3 }), guarding);
  await expect(request(given.server.url, { dispatcher })).rejects.toThrow("Invalid URL");
  expect(calls()).toMatchObject({ error: 1, unreached: 0 });
  await agent.close();
});

test("guardFetch() counts a wrong address as unreached that a fetch inside of it makes", async () => {
  const elsewhere = async (path: string, _?: RequestInit) => fetch(new URL(`[${path}`));
  const guarded = guardFetch(elsewhere, { breaker: given.breaker });
  await expect(guarded("http://127.0.0.1/")).rejects.toThrow("Invalid URL");
  expect(calls()).toMatchObject({ unreached: 1, error: 0 });
});
