import { expect, test } from "vitest";
import { breakerInterceptor, guardFetch } from "../../src/http/index.ts";
import { BreakerRegistry, CircuitBreaker } from "../../src/index.ts";
import { begun, eachGuarded } from "../support/guarded-server.ts";

const { given, guard, calls } = eachGuarded();

test.each(["registry", "breaker"] as const)(
  "a probe whose body nobody reads holds up no other guard of the same %s",
  async (by) => {
    const { clock, server } = given;
    begun(server);
    const { host } = new URL(server.url);
    const registry = new BreakerRegistry({ defaults: { clock } });
    const breaker = registry.get(host);
    const shared = by === "registry" ? { clock, registry } : { clock, breaker };
    const [one, other] = [guardFetch(fetch, shared), guardFetch(fetch, shared)];
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      breaker.forceOpen("test", { forMs: 100 });
      clock.advance(100);
      const probe = await first(server.url);
      await expect(second(server.url)).rejects.toMatchObject({ reason: "half_open" });
      clock.advance(1_000);
      const next = await second(server.url);
      expect(breaker.state).toBe("closed");
      for (const response of [probe, next]) await response.body?.cancel();
    }
  },
);

test("guards that come and go leave no body that nobody counts", async () => {
  const { breaker, clock, server } = given;
  for (let times = 0; times < 3; times++) await guard()(server.url);
  expect(calls().success).toBe(0);
  clock.advance(1_000);
  const response = await guard()(server.url);
  expect(calls().success).toBe(3);
  await response.text();
  await (await guardFetch(fetch, { breaker, clock })(server.url)).text();
  expect(calls().success).toBe(5);
});

test("an interceptor finds what is due for a guarded fetch of the same registry", async () => {
  const { clock, server } = given;
  const registry = new BreakerRegistry({ defaults: { clock } });
  await guardFetch(fetch, { clock, registry })(server.url);
  clock.advance(1_000);
  const dispatch = breakerInterceptor({ clock, registry })(() => true);
  dispatch({ origin: server.url, path: "/", method: "GET" }, {});
  expect(registry.get(new URL(server.url).host).stats.calls.success).toBe(1);
});

test("trap 11: a refusal that a guard inside answers by a response is unreached to a guard around it", async () => {
  const inner = new CircuitBreaker("inner");
  inner.forceOpen();
  const inside = guardFetch(fetch, { breaker: inner, refusal: "response" });
  const asked: unknown[] = [];
  const outer = guardFetch(inside, {
    breaker: given.breaker,
    classify: (request) => {
      asked.push(request);
      return undefined;
    },
  });
  for (const _ of [1, 2, 3]) {
    const response = await outer(given.server.url);
    expect(response.status).toBe(503);
    await expect(response.json()).resolves.toMatchObject({ breaker: "inner" });
  }
  expect(given.breaker.state).toBe("closed");
  expect(calls()).toMatchObject({ unreached: 3, error: 0 });
  expect(asked).toEqual([]);
});
