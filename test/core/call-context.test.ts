import { AsyncLocalStorage } from "node:async_hooks";
import { Registry } from "prom-client";
import { expect, test, vi } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  consecutive,
  createEventBus,
} from "../../src/index.ts";
import { deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { permitOf, refusalOf } from "../support/states.ts";
import { NO_FUNCTIONS, wrong } from "../support/wrong-values.ts";

const TENANT = { tenant: "acme" };

/** A breaker that is asked for a context, and how often it was. */
function asked(answer: () => unknown = () => TENANT, options: CircuitBreakerOptions = {}) {
  const context = vi.fn(answer);
  return { context, ...watch({ ...options, context: wrong(context) }) };
}

test("context is asked for every kind of event about a call", async () => {
  const { breaker, clock, events, last } = asked(() => TENANT, {
    failureThreshold: 2,
    cooldownMs: 100,
  });
  await breaker.call(succeed);
  await breaker.execute(fail);
  expect(last("circuit.progress").context).toEqual(TENANT);
  await breaker.execute(succeed, { signal: AbortSignal.abort() });
  const late = deferred<string>();
  const lateResult = breaker.execute(() => late.promise);
  await breaker.execute(fail);
  refusalOf({ breaker });
  late.resolve("late");
  await lateResult;
  clock.advance(100);
  expect(breaker.callSync(() => "value")).toBe("value");
  breaker.recordFailure();
  const carriers = events.filter((event) => "context" in event).map(({ type }) => type);
  expect(new Set(carriers)).toEqual(
    new Set([
      "circuit.success",
      "circuit.failure",
      "circuit.progress",
      "circuit.ignored",
      "circuit.skip",
      "circuit.late",
      "circuit.probe",
    ]),
  );
  const others = events.filter((event) => !("context" in event)).map(({ type }) => type);
  expect(new Set(others)).toEqual(new Set(["circuit.open", "circuit.half_open", "circuit.close"]));
});

test("context is asked once for the events of one step", async () => {
  const { breaker, context, told } = asked(() => TENANT, { failureThreshold: 2 });
  await breaker.execute(fail);
  expect(told()).toEqual(["failure", "progress"]);
  expect(context).toHaveBeenCalledTimes(1);
});

test("context is not asked while nobody hears an event about the call", async () => {
  const context = vi.fn(() => TENANT);
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("quiet", { clock, context, failureThreshold: 1 });
  breaker.on("circuit.open", () => {});
  await breaker.call(succeed);
  await breaker.execute(fail);
  refusalOf({ breaker });
  breaker.reset();
  permitOf({ breaker }).success();
  expect(context).not.toHaveBeenCalled();
  breaker.on("circuit.failure", () => {});
  await breaker.call(succeed);
  expect(context).not.toHaveBeenCalled();
  await breaker.execute(fail);
  expect(context).toHaveBeenCalledTimes(1);
});

test("the context of an AsyncLocalStorage is that of the caller, on every path", async () => {
  const storage = new AsyncLocalStorage<{ readonly delivery: string }>();
  for (const latencyTripMs of [undefined, 1_000]) {
    const { breaker, events } = watch({
      context: () => storage.getStore(),
      failureThreshold: 9,
      ...(latencyTripMs === undefined ? {} : { latencyTripMs }),
    });
    const calls = ["a", "b", "c"].map((delivery) => ({ delivery, call: deferred<string>() }));
    const results = calls.map(({ delivery, call }) =>
      storage.run({ delivery }, () => breaker.execute(() => call.promise)),
    );
    for (const { call } of calls.toReversed()) call.resolve("value");
    await Promise.all(results);
    expect(events.map((event) => event.context)).toEqual([
      { delivery: "c" },
      { delivery: "b" },
      { delivery: "a" },
    ]);
  }
});

test("the context of a call on the quiet path is that of its caller", async () => {
  const storage = new AsyncLocalStorage<{ readonly delivery: string }>();
  const breaker = new CircuitBreaker("quiet", {
    clock: new FakeClock(),
    context: () => storage.getStore(),
  });
  const seen: unknown[] = [];
  breaker.on("circuit.progress", (event) => seen.push(event.context));
  const call = deferred<string>();
  const result = storage.run({ delivery: "a" }, () => breaker.call(() => call.promise));
  storage.run({ delivery: "b" }, () => call.reject(new Error("boom")));
  await result.catch(() => {});
  expect(seen).toEqual([{ delivery: "a" }]);
});

test("the context of a permit is that of its admission", () => {
  const storage = new AsyncLocalStorage<{ readonly delivery: string }>();
  const { breaker, last } = watch({ context: () => storage.getStore() });
  const permit = storage.run({ delivery: "a" }, () => permitOf({ breaker }));
  storage.run({ delivery: "b" }, () => permit.success());
  expect(last("circuit.success").context).toEqual({ delivery: "a" });
  const about = permitOf({ breaker });
  storage.run({ delivery: "b" }, () => about.success());
  expect("context" in last("circuit.success")).toBe(false);
});

test("a lease that ends in the step of another call has no context", () => {
  const { breaker, clock, events } = asked(() => TENANT, {
    cooldownMs: 10,
    halfOpen: { leaseMs: 100 },
  });
  breaker.forceOpen("drill", { forMs: 10 });
  clock.advance(10);
  permitOf({ breaker });
  clock.advance(100);
  const probe = permitOf({ breaker });
  probe.success();
  const probes = events.filter((event) => event.type === "circuit.probe");
  expect(probes.map(({ outcome, context }) => [outcome, context])).toEqual([
    ["expired", undefined],
    ["success", TENANT],
  ]);
});

test("a call that brings its own context is not asked about", async () => {
  const { breaker, context, last } = asked();
  await breaker.call(succeed, { context: { delivery: "d-1" } });
  expect(last("circuit.success").context).toEqual({ delivery: "d-1" });
  await breaker.call(succeed, { context: {} });
  expect(last("circuit.success").context).toEqual({});
  expect(context).not.toHaveBeenCalled();
});

test("undefined is no context", async () => {
  const { breaker, last } = asked(() => undefined);
  await breaker.call(succeed);
  expect("context" in last("circuit.success")).toBe(false);
});

test("a context is a frozen copy", async () => {
  const answer = { tenant: "acme" };
  const { breaker, last } = asked(() => answer);
  await breaker.call(succeed);
  answer.tenant = "changed";
  expect(last("circuit.success").context).toEqual(TENANT);
  expect(Object.isFrozen(last("circuit.success").context)).toBe(true);
});

test.each([
  ["throws", () => wrong(undefined)["x"], /Cannot read properties/],
  ["answers a number", () => 5, /^Cannot take the context: context must be an object, received 5$/],
  ["answers a promise", () => Promise.reject(new Error("late")), /context must be a plain object/],
  ["answers null", () => null, /context must be an object, received null/],
  ["answers a Map", () => new Map(), /context must be a plain object/],
  [
    "answers something nested",
    () => ({ user: { id: 1 } }),
    /^Cannot take the context: context\.user must be a string, .*, received an object$/,
  ],
  [
    "answers what cannot be read",
    () => ({
      get tenant() {
        throw new Error("unreadable");
      },
    }),
    /^unreadable$/,
  ],
])(
  "a context that %s is told as circuit.callback_failed, and the call is unharmed",
  async (_, answer, message) => {
    const { breaker, told, last, events } = asked(answer);
    await expect(breaker.call(succeed)).resolves.toBe("value");
    expect(told()).toEqual(["callback_failed", "success"]);
    expect(last("circuit.callback_failed")).toMatchObject({
      callback: "context",
      error: { message: expect.stringMatching(message) },
    });
    expect("context" in last("circuit.success")).toBe(false);
    const permit = permitOf({ breaker });
    expect(told()).toEqual(["callback_failed"]);
    permit.success();
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, n) => n + 1));
  },
);

