import fc from "fast-check";
import { expect, test, vi } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  createEventBus,
  fallback,
  type PipelineMember,
  permanent,
  pipeline,
  retry,
  timeout,
} from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { flaky, httpError, listenersOf, networkError, surroundings } from "../support/policies.ts";

test("the first member is the outermost: a timeout around a retry limits all attempts, inside it each", async () => {
  const run = async (order: "outside" | "inside") => {
    const { time, options } = surroundings();
    const patience = timeout("t", { ...options, limitMs: 250 });
    const again = retry("r", { ...options, attempts: 3, backoff: { jitter: "none" } });
    const composed = order === "outside" ? pipeline(patience, again) : pipeline(again, patience);
    let calls = 0;
    const result = await time.until(
      composed.execute(() => {
        calls++;
        return new Promise<string>((_, reject) => time.start(() => reject(BOOM), 100));
      }),
    );
    return { calls, endMs: time.nowMs, result };
  };
  // Attempts from 0 and from 200; the second would end at 300.
  expect(await run("outside")).toMatchObject({
    calls: 2,
    endMs: 250,
    result: { outcome: "error", error: { name: "TimeoutError" }, attempts: 2 },
  });
  expect(await run("inside")).toMatchObject({
    calls: 3,
    endMs: 600,
    result: { outcome: "error", error: { name: "RetryError", cause: BOOM }, attempts: 3 },
  });
});

test("a breaker inside a retry counts every attempt, around it one call", async () => {
  for (const [order, errors] of [
    ["inside", 3],
    ["around", 1],
  ] as const) {
    const { time, options } = surroundings();
    const breaker = new CircuitBreaker("b", { clock: time });
    const again = retry("r", { ...options, attempts: 3 });
    const composed = order === "inside" ? pipeline(again, breaker) : pipeline(breaker, again);
    await time.until(composed.execute(fail));
    expect(breaker.stats.calls.error).toBe(errors);
  }
});

test("the breaker sees what the policies inside it decide", async () => {
  const { time, options, bus } = surroundings();
  const breaker = new CircuitBreaker("b", { clock: time, bus });
  const inner = new CircuitBreaker("inner", { clock: time });
  inner.forceOpen();
  const slow = pipeline(breaker, timeout("t", { ...options, limitMs: 10 }));
  await time.until(slow.execute(() => new Promise(() => {})));
  await pipeline(breaker, fallback("f", { ...options, fail: "open", value: 0 }), inner).execute(
    succeed,
  );
  await pipeline(breaker, inner).execute(succeed);
  expect(breaker.stats.calls).toMatchObject({ latency: 1, success: 1, unreached: 1, error: 0 });
});

test("a pipeline in the recommended order: what each member does in one outage", async () => {
  const { time, options, bus, told } = surroundings();
  const breaker = new CircuitBreaker("orders", {
    clock: time,
    bus,
    failureThreshold: 3,
    cooldownMs: 10_000,
  });
  const orders = pipeline(
    fallback("orders", { ...options, fail: "open", value: "later", serveOn: { error: true } }),
    timeout("orders", { ...options, limitMs: 5_000 }),
    retry("orders", { ...options, attempts: 2, maxRetryAfterMs: 1_000 }),
    bulkhead(breaker, { limit: 2, clock: time, timers: time }),
    breaker,
    timeout("orders", { ...options, limitMs: 100 }),
  );
  expect(await time.until(orders.execute(flaky([BOOM])))).toMatchObject({
    outcome: "ok",
    value: "value",
    attempts: 2,
  });
  told();
  const dead = () => new Promise<string>(() => {});
  expect(await time.until(orders.execute(dead))).toMatchObject({
    outcome: "fallback",
    value: "later",
  });
  expect(told()).toEqual([
    "timeout.expired",
    "circuit.failure",
    "circuit.progress",
    "retry.attempt",
    "timeout.expired",
    "circuit.failure",
    "circuit.progress",
    "retry.give_up",
    "fallback.served",
  ]);
  expect(await time.until(orders.execute(dead))).toMatchObject({ outcome: "fallback" });
  expect(breaker.state).toBe("open");
  told();
  const refused = await time.until(orders.execute(dead));
  expect(refused).toMatchObject({ outcome: "fallback", source: "value", attempts: 1 });
  expect(told()).toEqual(["circuit.skip", "retry.give_up", "fallback.served"]);
  expect(time.pending).toBe(0);
});

