import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { Readable, Writable } from "node:stream";
import { Agent, interceptors, request, fetch as undiciFetch, upgrade } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  breakerInterceptor,
  type DispatchHandler,
  type DispatchRequest,
  type FinishedRequest,
} from "../../src/http/index.ts";
import { type GuardedServer, guardedServer } from "../support/guarded-server.ts";
import { hang, status } from "../support/loopback.ts";

type Around = (guard: ReturnType<typeof breakerInterceptor>) => ReturnType<Agent["compose"]>;

let given: GuardedServer;
const opened: ReturnType<Agent["compose"]>[] = [];

beforeEach(async () => {
  given = await guardedServer();
});
afterEach(async () => {
  for (const dispatcher of opened.splice(0)) await dispatcher.destroy();
  await given.server.stop();
});

const calls = () => given.breaker.stats.calls;
const composed = (
  around: Around = (guard) => new Agent().compose(guard),
  classify?: (call: FinishedRequest) => undefined,
) => {
  const { breaker, clock } = given;
  const asked = classify === undefined ? {} : { classify };
  const dispatcher = around(breakerInterceptor({ breaker, clock, ...asked }));
  opened.push(dispatcher);
  return dispatcher;
};

/** Sends the head and a piece of the body, and no more. */
const begins = (_: unknown, response: { write(text: string): unknown }) =>
  void response.write("begun");
const mine = new Error("the user left");

describe("trap 6: what the caller ends is cancelled", () => {
  test.each(["no head", "body"])("a fetch aborted with a reason of its own, %s", async (when) => {
    given.server.answer = when === "body" ? begins : hang;
    const dispatcher = composed();
    for (const reason of [mine, "left", mine]) {
      const leaving = new AbortController();
      const asked = given.server.requests;
      const { signal } = leaving;
      const reading = undiciFetch(given.server.url, { dispatcher, signal }).then((response) => {
        setImmediate(() => leaving.abort(reason));
        return response.text();
      });
      if (when !== "body") {
        await expect.poll(() => given.server.requests, { timeout: 10_000 }).toBe(asked + 1);
        leaving.abort(reason);
      }
      await expect(reading).rejects.toBe(reason);
    }
    expect(calls()).toMatchObject({ cancelled: 3, error: 0 });
    expect(given.breaker.state).toBe("closed");
  });

  test("a fetch whose body is cancelled with a reason", async () => {
    given.server.answer = begins;
    const dispatcher = composed();
    for (const _ of [1, 2, 3]) {
      const { body } = await undiciFetch(given.server.url, { dispatcher });
      await body?.cancel(mine);
    }
    await expect.poll(() => calls().cancelled, { timeout: 10_000 }).toBe(3);
    expect(calls()).toMatchObject({ error: 0 });
  });

  const failing = {
    "the factory of stream() throws": () => {
      throw mine;
    },
    "the caller's writable fails": () =>
      new Writable({
        write: (_chunk, _encoding, done) => done(mine),
      }),
  };
  test.each(Object.entries(failing))("%s", async (_, factory) => {
    const { url } = given.server;
    const dispatcher = composed();
    for (const __ of [1, 2, 3]) {
      const streaming = dispatcher.stream({ origin: url, path: "/", method: "GET" }, factory);
      await expect(streaming).rejects.toBe(mine);
    }
    expect(calls()).toMatchObject({ cancelled: 3, error: 0 });
  });

  test("a request whose signal is an emitter", async () => {
    given.server.answer = hang;
    const signal = new EventEmitter();
    const asking = request(given.server.url, { dispatcher: composed(), signal });
    asking.catch(() => {});
    await expect.poll(() => given.server.requests, { timeout: 10_000 }).toBe(1);
    signal.emit("abort");
    await expect(asking).rejects.toThrow();
    expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  });
});

test("breakerInterceptor() counts a signal that timed out as latency", async () => {
  given.server.answer = hang;
  const ending = new AbortController();
  const asking = undiciFetch(given.server.url, { dispatcher: composed(), signal: ending.signal });
  asking.catch(() => {});
  await expect.poll(() => given.server.requests, { timeout: 10_000 }).toBe(1);
  ending.abort(new DOMException("too late", "TimeoutError"));
  await expect(asking).rejects.toThrow("too late");
  expect(calls()).toMatchObject({ latency: 1, cancelled: 0 });
});

/** More than a decoder wants before it looks. */
const NO_SUCH_CODE = "this is nothing that was ever compressed".repeat(10);

