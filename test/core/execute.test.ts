import { expect, test } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions, isCircuitOpenError } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { COOLDOWN_MS, watchIn } from "../support/states.ts";

/** Executes a call that takes so long and then settles. */
async function executeFor(
  durationMs: number,
  settle: { value: unknown } | { error: unknown },
  options: CircuitBreakerOptions = {},
) {
  const watched = watch(options);
  const call = deferred<unknown>();
  const result = watched.breaker.execute(() => call.promise);
  watched.clock.advance(durationMs);
  if ("error" in settle) call.reject(settle.error);
  else call.resolve(settle.value);
  return { ...watched, result: await result };
}

test("execute() of a value: ok", async () => {
  const { result } = await executeFor(25, { value: "value" });
  expect(result).toEqual({
    outcome: "ok",
    value: "value",
    latencyMs: 25,
    latencyTripped: false,
    consecutiveFailures: 0,
    countedAs: "success",
  });
});

test("execute() of a slow value: latency, with the value", async () => {
  const { result } = await executeFor(101, { value: "value" }, { latencyTripMs: 100 });
  expect(result).toEqual({
    outcome: "latency",
    value: "value",
    latencyMs: 101,
    latencyTripped: true,
    consecutiveFailures: 1,
    countedAs: "latency",
  });
});

test("execute() of a throw: error, the thrown value untouched", async () => {
  const { result } = await executeFor(3, { error: BOOM });
  expect(result).toEqual({
    outcome: "error",
    error: BOOM,
    latencyMs: 3,
    latencyTripped: false,
    consecutiveFailures: 1,
    countedAs: "error",
  });
  expect(result.outcome === "error" && result.error === BOOM).toBe(true);
});

test("execute() of a TimeoutError: error, with latencyTripped", async () => {
  const error = new DOMException("took too long", "TimeoutError");
  const { result } = await executeFor(3, { error });
  expect(result).toMatchObject({ outcome: "error", error, latencyTripped: true });
  expect(result.countedAs).toBe("latency");
});

test("execute() of a slow throw: error, with latencyTripped", async () => {
  const { result } = await executeFor(101, { error: BOOM }, { latencyTripMs: 100 });
  expect(result).toMatchObject({ outcome: "error", error: BOOM, latencyTripped: true });
  expect(result.countedAs).toBe("latency");
});

test.each([undefined, null, "a string", 0])(
  "execute() resolves when %o is thrown",
  async (thrown) => {
    const { breaker } = watch();
    const rejected = await breaker.execute(() => Promise.reject(thrown));
    expect(rejected).toMatchObject({ outcome: "error", countedAs: "error" });
    expect("error" in rejected && Object.is(rejected.error, thrown)).toBe(true);
    const threw = await breaker.execute(() => {
      throw thrown;
    });
    expect("error" in threw && Object.is(threw.error, thrown)).toBe(true);
  },
);

test("execute() of a refusal: circuit-open, with the facts of the skip", async () => {
  const { breaker, clock, last } = await watchIn("open");
  await breaker.execute(succeed);
  clock.advance(400);
  const result = await breaker.execute(succeed);
  if (result.outcome !== "circuit-open") throw new Error(`got ${result.outcome}`);
  expect({ ...result }).toEqual({
    outcome: "circuit-open",
    reason: "open",
    openMs: 400,
    skipsSinceOpened: 2,
    retryAfterMs: COOLDOWN_MS - 400,
    latencyMs: 0,
    latencyTripped: false,
    consecutiveFailures: 2,
    countedAs: "unreached",
  });
  expect(result.error).toMatchObject({
    breaker: "dependency",
    reason: "open",
    openMs: 400,
    skipsSinceOpened: 2,
    retryAfterMs: COOLDOWN_MS - 400,
    incidentId: last("circuit.open").incidentId,
    cause: BOOM,
  });
});

test.each([
  { state: "open", retryAfterMs: COOLDOWN_MS },
  { state: "forced_open", retryAfterMs: null },
] as const)("execute() names $state as the reason", async ({ state, retryAfterMs }) => {
  const { breaker } = await watchIn(state);
  expect(await breaker.execute(succeed)).toMatchObject({
    outcome: "circuit-open",
    reason: state,
    retryAfterMs,
  });
});