test.each([
  ["marked", () => permanent(new Error("token revoked"))],
  ["HTTP 401", () => httpError(401)],
])(
  "what is permanent (%s) is so after a limit that waits for it, too: not retried, not hidden, not served later",
  async (_, thrown) => {
    const { time, options, last } = surroundings();
    const tokens = pipeline(
      fallback<string>("tokens", {
        ...options,
        fail: "closed",
        cache: { maxAgeMs: 60_000, key: "t" },
      }),
      retry("tokens", { ...options, attempts: 3 }),
      timeout("tokens", { ...options, limitMs: 100, mode: "cooperate" }),
    );
    await tokens.call(succeed);
    let calls = 0;
    const error = thrown();
    const revoked = () => {
      calls++;
      return new Promise<string>((_, reject) => time.start(() => reject(error), 150));
    };
    const result = await time.until(tokens.execute(revoked));
    expect(result).toMatchObject({ outcome: "error", attempts: 1 });
    expect(result).toMatchObject({ error: { name: "TimeoutError", cause: error } });
    expect(calls).toBe(1);
    expect(last("retry.give_up").reason).toBe("permanent");
    const down = () => Promise.reject(networkError("ECONNRESET"));
    expect(await time.until(tokens.execute(down))).toMatchObject({ outcome: "error" });
  },
);

test("shouldRetry is not asked about what was marked permanent and thrown after a limit", async () => {
  const { time, options } = surroundings();
  const shouldRetry = vi.fn(() => true);
  const patient = pipeline(
    retry("tokens", { ...options, shouldRetry }),
    timeout("tokens", { ...options, limitMs: 100, mode: "cooperate" }),
  );
  const error = permanent(new Error("token revoked"));
  const fn = () => new Promise((_, reject) => time.start(() => reject(error), 150));
  expect(await time.until(patient.execute(fn))).toMatchObject({ attempts: 1 });
  expect(shouldRetry).not.toHaveBeenCalled();
});

test("signal, context and key flow through to every member and to the function", async () => {
  const { time, options, bus, events } = surroundings();
  const breaker = new CircuitBreaker("b", { clock: time, bus, failureThreshold: 1 });
  const composed = pipeline(
    fallback<string>("f", {
      ...options,
      fail: "closed",
      cache: { maxAgeMs: 1_000 },
      serveOn: { error: true },
    }),
    retry("r", { ...options, attempts: 2, maxRetryAfterMs: 0 }),
    breaker,
  );
  const caller = new AbortController();
  const seen: AbortSignal[] = [];
  const call = { signal: caller.signal, context: { delivery: "d-1" }, key: "eur" };
  await composed.call((signal) => {
    seen.push(signal);
    return "kept";
  }, call);
  expect(seen[0]).toBeInstanceOf(AbortSignal);
  await time.until(composed.execute(fail, call));
  const ofCalls = events.filter(({ type }) => type !== "circuit.open");
  expect(ofCalls.map(({ type }) => type)).toEqual([
    "circuit.success",
    "circuit.failure",
    "retry.attempt",
    "circuit.skip",
    "retry.give_up",
    "fallback.served",
  ]);
  for (const event of ofCalls) expect(event).toMatchObject({ context: { delivery: "d-1" } });
  expect(listenersOf(caller.signal)).toBe(0);
});

test("an abort goes through every member: nothing is left, nothing is served, nothing more is tried", async () => {
  const { time, options, bus } = surroundings();
  const breaker = new CircuitBreaker("b", { clock: time, bus });
  const composed = pipeline(
    fallback("f", { ...options, fail: "open", value: "none", serveOn: { error: true } }),
    timeout("all", { ...options, limitMs: 5_000 }),
    retry("r", { ...options, attempts: 5 }),
    bulkhead(breaker, { limit: 2, clock: time, timers: time }),
    breaker,
    timeout("each", { ...options, limitMs: 1_000 }),
  );
  const caller = new AbortController();
  const fn = vi.fn((signal: AbortSignal) => {
    return new Promise<string>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  });
  const call = composed.execute(fn, { signal: caller.signal });
  await time.pass(100);
  caller.abort("no more");
  expect(await call).toMatchObject({ outcome: "error", error: "no more", attempts: 1 });
  await time.pass(0);
  expect(fn).toHaveBeenCalledTimes(1);
  expect(breaker.stats.calls).toMatchObject({ cancelled: 1, error: 0, latency: 0 });
  expect(time.pending).toBe(0);
  expect(listenersOf(caller.signal)).toBe(0);
});

