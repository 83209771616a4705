import { expect, test, vi } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions, createEventBus } from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { permitOf } from "../support/states.ts";

function timed(options: CircuitBreakerOptions = {}) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, ...options });
  const told: [string, number][] = [];
  const off = breaker.onDuration((outcome, latencyMs) => void told.push([outcome, latencyMs]));
  return { clock, breaker, told, off };
}

test("onDuration() tells the length of each verdict, on every path", async () => {
  const { clock, breaker, told } = timed({ latencyTripMs: 100, failureThreshold: 9 });
  await breaker.call(() => clock.advance(5));
  await breaker.execute(() => clock.advance(101));
  await breaker.execute(() => {
    clock.advance(7);
    return fail();
  });
  breaker.callSync(() => clock.advance(9));
  permitOf({ breaker }).success(250);
  permitOf({ breaker }).failure(BOOM, 3);
  breaker.recordFailure(BOOM, 12);
  breaker.recordSuccess();
  expect(told).toEqual([
    ["success", 5],
    ["latency", 101],
    ["error", 7],
    ["success", 9],
    ["latency", 250],
    ["error", 3],
    ["error", 12],
  ]);
});

test("onDuration() tells nothing of calls that are no verdict, or late", async () => {
  const { breaker, told } = timed();
  permitOf({ breaker }).ignore();
  permitOf({ breaker }).cancel();
  permitOf({ breaker }).release();
  const late = permitOf({ breaker });
  breaker.forceOpen();
  late.success(4);
  await breaker.execute(succeed);
  expect(told).toEqual([]);
});

test("onDuration() tells the length of probes", async () => {
  const { clock, breaker, told } = timed({ failureThreshold: 1, cooldownMs: 10 });
  await breaker.execute(fail);
  clock.advance(10);
  await breaker.execute(() => clock.advance(3));
  expect(told).toEqual([
    ["error", 0],
    ["success", 3],
  ]);
});

test("onDuration() makes no event, and its end lets calls go untimed again", async () => {
  const { clock, breaker, told, off } = timed();
  const read = vi.spyOn(clock, "monotonicMs");
  const readings = async () => {
    const before = read.mock.calls.length;
    await breaker.call(succeed);
    await breaker.call(succeed);
    return read.mock.calls.length - before;
  };
  const whileTimed = await readings();
  expect(breaker.bus.has("circuit.success")).toBe(false);
  off();
  off();
  expect(await readings()).toBeLessThan(whileTimed);
  expect(told).toHaveLength(2);
  breaker.onDuration((outcome, latencyMs) => void told.push([outcome, latencyMs]));
  expect(await readings()).toBe(whileTimed);
  expect(told).toHaveLength(4);
});

test("onDuration() leaves out a call that was admitted untimed", async () => {
  const breaker = new CircuitBreaker("payments", { clock: new FakeClock() });
  const told: unknown[] = [];
  await breaker.call(() => {
    breaker.onDuration((outcome) => void told.push(outcome));
  });
  expect(told).toEqual([]);
  await breaker.call(succeed);
  expect(told).toEqual(["success"]);
});

test("onDuration() serves every listener until its own end, and runs after the events", async () => {
  const { breaker, told, off } = timed();
  const order: string[] = [];
  breaker.onDuration(() => void order.push("duration"));
  breaker.on("circuit.failure", () => void order.push("event"));
  await breaker.execute(fail);
  off();
  await breaker.execute(fail);
  expect(order).toEqual(["event", "duration", "event", "duration"]);
  expect(told).toHaveLength(1);
});

test("onDuration(): a listener may act on the breaker", async () => {
  const { breaker } = timed({ failureThreshold: 1 });
  breaker.onDuration(() => breaker.reset());
  const result = await breaker.execute(fail);
  expect(result).toMatchObject({ outcome: "error", countedAs: "error" });
  expect(breaker.state).toBe("closed");
});

test("onDuration(): a listener that throws harms neither the call nor the others, and is reported", async () => {
  const bus = createEventBus();
  const breaker = new CircuitBreaker("payments", { bus, clock: new FakeClock() });
  const failed: unknown[] = [];
  let told = 0;
  bus.on("bus.listener_failed", (event) => void failed.push(event));
  breaker.onDuration(
    () => {
      throw BOOM;
    },
    { sink: "histogram" },
  );
  breaker.onDuration(() => void told++);
  expect(await breaker.call(succeed)).toBe("value");
  expect(await breaker.execute(fail)).toMatchObject({ outcome: "error" });
  expect(told).toBe(2);
  const report = { sink: "histogram", count: 1, error: { message: "boom" } };
  expect(failed).toMatchObject([
    { ...report, failedType: "circuit.success" },
    { ...report, failedType: "circuit.failure" },
  ]);
  expect(breaker.stats.calls).toMatchObject({ success: 1, error: 1 });
});

test("onDuration() without anybody on the bus survives a listener that throws", async () => {
  const breaker = new CircuitBreaker("payments");
  breaker.onDuration(() => {
    throw BOOM;
  });
  expect(await breaker.call(succeed)).toBe("value");
});

test("onDuration() refuses what it cannot use, by name", () => {
  const { breaker } = timed();
  const attempt =
    (...args: readonly unknown[]) =>
    () =>
      Reflect.apply(breaker.onDuration, breaker, args);
  const prefix = 'Cannot listen to the durations of breaker "payments": ';
  expect(attempt(5)).toThrow(`${prefix}listener must be a function, received 5`);
  expect(attempt(() => {}, { sinc: "a" })).toThrow(
    `${prefix}unknown option "sinc", did you mean "sink"?`,
  );
  expect(attempt(() => {}, { sink: "" })).toThrow(
    `${prefix}sink must be a string of 1 to 64 characters, received ""`,
  );
});

test("attributes are those given at construction, and none without", () => {
  const attributes = { team: "checkout", tier: 1 };
  const breaker = new CircuitBreaker("payments", { attributes });
  expect(breaker.attributes).toEqual(attributes);
  expect(Object.isFrozen(breaker.attributes)).toBe(true);
  expect(new CircuitBreaker("payments").attributes).toEqual({});
});
