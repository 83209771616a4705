import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  createEventBus,
  failureRate,
} from "../../src/index.ts";
import { BOOM, deferred, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { permitOf } from "../support/states.ts";

/** Freezes an object and everything in it that is a plain object. */
function deepFreeze<T extends object>(value: T): T {
  for (const held of Object.values(value)) {
    if (
      typeof held === "object" &&
      held !== null &&
      Object.getPrototypeOf(held) === Object.prototype
    ) {
      deepFreeze(held);
    }
  }
  return Object.freeze(value);
}

test("trap 39: breakers start no timer, whatever they go through", async () => {
  const timers = ["setTimeout", "setInterval", "setImmediate"] as const;
  const spies = timers.map((timer) => vi.spyOn(globalThis, timer));
  const before = process.getActiveResourcesInfo().sort();
  const breakers = Array.from({ length: 1_000 }, (_, n) => new CircuitBreaker(`breaker-${n}`));
  for (const breaker of breakers) {
    breaker.on("circuit.*", () => {});
    await breaker.call(succeed);
    await failTimes(breaker, 5);
    await breaker.execute(succeed);
    breaker.forceOpen(undefined, { forMs: 60_000 });
    breaker.reset();
    permitOf({ breaker });
    const hanging = new CircuitBreaker("hanging", { latencyTripMs: 10, inFlight: true });
    void hanging.call(() => new Promise(() => {}));
    hanging.catchUp();
  }
  expect(process.getActiveResourcesInfo().sort()).toEqual(before);
  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

test("trap 39: a process with open breakers ends by itself", () => {
  const script = `
    import { CircuitBreaker } from ${JSON.stringify(fileURLToPath(new URL("../../src/index.ts", import.meta.url)))};
    const breaker = new CircuitBreaker("open", { failureThreshold: 1, cooldownMs: 3_600_000 });
    breaker.on("circuit.*", () => {});
    breaker.recordFailure(new Error("down"));
    void breaker.call(() => new Promise(() => {})).catch(() => {});
    const hanging = new CircuitBreaker("hanging", { latencyTripMs: 3_600_000, inFlight: true });
    void hanging.call(() => new Promise(() => {}));
    console.log(breaker.state);
  `;
  const args = ["--input-type=module", "--eval", script];
  // Hangs until the timeout, and then throws, if anything keeps the process alive.
  const told = execFileSync(process.execPath, args, { encoding: "utf8", timeout: 30_000 });
  expect(told.trim()).toBe("open");
});

test("trap 41: one caller's abort does not abort the other calls", async () => {
  const { breaker } = watch();
  const controllers = Array.from({ length: 10 }, () => new AbortController());
  const gate = deferred<void>();
  const results = controllers.map(({ signal }) =>
    breaker.execute(
      async (own) => {
        await gate.promise;
        own.throwIfAborted();
        return "done";
      },
      { signal },
    ),
  );
  controllers[3]?.abort();
  gate.resolve();
  const counted = (await Promise.all(results)).map(({ countedAs }) => countedAs);
  expect(counted.filter((word) => word === "success")).toHaveLength(9);
  expect(counted[3]).toBe("cancelled");
});

test("trap 42: the caller's options are not changed, and may be frozen", async () => {
  const options: CircuitBreakerOptions = deepFreeze({
    failureThreshold: 1,
    latencyTripMs: 100,
    cooldownMs: 10,
    inFlight: true,
    halfOpen: { maxProbes: 2, failureRate: { threshold: 1, minimumCalls: 1 }, leaseMs: 100 },
    attributes: { region: "eu-1" },
  });
  const written = JSON.stringify(options);
  const callOptions = deepFreeze({ context: { id: 1 } });
  for (let n = 0; n < 2; n++) {
    const breaker = new CircuitBreaker(`b${n}`, options);
    breaker.on("circuit.*", () => {});
    await breaker.call(succeed, callOptions);
    await failTimes(breaker, 1);
    breaker.forceOpen("hold", Object.freeze({ forMs: 10 }));
  }
  expect(JSON.stringify(options)).toBe(written);
});

test("trap 42: options changed after the breaker was made change nothing", async () => {
  const options = { failureThreshold: 2, cooldownMs: 1_000, halfOpen: { maxProbes: 1 } };
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("b", { ...options, clock });
  const shared = new CircuitBreaker("shared", Object.assign(options, { clock }));
  options.failureThreshold = 100;
  options.cooldownMs = 1;
  options.halfOpen.maxProbes = 50;
  for (const made of [breaker, shared]) {
    await failTimes(made, 2);
    expect(made.state).toBe("open");
    expect(made.retryAfterMs).toBe(1_000);
    clock.advance(1_000);
    permitOf({ breaker: made });
    expect(made.admit().ok).toBe(false);
  }
});

test("trap 42: the caller's error is not changed, and may be frozen", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  const plain = Object.assign(new Error("plain"), { code: "E1" });
  const before = Object.getOwnPropertyDescriptors(plain);
  const frozen = Object.freeze(new Error("frozen"));
  await expect(breaker.call(() => Promise.reject(plain))).rejects.toBe(plain);
  breaker.reset();
  await expect(breaker.call(() => Promise.reject(frozen))).rejects.toBe(frozen);
  await breaker.execute(succeed);
  expect(Object.getOwnPropertyDescriptors(plain)).toEqual(before);
});

test("trap 42: the caller's value is not changed, and may be frozen", async () => {
  const { breaker } = watch();
  const value = deepFreeze({ status: 200, body: { ok: true } });
  expect(await breaker.call(() => value)).toBe(value);
  const result = await breaker.execute(() => value);
  expect(result.outcome === "ok" && result.value).toBe(value);
});

test("trap 44: a function that returns undefined succeeded", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  expect(await breaker.call(() => undefined)).toBeUndefined();
  expect(await breaker.call(async () => {})).toBeUndefined();
  expect(breaker.callSync(() => undefined)).toBeUndefined();
  expect(await breaker.execute(() => undefined)).toMatchObject({ outcome: "ok" });
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.calls).toMatchObject({ success: 4, error: 0 });
});

