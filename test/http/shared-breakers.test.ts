import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { breakerInterceptor, guardFetch } from "../../src/http/index.ts";
import { BreakerRegistry, CircuitBreaker } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { begun, eachGuarded } from "../support/guarded-server.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

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

/** A body that begins and never ends. */
const endless = async (_: string, __?: RequestInit): Promise<Response> =>
  new Response(new ReadableStream({ start: (it) => it.enqueue(new Uint8Array(1)) }));

test("a request costs the same however many guards with open bodies its registry has", async () => {
  const looks = async (guards: number): Promise<number> => {
    const clock = new FakeClock();
    const registry = new BreakerRegistry({ defaults: { clock } });
    for (let made = 0; made < guards; made++) {
      await guardFetch(endless, { clock, registry })("http://127.0.0.1/");
    }
    const last = guardFetch(endless, { clock, registry });
    const reading = vi.spyOn(clock, "monotonicMs");
    await last("http://127.0.0.1/");
    return reading.mock.calls.length;
  };
  expect(await looks(100)).toBe(await looks(2));
});

test.each([
  { leases: "the same lease", other: 60_000 },
  { leases: "different leases", other: 30_000 },
])("guards of one registry hold 10 000 bodies between them: $leases", async ({ other }) => {
  const { clock } = given;
  const registry = new BreakerRegistry({ defaults: { clock } });
  const one = guardFetch(endless, { clock, registry, bodyLeaseMs: 60_000 });
  const two = guardFetch(endless, { clock, registry, bodyLeaseMs: other });
  for (let held = 0; held < 10_000; held++) await one("http://127.0.0.1/");
  const breaker = registry.get("127.0.0.1");
  expect(breaker.stats.calls.success).toBe(0);
  for (const success of [1, 2]) {
    await two("http://127.0.0.1/");
    expect(breaker.stats.calls.success).toBe(success);
  }
});

test("a registry keeps nothing of a guard that is gone and whose bodies have ended", async () => {
  const { clock } = given;
  const registry = new BreakerRegistry({ defaults: { clock } });
  const come = async (): Promise<WeakRef<FakeClock>> => {
    const own = new FakeClock();
    const response = await guardFetch(endless, { clock: own, registry })("http://127.0.0.1/");
    await response.body?.cancel();
    return new WeakRef(own);
  };
  const gone = await come();
  await guardFetch(endless, { clock, registry })("http://127.0.0.1/");
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(gone.deref()).toBeUndefined();
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
