import { expect, test } from "vitest";
import {
  CircuitBreaker,
  createEventBus,
  isCircuitOpenError,
  pipeline,
  retry,
  type TelltaleEvent,
} from "../../src/index.ts";
import {
  ExhaustionRegistry,
  QuotaExceededError,
  type QuotaGuardOptions,
  quotaGuard,
} from "../../src/quota/index.ts";
import { BOOM, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

const MINUTES_5 = 300_000;
const spent = (retryAfterMs?: number) =>
  new QuotaExceededError("used up", retryAfterMs === undefined ? {} : { retryAfterMs });

/** A breaker with its guard, the marks, and everything told. */
function guarded(options: QuotaGuardOptions = {}) {
  const clock = new FakeClock();
  const bus = createEventBus();
  const told: TelltaleEvent[] = [];
  for (const family of ["circuit.*", "quota.*", "policy.*"] as const) {
    bus.on<"circuit.*">(family as "circuit.*", (event) => told.push(event));
  }
  const exhausted = new ExhaustionRegistry({ bus, clock });
  const breaker = new CircuitBreaker("openai", {
    bus,
    clock,
    failureThreshold: 2,
    cooldownMs: 1_000,
  });
  const guard = quotaGuard(breaker, exhausted, { bus, clock, ...options });
  const types = () => told.splice(0).map(({ type }) => type);
  return { clock, bus, told, types, exhausted, breaker, guard };
}

test("quotaGuard() refuses on behalf of its breaker while the provider is marked, and told once", async () => {
  const { clock, told, exhausted, breaker, guard } = guarded();
  expect(guard.name).toBe("openai");
  await expect(guard.call(succeed)).resolves.toBe("value");
  exhausted.mark("openai", { forMs: 90_000 });
  clock.advance(30_000);
  const error: unknown = await guard
    .call(succeed, { context: { delivery: "d-1" } })
    .catch((thrown: unknown) => thrown);
  expect(isCircuitOpenError(error)).toBe(true);
  const refused = { breaker: "openai", state: "closed", reason: "quota", retryAfterMs: 60_000 };
  expect(error).toMatchObject(refused);
  expect(told.map(({ type }) => type)).toEqual(["quota.exhausted", "circuit.skip"]);
  expect(told[1]).toMatchObject({ ...refused, context: { delivery: "d-1" } });
  expect(breaker.stats.skips).toMatchObject({ quota: 1, bulkhead: 0 });
  expect(await guard.execute(succeed)).toMatchObject({
    outcome: "circuit-open",
    reason: "quota",
    retryAfterMs: 60_000,
  });
  clock.advance(60_000);
  await expect(guard.call(succeed)).resolves.toBe("value");
});

test("a result that says so marks the provider: by default what was thrown", async () => {
  const { guard, exhausted, breaker } = guarded();
  const error = spent(7_000);
  await expect(guard.call(() => Promise.reject(error))).rejects.toBe(error);
  expect(exhausted.retryAfterMs("openai")).toBe(7_000);
  await expect(guard.call(succeed)).rejects.toMatchObject({ reason: "quota" });
  expect(breaker.stats.calls.success).toBe(0);
  exhausted.clear();
  await expect(guard.call(() => Promise.reject(BOOM))).rejects.toBe(BOOM);
  expect(exhausted.list()).toEqual([]);
  const response = { status: 429, headers: { "retry-after": "3" } };
  await expect(guard.call(async () => response)).resolves.toBe(response);
  expect(exhausted.list()).toEqual([]);
});

test("mark: all results mark, or none", async () => {
  const response = { status: 429, headers: { "retry-after": "3" } };
  const all = guarded({ mark: "all" });
  await expect(all.guard.call(async () => response)).resolves.toBe(response);
  expect(all.exhausted.retryAfterMs("openai")).toBe(3_000);
  const none = guarded({ mark: "none" });
  await expect(none.guard.call(() => Promise.reject(spent()))).rejects.toThrow("used up");
  expect(none.exhausted.list()).toEqual([]);
});

test("provider: marks are looked up and made under its name", async () => {
  const { guard, exhausted } = guarded({ provider: "azure" });
  exhausted.mark("openai");
  await expect(guard.call(() => Promise.reject(spent()))).rejects.toThrow("used up");
  expect(exhausted.retryAfterMs("azure")).toBe(MINUTES_5);
  await expect(guard.call(succeed)).rejects.toMatchObject({ reason: "quota" });
});

test("around its breaker the guard takes no probe slot, whatever the state", async () => {
  const { clock, types, exhausted, breaker, guard } = guarded();
  const both = pipeline(guard, breaker);
  for (let n = 0; n < 2; n++) await both.execute(() => Promise.reject(BOOM));
  exhausted.mark("openai", { forMs: 500 });
  types();
  // The longer of the two is how long to wait.
  await expect(both.call(succeed)).rejects.toMatchObject({ reason: "quota", retryAfterMs: 1_000 });
  clock.advance(1_000);
  exhausted.mark("openai", { forMs: 500 });
  types();
  await expect(both.call(succeed)).rejects.toMatchObject({ reason: "quota", retryAfterMs: 500 });
  expect([types(), breaker.state, breaker.probesInFlight]).toEqual([
    ["circuit.skip"],
    "half_open",
    0,
  ]);
  clock.advance(500);
  await expect(both.call(succeed)).resolves.toBe("value");
  expect(breaker.state).toBe("closed");
  breaker.forceOpen();
  exhausted.mark("openai", { forMs: 500 });
  await expect(both.call(succeed)).rejects.toMatchObject({
    reason: "quota",
    state: "forced_open",
    retryAfterMs: null,
  });
});

test("inside of its breaker a refusal gives the probe slot back, and is told once", async () => {
  const { clock, types, exhausted, breaker, guard } = guarded();
  const inside = pipeline(breaker, guard);
  for (let n = 0; n < 2; n++) await inside.execute(() => Promise.reject(BOOM));
  clock.advance(1_000);
  exhausted.mark("openai", { forMs: 500 });
  types();
  await expect(inside.call(succeed)).rejects.toMatchObject({ reason: "quota" });
  expect(types()).toEqual(["circuit.half_open", "circuit.skip", "circuit.probe"]);
  expect([
    breaker.probesInFlight,
    breaker.stats.skips.quota,
    breaker.stats.calls.unreached,
  ]).toEqual([0, 1, 0]);
});

test("a breaker around, of another name, counts the refusal as unreached", async () => {
  const { exhausted, guard } = guarded();
  exhausted.mark("openai");
  const outer = new CircuitBreaker("outer");
  await expect(pipeline(outer, guard).call(succeed)).rejects.toMatchObject({ breaker: "openai" });
  expect(outer.stats.calls.unreached).toBe(1);
});

test("a refusal of a breaker inside marks nobody, and what a retry gave up on does", async () => {
  const { exhausted, breaker, guard } = guarded();
  breaker.forceOpen();
  await expect(pipeline(guard, breaker).call(succeed)).rejects.toMatchObject({
    reason: "forced_open",
  });
  expect(exhausted.list()).toEqual([]);
  breaker.reset();
  const again = retry("again", { attempts: 2, backoff: () => 0, maxRetryAfterMs: 1 });
  await expect(pipeline(guard, again).call(() => Promise.reject(spent(60_000)))).rejects.toThrow();
  expect(exhausted.retryAfterMs("openai")).toBe(60_000);
});

test("a call that was aborted before is not refused", async () => {
  const { exhausted, guard, breaker } = guarded();
  exhausted.mark("openai");
  const reason = new Error("gone");
  await expect(pipeline(guard).call(succeed, { signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
  expect(breaker.stats.skips.quota).toBe(0);
});

test("marks of one's own that fail stop no call and take no result away", async () => {
  const clock = new FakeClock();
  const bus = createEventBus();
  const told: TelltaleEvent[] = [];
  bus.on("policy.*", (event) => told.push(event));
  const breaker = new CircuitBreaker("own", { bus, clock });
  const broken = () => {
    throw BOOM;
  };
  const guard = quotaGuard(
    breaker,
    { retryAfterMs: broken, markFrom: broken },
    { bus, clock, mark: "all" },
  );
  await expect(guard.call(succeed)).resolves.toBe("value");
  expect(told).toMatchObject([
    { type: "policy.callback_failed", callback: "exhaustion.retryAfterMs" },
    { type: "policy.callback_failed", callback: "exhaustion.markFrom" },
  ]);
});

test("quotaGuard() names the argument that cannot be used", () => {
  const breaker = new CircuitBreaker("openai");
  const exhausted = new ExhaustionRegistry();
  // Wrong on purpose, as JavaScript may call it.
  const make = quotaGuard as (...args: unknown[]) => unknown;
  expect(() => make({}, exhausted)).toThrow(
    "Cannot create quota guard: breaker must be a CircuitBreaker, received an object",
  );
  expect(() => make(breaker, {})).toThrow(
    'Cannot create quota guard "openai": exhaustion must be an ExhaustionRegistry, received an object',
  );
  expect(() => make(breaker, exhausted, { provdier: "x" })).toThrow('unknown option "provdier"');
  expect(() => make(breaker, exhausted, { timers: {} })).toThrow('unknown option "timers"');
  expect(() => make(breaker, exhausted, { mark: "some" })).toThrow(
    'mark must be "thrown", "all" or "none", received "some"',
  );
  expect(() => make(breaker, exhausted, { provider: "" })).toThrow(
    "provider must be a string of 1 to 256 characters",
  );
  expect(() => make(breaker, exhausted, { clock: {} })).toThrow(
    "clock.monotonicMs must be a function",
  );
});
