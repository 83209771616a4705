import { expect, test } from "vitest";
import { BOOM, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

test("recordFailure() counts towards the trip when closed", () => {
  const { breaker, told, last } = watch({ failureThreshold: 2 });
  breaker.recordFailure(BOOM, 12);
  expect(last("circuit.failure")).toMatchObject({
    reason: "error",
    latencyMs: 12,
    consecutiveFailures: 1,
    error: { name: "Error", message: "boom" },
  });
  breaker.recordFailure();
  expect(told()).toEqual(["failure", "progress", "failure", "open"]);
  expect(last("circuit.failure").latencyMs).toBeNull();
  expect("error" in last("circuit.failure")).toBe(false);
});

test("recordSuccess() clears the count when closed", () => {
  const { breaker, told, last } = watch({ failureThreshold: 2 });
  breaker.recordFailure();
  breaker.recordSuccess(5);
  breaker.recordFailure();
  expect(breaker.state).toBe("closed");
  expect(told()).toEqual(["failure", "progress", "success", "failure", "progress"]);
  expect(last("circuit.success").latencyMs).toBe(5);
});

test("recordSuccess() slower than latencyTripMs is latency, an equal one is not", () => {
  const { breaker, last } = watch({ latencyTripMs: 100 });
  breaker.recordSuccess(100);
  expect(breaker.stats.calls).toMatchObject({ success: 1, latency: 0 });
  breaker.recordSuccess(101);
  expect(last("circuit.failure")).toMatchObject({ reason: "latency", latencyMs: 101 });
});

test("recordFailure() slower than latencyTripMs, or with a TimeoutError, is latency", () => {
  const { breaker } = watch({ latencyTripMs: 100 });
  breaker.recordFailure(BOOM, 101);
  breaker.recordFailure(new DOMException("slow", "TimeoutError"));
  breaker.recordFailure(BOOM, 100);
  expect(breaker.stats.calls).toMatchObject({ latency: 2, error: 1 });
});

test("recordFailure() with the refusal of another breaker is unreached", async () => {
  const refused = refusalOf(await watchIn("forced_open"));
  const { breaker } = watch({ failureThreshold: 1 });
  breaker.recordFailure(refused);
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.calls).toMatchObject({ unreached: 1, error: 0 });
});

test("recordSuccess() and recordFailure() bypass classify", () => {
  const { breaker } = watch({ classify: () => "ignored" });
  breaker.recordSuccess();
  breaker.recordFailure(BOOM);
  expect(breaker.stats.calls).toMatchObject({ success: 1, error: 1, ignored: 0 });
});

test.each(["open", "forced_open"] as const)(
  "records are late in %s, and no skip",
  async (state) => {
    const { breaker, told, last } = await watchIn(state);
    const { consecutiveFailures } = breaker.stats;
    breaker.recordSuccess(3);
    expect(last("circuit.late")).toMatchObject({ countedAs: "success", latencyMs: 3, state });
    breaker.recordFailure(BOOM);
    expect(last("circuit.late")).toMatchObject({ countedAs: "error", latencyMs: null });
    expect(told()).toEqual(["late", "late"]);
    expect(breaker.stats).toMatchObject({ consecutiveFailures, calls: { late: 2 } });
    expect(breaker.stats.skips).toEqual(watch().breaker.stats.skips);
  },
);

test("a late record counts as what it would have been: latency", async () => {
  const { breaker, last } = await watchIn("open", { latencyTripMs: 100 });
  breaker.recordSuccess(101);
  expect(last("circuit.late").countedAs).toBe("latency");
});

test("recordSuccess() is a probe when half_open is due", async () => {
  const { breaker, clock, told } = await watchIn("open");
  clock.advance(COOLDOWN_MS);
  breaker.recordSuccess();
  expect(told()).toEqual(["half_open", "success", "probe", "close"]);
  expect(breaker.state).toBe("closed");
});

test("recordFailure() is a probe when half_open is due", async () => {
  const { breaker, clock, told } = await watchIn("open");
  clock.advance(COOLDOWN_MS);
  breaker.recordFailure(BOOM);
  expect(told()).toEqual(["half_open", "failure", "probe", "open"]);
  expect(breaker.state).toBe("open");
});

test("records are late in half_open when every slot is held", async () => {
  const watched = await watchIn("half_open");
  permitOf(watched);
  watched.breaker.recordSuccess();
  watched.breaker.recordFailure(BOOM);
  expect(watched.told()).toEqual(["late", "late"]);
  expect(watched.breaker).toMatchObject({ state: "half_open", probesInFlight: 1 });
});

test("a record takes a free slot in half_open and gives it back", async () => {
  const watched = await watchIn("half_open", { halfOpen: { successThreshold: 2 } });
  watched.breaker.recordSuccess();
  expect(watched.told()).toEqual(["success", "probe"]);
  expect(watched.breaker).toMatchObject({ state: "half_open", probesInFlight: 0 });
});

test("records are measured in a disabled breaker", async () => {
  const { breaker, told } = await watchIn("disabled");
  breaker.recordFailure(BOOM);
  breaker.recordSuccess();
  expect(told()).toEqual(["failure", "success"]);
  expect(breaker.state).toBe("disabled");
});

test("recordSuccess() and recordFailure() set the moments of the stats", () => {
  const { breaker, clock } = watch();
  clock.advance(5);
  breaker.recordFailure();
  expect(breaker.stats.lastFailureAtMs).toBe(START_AT_MS + 5);
  clock.advance(5);
  breaker.recordSuccess(1);
  expect(breaker.stats.lastSuccessAtMs).toBe(START_AT_MS + 10);
  clock.advance(5);
  breaker.recordSuccess();
  expect(breaker.stats.lastSuccessAtMs).toBe(START_AT_MS + 15);
});
