import { describe, expect, test, vi } from "vitest";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { permitOf, watchIn } from "../support/states.ts";

const frozen = Object.freeze({ reason: "frozen" });
const thrownValues = [undefined, null, "a string", 0, Number.NaN, Symbol("s"), frozen, BOOM];

type Settle<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => void;

/** A promise-like that is no promise. */
const thenable = <T>(settle: Settle<T>): PromiseLike<T> =>
  // Promise resolution calls `then` with two functions and looks at nothing else.
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what these tests are about
  ({ then: settle }) as unknown as PromiseLike<T>;

// A breaker that nobody listens to runs calls on a path of its own.
describe.each([
  { path: "heard", make: () => watch().breaker },
  { path: "unheard", make: () => new CircuitBreaker("unheard") },
])("$path", ({ make }) => {
  test.each([
    { kind: "a value", fn: () => 1, value: 1 },
    { kind: "undefined", fn: () => undefined, value: undefined },
    { kind: "null", fn: () => null, value: null },
    { kind: "false", fn: () => false, value: false },
    { kind: "a promise", fn: () => Promise.resolve("later"), value: "later" },
    { kind: "a promise of undefined", fn: async () => {}, value: undefined },
    { kind: "a thenable", fn: () => thenable<number>((ok) => ok(3)), value: 3 },
    { kind: "a frozen object", fn: () => frozen, value: frozen },
  ])("call() takes $kind as a success and passes it through", async ({ fn, value }) => {
    const breaker = make();
    expect(await breaker.call<unknown>(fn)).toBe(value);
    expect(breaker.stats.calls).toMatchObject({ success: 1, error: 0 });
  });

  test.each(thrownValues)("call() passes a rejection with %o through untouched", async (thrown) => {
    const breaker = make();
    const seen = await breaker
      .call(() => Promise.reject(thrown))
      .then(
        () => "resolved",
        (error: unknown) => ({ error }),
      );
    expect(seen).toEqual({ error: thrown });
    expect(typeof seen === "object" && Object.is(seen.error, thrown)).toBe(true);
    expect(breaker.stats.calls).toMatchObject({ success: 0, error: 1 });
  });

  test.each(thrownValues)(
    "call() passes a synchronous throw of %o through as a rejection",
    async (thrown) => {
      const breaker = make();
      let rejected: unknown = "nothing";
      const promise = breaker.call(() => {
        throw thrown;
      });
      await promise.catch((error: unknown) => {
        rejected = error;
      });
      expect(Object.is(rejected, thrown)).toBe(true);
      expect(breaker.stats.calls.error).toBe(1);
    },
  );

  test("call() takes a thenable that rejects, and one whose then throws, as errors", async () => {
    const breaker = make();
    const rejecting = thenable<never>((_, reject) => reject(BOOM));
    const throwing = thenable<never>(() => {
      throw BOOM;
    });
    await expect(breaker.call(() => rejecting)).rejects.toBe(BOOM);
    await expect(breaker.call(() => throwing)).rejects.toBe(BOOM);
    expect(breaker.stats.calls.error).toBe(2);
  });

  test("call() counts a thenable that answers twice once", async () => {
    const breaker = make();
    const twice = thenable<number>((resolve, reject) => {
      resolve(1);
      reject(BOOM);
      resolve(2);
    });
    expect(await breaker.call(() => twice)).toBe(1);
    expect(breaker.stats.calls).toMatchObject({ success: 1, error: 0 });
  });

  test("call() counts results of before a reset as late", async () => {
    const breaker = make();
    const [good, bad] = [deferred<string>(), deferred<string>()];
    const results = [breaker.call(() => good.promise), breaker.call(() => bad.promise)];
    breaker.reset();
    good.resolve("value");
    bad.reject(BOOM);
    await expect(results[0]).resolves.toBe("value");
    await expect(results[1]).rejects.toBe(BOOM);
    expect(breaker.stats.calls).toMatchObject({ late: 2, success: 0, error: 0 });
    expect(breaker.stats.consecutiveFailures).toBe(0);
  });

  test("call() runs fn once, with no argument", async () => {
    const fn = vi.fn(() => 1);
    await make().call(fn);
    expect(fn.mock.calls).toEqual([[]]);
  });

  test("call() runs fn before it returns", () => {
    const fn = vi.fn(succeed);
    void make().call(fn);
    expect(fn).toHaveBeenCalledTimes(1);
  });

  test("callSync() passes values and throws through untouched", () => {
    const breaker = make();
    expect(breaker.callSync(() => frozen)).toBe(frozen);
    expect(breaker.callSync(() => undefined)).toBeUndefined();
    for (const thrown of thrownValues) {
      let caught: unknown = "nothing";
      try {
        breaker.callSync(() => {
          throw thrown;
        });
      } catch (error) {
        caught = error;
      }
      expect(Object.is(caught, thrown)).toBe(true);
      breaker.reset();
    }
    expect(breaker.stats.calls).toMatchObject({ success: 2, error: thrownValues.length });
  });

  test("callSync() refuses a function that returns a promise", () => {
    const breaker = make();
    // A function that the compiler would refuse; it comes from JavaScript.
    const fn = succeed as never;
    expect(() => breaker.callSync(fn)).toThrow(TypeError);
  });

  test("call() passes fn the very signal that was given", async () => {
    const { signal } = new AbortController();
    const fn = vi.fn((given: AbortSignal) => given.aborted);
    expect(await make().call(fn, { signal })).toBe(false);
    expect(fn.mock.calls).toEqual([[signal]]);
  });
});

