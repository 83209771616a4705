import { expect, test } from "vitest";
import { CircuitBreaker, failureRate, slowRate } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("calls under way count by the new options", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 5, latencyTripMs: 1000 });
  const gates = [deferred<number>(), deferred<number>(), deferred<number>()];
  const results = gates.map(({ promise }) => breaker.execute(() => promise));
  clock.advance(200);
  breaker.reconfigure({
    latencyTripMs: 100,
    classify: (call) => (call.ok && call.value === 404 ? "ignored" : undefined),
  });
  gates[0]?.resolve(200);
  gates[1]?.resolve(404);
  gates[2]?.reject(BOOM);
  const counted = (await Promise.all(results)).map(({ countedAs }) => countedAs);
  expect(counted).toEqual(["latency", "ignored", "latency"]);
  expect(breaker.stats.calls).toMatchObject({ latency: 2, ignored: 1, late: 0, success: 0 });
  expect(events.filter(({ type }) => type === "circuit.late")).toEqual([]);
});

test("calls under way that nothing needed the time of count without a latency", async () => {
  const breaker = new CircuitBreaker("quiet", { failureThreshold: 5 });
  const [value, thrown, tripping] = [deferred<number>(), deferred<number>(), deferred<number>()];
  const calls = [value, thrown, tripping].map(({ promise }) => breaker.call(() => promise));
  const settled = Promise.allSettled(calls);
  breaker.reconfigure({
    failureThreshold: 2,
    latencyTripMs: 1,
    classify: () => "ignored",
    trip: slowRate({ latencyMs: 1, threshold: 1, window: { calls: 1 } }),
  });
  value.resolve(1);
  await value.promise;
  thrown.reject(BOOM);
  tripping.reject(BOOM);
  await settled;
  expect(breaker.stats.calls).toMatchObject({ success: 1, error: 2, late: 0 });
  expect(breaker.state).toBe("open");
});

test("a rule that comes into force hears the successes of calls under way", async () => {
  const { breaker, last } = watch({ failureThreshold: 100 });
  const gate = deferred<number>();
  const calls = Array.from({ length: 4 }, () => breaker.call(() => gate.promise));
  breaker.reconfigure({ trip: failureRate({ threshold: 0.2, window: { calls: 5 } }) });
  gate.resolve(1);
  await Promise.all(calls);
  await failTimes(breaker, 1);
  expect(last("circuit.open").window).toEqual({
    calls: 5,
    failures: 1,
    rate: 0.2,
    minimumCalls: 5,
  });
});

test("a rule that comes into force hears the successes of calls under way that nothing needed the time of", async () => {
  const breaker = new CircuitBreaker("quiet", { failureThreshold: 100 });
  const gate = deferred<number>();
  const calls = Array.from({ length: 4 }, () => breaker.call(() => gate.promise));
  breaker.reconfigure({ trip: failureRate({ threshold: 0.2, window: { calls: 5 } }) });
  gate.resolve(1);
  await Promise.all(calls);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("the calls after reconfigure() are timed when the new options need the time, also where nobody listens", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("quiet", { clock });
  const slow = () => clock.advance(100);
  await breaker.call(slow);
  breaker.reconfigure({ latencyTripMs: 50 });
  await breaker.call(slow);
  expect(breaker.stats.calls).toMatchObject({ success: 1, latency: 1 });
  breaker.reconfigure({ latencyTripMs: null });
  await breaker.call(slow);
  expect(breaker.stats.calls).toMatchObject({ success: 2, latency: 1 });
});

test("reconfigure() of context asks the new function, or none, from the next step on", async () => {
  const { breaker, last, clock } = watch({ failureThreshold: 9 });
  const contexts: unknown[] = [];
  const seen = async () => {
    await failTimes(breaker, 1);
    contexts.push(last("circuit.failure").context);
  };
  await seen();
  for (const context of [() => ({ id: 1 }), () => ({ id: 2 }), null, () => ({ id: 3 })]) {
    clock.advance(1);
    breaker.reconfigure({ context });
    await seen();
  }
  expect(contexts).toEqual([undefined, { id: 1 }, { id: 2 }, undefined, { id: 3 }]);
});

test("reconfigure() inside the context function is told after the step that asked", async () => {
  const { breaker, told } = watch({ failureThreshold: 2 });
  let done = false;
  const context = () => {
    if (!done) {
      done = true;
      breaker.reconfigure({ failureThreshold: 5, context: null });
    }
    return { id: 1 };
  };
  breaker.reconfigure({ context });
  told();
  await failTimes(breaker, 1);
  expect(told()).toEqual(["reconfigure", "failure", "progress"]);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("closed");
});

test("reconfigure() is heard by nobody when nobody listens, and works on a bus of the breaker's own", async () => {
  const breaker = new CircuitBreaker("own", { failureThreshold: 3 });
  await breaker.call(succeed);
  breaker.reconfigure({ failureThreshold: 1 });
  await breaker.call(fail).catch(() => {});
  expect(breaker.state).toBe("open");
});

test("reconfigure() inside a listener is told after the step that was told", async () => {
  const { breaker, events } = watch({ failureThreshold: 2 });
  breaker.once("circuit.failure", () => breaker.reconfigure({ failureThreshold: 3 }));
  await failTimes(breaker, 2);
  expect(events.map(({ type }) => type)).toEqual([
    "circuit.failure",
    "circuit.progress",
    "circuit.reconfigure",
    "circuit.failure",
    "circuit.progress",
  ]);
  expect(breaker.state).toBe("closed");
});
