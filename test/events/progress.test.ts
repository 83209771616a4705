import { expect, test } from "vitest";
import { CircuitBreaker, type EventOf } from "../../src/index.ts";
import { BOOM, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, watchIn } from "../support/states.ts";

/** Fails a closed breaker of the given threshold until it opens, and lists the progress it told. */
function climb(failureThreshold: number): EventOf<"circuit.progress">[] {
  const breaker = new CircuitBreaker("climbing", { failureThreshold });
  const told: EventOf<"circuit.progress">[] = [];
  breaker.on("circuit.progress", (event) => told.push(event));
  for (let n = 0; n < failureThreshold; n++) breaker.recordFailure(BOOM);
  expect(breaker.state).toBe("open");
  return told;
}

test.each([
  { threshold: 1, at: [] },
  { threshold: 2, at: [1] },
  { threshold: 3, at: [1, 2] },
  { threshold: 5, at: [1, 2, 3, 4] },
  { threshold: 10, at: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
  // From here on the tenths, and the last two failures.
  { threshold: 11, at: [2, 3, 4, 5, 6, 7, 8, 9, 10] },
  { threshold: 20, at: [2, 4, 6, 8, 10, 12, 14, 16, 18, 19] },
  { threshold: 100, at: [10, 20, 30, 40, 50, 60, 70, 80, 90, 98, 99] },
])("circuit.progress of failureThreshold $threshold comes at the failures $at", (row) => {
  const told = climb(row.threshold);
  expect(told.map(({ consecutiveFailures }) => consecutiveFailures)).toEqual(row.at);
  for (const event of told) {
    expect(event).toMatchObject({
      ratio: event.consecutiveFailures / row.threshold,
      failuresToTrip: row.threshold - event.consecutiveFailures,
      rule: "consecutive",
      failureThreshold: row.threshold,
      state: "closed",
    });
    expect(event.ratio).toBeLessThan(1);
  }
});

test("circuit.progress ends at the trip: the next climb tells its levels again", () => {
  const { breaker, told } = watch({ failureThreshold: 2 });
  breaker.recordFailure(BOOM);
  breaker.recordFailure(BOOM);
  breaker.reset();
  told();
  breaker.recordFailure(BOOM);
  expect(told()).toEqual(["failure", "progress"]);
});

test("circuit.progress ends at count 0: a success starts a new climb", () => {
  const { breaker, told } = watch({ failureThreshold: 3 });
  for (let n = 0; n < 3; n++) {
    breaker.recordFailure(BOOM);
    breaker.recordFailure(BOOM);
    breaker.recordSuccess();
  }
  expect(told().filter((type) => type === "progress")).toHaveLength(6);
});

test("circuit.progress ends at a reset and at a round through disabled", () => {
  const { breaker, told } = watch({ failureThreshold: 3 });
  breaker.recordFailure(BOOM);
  breaker.reset();
  breaker.recordFailure(BOOM);
  breaker.disable();
  breaker.enable();
  breaker.recordFailure(BOOM);
  expect(told()).toEqual([
    "failure",
    "progress",
    "failure",
    "progress",
    "disable",
    "enable",
    "failure",
    "progress",
  ]);
});

test("circuit.progress is told while closed only", async () => {
  const half = await watchIn("half_open", { failureThreshold: 9 });
  half.breaker.recordFailure(BOOM);
  expect(half.told()).toEqual(["failure", "probe", "open"]);
  const disabled = await watchIn("disabled", { failureThreshold: 9 });
  disabled.breaker.recordFailure(BOOM);
  expect(disabled.told()).toEqual(["failure"]);
});

test("circuit.progress is not told for non-verdicts and late results", async () => {
  const watched = await watchIn("closed", { failureThreshold: 9 });
  const late = permitOf(watched);
  permitOf(watched).ignore();
  watched.breaker.reset();
  late.failure(BOOM);
  expect(watched.told()).toEqual(["ignored", "late"]);
});

test("circuit.progress is not told by a permanent failure, which opens at once", async () => {
  const watched = await watchIn("closed", { failureThreshold: 9, classify: () => "permanent" });
  await watched.breaker.execute(() => 1);
  expect(watched.told()).toEqual(["failure", "open"]);
});

test("tripProgress follows the climb, and is 1 unless closed", async () => {
  const { breaker, clock } = watch({ failureThreshold: 4, cooldownMs: COOLDOWN_MS });
  const seen = [breaker.tripProgress];
  for (let n = 0; n < 4; n++) {
    breaker.recordFailure(BOOM);
    seen.push(breaker.tripProgress);
  }
  clock.advance(COOLDOWN_MS);
  seen.push(breaker.tripProgress);
  breaker.recordSuccess();
  seen.push(breaker.tripProgress);
  expect(seen).toEqual([0, 0.25, 0.5, 0.75, 1, 1, 0]);
});