test("execute() names half_open as the reason when the probes are under way", async () => {
  const { breaker } = await watchIn("half_open");
  breaker.admit();
  expect(await breaker.execute(succeed)).toMatchObject({
    outcome: "circuit-open",
    reason: "half_open",
    retryAfterMs: null,
    openMs: COOLDOWN_MS,
  });
});

test("error of a refusal is built when it is first read, and once", async () => {
  const { breaker } = await watchIn("open");
  // Building the error switches the capture of stacks off for a moment, which this property sees.
  const before = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
  let built = 0;
  Object.defineProperty(Error, "stackTraceLimit", {
    configurable: true,
    get: () => 10,
    set: (limit: number) => {
      if (limit === 0) built++;
    },
  });
  try {
    const result = await breaker.execute(succeed);
    if (result.outcome !== "circuit-open") throw new Error(`got ${result.outcome}`);
    expect(built).toBe(0);
    const { error } = result;
    expect(isCircuitOpenError(error)).toBe(true);
    expect(built).toBe(1);
    expect(result.error).toBe(error);
    expect(built).toBe(1);
  } finally {
    if (before !== undefined) Object.defineProperty(Error, "stackTraceLimit", before);
  }
});

test("error of a refusal, read later, still holds the facts of its moment", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.advance(100);
  const result = await breaker.execute(succeed);
  clock.advance(500);
  breaker.reset();
  if (result.outcome !== "circuit-open") throw new Error(`got ${result.outcome}`);
  expect(result.error).toMatchObject({ state: "open", openMs: 100, cause: BOOM });
});

test.each([
  { word: "error", latencyTripped: false },
  { word: "ignored", latencyTripped: false },
  { word: "unreached", latencyTripped: false },
  { word: "cancelled", latencyTripped: false },
] as const)("execute() of a value that counts as $word still holds the value: ok", async (row) => {
  const { breaker } = watch({ classify: () => row.word });
  expect(await breaker.execute(succeed)).toMatchObject({
    outcome: "ok",
    value: "value",
    countedAs: row.word,
    latencyTripped: row.latencyTripped,
  });
});

test("execute() of a value that the classifier calls slow: latency, with the value", async () => {
  const { breaker } = watch({ classify: () => "latency" });
  expect(await breaker.execute(succeed)).toMatchObject({
    outcome: "latency",
    value: "value",
    countedAs: "latency",
    latencyTripped: true,
  });
});

test.each(["success", "ignored", "cancelled", "unreached"] as const)(
  "execute() of a throw that counts as %s still holds the error",
  async (word) => {
    const { breaker } = watch({ classify: () => word });
    expect(await breaker.execute(fail)).toMatchObject({
      outcome: "error",
      error: BOOM,
      countedAs: word,
      latencyTripped: false,
    });
  },
);

test("execute() measures though nobody listens", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("unheard", { clock });
  const call = deferred<string>();
  const result = breaker.execute(() => call.promise);
  clock.advance(33);
  call.resolve("value");
  expect((await result).latencyMs).toBe(33);
});

test("consecutiveFailures of a result is the count after the call", async () => {
  const { breaker } = watch({ failureThreshold: 3 });
  const counts: number[] = [];
  for (const fn of [fail, fail, succeed, fail]) {
    counts.push((await breaker.execute<unknown>(fn)).consecutiveFailures);
  }
  expect(counts).toEqual([1, 2, 0, 1]);
});

test("a result of before a trip is late, and still holds what the call gave", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, latencyTripMs: 100 });
  const [quick, slow] = [deferred<string>(), deferred<string>()];
  const results = [breaker.execute(() => quick.promise), breaker.execute(() => slow.promise)];
  await failTimes(breaker, 1);
  quick.resolve("quick");
  await results[0];
  clock.advance(101);
  slow.resolve("slow");
  expect(await Promise.all(results)).toMatchObject([
    { outcome: "ok", value: "quick", countedAs: "late", consecutiveFailures: 1 },
    { outcome: "latency", value: "slow", countedAs: "late", latencyTripped: true },
  ]);
});