test.each(["gzip", "deflate", "br", "zstd"])(
  "breakerInterceptor() counts a body that is not what its content-encoding says: %s",
  async (encoding) => {
    given.server.answer = (_, response) => {
      response.writeHead(200, { "content-encoding": encoding }).write(NO_SUCH_CODE);
    };
    const fetching = undiciFetch(given.server.url, { dispatcher: composed() });
    await expect(fetching.then((response) => response.text())).rejects.toThrow("terminated");
    await expect.poll(() => calls().error, { timeout: 10_000 }).toBe(1);
    expect(calls()).toMatchObject({ cancelled: 0 });
  },
);

test("breakerInterceptor() knows who has aborted by the controller of the beginning, too", () => {
  const { breaker, clock } = given;
  const broken = (aborted: boolean) => {
    const dispatch = breakerInterceptor({ breaker, clock })(
      (_: DispatchRequest, handler: DispatchHandler) => {
        // Whoever stands between may tell of an error without a controller.
        handler.onRequestStart?.({ aborted } as never, {} as never);
        handler.onResponseError?.(null as never, mine);
        return true;
      },
    );
    dispatch({ origin: given.server.url, path: "/", method: "GET" }, { onResponseError() {} });
  };
  broken(true);
  expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  broken(false);
  expect(calls()).toMatchObject({ cancelled: 1, error: 1 });
});

const BODIES = {
  "a stream of Node": (chunks: AsyncIterable<string>) => Readable.from(chunks),
  "an async iterable": (chunks: AsyncIterable<string>) => chunks,
  "a web stream": (chunks: AsyncIterable<string>) => ReadableStream.from(chunks),
};

describe.each(Object.entries(BODIES))("an upload of %s", (_, bodyOf) => {
  const send = async (chunks: AsyncIterable<string>) => {
    // Each is a body that undici takes.
    const body = bodyOf(chunks) as Readable;
    const dispatcher = composed();
    const answer = await request(given.server.url, { dispatcher, method: "POST", body });
    return await answer.body.text();
  };

  test("arrives whole, and is a success", async () => {
    given.server.answer = (asked, response) => void asked.pipe(response);
    const sent = send(
      (async function* () {
        yield "one, ";
        yield "two";
      })(),
    );
    await expect(sent).resolves.toBe("one, two");
    expect(calls()).toMatchObject({ success: 1 });
  });

  test("whose source breaks is no failure of the dependency", async () => {
    given.server.answer = (asked) => void asked.on("error", () => {}).resume();
    const sent = send(
      (async function* () {
        yield "one, ";
        throw mine;
      })(),
    );
    await expect(sent).rejects.toBe(mine);
    expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  });

  test("that the dependency cuts off is a failure", async () => {
    given.server.answer = (asked) => {
      asked.on("error", () => {}).once("data", () => asked.socket.destroy());
    };
    let sending = true;
    const sent = send(
      (async function* () {
        while (sending) {
          yield "more ";
          await new Promise((resolve) => setImmediate(resolve));
        }
      })(),
    );
    await expect(sent).rejects.toThrow();
    sending = false;
    expect(calls()).toMatchObject({ error: 1, cancelled: 0 });
  });
});

test.each(["a generator", "an iterable"])(
  "an upload of %s that fails is no failure of the dependency",
  async (which) => {
    given.server.answer = (asked) => void asked.on("error", () => {}).resume();
    const generate = function* () {
      yield "one, ";
      throw mine;
    };
    // Bodies that undici takes, whatever its types say.
    const body = (which === "a generator" ? generate() : { [Symbol.iterator]: generate }) as never;
    const sent = request(given.server.url, { dispatcher: composed(), method: "POST", body });
    await expect(sent).rejects.toBe(mine);
    expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  },
);

test("an upload that no source of its own breaks goes on as it is", async () => {
  const form = new FormData();
  form.append("name", "value");
  const bodies: readonly unknown[] = ["text", new Uint8Array([111, 107]), form, new Blob(["ok"])];
  const { breaker, clock } = given;
  const seen: unknown[] = [];
  const dispatch = breakerInterceptor({ breaker, clock })(({ body }: DispatchRequest) => {
    seen.push(body);
    return true;
  });
  for (const body of [...bodies, new URLSearchParams("a=1")]) {
    dispatch({ origin: given.server.url, path: "/", method: "POST", body }, {});
  }
  expect(seen.slice(0, 4)).toEqual(bodies);
  expect(seen[1]).toBe(bodies[1]);
  expect(seen[2]).toBe(form);
  expect(seen[4]).toBeInstanceOf(URLSearchParams);
});

