import { expect, test, vi } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions, createEventBus } from "../../src/index.ts";
import { deferred, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A breaker that nobody listens to, and an error that counts how often its message is read. */
function unheard(options: CircuitBreakerOptions = {}) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("unheard", { clock, failureThreshold: 2, ...options });
  const read = vi.fn(() => "expensive");
  const error = Object.defineProperty(new Error(), "message", { get: read });
  return { breaker, clock, read, error, fail: () => Promise.reject(error) };
}

test("an error is not described when nobody listens", async () => {
  const { breaker, read, error, fail } = unheard();
  await breaker.execute(fail);
  await breaker.call(fail).catch(() => {});
  breaker.reset();
  breaker.recordFailure(error);
  breaker.disable();
  await breaker.execute(fail);
  expect(breaker.stats.calls.error).toBe(4);
  expect(breaker.stats.trips.error).toBe(1);
  expect(read).not.toHaveBeenCalled();
});

test("an error is not described for listeners of other events", async () => {
  const { breaker, read, fail } = unheard();
  breaker.on("circuit.skip", () => {});
  breaker.on("circuit.probe", () => {});
  breaker.bus.on("bus.*", () => {});
  await breaker.execute(fail);
  await breaker.execute(fail);
  expect(breaker.state).toBe("open");
  expect(read).not.toHaveBeenCalled();
  breaker.reset();
  const off = breaker.on("circuit.failure", () => {});
  await breaker.execute(fail);
  expect(read).toHaveBeenCalledTimes(1);
  off();
  await breaker.execute(fail);
  expect(read).toHaveBeenCalledTimes(1);
});

test("emit is not called for events that nobody hears", async () => {
  const bus = createEventBus();
  const emit = vi.spyOn(bus, "emit");
  const { breaker, fail } = unheard({ bus });
  const off = bus.on("circuit.close", () => {});
  await breaker.execute(succeed);
  await breaker.execute(fail);
  await breaker.execute(fail);
  await breaker.execute(succeed);
  expect(emit).not.toHaveBeenCalled();
  breaker.reset();
  expect(emit).toHaveBeenCalledTimes(1);
  off();
  breaker.forceOpen();
  breaker.reset();
  expect(emit).toHaveBeenCalledTimes(1);
});

test("the wall clock is not read for a refusal that nobody hears", async () => {
  const { breaker, clock } = unheard();
  breaker.forceOpen();
  const epochMs = vi.spyOn(clock, "epochMs");
  await breaker.execute(succeed);
  await breaker.call(succeed).catch(() => {});
  breaker.admit();
  expect(epochMs).not.toHaveBeenCalled();
  breaker.on("circuit.skip", () => {});
  await breaker.execute(succeed);
  expect(epochMs).toHaveBeenCalledTimes(1);
});

/** What latencyMs an event has when its listener came after the call was admitted. */
async function latencyOf(
  admit: (breaker: CircuitBreaker, fn: () => Promise<string>) => Promise<unknown>,
  options: CircuitBreakerOptions = {},
): Promise<number | null> {
  const { breaker, clock } = unheard(options);
  const call = deferred<string>();
  const result = admit(breaker, () => call.promise);
  clock.advance(25);
  let latencyMs: number | null = Number.NaN;
  breaker.on("circuit.success", (event) => {
    latencyMs = event.latencyMs;
  });
  call.resolve("value");
  await result;
  return latencyMs;
}

test("latencyMs is null when nothing needed the time when the call was admitted", async () => {
  expect(await latencyOf((breaker, fn) => breaker.call(fn))).toBeNull();
});

test("latencyMs is null when only events that carry no latency are heard", async () => {
  const latencyMs = await latencyOf((breaker, fn) => {
    breaker.on("circuit.open", () => {});
    breaker.on("circuit.skip", () => {});
    return breaker.call(fn);
  });
  expect(latencyMs).toBeNull();
});

test("latencyMs is null again once the last listener has gone", async () => {
  const latencyMs = await latencyOf((breaker, fn) => {
    breaker.on("circuit.*", () => {})();
    return breaker.call(fn);
  });
  expect(latencyMs).toBeNull();
});

test("latencyMs of a failure is null too when nothing needed the time", async () => {
  const { breaker, clock, error } = unheard();
  const call = deferred<string>();
  const result = breaker.call(() => call.promise);
  clock.advance(25);
  let latencyMs: number | null = Number.NaN;
  breaker.on("circuit.failure", (event) => {
    latencyMs = event.latencyMs;
  });
  call.reject(error);
  await expect(result).rejects.toBe(error);
  expect(latencyMs).toBeNull();
});

test("latencyMs of execute() is always measured", async () => {
  expect(await latencyOf((breaker, fn) => breaker.execute(fn))).toBe(25);
});

test("latencyMs is measured when latencyTripMs or classify needs it", async () => {
  const call = (breaker: CircuitBreaker, fn: () => Promise<string>) => breaker.call(fn);
  expect(await latencyOf(call, { latencyTripMs: 1_000 })).toBe(25);
  expect(await latencyOf(call, { classify: () => undefined })).toBe(25);
});

test.each([
  "circuit.success",
  "circuit.failure",
  "circuit.ignored",
  "circuit.late",
  "circuit.*",
] as const)("latencyMs is measured when %s is heard at the admission", async (type) => {
  const latencyMs = await latencyOf((breaker, fn) => {
    breaker.on(type, () => {});
    return breaker.call(fn);
  });
  expect(latencyMs).toBe(25);
});

test("latencyMs is measured on a shared bus that another breaker's listener subscribed on", async () => {
  const bus = createEventBus();
  bus.on("circuit.*", () => {});
  expect(await latencyOf((breaker, fn) => breaker.call(fn), { bus })).toBe(25);
});

test("latencyMs of a probe is always measured", async () => {
  const { breaker, clock, error } = unheard({ failureThreshold: 1, cooldownMs: 100 });
  breaker.recordFailure(error);
  clock.advance(100);
  const call = deferred<string>();
  const result = breaker.call(() => call.promise);
  clock.advance(25);
  let latencyMs: number | null = Number.NaN;
  breaker.on("circuit.probe", (event) => {
    latencyMs = event.latencyMs;
  });
  call.resolve("value");
  await result;
  expect(latencyMs).toBe(25);
});

test("calls of a breaker that nobody hears decide as those of one that is heard", async () => {
  const { breaker, clock } = unheard({ cooldownMs: 100 });
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("open");
  clock.advance(100);
  await breaker.call(succeed);
  expect(breaker.state).toBe("closed");
});