test("call() tells the event before the caller sees the result", async () => {
  const { breaker } = watch();
  const order: string[] = [];
  breaker.on("circuit.success", () => order.push("event"));
  await breaker.call(succeed).then(() => order.push("result"));
  expect(order).toEqual(["event", "result"]);
});

test("call() counts a throw after the signal was aborted as cancelled", async () => {
  const { breaker, told, last } = watch({ failureThreshold: 1 });
  const controller = new AbortController();
  const call = deferred<string>();
  const result = breaker.call(() => call.promise, { signal: controller.signal });
  controller.abort();
  call.reject(controller.signal.reason);
  await expect(result).rejects.toBe(controller.signal.reason);
  expect(told()).toEqual(["ignored"]);
  expect(last("circuit.ignored").countedAs).toBe("cancelled");
  expect(breaker.stats).toMatchObject({
    consecutiveFailures: 0,
    calls: { cancelled: 1, error: 0 },
  });
});

test("call() counts a value as success though the signal was aborted", async () => {
  const { breaker } = watch();
  const controller = new AbortController();
  const call = deferred<string>();
  const result = breaker.call(() => call.promise, { signal: controller.signal });
  controller.abort();
  call.resolve("in time");
  expect(await result).toBe("in time");
  expect(breaker.stats.calls).toMatchObject({ success: 1, cancelled: 0 });
});

test("call() counts a throw as error while the signal is not aborted", async () => {
  const { breaker } = watch();
  const { signal } = new AbortController();
  await expect(breaker.call(fail, { signal })).rejects.toBe(BOOM);
  expect(breaker.stats.calls).toMatchObject({ error: 1, cancelled: 0 });
});

test("call() counts a signal that ended by TimeoutError as latency", async () => {
  const { breaker } = watch();
  const controller = new AbortController();
  const call = deferred<string>();
  const result = breaker.call(() => call.promise, { signal: controller.signal });
  controller.abort(new DOMException("took too long", "TimeoutError"));
  call.reject(controller.signal.reason);
  await expect(result).rejects.toBe(controller.signal.reason);
  expect(breaker.stats.calls).toMatchObject({ latency: 1, cancelled: 0 });
});

