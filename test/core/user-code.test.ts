import { inspect } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import { CircuitBreaker, type FinishedCall } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, isChange, refusalOf, watchIn } from "../support/states.ts";
import { settled, unhandled } from "../support/unhandled-rejections.ts";

// What user code does to a breaker from within: functions, options, signals and promises that act on it or misbehave.

afterEach(() => {
  vi.restoreAllMocks();
});

test("a call takes nothing over from the calls before it", async () => {
  const seen: FinishedCall[] = [];
  const { breaker, clock, last } = watch({
    failureThreshold: 3,
    cooldownMs: 50,
    classify: (call) => {
      seen.push(call);
      if (call.ok) return undefined;
      return call.error === "wait" ? { outcome: "error", retryAfterMs: 9_000 } : undefined;
    },
  });
  const { signal } = new AbortController();
  await breaker.execute(() => Promise.reject("wait"), { signal, context: { id: 1 } });
  const gone = new AbortController();
  await breaker.execute(
    () => {
      gone.abort();
      throw BOOM;
    },
    { signal: gone.signal },
  );
  await failTimes(breaker, 2);
  expect("context" in last("circuit.failure")).toBe(false);
  expect(last("circuit.failure").error).toEqual({ name: "Error", message: "boom" });
  // Neither the wait that the first call was told nor the abort of the second stayed.
  expect(last("circuit.open").cooldownMs).toBe(50);
  expect(breaker.stats.calls).toMatchObject({ error: 3, cancelled: 1 });
  clock.advance(50);
  await breaker.call(succeed);
  expect("error" in last("circuit.success")).toBe(false);
  expect(seen.at(-1)).toEqual({ ok: true, value: "value", latencyMs: 0 });
});

test("a permanent failure does not make the next call permanent", async () => {
  const { breaker } = watch({
    failureThreshold: 9,
    classify: (call) => (!call.ok && call.error === "gone" ? "permanent" : undefined),
  });
  await breaker.execute(() => Promise.reject("gone"));
  breaker.reset();
  await breaker.execute(fail);
  expect(breaker.state).toBe("closed");
});

test("classify may call other breakers and its own", async () => {
  const other = watch().breaker;
  const { breaker } = watch({
    classify: (call) => {
      if (call.ok && call.value === "outer") {
        other.callSync(() => 1);
        breaker.callSync(() => "inner");
      }
      return undefined;
    },
  });
  expect(await breaker.execute(() => "outer")).toMatchObject({ outcome: "ok", value: "outer" });
  expect(breaker.stats.calls.success).toBe(2);
  expect(other.stats.calls.success).toBe(1);
});

test.each(["reset", "forceOpen", "disable"] as const)(
  "fn may call %s() on its own breaker: its result is late",
  async (control) => {
    const { breaker } = watch({ failureThreshold: 1 });
    const result = await breaker.execute(() => {
      breaker[control]();
      throw BOOM;
    });
    expect(result).toMatchObject({ outcome: "error", error: BOOM, countedAs: "late" });
    expect(breaker.stats.calls).toMatchObject({ late: 1, error: 0 });
  },
);

test("a random that acts on the breaker leaves its state, its counters and its events in step", async () => {
  const { breaker, events } = watch({
    failureThreshold: 1,
    random: () => {
      breaker.reset();
      return 0.5;
    },
  });
  await failTimes(breaker, 1);
  const changes = events.filter(isChange);
  let state = "closed";
  for (const event of changes) {
    expect(event.from).toBe(state);
    ({ state } = event);
  }
  expect(breaker.state).toBe(state);
  const { transitions } = breaker.stats;
  const counted = Object.values(transitions).reduce((sum, count) => sum + count, 0);
  expect(counted).toBe(changes.length);
  expect(breaker.openedAtMs === null).toBe(state === "closed");
  expect(Object.keys(transitions)).toHaveLength(13);
});

test("a signal that cannot be read any more keeps the call's own error, and its slot is freed", async () => {
  const { breaker } = await watchIn("half_open");
  let broken = false;
  const signal = {
    get aborted() {
      if (broken) throw new Error("unreadable signal");
      return false;
    },
  };
  const result = breaker.call(
    () => {
      broken = true;
      throw BOOM;
    },
    { signal },
  );
  await expect(result).rejects.toBe(BOOM);
  expect(breaker.probesInFlight).toBe(0);
});