test("a signal that is aborted before the call keeps every member from acting", async () => {
  const { options, told } = surroundings();
  const composed = pipeline(retry("r", options), new CircuitBreaker("b"));
  const fn = vi.fn(succeed);
  await expect(composed.call(fn, { signal: AbortSignal.abort("no more") })).rejects.toBe("no more");
  expect(fn).not.toHaveBeenCalled();
  expect(told()).toEqual([]);
});

test("idempotent of a call reaches the retry", async () => {
  const { options } = surroundings();
  const composed = pipeline(
    fallback("f", { ...options, fail: "open", value: 0 }),
    retry("r", options),
  );
  await expect(composed.call(fail, { idempotent: false })).rejects.toBe(BOOM);
});

test("a breaker alone is a pipeline, and a pipeline is a member of another", async () => {
  const { time, options } = surroundings();
  const breaker = new CircuitBreaker("b", { clock: time });
  const alone = pipeline(breaker);
  await expect(alone.call(succeed)).resolves.toBe("value");
  expect(alone.name).toBe("b");
  const nested = pipeline(retry("r", { ...options, attempts: 2 }), alone);
  expect(nested.name).toBe("r, b");
  await expect(time.until(nested.call(flaky([BOOM])))).resolves.toBe("value");
  expect(breaker.stats.calls).toMatchObject({ success: 2, error: 1 });
  breaker.forceOpen();
  expect(await alone.execute(succeed)).toMatchObject({ outcome: "circuit-open", attempts: 1 });
});

test("execute() measures with the clock of the outermost policy", async () => {
  const { time, options } = surroundings();
  const composed = pipeline(new CircuitBreaker("b"), retry("r", options));
  const result = composed.execute(
    () => new Promise<string>((resolve) => time.start(() => resolve("value"), 1_234)),
  );
  expect(await time.until(result)).toMatchObject({ outcome: "ok", latencyMs: 1_234 });
});

/** A member that notes when a call enters it and leaves it: a breaker whose events are listened to. */
function traced(kind: string, trace: string[]): PipelineMember {
  const note = (word: string) => () => void trace.push(`${word} ${kind}`);
  switch (kind) {
    case "breaker": {
      const breaker = new CircuitBreaker(kind);
      breaker.on("circuit.failure", note("left"));
      return breaker;
    }
    case "retry": {
      const bus = createEventBus();
      bus.on("retry.give_up", note("left"));
      return retry(kind, { attempts: 1, bus });
    }
    case "fallback": {
      const bus = createEventBus();
      bus.on("policy.callback_failed", note("left"));
      const run = () => {
        throw new Error("nothing to serve");
      };
      return fallback(kind, { fail: "open", run, bus, serveOn: { error: true } });
    }
    default:
      return timeout(kind, { limitMs: 1_000 });
  }
}

test("members act from the inside out, in whatever order they are given", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(["breaker", "retry", "fallback", "timeout"], { minLength: 1 }),
      async (kinds) => {
        const trace: string[] = [];
        const [first, ...others] = kinds.map((kind) => traced(kind, trace));
        if (first === undefined) throw new Error("one at least");
        await pipeline(first, ...others).execute(fail);
        const expected = kinds
          .filter((kind) => kind !== "timeout")
          .map((kind) => `left ${kind}`)
          .reverse();
        expect(trace).toEqual(expected);
      },
    ),
  );
});

test("a key that a fallback needs is asked for before anything begins: no policy takes the slip for a failure", async () => {
  const { time, options, told } = surroundings();
  const breaker = new CircuitBreaker("b", { clock: time, failureThreshold: 1 });
  const cache = { maxAgeMs: 1_000 };
  const policy = pipeline(
    retry("r", options),
    breaker,
    pipeline(fallback<string>("rates", { ...options, fail: "closed", cache })),
  );
  const fn = vi.fn(async () => "value");
  const refused =
    'Cannot call fallback "rates": key must be given with the call or as cache.key, received undefined';
  await expect(policy.call(fn)).rejects.toThrow(new TypeError(refused));
  await expect(policy.call(fn, { context: { n: 1 } })).rejects.toThrow(refused);
  await expect(policy.execute(fn)).rejects.toThrow(refused);
  expect(fn).not.toHaveBeenCalled();
  expect(breaker.stats.calls.error).toBe(0);
  expect(told()).toEqual([]);
  await expect(policy.call(fn, { key: "eur" })).resolves.toBe("value");
});