test("trap 44: falsy values are successes too", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  for (const value of [null, false, 0, "", Number.NaN]) {
    expect(await breaker.call(() => value)).toBe(value);
  }
  expect(breaker.stats.calls.success).toBe(5);
});

// What Workers refuse at module scope: timers, ids and randomness, AbortController.
const FORBIDDEN = `
  const refuse = (name) => () => { throw new Error("Disallowed at module scope: " + name); };
  for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch"]) {
    globalThis[name] = refuse(name);
  }
  for (const name of ["AbortController", "MessageChannel", "BroadcastChannel"]) {
    globalThis[name] = class { constructor() { refuse(name)(); } };
  }
  Math.random = refuse("Math.random");
  crypto.randomUUID = refuse("randomUUID");
  crypto.getRandomValues = refuse("getRandomValues");
`;

test("trap 55: breakers and registries are made at module scope without a timer, an id or an AbortController", () => {
  const door = fileURLToPath(new URL("../../src/index.ts", import.meta.url));
  const script = `
    ${FORBIDDEN}
    const { BreakerRegistry, CircuitBreaker, createEventBus } = await import(${JSON.stringify(door)});
    const bus = createEventBus({ instance: "worker" });
    const plain = new CircuitBreaker("plain");
    const full = new CircuitBreaker("full", {
      failureThreshold: 3, latencyTripMs: 10, inFlight: true, cooldownMs: 10, bus,
      halfOpen: { maxProbes: 2, successThreshold: 2, leaseMs: 10 },
      classify: () => undefined, attributes: { region: "eu" },
    });
    plain.on("circuit.*", () => {});
    full.once("circuit.open", () => {});
    const registry = new BreakerRegistry({ limit: 1, instance: "worker" });
    registry.on("registry.*", () => {});
    for (const name of ["a", "b"]) registry.get(name).on("circuit.*", () => {});
    registry.reconfigure({ failureThreshold: 3 });
    full.reconfigure({ latencyTripMs: 20 });
    console.log(plain.state, full.state, plain.retryAfterMs, full.stats.calls.success, registry.size);
  `;
  const args = ["--input-type=module", "--eval", script];
  const told = execFileSync(process.execPath, args, { encoding: "utf8", timeout: 30_000 });
  expect(told.trim()).toBe("closed closed 0 0 1");
});

test("trap 55: making a breaker asks neither for chance nor for an id", () => {
  const random = vi.fn(() => 0.5);
  const bus = createEventBus();
  const emit = vi.spyOn(bus, "emit");
  const chance = vi.spyOn(Math, "random");
  const id = vi.spyOn(crypto, "randomUUID");
  const breaker = new CircuitBreaker("b", { random, bus });
  new CircuitBreaker("c").recordFailure(BOOM);
  expect(random).not.toHaveBeenCalled();
  expect(emit).not.toHaveBeenCalled();
  expect(chance).not.toHaveBeenCalled();
  expect(id).not.toHaveBeenCalled();
  expect(breaker.state).toBe("closed");
});

test("trap 38: a failing call walks through no window, however many calls it holds", () => {
  const calls = 1_000_000;
  const breaker = new CircuitBreaker("payments", {
    trip: failureRate({ threshold: 1, window: { calls }, minimumCalls: calls }),
  });
  for (let n = 0; n < calls; n++) breaker.recordSuccess();
  // A walk through the window at each of these failures would take minutes.
  const failures = 100_000;
  for (let n = 0; n < failures; n++) breaker.recordFailure();
  expect(breaker.state).toBe("closed");
  expect(breaker.tripProgress).toBeCloseTo(failures / calls);
});

test("trap 38: a failing call costs the same however many calls hang", () => {
  const { breaker, clock } = watch({
    latencyTripMs: 100,
    inFlight: true,
    trip: failureRate({ threshold: 1, window: { calls: 100_000 }, minimumCalls: 100_000 }),
  });
  breaker.recordSuccess();
  for (let n = 0; n < 50_000; n++) {
    breaker.admit();
    clock.advance(1);
  }
  // A walk through the calls that hang at each of these failures would take minutes.
  for (let n = 0; n < 20_000; n++) breaker.recordFailure(BOOM);
  expect(breaker.state).toBe("closed");
  expect(breaker.tripProgress).toBeCloseTo(0.699, 2);
});