test.each(["unheard", "heard"] as const)(
  "a promise with a then of its own is taken like any thenable, %s",
  async (kind) => {
    const breaker = kind === "heard" ? watch().breaker : new CircuitBreaker("unheard");
    const quiet = Object.assign(Promise.resolve("native"), {
      // biome-ignore lint/suspicious/noThenProperty: a patched promise is what this test is about
      then: (resolve: (value: string) => void) => resolve("patched"),
    });
    const returned = breaker.call(() => quiet);
    expect(returned).toBeInstanceOf(Promise);
    expect(await returned).toBe("patched");
    expect(breaker.stats.calls.success).toBe(1);
  },
);

test("callSync() that was given a promise decides nothing, and the promise ends no process", async () => {
  const watched = await watchIn("half_open");
  const { breaker, told } = watched;
  const message =
    'Cannot call breaker "dependency": fn must return a value at once, received a promise; use call';
  expect(() => breaker.callSync((() => Promise.reject(BOOM)) as never)).toThrow(
    new TypeError(message),
  );
  await settled();
  expect(unhandled).not.toHaveBeenCalled();
  expect(told()).toEqual(["ignored", "probe"]);
  expect(breaker).toMatchObject({ state: "half_open", probesInFlight: 0 });
});

test("callSync() takes a function that came as a value, and an object without then", () => {
  const { breaker } = watch();
  const value = () => 1;
  expect(breaker.callSync(() => value)).toBe(value);
  // biome-ignore lint/suspicious/noThenProperty: a then that is no function makes no thenable
  const odd = { then: 5 };
  expect(breaker.callSync(() => odd)).toBe(odd);
});

test("a refusal prints its message", async () => {
  const error = refusalOf(await watchIn("open"));
  for (const printed of [String(error), inspect(error), error.stack]) {
    expect(printed).toContain('CircuitOpenError: Circuit breaker "dependency" is open since 0.0 s');
  }
  expect(error.message).toBe(error.message);
  expect(Object.keys(error)).not.toContain("cause");
});

test("a refusal that is never awaited is an unhandled rejection like any other", async () => {
  const { breaker } = await watchIn("open");
  void breaker.call(succeed);
  await settled();
  expect(unhandled).toHaveBeenCalledTimes(1);
  // execute never rejects, so it cannot be unhandled.
  void breaker.execute(succeed);
  void breaker.execute(fail);
  await settled();
  expect(unhandled).toHaveBeenCalledTimes(1);
});

test("a failed call whose promise is dropped is an unhandled rejection, once", async () => {
  const breaker = new CircuitBreaker("unheard");
  void breaker.call(fail);
  await settled();
  expect(unhandled).toHaveBeenCalledTimes(1);
});

test("lastSuccessAtMs is exact again within sixteen successes when the traffic gets thin", async () => {
  // The platform's clocks, at a standstill: thousands of successes in no time.
  let elapsedMs = 0;
  const startMs = performance.now();
  const startAtMs = Date.now();
  vi.spyOn(performance, "now").mockImplementation(() => startMs + elapsedMs);
  vi.spyOn(Date, "now").mockImplementation(() => startAtMs + elapsedMs);
  const breaker = new CircuitBreaker("bursty");
  for (let n = 0; n < 1_000; n++) await breaker.call(succeed);
  for (let hour = 1; hour <= 30; hour++) {
    elapsedMs = hour * 3_600_000;
    await breaker.call(succeed);
    if (hour < 16) continue;
    // Within the second for which the distance of the two clocks is trusted.
    expect(breaker.stats.lastSuccessAtMs ?? 0).toBeGreaterThan(startAtMs + elapsedMs - 1_000);
  }
});

test("a listener that is slow does not make its own probe slow", async () => {
  const { breaker, clock, last } = await watchIn("open", { latencyTripMs: 100 });
  clock.advance(COOLDOWN_MS);
  breaker.on("circuit.half_open", () => clock.advance(500));
  const call = deferred<string>();
  const result = breaker.call(() => call.promise);
  clock.advance(10);
  call.resolve("value");
  await result;
  expect(last("circuit.probe")).toMatchObject({ outcome: "success", latencyMs: 10 });
});
