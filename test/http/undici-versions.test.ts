import { Agent, Client, Dispatcher1Wrapper, fetch as undiciFetch } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  breakerInterceptor,
  type DispatchHandler,
  type DispatchRequest,
  type OldDispatchHandler,
} from "../../src/http/index.ts";
import { type GuardedServer, guardedServer } from "../support/guarded-server.ts";
import { hang, status } from "../support/loopback.ts";

type Handler = DispatchHandler | OldDispatchHandler;
type Dispatch = (given: DispatchRequest, handler: Handler) => boolean;

let given: GuardedServer;
beforeEach(async () => {
  given = await guardedServer();
});
afterEach(() => given.server.stop());

const calls = () => given.breaker.stats.calls;

/** The dispatcher that the `fetch` of Node has within, which knows handlers of the old shape. */
const ofNode: Dispatch = (asked, handler) =>
  Reflect.get(globalThis, Symbol.for("undici.globalDispatcher.1")).dispatch(asked, handler);

const guarded = (): { dispatch: Dispatch } => {
  const { breaker, clock } = given;
  const intercept = breakerInterceptor({ breaker, clock });
  return { dispatch: intercept(ofNode) };
};
/** Node's `fetch` takes a dispatcher, of which its types say nothing. */
const fetchBy = (dispatcher: object, init: RequestInit = {}) =>
  fetch(given.server.url, { ...init, dispatcher } as RequestInit);

describe("a handler of the old shape, by the fetch of Node", () => {
  test("is counted by its answers, with their Retry-After", async () => {
    const dispatcher = guarded();
    await expect((await fetchBy(dispatcher)).text()).resolves.toBe("answer to /");
    expect(calls()).toMatchObject({ success: 1 });
    given.server.answer = status(503, { "retry-after": "120", "set-cookie": "a" });
    for (const _ of [1, 2]) await (await fetchBy(dispatcher)).text();
    expect(calls()).toMatchObject({ success: 1, error: 2 });
    expect(given.breaker.retryAfterMs).toBe(120_000);
  });

  test("is told of a refusal", async () => {
    given.breaker.forceOpen();
    await expect(fetchBy(guarded())).rejects.toMatchObject({
      message: "fetch failed",
      cause: { code: "ERR_CIRCUIT_OPEN" },
    });
    expect(given.server.requests).toBe(0);
  });

  test("is counted when the connection or the body breaks", async () => {
    const dispatcher = guarded();
    given.server.answer = (_, response) => {
      response.writeHead(200).write("begun");
      setImmediate(() => response.destroy());
    };
    const reading = fetchBy(dispatcher).then((response) => response.text());
    await expect(reading).rejects.toThrow();
    given.server.answer = (asked) => void asked.socket.destroy();
    await expect(fetchBy(dispatcher)).rejects.toThrow();
    expect(calls()).toMatchObject({ error: 2, success: 0 });
  });

  test("trap 6: is cancelled when the caller leaves with a reason of its own", async () => {
    given.server.answer = hang;
    const leaving = new AbortController();
    const asking = fetchBy(guarded(), { signal: leaving.signal });
    asking.catch(() => {});
    await expect.poll(() => given.server.requests, { timeout: 10_000 }).toBe(1);
    leaving.abort(new Error("the user left"));
    await expect(asking).rejects.toThrow("the user left");
    expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  });
});

describe("a handler of the old shape", () => {
  /** What undici 6 does with a handler, the bytes of its headers included. */
  const six =
    (answer: (handler: Required<OldDispatchHandler>) => void): Dispatch =>
    (_, handler) => {
      // It calls every method without asking whether it is there.
      answer(handler as Required<OldDispatchHandler>);
      return true;
    };
  const nothing = null as never;
  const asked = (): DispatchRequest => ({ origin: given.server.url, path: "/", method: "GET" });
  const raw = (...texts: string[]) => texts.map((text) => Buffer.from(text, "latin1")) as never;

  test("gets all it is told, and what it answers comes back", () => {
    const told: unknown[] = [];
    const handler: OldDispatchHandler = {
      onConnect: (abort) => void told.push(["connect", typeof abort]),
      onHeaders: (code, headers) => {
        told.push(["headers", code, String(headers)]);
        return false;
      },
      onData: (chunk) => {
        told.push(["data", chunk]);
        return false;
      },
      onComplete: (trailers) => void told.push(["complete", trailers]),
      onUpgrade: (code) => void told.push(["upgrade", code]),
      onError: (error) => void told.push(["error", error.message]),
      onBodySent: (chunk) => void told.push(["sent", chunk]),
      onRequestSent: () => void told.push("request sent"),
      onResponseStarted: () => void told.push("started"),
    };
    const { breaker, clock } = given;
    const answers: unknown[] = [];
    const intercept = breakerInterceptor({ breaker, clock });
    const headers = raw("Retry-After", "5");
    intercept(
      six((guard) => {
        guard.onConnect(() => {}, nothing);
        guard.onBodySent("a" as never);
        guard.onRequestSent();
        guard.onResponseStarted();
        answers.push(guard.onHeaders(200, headers, nothing, "OK"), guard.onData("b" as never));
        guard.onComplete("c" as never);
      }),
    )(asked(), handler);
    intercept(six((guard) => guard.onUpgrade(101, headers, nothing)))(asked(), handler);
    intercept(six((guard) => guard.onError(new Error("gone"))))(asked(), handler);
    expect(answers).toEqual([false, false]);
    expect(told).toEqual([
      ["connect", "function"],
      ["sent", "a"],
      "request sent",
      "started",
      ["headers", 200, "Retry-After,5"],
      ["data", "b"],
      ["complete", "c"],
      ["upgrade", 101],
      ["error", "gone"],
    ]);
    expect(calls()).toMatchObject({ success: 2, error: 1 });
  });

  test("shows a classifier its headers as Node has them", () => {
    const seen: unknown[] = [];
    const { breaker } = given;
    const classify = (call: { readonly ok: boolean; readonly response?: { headers: object } }) => {
      seen.push(call.response?.headers);
      return undefined;
    };
    const intercept = breakerInterceptor({ breaker, classify });
    const headers = raw("ETag", "é", "Set-Cookie", "a", "set-cookie", "b", "set-cookie", "c");
    const dispatch = intercept(six((guard) => guard.onHeaders(204, headers, nothing, "")));
    dispatch(asked(), { onError: () => {} });
    expect(seen).toEqual([{ etag: "é", "set-cookie": ["a", "b", "c"] }]);
  });

  test("that fails itself is the caller's failure", () => {
    const mine = new Error("disk full");
    const handler: OldDispatchHandler = {
      onData: () => {
        throw mine;
      },
      onError: () => {},
    };
    const { breaker } = given;
    breakerInterceptor({ breaker })(
      six((guard) => {
        guard.onHeaders(200, raw(), nothing, "");
        expect(() => guard.onData(nothing)).toThrow(mine);
        guard.onError(mine);
      }),
    )(asked(), handler);
    expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  });
});

