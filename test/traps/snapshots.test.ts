import { expect, test } from "vitest";
import { CircuitBreaker, isSnapshotError } from "../../src/index.ts";
import { failTimes, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

const HOUR_MS = 3_600_000;

/** The snapshot of a breaker that opened so long ago. */
async function opened(agoMs: number): Promise<string> {
  const { breaker, clock } = watch();
  await failTimes(breaker, 5);
  clock.advance(agoMs);
  return breaker.serialize();
}

/** A process of which the clocks say this. */
function begun(monotonicMs: number, wallMs: number): CircuitBreaker {
  const clock = new FakeClock();
  clock.nowMs = monotonicMs;
  clock.wallOffsetMs += wallMs - monotonicMs;
  return new CircuitBreaker("dependency", { clock });
}

test("trap 18: a restored breaker waits for the rest of its cooldown, not for all of it again", async () => {
  const json = await opened(40_000);
  for (const monotonicMs of [0, 5, HOUR_MS]) {
    const breaker = begun(monotonicMs, 45_000);
    breaker.restore(json);
    expect(breaker.retryAfterMs).toBe(15_000);
  }
});

test("trap 18: a restored breaker does not half-open at once because its process has just begun", async () => {
  const json = await opened(1);
  const breaker = begun(0, 1);
  breaker.restore(json);
  expect(breaker.state).toBe("open");
  expect(breaker.retryAfterMs).toBe(59_999);
});

test("trap 19: a snapshot from a clock that is an hour ahead does not hold a breaker open for an hour", async () => {
  const json = await opened(10_000);
  const breaker = begun(0, -HOUR_MS);
  breaker.restore(json);
  expect(breaker.retryAfterMs).toBe(50_000);
});

test("trap 19: a moment that was moved into the future holds no longer than was left", async () => {
  const snapshot = JSON.parse(await opened(10_000));
  snapshot.retryAtMs += HOUR_MS;
  const breaker = begun(0, 10_000);
  breaker.restore(snapshot);
  expect(breaker.retryAfterMs).toBe(50_000);
});

test.each([null, "soon", -1, Number.NaN, {}])(
  "trap 19: a corrupt moment (%s) is an error and not silently closed",
  async (moment) => {
    const breaker = begun(0, 0);
    const snapshot = { ...JSON.parse(await opened(0)), takenAtMs: moment };
    let thrown: unknown;
    try {
      breaker.restore(snapshot);
    } catch (error) {
      thrown = error;
    }
    expect(isSnapshotError(thrown)).toBe(true);
    expect(thrown).toMatchObject({ code: "ERR_SNAPSHOT_FORM", path: "takenAtMs" });
  },
);