const KEYS_10_000 = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`key${n}`, n]));

test("a context of 10 000 keys is bounded, told and harms no call, from the option and from the call", async () => {
  const { breaker, told, last } = asked(() => KEYS_10_000);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  const message =
    "Cannot take the context: context must have at most 32 keys of at most 64 characters, left out: 9968";
  for (const run of [
    () => breaker.call(succeed),
    () => breaker.call(succeed, { context: KEYS_10_000 }),
    () => breaker.execute(succeed, { context: KEYS_10_000 }),
    async () => breaker.callSync(() => 1, { context: KEYS_10_000 }),
  ]) {
    told();
    await run();
    expect(told()).toEqual(["callback_failed", "success"]);
    expect(last("circuit.callback_failed").error).toEqual({ name: "RangeError", message });
    expect(Object.keys(last("circuit.success").context ?? {})).toHaveLength(32);
    expect(last("circuit.success").context).toMatchObject({ key0: 0, key31: 31 });
  }
});

test("long texts of a context are cut, keys that are too long left out", async () => {
  const context = { url: "x".repeat(10_000), ["k".repeat(65)]: 1, ["k".repeat(64)]: 2 };
  const { breaker, told, last } = watch();
  await breaker.call(succeed, { context });
  expect(told()).toEqual(["callback_failed", "success"]);
  expect(last("circuit.success").context).toEqual({
    url: `${"x".repeat(255)}…`,
    ["k".repeat(64)]: 2,
  });
});