test("breakerInterceptor() leaves no handler waiting that can be told of nothing", () => {
  const { breaker, server } = given;
  breaker.forceOpen();
  const dispatch = breakerInterceptor({ breaker })(() => true);
  const asked = { origin: server.url, path: "/", method: "GET" };
  for (const handler of [{}, { onRequestStart: () => {} }, { onConnect: () => {} }]) {
    expect(() => dispatch(asked, handler)).toThrow("is forced open");
  }
});

/** The undici that Node has within. */
const within = Number.parseInt(process.versions["undici"] ?? "0", 10);

test.skipIf(within >= 8)(
  "the fetch of Node fails, as without a guard, with a dispatcher of another undici",
  async () => {
    const { breaker } = given;
    const dispatcher = new Agent().compose(breakerInterceptor({ breaker }));
    await expect(fetchBy(dispatcher)).rejects.toMatchObject({
      message: "fetch failed",
      cause: { message: "invalid onRequestStart method" },
    });
    expect(calls()).toMatchObject({ unreached: 1, error: 0, success: 0 });
    // What to do about it.
    const wrapped = await fetchBy(new Dispatcher1Wrapper(dispatcher));
    const own = await undiciFetch(given.server.url, { dispatcher });
    expect([await wrapped.text(), await own.text()]).toEqual(["answer to /", "answer to /"]);
    expect(calls()).toMatchObject({ success: 2 });
    await dispatcher.destroy();
  },
);

describe("a client that is bound to an origin and does not say it", () => {
  /** As those of undici 6 and 7: the interceptor never learns where the request goes. */
  const bound = (intercept: ReturnType<typeof breakerInterceptor>) => {
    const client = new Client(given.server.url);
    const dispatch = intercept((asked: DispatchRequest, handler: Handler) =>
      client.dispatch(asked as never, handler as never),
    );
    const ask = () =>
      new Promise((resolve, reject) => {
        dispatch(
          { path: "/x", method: "GET" },
          {
            onRequestStart: () => {},
            onResponseEnd: resolve,
            onResponseError: (_: never, error: Error) => reject(error),
          },
        );
      });
    return { ask, client };
  };

  test("option origin: says it", async () => {
    const { url } = given.server;
    const intercept = breakerInterceptor({ origin: new URL(url) });
    const { ask, client } = bound(intercept);
    await ask();
    await client.close();
    expect([...intercept.breakers].map(({ name }) => name)).toEqual([new URL(url).host]);
  });

  test("is refused with an error that says what to give, and shares no breaker", async () => {
    const intercept = breakerInterceptor();
    const { ask, client } = bound(intercept);
    await expect(ask()).rejects.toThrow(
      "Cannot guard GET /x: the client is bound to an origin that its requests do not say; give origin, breaker or nameOf",
    );
    await client.close();
    expect([...intercept.breakers]).toEqual([]);
    expect(given.server.requests).toBe(0);
  });

  test("needs no origin with a breaker, or a name", async () => {
    const { breaker } = given;
    const named = breakerInterceptor({ nameOf: ({ url }) => `orders ${url.pathname}` });
    for (const intercept of [breakerInterceptor({ breaker }), named]) {
      const { ask, client } = bound(intercept);
      await ask();
      await client.close();
    }
    expect(calls()).toMatchObject({ success: 1 });
    expect([...named.breakers].map(({ name }) => name)).toEqual(["orders /x"]);
  });

  test("is known by undici 8.12 and later", async () => {
    const intercept = breakerInterceptor();
    const client = new Client(given.server.url).compose(intercept);
    const { body } = await client.request({ path: "/", method: "GET" });
    await body.dump();
    await client.close();
    expect([...intercept.breakers].map(({ name }) => name)).toEqual([
      new URL(given.server.url).host,
    ]);
  });
});

test.each([
  { origin: 7, message: "origin must be an origin" },
  { origin: "ftp://files.example", message: "origin must be an origin" },
  { origin: "127.0.0.1:8080", message: "origin must be an origin" },
])("breakerInterceptor() refuses the origin $origin", ({ origin, message }) => {
  expect(() => breakerInterceptor({ origin: origin as string })).toThrow(message);
});
