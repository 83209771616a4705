import { afterEach, beforeEach, expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { CircuitBreaker, retry, timeout } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Loopback, loopback } from "../support/loopback.ts";

let server: Loopback;

beforeEach(async () => {
  server = await loopback();
  server.answer = async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.end(`${request.method} ${request.headers.authorization} ${body}`);
  };
});
afterEach(() => server.stop());

const post = () =>
  new Request("http://elsewhere.invalid/", {
    method: "POST",
    headers: { authorization: "key" },
    body: "whole",
  });

class Put {
  readonly #headers = { authorization: "key" };
  get method() {
    return "PUT";
  }
  get headers() {
    return this.#headers;
  }
  get body() {
    return "whole";
  }
}

const policies = {
  none: undefined,
  retry: retry("client"),
  "timeout, which gives a signal": timeout("client", { limitMs: 60_000 }),
};

test.each(Object.entries(policies))(
  "guardFetch() sends what an init of a class says, policy: %s",
  async (_, policy) => {
    const guarded = guardFetch(fetch, policy === undefined ? {} : { policy });
    const texts = [post(), new Put()].map(async (init) => (await guarded(server.url, init)).text());
    await expect(Promise.all(texts)).resolves.toEqual(["POST key whole", "PUT key whole"]);
  },
);

test("guardFetch() sends what an init of a class says, with a context on top of it", async () => {
  const guarded = guardFetch(fetch);
  const inits = [post(), new Put()].map((init) => Object.assign(init, { context: { order: 7 } }));
  const texts = inits.map(async (init) => (await guarded(server.url, init)).text());
  await expect(Promise.all(texts)).resolves.toEqual(["POST key whole", "PUT key whole"]);
});

test("guardFetch() hands its init to fetch as it is, when it has nothing to add to it", async () => {
  const seen: unknown[] = [];
  const guarded = guardFetch(
    async (_: string, init?: object) => {
      seen.push(init);
      return new Response(null);
    },
    { policy: retry("client") },
  );
  const { signal } = new AbortController();
  for (const init of [new Put(), { signal }, undefined]) {
    await guarded("http://127.0.0.1/", init);
    expect(seen.pop()).toBe(init);
  }
});

test("guardFetch() keeps the members of a class that only some fetch knows", async () => {
  class Init {
    get dispatcher() {
      return "agent";
    }
    get cf() {
      return { cacheTtl: 5 };
    }
  }
  const seen: unknown[] = [];
  const guarded = guardFetch(
    async (_: string, init?: object) => {
      seen.push(init);
      return new Response(null);
    },
    { policy: timeout("client", { limitMs: 60_000 }) },
  );
  await guarded("http://127.0.0.1/", new Init());
  expect(seen).toEqual([
    { dispatcher: "agent", cf: { cacheTtl: 5 }, signal: expect.any(AbortSignal) },
  ]);
});

test.each([{ context: undefined }, { context: { order: 7 } }])(
  "guardFetch() rejects when a getter of its init throws, and gives its permit back, context: $context",
  async ({ context }) => {
    class Init {
      readonly method = "POST";
      readonly duplex = "half";
      readonly body = new Blob(["x"]).stream();
      readonly context = context;
      get headers(): Record<string, string> {
        throw new Error("no key");
      }
    }
    const clock = new FakeClock();
    const breaker = new CircuitBreaker("one", { clock });
    breaker.forceOpen("test", { forMs: 100 });
    clock.advance(100);
    const guarded = guardFetch(fetch, { breaker, clock });
    await expect(guarded(server.url, new Init())).rejects.toThrow("no key");
    expect(server.requests).toBe(0);
    expect(breaker.stats.calls.error).toBe(0);
    await (await guarded(server.url)).text();
    expect(breaker.state).toBe("closed");
  },
);