test("call() counts a throw of any kind after a time limit aborted the signal as latency", async () => {
  const abortError = new DOMException("This operation was aborted", "AbortError");
  for (const thrown of [abortError, BOOM, undefined]) {
    const { breaker, last } = watch({ failureThreshold: 1 });
    const controller = new AbortController();
    const call = deferred<string>();
    const result = breaker.execute(() => call.promise, { signal: controller.signal });
    controller.abort(new DOMException("took too long", "TimeoutError"));
    call.reject(thrown);
    expect(await result).toMatchObject({ outcome: "error", error: thrown, latencyTripped: true });
    expect(breaker.stats.calls).toMatchObject({ latency: 1, cancelled: 0, error: 0 });
    expect(last("circuit.open").reason).toBe("latency");
  }
});

test("call() counts a value as success though a time limit aborted the signal", async () => {
  const { breaker } = watch();
  const signal = { aborted: false, reason: new DOMException("too long", "TimeoutError") };
  await breaker.call(
    () => {
      signal.aborted = true;
    },
    { signal },
  );
  expect(breaker.stats.calls).toMatchObject({ success: 1, latency: 0 });
});

test.each([
  ["reason", { aborted: true }, "cancelled"],
  ["aborted", { reason: new DOMException("too long", "TimeoutError") }, "error"],
] as const)(
  "call() keeps its error when the signal's %s can no longer be read",
  async (key, readable, counted) => {
    const { breaker } = watch();
    const signal: { aborted: boolean; reason?: unknown } = { aborted: false };
    const result = breaker.call(
      () => {
        const unreadable = () => {
          throw new Error("not to be read");
        };
        Object.defineProperty(Object.assign(signal, readable), key, { get: unreadable });
        return fail();
      },
      { signal },
    );
    await expect(result).rejects.toBe(BOOM);
    expect(breaker.stats.calls).toMatchObject({ [counted]: 1, latency: 0 });
  },
);

test.each(["closed", "open", "half_open", "forced_open", "disabled"] as const)(
  "a signal aborted before the call: fn does not run in %s, and no slot is taken",
  async (state) => {
    const { breaker, told, last } = await watchIn(state);
    const signal = AbortSignal.abort("gave up");
    const fn = vi.fn(succeed);
    const skips = breaker.stats.skips;
    await expect(breaker.call(fn, { signal })).rejects.toBe("gave up");
    expect(await breaker.execute(fn, { signal })).toMatchObject({
      outcome: "error",
      error: "gave up",
      countedAs: "cancelled",
      latencyMs: 0,
    });
    expect(fn).not.toHaveBeenCalled();
    expect(told()).toEqual(["ignored", "ignored"]);
    expect(last("circuit.ignored")).toMatchObject({ countedAs: "cancelled", latencyMs: 0, state });
    expect(breaker.stats.skips).toEqual(skips);
    expect(breaker).toMatchObject({ state, probesInFlight: 0 });
  },
);

test("a signal aborted before the call does not end the cooldown", async () => {
  const { breaker, clock, told } = await watchIn("open");
  clock.advance(1_000);
  await breaker.execute(succeed, { signal: AbortSignal.abort() });
  expect(told()).toEqual(["ignored"]);
  expect(breaker.stats.transitions["open->half_open"]).toBe(0);
});

test("callSync() with a signal aborted before the call does not run fn", () => {
  const { breaker } = watch();
  const fn = vi.fn(() => 1);
  expect(() => breaker.callSync(fn, { signal: AbortSignal.abort(BOOM) })).toThrow(BOOM);
  expect(fn).not.toHaveBeenCalled();
  expect(breaker.stats.calls).toMatchObject({ cancelled: 1, success: 0 });
});

test("the signal of one call does not touch the others", async () => {
  const { breaker } = watch();
  const [one, two] = [new AbortController(), new AbortController()];
  const [first, second] = [deferred<string>(), deferred<string>()];
  const results = [
    breaker.execute(() => first.promise, { signal: one.signal }),
    breaker.execute(() => second.promise, { signal: two.signal }),
  ];
  one.abort();
  first.reject(one.signal.reason);
  second.reject(BOOM);
  expect((await Promise.all(results)).map(({ countedAs }) => countedAs)).toEqual([
    "cancelled",
    "error",
  ]);
});