test("an upload of a generator arrives whole", async () => {
  given.server.answer = (asked, response) => void asked.pipe(response);
  const generate = function* () {
    yield "one, ";
    yield "two";
  };
  // As above.
  const body = generate() as never;
  const answer = await request(given.server.url, { dispatcher: composed(), method: "POST", body });
  await expect(answer.body.text()).resolves.toBe("one, two");
  expect(calls()).toMatchObject({ success: 1 });
});

test("a redirect without an end, inside, is the dependency's", async () => {
  given.server.answer = status(302, { location: "/" });
  const redirect = interceptors.redirect({ maxRedirections: 3 });
  const dispatcher = composed((guard) => new Agent().compose(redirect, guard));
  await expect(request(given.server.url, { dispatcher })).rejects.toThrow("Redirect loop detected");
  expect(calls()).toMatchObject({ error: 1, unreached: 0 });
});

const SIDES: Record<string, Around> = {
  inside: (guard) => new Agent().compose(interceptors.responseError(), guard),
  outside: (guard) => new Agent().compose(guard, interceptors.responseError()),
};

describe.each(Object.entries(SIDES))("responseError() on its %s", (_, around) => {
  test("makes no failure of a 404", async () => {
    given.server.answer = status(404);
    const dispatcher = composed(around);
    for (const __ of [1, 2, 3]) {
      await expect(request(given.server.url, { dispatcher })).rejects.toThrow("Response Error");
    }
    expect(calls()).toMatchObject({ success: 3, error: 0 });
  });

  test("leaves a 503 its Retry-After, and the classifier its answer", async () => {
    given.server.answer = status(503, { "retry-after": "120" });
    const seen: unknown[] = [];
    const dispatcher = composed(around, (call) => {
      seen.push(
        call.ok
          ? [call.response.status, Reflect.get(call.response.headers, "retry-after")]
          : call.error,
      );
      return undefined;
    });
    for (const __ of [1, 2]) {
      await expect(request(given.server.url, { dispatcher })).rejects.toThrow("Response Error");
    }
    expect(given.breaker.retryAfterMs).toBe(120_000);
    expect(seen).toEqual([
      [503, "120"],
      [503, "120"],
    ]);
  });
});

test("retry() inside makes one call of its attempts, and leaves the last its Retry-After", async () => {
  given.server.answer = status(503, { "retry-after": "120" });
  const retry = interceptors.retry({ maxRetries: 1, minTimeout: 1, retryAfter: false });
  const dispatcher = composed((guard) => new Agent().compose(retry, guard));
  for (const _ of [1, 2]) {
    await expect(request(given.server.url, { dispatcher })).rejects.toThrow();
  }
  expect(given.server.requests).toBe(4);
  expect(calls()).toMatchObject({ error: 2 });
  expect(given.breaker.retryAfterMs).toBe(120_000);
});

test.each([503, 429, 200])("CONNECT answered %i counts by its status", async (code) => {
  const proxy = createServer();
  proxy.on("connect", (_, socket) => {
    socket.end(`HTTP/1.1 ${code} Told\r\nretry-after: 30\r\n\r\n`);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("A port was expected");
  const seen: unknown[] = [];
  const dispatcher = composed(undefined, (call) => {
    seen.push(call.ok && call.response.status);
    return undefined;
  });
  for (const _ of [1, 2]) {
    const { statusCode, socket } = await dispatcher.connect({
      origin: `http://127.0.0.1:${address.port}`,
      path: "far.example:443",
    });
    socket.destroy();
    expect(statusCode).toBe(code);
  }
  proxy.close();
  proxy.closeAllConnections();
  const { breaker } = given;
  expect(seen).toEqual([code, code]);
  expect(calls()).toMatchObject(code === 200 ? { success: 2, error: 0 } : { success: 0, error: 2 });
  expect(breaker.retryAfterMs).toBe(code === 200 ? 0 : 30_000);
});

test("an upgrade that is granted is a success, and one that is not counts by its status", async () => {
  const server = createServer((_, response) => response.writeHead(503).end());
  server.on("upgrade", (asked, socket) => {
    if (asked.url === "/granted") {
      socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    } else socket.end("HTTP/1.1 503 Told\r\ncontent-length: 0\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A port was expected");
  const origin = `http://127.0.0.1:${address.port}`;
  const dispatcher = composed();
  const { socket } = await upgrade(`${origin}/granted`, { dispatcher, protocol: "x" });
  socket.destroy();
  await expect(upgrade(origin, { dispatcher, protocol: "x" })).rejects.toThrow();
  server.close();
  server.closeAllConnections();
  expect(calls()).toMatchObject({ success: 1, error: 1 });
});
