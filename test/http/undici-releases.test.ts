import * as undici8 from "undici";
import * as undici6 from "undici-6";
import * as undici7 from "undici-7";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { breakerInterceptor } from "../../src/http/index.ts";
import { type GuardedServer, guardedServer } from "../support/guarded-server.ts";
import { hang, status } from "../support/loopback.ts";

const RELEASES = { undici6, undici7, undici8 };

let given: GuardedServer;
beforeEach(async () => {
  given = await guardedServer();
});
afterEach(() => given.server.stop());

const calls = () => given.breaker.stats.calls;

/** What its users do with a release of undici: the releases have it in common, their types do not. */
interface Release {
  readonly Agent: new () => Composable;
  readonly Client: new (origin: string) => Composable;
  readonly interceptors: { redirect(options: { readonly maxRedirections: number }): unknown };
  request(url: string, options: object): Promise<{ statusCode: number; body: Body }>;
  fetch(url: string, options: object): Promise<Response>;
  stream(url: string, options: object, factory: () => never): Promise<unknown>;
}
interface Body {
  text(): Promise<string>;
}
interface Composable {
  compose(...interceptors: readonly unknown[]): object;
  close(): Promise<void>;
}

describe.each(Object.entries(RELEASES))("breakerInterceptor() in %s", (_, module) => {
  // Loosely typed above, since each release has types of its own.
  const undici = module as unknown as Release;
  let agent: Composable;
  let dispatcher: object;
  beforeEach(() => {
    const { breaker, clock } = given;
    agent = new undici.Agent();
    dispatcher = agent.compose(breakerInterceptor({ breaker, clock }));
  });
  afterEach(() => agent.close());

  test("counts what request and fetch bring, with the Retry-After of the answer", async () => {
    const { server, breaker } = given;
    const { body } = await undici.request(`${server.url}/a`, { dispatcher });
    expect(await body.text()).toBe("answer to /a");
    const answer = await undici.fetch(`${server.url}/b`, { dispatcher });
    expect(await answer.text()).toBe("answer to /b");
    expect(calls()).toMatchObject({ success: 2, error: 0 });
    server.answer = status(503, { "retry-after": "120" });
    for (let n = 0; n < 2; n++) {
      const failed = await undici.request(server.url, { dispatcher });
      await failed.body.text();
    }
    expect(calls()).toMatchObject({ success: 2, error: 2 });
    expect(breaker.retryAfterMs).toBe(120_000);
  });

  test("refuses request and fetch, which hear of it at once", async () => {
    const { server, breaker } = given;
    breaker.forceOpen();
    await expect(undici.request(server.url, { dispatcher })).rejects.toMatchObject({
      code: "ERR_CIRCUIT_OPEN",
    });
    await expect(undici.fetch(server.url, { dispatcher })).rejects.toMatchObject({
      cause: { code: "ERR_CIRCUIT_OPEN" },
    });
    expect(server.requests).toBe(0);
  });

  test("counts a connection that breaks, and a body that does", async () => {
    const { server } = given;
    server.answer = (asked) => void asked.socket.destroy();
    await expect(undici.request(server.url, { dispatcher })).rejects.toThrow();
    expect(calls()).toMatchObject({ error: 1 });
    server.answer = (_asked, response) => {
      response.writeHead(200).write("begun");
      setImmediate(() => response.destroy());
    };
    const { body } = await undici.request(server.url, { dispatcher });
    await expect(body.text()).rejects.toThrow();
    expect(calls()).toMatchObject({ error: 2, success: 0 });
  });

  test.each(["request", "fetch"] as const)(
    "trap 6: %s that its caller aborts, with a reason of its own, decides nothing",
    async (how) => {
      const { server } = given;
      server.answer = hang;
      const leaving = new AbortController();
      const asking: Promise<unknown> =
        how === "request"
          ? undici.request(server.url, { dispatcher, signal: leaving.signal })
          : undici.fetch(server.url, { dispatcher, signal: leaving.signal });
      asking.catch(() => {});
      await expect.poll(() => server.requests, { timeout: 10_000 }).toBe(1);
      leaving.abort(new Error("the user left"));
      await expect(asking).rejects.toThrow("the user left");
      expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
    },
  );

  test("a caller's own failure while it streams decides nothing", async () => {
    const fails = () => {
      throw new Error("disk full");
    };
    await expect(
      undici.stream(given.server.url, { dispatcher, method: "GET" }, fails),
    ).rejects.toThrow("disk full");
    expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  });

  test("an upload of a generator that fails decides nothing", async () => {
    given.server.answer = (asked) => void asked.on("error", () => {}).resume();
    const generate = function* () {
      yield Buffer.from("one");
      throw new Error("the source broke");
    };
    const sent = undici.request(given.server.url, { dispatcher, method: "POST", body: generate() });
    await expect(sent).rejects.toThrow("the source broke");
    expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
  });

  test.each(["ftp://127.0.0.1/x", "http://:::"])(
    "a redirect to %s, inside, is the dependency's",
    async (location) => {
      const { server, breaker, clock } = given;
      server.answer = status(302, { location });
      const following = agent.compose(
        undici.interceptors.redirect({ maxRedirections: 3 }),
        breakerInterceptor({ breaker, clock }),
      );
      await expect(undici.request(server.url, { dispatcher: following })).rejects.toThrow(
        "Invalid URL",
      );
      expect(calls()).toMatchObject({ error: 1, unreached: 0 });
    },
  );

  test("wrong arguments are nobody's, behind a redirect or not", async () => {
    const { server, breaker, clock } = given;
    const following = agent.compose(
      undici.interceptors.redirect({ maxRedirections: 3 }),
      breakerInterceptor({ breaker, clock }),
    );
    for (const way of [dispatcher, following]) {
      const asking = undici.request(server.url, { dispatcher: way, headersTimeout: -1 });
      await expect(asking).rejects.toMatchObject({ code: "UND_ERR_INVALID_ARG" });
    }
    expect(calls()).toMatchObject({ error: 0, unreached: 2 });
  });

  test("a client that is bound to one origin has the breaker of the origin that is given", async () => {
    const { url } = given.server;
    const interceptor = breakerInterceptor({ origin: url });
    const client = new undici.Client(url);
    const { body } = await undici.request(url, { dispatcher: client.compose(interceptor) });
    await body.text();
    const [breaker, ...others] = interceptor.breakers;
    expect(others).toEqual([]);
    expect(breaker?.name).toBe(new URL(url).host);
    expect(breaker?.stats.calls.success).toBe(1);
    await client.close();
  });
});