test("context is put on the events of the call, and on no other's", async () => {
  const { breaker, events, last } = watch({ failureThreshold: 5 });
  await breaker.call(succeed, { context: { delivery: "d-1", retry: 2, dry: false, none: null } });
  expect(last("circuit.success").context).toEqual({
    delivery: "d-1",
    retry: 2,
    dry: false,
    none: null,
  });
  await breaker.execute(fail, { context: { delivery: "d-2" } });
  expect(last("circuit.failure").context).toEqual({ delivery: "d-2" });
  expect(last("circuit.progress").context).toEqual({ delivery: "d-2" });
  await breaker.execute(fail);
  expect("context" in (events.at(-1) ?? {})).toBe(false);
});

test("context is put on skips, late results, probes and cancelled calls", async () => {
  const watched = await watchIn("half_open");
  const { breaker, last } = watched;
  const context = { id: 1 };
  const call = deferred<string>();
  const late = breaker.execute(() => call.promise, { context });
  await breaker.execute(succeed, { context });
  expect(last("circuit.skip").context).toEqual(context);
  await breaker.execute(succeed, { context, signal: AbortSignal.abort() });
  expect(last("circuit.ignored").context).toEqual(context);
  breaker.reset();
  call.resolve("value");
  await late;
  expect(last("circuit.late").context).toEqual(context);
  expect(last("circuit.probe")).toMatchObject({ outcome: "late", context });
});

test("undefined values of a context are left out", async () => {
  const { breaker, last } = watch();
  await breaker.call(succeed, { context: { given: 1, missing: undefined } });
  expect(Object.keys(last("circuit.success").context ?? {})).toEqual(["given"]);
});

test("a nested call through two breakers: the inner refusal is unreached for the outer", async () => {
  const inner = await watchIn("forced_open");
  const outer = watch({ failureThreshold: 1 });
  const refused = outer.breaker.call(() => inner.breaker.call(succeed));
  await expect(refused).rejects.toMatchObject({ code: "ERR_CIRCUIT_OPEN" });
  expect(outer.last("circuit.ignored").countedAs).toBe("unreached");
  expect(outer.breaker.state).toBe("closed");
  expect(outer.breaker.stats.consecutiveFailures).toBe(0);
});

test("a call inside a call of the same breaker is a call of its own", async () => {
  const { breaker } = watch();
  const value = await breaker.call(() => breaker.call(() => breaker.callSync(() => 5)));
  expect(value).toBe(5);
  expect(breaker.stats.calls.success).toBe(3);
});

test("1 000 calls at once keep their own values, errors and times", async () => {
  const { breaker, clock } = watch({ failureThreshold: 10_000 });
  const calls = Array.from({ length: 1_000 }, () => deferred<number>());
  const results = calls.map((call) => breaker.execute(() => call.promise));
  for (const [index, call] of calls.entries()) {
    clock.advance(1);
    if (index % 2 === 0) call.resolve(index);
    else call.reject(index);
    await results[index];
  }
  for (const [index, result] of (await Promise.all(results)).entries()) {
    expect(result).toMatchObject(
      index % 2 === 0
        ? { outcome: "ok", value: index, latencyMs: index + 1 }
        : { outcome: "error", error: index, latencyMs: index + 1 },
    );
  }
});

test("a permit and a call under way at a trip are both late", async () => {
  const watched = watch({ failureThreshold: 1 });
  const permit = permitOf(watched);
  const call = deferred<string>();
  const result = watched.breaker.execute(() => call.promise);
  await failTimes(watched.breaker, 1);
  permit.success();
  call.resolve("value");
  expect(await result).toMatchObject({ outcome: "ok", value: "value", countedAs: "late" });
  expect(watched.breaker.stats.calls).toMatchObject({ late: 2, success: 0, error: 1 });
});
