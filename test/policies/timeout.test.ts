import fc from "fast-check";
import { expect, test, vi } from "vitest";
import {
  CircuitBreaker,
  isTimeoutError,
  pipeline,
  retry,
  TimeoutError,
  timeout,
} from "../../src/index.ts";
import { BOOM, deferred, fail, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { listenersOf, surroundings } from "../support/policies.ts";

/** A call that goes on until its signal is aborted, and throws the signal's reason then. */
const obedient = (signal: AbortSignal): Promise<string> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

test("call() passes a value in time through, and leaves no timer", async () => {
  const { time, options, told } = surroundings();
  const policy = timeout("search", { ...options, limitMs: 100 });
  await expect(policy.call(succeed)).resolves.toBe("value");
  await expect(policy.call(() => 5)).resolves.toBe(5);
  await expect(policy.call(fail)).rejects.toBe(BOOM);
  const thrower = (): never => {
    throw BOOM;
  };
  await expect(policy.call(thrower)).rejects.toBe(BOOM);
  expect(time.pending).toBe(0);
  expect(told()).toEqual([]);
});

test.each(["abandon", "cooperate"] as const)(
  "limitMs aborts the signal of a call and rejects it with a TimeoutError (%s)",
  async (mode) => {
    const { time, options, events } = surroundings();
    const policy = timeout("search", { ...options, limitMs: 100, mode });
    const seen: AbortSignal[] = [];
    const call = policy
      .call((signal) => {
        seen.push(signal);
        return obedient(signal);
      })
      .catch((thrown: unknown) => thrown);
    await time.pass(99);
    expect(seen[0]?.aborted).toBe(false);
    await time.pass(1);
    const error = await call;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(isTimeoutError(error)).toBe(true);
    expect(error).toMatchObject({
      name: "TimeoutError",
      code: "ERR_TIMEOUT",
      policy: "search",
      limitMs: 100,
      abandoned: mode === "abandon",
    });
    expect(seen[0]?.reason).toBe(error);
    expect(time.pending).toBe(0);
    expect(events).toEqual([
      {
        type: "timeout.expired",
        v: 1,
        atMs: START_AT_MS + 100,
        policy: "search",
        limitMs: 100,
        abandoned: mode === "abandon",
      },
    ]);
  },
);

test("mode abandon answers at the limit, also when the function ignores its signal", async () => {
  const { time, options } = surroundings();
  const policy = timeout("search", { ...options, limitMs: 100 });
  const attempt = deferred<string>();
  const call = policy.execute(() => attempt.promise);
  await time.pass(100);
  expect(await call).toMatchObject({
    outcome: "error",
    latencyMs: 100,
    error: { message: 'Timeout "search" expired after 100 ms, the call was abandoned' },
  });
});

test.each([
  ["throws", (attempt: ReturnType<typeof deferred<string>>) => attempt.reject(BOOM)],
  ["returns", (attempt: ReturnType<typeof deferred<string>>) => attempt.resolve("late")],
])("mode abandon drops what a call %s after its end", async (_, end) => {
  const { time, options, told } = surroundings();
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const policy = timeout("search", { ...options, limitMs: 100 });
  const attempt = deferred<string>();
  const call = policy.call(() => attempt.promise);
  call.catch(() => {});
  await time.pass(100);
  expect(told()).toEqual(["timeout.expired"]);
  end(attempt);
  await time.pass(1_000);
  await expect(call).rejects.toMatchObject({ name: "TimeoutError" });
  expect(told()).toEqual([]);
  expect(unhandled).not.toHaveBeenCalled();
  process.off("unhandledRejection", unhandled);
});

test("mode cooperate waits for the function: a late value is still its value", async () => {
  const { time, options, told } = surroundings();
  const policy = timeout("search", { ...options, limitMs: 100, mode: "cooperate" });
  const attempt = deferred<string>();
  let settled = false;
  const call = policy
    .call(() => attempt.promise)
    .finally(() => {
      settled = true;
    });
  await time.pass(5_000);
  expect(settled).toBe(false);
  expect(told()).toEqual(["timeout.expired"]);
  attempt.resolve("late");
  await expect(call).resolves.toBe("late");
});

test("mode cooperate: a late throw is a TimeoutError with the thrown value as its cause", async () => {
  const { time, options } = surroundings();
  const policy = timeout("search", { ...options, limitMs: 100, mode: "cooperate" });
  for (const thrown of [BOOM, undefined]) {
    const attempt = deferred<string>();
    const call = policy.call(() => attempt.promise).catch((error: unknown) => error);
    await time.pass(100);
    attempt.reject(thrown);
    const error = await call;
    expect(error).toMatchObject({ name: "TimeoutError", abandoned: false });
    expect(Object.hasOwn(Object(error), "cause")).toBe(true);
    expect(Reflect.get(Object(error), "cause")).toBe(thrown);
  }
});

test.each(["abandon", "cooperate"] as const)(
  "the caller's signal is followed, and its reason comes through (%s)",
  async (mode) => {
    const { time, options, told } = surroundings();
    const policy = timeout("search", { ...options, limitMs: 100, mode });
    const caller = new AbortController();
    const seen: AbortSignal[] = [];
    const call = policy.call(
      (signal) => {
        seen.push(signal);
        return obedient(signal);
      },
      { signal: caller.signal },
    );
    expect(seen[0]).not.toBe(caller.signal);
    caller.abort("no more");
    await expect(call).rejects.toBe("no more");
    expect(seen[0]?.reason).toBe("no more");
    expect(time.pending).toBe(0);
    expect(listenersOf(caller.signal)).toBe(0);
    expect(told()).toEqual([]);
  },
);

test("mode cooperate: the limit means nothing to a call that its caller has ended", async () => {
  const { time, options, told } = surroundings();
  const policy = timeout("search", { ...options, limitMs: 100, mode: "cooperate" });
  const caller = new AbortController();
  const attempt = deferred<string>();
  const call = policy.call(() => attempt.promise, { signal: caller.signal });
  caller.abort("no more");
  expect(time.pending).toBe(0);
  await time.pass(1_000);
  attempt.reject(BOOM);
  await expect(call).rejects.toBe(BOOM);
  expect(told()).toEqual([]);
});

test("mode abandon answers a caller who gives up, also when the function goes on", async () => {
  const { options } = surroundings();
  const caller = new AbortController();
  const call = timeout("search", { ...options, limitMs: 100 }).call(
    () => new Promise<string>(() => {}),
    { signal: caller.signal },
  );
  caller.abort("no more");
  await expect(call).rejects.toBe("no more");
});

test("a signal that is aborted before the call keeps it from running", async () => {
  const { time, options } = surroundings();
  const fn = vi.fn(succeed);
  const signal = AbortSignal.abort("no more");
  const policy = timeout("search", { ...options, limitMs: 100 });
  await expect(policy.call(fn, { signal })).rejects.toBe("no more");
  expect(fn).not.toHaveBeenCalled();
  expect(time.pending).toBe(0);
});

test("timeout.expired carries the context of the call", async () => {
  const { time, options, last } = surroundings();
  const policy = timeout("search", { ...options, limitMs: 100 });
  await time.until(policy.execute(obedient, { context: { delivery: "d-1" } }));
  expect(last("timeout.expired").context).toEqual({ delivery: "d-1" });
});

test("a breaker around a timeout counts it as latency", async () => {
  const { time, options } = surroundings();
  const breaker = new CircuitBreaker("search", { clock: time });
  const policy = timeout("search", { ...options, limitMs: 100 });
  const result = await time.until(breaker.execute(() => policy.call(obedient)));
  expect(result).toMatchObject({ outcome: "error", countedAs: "latency", latencyTripped: true });
});

test("a breaker inside a timeout counts a call that the timeout aborted as latency", async () => {
  const { time, options } = surroundings();
  const breaker = new CircuitBreaker("search", { clock: time });
  const policy = timeout("search", { ...options, limitMs: 100 });
  await time.until(policy.execute((signal) => breaker.call(obedient, { signal })));
  expect(breaker.stats.calls).toMatchObject({ latency: 1, cancelled: 0, error: 0 });
});

test("a breaker inside a limit trips by calls that hang, also when their client throws an AbortError", async () => {
  const aborted = (signal: AbortSignal): Promise<string> =>
    new Promise((_, reject) => {
      const end = () => reject(new DOMException("This operation was aborted", "AbortError"));
      signal.addEventListener("abort", end, { once: true });
    });
  const limits = [
    (options: object) => timeout("search", { ...options, limitMs: 100 }),
    (options: object) => timeout("search", { ...options, limitMs: 100, mode: "cooperate" }),
    (options: object) => retry("search", { ...options, totalMs: 100, attempts: 1 }),
  ];
  for (const limit of limits) {
    const { time, options } = surroundings();
    const breaker = new CircuitBreaker("search", { clock: time, failureThreshold: 3 });
    const guarded = pipeline(limit(options), breaker);
    for (let n = 0; n < 3; n++) await time.until(guarded.execute(aborted));
    expect(breaker.stats.calls).toMatchObject({ latency: 3, cancelled: 0 });
    expect(breaker.state).toBe("open");
  }
});

test("a breaker inside a limit counts a call that its caller ended as cancelled", async () => {
  const { time, options } = surroundings();
  const breaker = new CircuitBreaker("search", { clock: time, failureThreshold: 1 });
  const guarded = pipeline(timeout("search", { ...options, limitMs: 100 }), breaker);
  const caller = new AbortController();
  const call = guarded.execute(obedient, { signal: caller.signal });
  caller.abort();
  await call;
  await time.pass(0);
  expect(breaker.stats.calls).toMatchObject({ latency: 0, cancelled: 1 });
});

test("no timer and no listener is left, however calls end", async () => {
  const ending = fc.constantFrom("value", "error", "ignore", "obey");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ ending, tookMs: fc.integer({ min: 0, max: 300 }) }), {
        minLength: 1,
        maxLength: 10,
      }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 0, max: 300 }),
      fc.constantFrom("abandon", "cooperate"),
      async (calls, limitMs, abortMs, mode) => {
        const { time, options } = surroundings();
        const policy = timeout("plan", { ...options, limitMs, mode });
        const caller = new AbortController();
        let running = 0;
        for (const { ending: end, tookMs } of calls) {
          running++;
          void policy
            .execute(
              (signal) => {
                if (end === "obey") return obedient(signal);
                return new Promise((resolve, reject) => {
                  time.start(() => (end === "error" ? reject(BOOM) : resolve("value")), tookMs);
                });
              },
              { signal: caller.signal },
            )
            .then((result) => {
              running--;
              if (mode === "abandon") expect(result.latencyMs).toBeLessThanOrEqual(limitMs);
            });
        }
        await time.pass(abortMs);
        caller.abort("no more");
        await time.pass(1_000);
        expect(running).toBe(0);
        expect(time.pending).toBe(0);
        expect(listenersOf(caller.signal)).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});