test("attributes that are too many or too long are refused when the breaker is made", () => {
  const make = (attributes: unknown) => () =>
    new CircuitBreaker("payments", { attributes: wrong(attributes) });
  const what = 'Cannot create breaker "payments": ';
  expect(make(KEYS_10_000)).toThrow(
    new RangeError(
      `${what}attributes must have at most 32 keys of at most 64 characters, left out: 9968`,
    ),
  );
  expect(make({ zones: Array.from({ length: 10_000 }, () => "a") })).toThrow(
    new TypeError(
      `${what}attributes.zones must be a string, a finite number, a boolean or null, received an array`,
    ),
  );
  expect(make({ zone: "x".repeat(257) })).toThrow(
    /attributes\.zone must be a string of at most 256 characters/,
  );
  expect(make({ ["k".repeat(65)]: 1 })).toThrow(
    /attributes must have at most 32 keys of at most 64 characters, left out: 1/,
  );
  expect(make({ zone: "x".repeat(256), ["k".repeat(64)]: 1 })).not.toThrow();
});

test.each(NO_FUNCTIONS)("context refuses %o", (value, received) => {
  expect(() => new CircuitBreaker("payments", { context: wrong(value) })).toThrow(
    new TypeError(
      `Cannot create breaker "payments": context must be a function, received ${received}`,
    ),
  );
});

test("a context function that acts on the breaker does not decide twice, and its events come in order", async () => {
  const acts = ["reset", "forceOpen", "disable", "enable", "recordFailure", "admit"] as const;
  for (const act of acts) {
    const clock = new FakeClock();
    let acting = false;
    const breaker = new CircuitBreaker("reentrant", {
      clock,
      failureThreshold: 1,
      cooldownMs: 10,
      context: () => {
        if (acting) breaker[act]();
        return TENANT;
      },
    });
    const events: { seq: number; generation: number; state: string; from?: unknown }[] = [];
    breaker.on("circuit.*", (event) => events.push({ ...event }));
    await failTimes(breaker, 1);
    clock.advance(10);
    acting = true;
    await breaker.execute(fail);
    await breaker.execute(succeed);
    acting = false;
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => n + 1));
    let state: unknown = "closed";
    for (const event of events) {
      if (event.from === undefined) continue;
      expect([act, event.from]).toEqual([act, state]);
      state = event.state;
    }
  }
});

test("a probe decides nothing when the context function acted on the breaker meanwhile", async () => {
  for (const [act, state] of [
    ["reset", "closed"],
    ["disable", "disabled"],
  ] as const) {
    const { breaker, clock, told } = asked(
      () => {
        if (breaker.state === "half_open") breaker[act]();
        return TENANT;
      },
      { failureThreshold: 1, cooldownMs: 10 },
    );
    for (const settle of [fail, succeed]) {
      breaker.enable();
      await failTimes(breaker, 1);
      clock.advance(10);
      told();
      await breaker.execute(settle);
      expect(breaker.state).toBe(state);
      expect(told()).not.toContain("open");
    }
  }
});

test("a failure does not trip, and no candidate would have, when the context function acted meanwhile", async () => {
  const { breaker, told } = asked(
    () => {
      breaker.reset();
      return TENANT;
    },
    { failureThreshold: 1, shadow: consecutive(1) },
  );
  await breaker.execute(fail);
  expect(told()).toEqual(["failure"]);
  expect(breaker.state).toBe("closed");
});

test("a measured result is not judged by the rules of a period that the context function ended", async () => {
  const { breaker, told } = asked(
    () => {
      if (breaker.state === "disabled") breaker.enable();
      return TENANT;
    },
    { failureThreshold: 1 },
  );
  breaker.disable();
  told();
  await breaker.execute(fail);
  expect(told()).toEqual(["enable", "failure"]);
});

test("a context function that calls the breaker is not asked about that call", async () => {
  const { breaker, last, events } = asked(() => {
    breaker.callSync(() => "inner");
    return TENANT;
  });
  await breaker.execute(fail);
  expect(last("circuit.failure").context).toEqual(TENANT);
  const inner = events.filter(({ type }) => type === "circuit.success");
  expect(inner.map((event) => "context" in event)).toEqual([false]);
});

test("the context of a call in a listener is not that of the call it was told of", async () => {
  const storage = new AsyncLocalStorage<{ readonly delivery: string }>();
  const { breaker, events } = watch({ context: () => storage.getStore() });
  breaker.once("circuit.success", () => {
    for (const delivery of ["b", "c"]) storage.run({ delivery }, () => breaker.recordSuccess());
  });
  await storage.run({ delivery: "a" }, () => breaker.call(succeed));
  expect(events.map((event) => event.context)).toEqual([
    { delivery: "a" },
    { delivery: "b" },
    { delivery: "c" },
  ]);
});

test("a context never reaches the metrics", async () => {
  const registry = new Registry();
  const { breaker } = asked(() => ({ tenant: "secret-tenant" }), { bus: createEventBus() });
  exportToPrometheus(breaker, registry, { callDurations: true });
  await breaker.call(succeed);
  await breaker.call(succeed, { context: { tenant: "secret-tenant" } });
  await failTimes(breaker, 6);
  expect(await registry.metrics()).not.toContain("secret");
});
