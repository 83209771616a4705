import { expect, test } from "vitest";
import type { Permit } from "../../src/index.ts";
import { BOOM, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

const METHODS = ["success", "failure", "ignore", "cancel", "release"] as const;

test.each([
  { method: "success", countedAs: "success", told: ["success"] },
  { method: "failure", countedAs: "error", told: ["failure", "progress"] },
  { method: "ignore", countedAs: "ignored", told: ["ignored"] },
  { method: "cancel", countedAs: "cancelled", told: ["ignored"] },
  { method: "release", countedAs: "unreached", told: ["ignored"] },
] as const)("$method() settles the permit as $countedAs", ({ method, countedAs, told }) => {
  const watched = watch();
  const permit = permitOf(watched);
  expect(watched.told()).toEqual([]);
  permit[method]();
  expect(watched.told()).toEqual(told);
  expect(watched.breaker.stats.calls).toMatchObject({ success: 0, [countedAs]: 1 });
});

test.each(METHODS.flatMap((first) => METHODS.map((second) => ({ first, second }))))(
  "a permit settled by $first() is not settled again by $second()",
  ({ first, second }) => {
    const watched = watch({ failureThreshold: 2 });
    const permit = permitOf(watched);
    permit[first]();
    const before = watched.breaker.stats;
    watched.told();
    permit[second]();
    expect(watched.breaker.stats).toEqual(before);
    expect(watched.told()).toEqual([]);
  },
);

test("a late permit is settled once too", async () => {
  const watched = await watchIn("half_open");
  const permit = permitOf(watched);
  watched.breaker.reset();
  permit.success();
  permit.failure(BOOM);
  expect(watched.breaker.stats.calls.late).toBe(1);
  expect(watched.breaker.stats.probes.late).toBe(1);
});

test("latencyMs is the time since the admission when none is given", () => {
  const watched = watch();
  const [good, bad, ignored] = [permitOf(watched), permitOf(watched), permitOf(watched)];
  watched.clock.advance(17);
  good.success();
  bad.failure(BOOM);
  ignored.ignore();
  expect(watched.last("circuit.success").latencyMs).toBe(17);
  expect(watched.last("circuit.failure").latencyMs).toBe(17);
  expect(watched.last("circuit.ignored").latencyMs).toBe(17);
});

test("a given latencyMs wins over the clock, and is held against latencyTripMs", () => {
  const watched = watch({ latencyTripMs: 100 });
  const [fast, slow, failed] = [permitOf(watched), permitOf(watched), permitOf(watched)];
  watched.clock.advance(500);
  fast.success(100);
  expect(watched.last("circuit.success").latencyMs).toBe(100);
  slow.success(101);
  expect(watched.last("circuit.failure")).toMatchObject({ reason: "latency", latencyMs: 101 });
  failed.failure(BOOM, 3);
  expect(watched.last("circuit.failure")).toMatchObject({ reason: "error", latencyMs: 3 });
});

test("latencyTripMs holds for the time since the admission too", () => {
  const watched = watch({ latencyTripMs: 100 });
  const [good, bad] = [permitOf(watched), permitOf(watched)];
  watched.clock.advance(101);
  good.success();
  bad.failure(BOOM);
  expect(watched.breaker.stats.calls).toMatchObject({ latency: 2, success: 0, error: 0 });
});

test("latencyMs of 0 is a time, not a missing one", () => {
  const watched = watch();
  const permit = permitOf(watched);
  watched.clock.advance(50);
  permit.success(0);
  expect(watched.last("circuit.success").latencyMs).toBe(0);
});

test("failure() describes the error, and leaves it out when there is none", () => {
  const watched = watch();
  permitOf(watched).failure(BOOM);
  expect(watched.last("circuit.failure").error).toEqual({ name: "Error", message: "boom" });
  permitOf(watched).failure();
  expect("error" in watched.last("circuit.failure")).toBe(false);
  permitOf(watched).failure(null);
  expect(watched.last("circuit.failure").error).toEqual({ name: "null", message: "null" });
});

test("failure() of a TimeoutError is latency", () => {
  const watched = watch();
  permitOf(watched).failure(new DOMException("slow", "TimeoutError"));
  expect(watched.last("circuit.failure").reason).toBe("latency");
});

test("failure() with the refusal of another breaker is unreached", async () => {
  const refused = refusalOf(await watchIn("forced_open"));
  const watched = watch({ failureThreshold: 1 });
  permitOf(watched).failure(refused);
  expect(watched.breaker.state).toBe("closed");
  expect(watched.breaker.stats.calls).toMatchObject({ unreached: 1, error: 0 });
});

test.each([
  { value: -1, error: RangeError, received: "-1" },
  { value: Number.NaN, error: RangeError, received: "NaN" },
  { value: Number.POSITIVE_INFINITY, error: RangeError, received: "Infinity" },
  { value: "5", error: TypeError, received: '"5"' },
  { value: null, error: TypeError, received: "null" },
  { value: {}, error: TypeError, received: "an object" },
])(
  "latencyMs of $received is refused, and the permit stays unsettled",
  ({ value, error, received }) => {
    const watched = watch();
    // Wrong on purpose: this is what JavaScript callers can do.
    const wrong = value as number;
    const message = `Cannot settle a permit of breaker "dependency": latencyMs must be a non-negative number of milliseconds, received ${received}`;
    const settle: ((permit: Permit) => void)[] = [
      (permit) => permit.success(wrong),
      (permit) => permit.failure(BOOM, wrong),
    ];
    for (const wrongly of settle) {
      const permit = permitOf(watched);
      expect(() => wrongly(permit)).toThrow(new error(message));
      expect(watched.told()).toEqual([]);
      permit.success();
      expect(watched.told()).toEqual(["success"]);
    }
  },
);

test("admit() of a refusal gives the error of the skip", async () => {
  const watched = await watchIn("open");
  watched.clock.advance(300);
  const refusal = watched.breaker.admit();
  if (refusal.ok) throw new Error("admitted");
  expect(refusal.error).toMatchObject({
    code: "ERR_CIRCUIT_OPEN",
    reason: "open",
    openMs: 300,
    retryAfterMs: COOLDOWN_MS - 300,
    skipsSinceOpened: 1,
  });
  expect(watched.told()).toEqual(["skip"]);
  expect(watched.breaker.stats.skips.open).toBe(1);
});

test("a permit bypasses classify", () => {
  let asked = 0;
  const watched = watch({
    classify: () => {
      asked++;
      return "ignored";
    },
  });
  permitOf(watched).failure(BOOM);
  permitOf(watched).success();
  expect(asked).toBe(0);
  expect(watched.breaker.stats.calls).toMatchObject({ error: 1, success: 1, ignored: 0 });
});

test("an unsettled permit of a closed breaker holds nothing back", () => {
  const watched = watch({ failureThreshold: 1 });
  for (let n = 0; n < 1_000; n++) permitOf(watched);
  expect(watched.breaker.state).toBe("closed");
  expect(watched.told()).toEqual([]);
});
