import { expect, test } from "vitest";
import { bundleWorker, startWorkers, workerOptions } from "./worker.ts";

// Everything that has a constructor or a factory and runs on Workers, made where the module is loaded.
const SCRIPT = `
  import { env } from "cloudflare:workers";
  import * as telltale from "./src/index.ts";
  import { guardFetch } from "./src/http/guard-fetch.ts";
  import { healthChecks } from "./src/http/health.ts";
  import { CreditLedger, ExhaustionRegistry } from "./src/quota/index.ts";
  import { createMemoryStore } from "./src/state/index.ts";
  import { connectOwner, createKvStore } from "./src/workers/index.ts";

  const { bulkhead, BreakerRegistry, CircuitBreaker, createEventBus, fallback, pipeline, retry, timeout } = telltale;
  const bus = createEventBus({ instance: "worker" });
  const breaker = new CircuitBreaker("chat", { bus, latencyTripMs: 1000, failureThreshold: 2 });
  const registry = new BreakerRegistry({ bus });
  const named = registry.get("named");
  const policies = pipeline(
    fallback("chat", { bus, fail: "open", value: "instead" }),
    retry("chat", { bus, attempts: 2 }),
    bulkhead(breaker, { limit: 10 }),
    breaker,
    timeout("chat", { bus, limitMs: 500 }),
  );
  const exhausted = new ExhaustionRegistry({ bus });
  const ledger = new CreditLedger({ prices: {}, bus });
  const store = createMemoryStore();
  const kv = createKvStore(env.KV);
  const owner = connectOwner("openai", { bus });
  const guarded = guardFetch((...given) => fetch(...given), { registry });
  const health = healthChecks(registry);
  bus.on("circuit.*", () => {});

  export default {
    async fetch() {
      const values = [await breaker.call(async () => "breaker"), named.callSync(() => "named")];
      values.push(await policies.call(() => "policies"));
      for (let n = 0; n < 2; n++) await breaker.execute(() => Promise.reject(new Error("boom")));
      values.push(breaker.state, await policies.call(() => "never"), breaker.serialize().length > 0);
      exhausted.mark("openai");
      ledger.record({ provider: "openai", model: "m", usd: 1, id: "a" });
      await store.write([["a", "1"]]);
      await kv.write([["a", "1"]]);
      values.push(exhausted.isExhausted("openai"), ledger.spent().nano, health.liveness.report().status);
      values.push(owner.stats.requests, typeof guarded);
      return Response.json(values);
    },
  };
`;

test("trap 55: what is made at module scope on Workers neither throws nor needs a timer, and works in a handler", async () => {
  const workers = await startWorkers({
    ...workerOptions("scope", await bundleWorker(SCRIPT)),
    kvNamespaces: ["KV"],
  });
  try {
    const response = await workers.dispatchFetch("http://scope/");
    expect(await response.json()).toEqual([
      "breaker",
      "named",
      "policies",
      "open",
      "instead",
      true,
      true,
      1_000_000_000,
      "ok",
      0,
      "function",
    ]);
  } finally {
    await workers.dispose();
  }
});
