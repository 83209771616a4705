import { expect, test, vi } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  createEventBus,
  fallback,
  pipeline,
  ratioBudget,
  retry,
  timeout,
} from "../../src/index.ts";
import { deferred, fail, succeed } from "../support/breaker.ts";
import { httpError, listenersOf, networkError, surroundings } from "../support/policies.ts";

test("trap 11: refusals inside a breaker, of a bulkhead too, never keep it from recovering", async () => {
  const { time, options } = surroundings();
  const inner = new CircuitBreaker("inner", { clock: time });
  const outer = new CircuitBreaker("outer", { clock: time, failureThreshold: 2, cooldownMs: 100 });
  const places = bulkhead(inner, { limit: 1, clock: time, timers: time });
  const composed = pipeline(retry("r", { ...options, attempts: 2 }), outer, places, inner);
  const held = deferred<string>();
  const holding = composed.call(() => held.promise);
  for (let n = 0; n < 50; n++) await time.until(composed.execute(succeed));
  expect(outer.state).toBe("closed");
  expect(outer.stats.calls.unreached).toBe(100);
  outer.forceOpen("drill", { forMs: 100 });
  await time.pass(100);
  await time.until(composed.execute(succeed));
  expect(outer.state).toBe("half_open");
  held.resolve("value");
  await holding;
  await composed.call(succeed);
  expect(outer.state).toBe("closed");
});

test("trap 16: a call that hangs is told when its time is over, not never", async () => {
  const { time, options, told } = surroundings();
  const breaker = new CircuitBreaker("b", { clock: time, failureThreshold: 2 });
  const composed = pipeline(breaker, timeout("t", { ...options, limitMs: 2_000 }));
  for (let n = 0; n < 20; n++) void composed.execute(() => new Promise(() => {}));
  await time.pass(2_000);
  expect(breaker.state).toBe("open");
  expect(told()).toEqual(Array(20).fill("timeout.expired"));
});

test("trap 20: a listener that throws harms no call of a policy", async () => {
  const { time } = surroundings();
  const bus = createEventBus();
  for (const type of ["retry.*", "timeout.*", "fallback.*", "policy.*"] as const) {
    bus.on<"retry.*">(type as "retry.*", () => {
      throw new Error("a listener is broken");
    });
  }
  const failed = vi.fn();
  bus.on("bus.listener_failed", failed);
  const options = { bus, clock: time, timers: time };
  const composed = pipeline(
    fallback("f", { ...options, fail: "open", value: "none", serveOn: { error: true } }),
    retry("r", { ...options, attempts: 2, random: () => 2 }),
    timeout("t", { ...options, limitMs: 10 }),
  );
  await expect(time.until(composed.call(() => new Promise(() => {})))).resolves.toBe("none");
  expect(failed.mock.calls.map(([{ failedType }]) => failedType)).toEqual([
    "timeout.expired",
    "policy.callback_failed",
    "retry.attempt",
    "timeout.expired",
    "retry.give_up",
    "fallback.served",
  ]);
});

test("trap 25: one refused call gives one event, whatever stands around the bulkhead", async () => {
  const { time, bus, told } = surroundings();
  const breaker = new CircuitBreaker("db", { clock: time, bus });
  const places = bulkhead(breaker, { limit: 1, clock: time, timers: time });
  void places.call(() => new Promise(() => {}));
  const [inside, outside, alone] = [pipeline(breaker, places), pipeline(places, breaker), places];
  for (const composed of [inside, outside, alone]) await composed.execute(succeed);
  expect(told()).toEqual(["circuit.skip", "circuit.skip", "circuit.skip"]);
  expect(breaker.stats.skips.bulkhead).toBe(3);
});

test("trap 39: policies that are idle hold no timer, and making one starts none", () => {
  const start = vi.spyOn(globalThis, "setTimeout");
  const repeat = vi.spyOn(globalThis, "setInterval");
  const controller = vi.spyOn(globalThis, "AbortController");
  const before = process.getActiveResourcesInfo().sort();
  for (let n = 0; n < 100; n++) {
    const breaker = new CircuitBreaker("b");
    pipeline(
      fallback("f", { fail: "closed", cache: { maxAgeMs: 1_000, key: "all" } }),
      retry("r", { totalMs: 1_000, budget: ratioBudget() }),
      bulkhead(breaker, { limit: 1, queue: { limit: 5, maxWaitMs: 500 } }),
      breaker,
      timeout("t", { limitMs: 1_000 }),
    );
  }
  expect(start).not.toHaveBeenCalled();
  expect(repeat).not.toHaveBeenCalled();
  expect(controller).not.toHaveBeenCalled();
  expect(process.getActiveResourcesInfo().sort()).toEqual(before);
  for (const spy of [start, repeat, controller]) spy.mockRestore();
});

test("trap 40: a cache keyed by user input does not grow without end", async () => {
  const { options } = surroundings();
  const policy = fallback<object>("f", {
    ...options,
    fail: "closed",
    cache: { maxAgeMs: 1_000_000, maxEntries: 10 },
  });
  for (let n = 0; n < 200; n++) {
    await policy.call(async () => ({ n }), { key: `user ${n}` });
  }
  const reset = networkError("ECONNRESET");
  let served = 0;
  for (let n = 0; n < 200; n++) {
    const result = await policy.execute(() => Promise.reject(reset), { key: `user ${n}` });
    if (result.outcome === "fallback") served++;
  }
  expect(served).toBe(10);
});

test("trap 41: one timeout aborts its own call and no other", async () => {
  const { time, options } = surroundings();
  const policy = timeout("t", { ...options, limitMs: 100 });
  const signals: AbortSignal[] = [];
  const call = () =>
    policy.execute((signal) => {
      signals.push(signal);
      return new Promise<string>((resolve) => time.start(() => resolve("value"), 150));
    });
  const first = call();
  await time.pass(60);
  const quick = policy.execute((signal) => {
    signals.push(signal);
    return new Promise<string>((resolve) => time.start(() => resolve("value"), 50));
  });
  await time.pass(60);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect(await quick).toMatchObject({ outcome: "ok", value: "value" });
  expect(await first).toMatchObject({ outcome: "error" });
  expect(new Set(signals).size).toBe(2);
});

test("trap 42: neither the options nor the errors of the caller are changed", async () => {
  const { time, options } = surroundings();
  const error = Object.freeze(httpError(503));
  const keys = Reflect.ownKeys(error);
  const policy = retry("r", Object.freeze({ ...options, attempts: 2 }));
  const call = Object.freeze({ context: Object.freeze({ a: 1 }), key: "k" });
  await expect(time.until(policy.call(() => Promise.reject(error), call))).rejects.toMatchObject({
    cause: error,
  });
  expect(Reflect.ownKeys(error)).toEqual(keys);
  expect(Object.isFrozen(error)).toBe(true);
});

test("trap 43: a backoff sleep ends at once when the signal is aborted", async () => {
  const { time, options } = surroundings();
  const policy = retry("r", { ...options, backoff: () => 60_000 });
  const caller = new AbortController();
  const fn = vi.fn(fail);
  const call = policy.call(fn, { signal: caller.signal });
  await time.pass(30_000);
  expect(listenersOf(caller.signal)).toBe(1);
  caller.abort(new Error("gone home"));
  await expect(call).rejects.toThrow("gone home");
  expect(time.nowMs).toBe(30_000);
  expect(time.pending).toBe(0);
  expect(listenersOf(caller.signal)).toBe(0);
  expect(fn).toHaveBeenCalledTimes(1);
});
