import { expect, test } from "vitest";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, watchIn } from "../support/states.ts";

const HOUR_MS = 3_600_000;

test("trap 12: a wall clock that steps back an hour does not hide straight failures", async () => {
  const { breaker, clock } = watch({ failureThreshold: 5_000 });
  clock.jumpWall(-HOUR_MS);
  for (let n = 0; n < 5_000; n++) {
    expect(breaker.state).toBe("closed");
    breaker.recordFailure(BOOM);
    clock.advance(1);
  }
  expect(breaker.state).toBe("open");
});

test("trap 12: a wall clock that steps back an hour does not keep the breaker open", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.jumpWall(-HOUR_MS);
  clock.advance(COOLDOWN_MS);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.state).toBe("closed");
});

test("trap 12: a wall clock that steps on an hour does not end the cooldown or a lease", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.jumpWall(HOUR_MS);
  expect(breaker.retryAfterMs).toBe(COOLDOWN_MS);
  clock.advance(COOLDOWN_MS);
  permitOf({ breaker });
  clock.jumpWall(HOUR_MS);
  expect(breaker.probesInFlight).toBe(1);
});

test("trap 13: the cooldown from before a reset does not end the next open period early", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.advance(711);
  breaker.reset();
  await failTimes(breaker, 2);
  clock.advance(289);
  expect(breaker.state).toBe("open");
  expect(breaker.retryAfterMs).toBe(711);
  clock.advance(710);
  expect((await breaker.execute(succeed)).outcome).toBe("circuit-open");
  clock.advance(1);
  expect((await breaker.execute(succeed)).outcome).toBe("ok");
});

test("trap 13: forMs from before a reset does not end the next forced open early", async () => {
  const { breaker, clock } = await watchIn("closed");
  breaker.forceOpen(undefined, { forMs: 500 });
  clock.advance(400);
  breaker.reset();
  breaker.forceOpen();
  clock.advance(HOUR_MS);
  expect(breaker).toMatchObject({ state: "forced_open", retryAfterMs: null });
});

test("trap 13: the lease of an earlier half-open period ends no probe of the next one", async () => {
  const watched = await watchIn("half_open", { halfOpen: { leaseMs: 3_000 } });
  const { breaker, clock } = watched;
  permitOf(watched);
  breaker.reset();
  await breaker.execute(fail);
  await breaker.execute(fail);
  clock.advance(COOLDOWN_MS);
  permitOf(watched);
  clock.advance(2_999);
  expect(breaker.probesInFlight).toBe(1);
  expect(breaker.stats.probes.expired).toBe(0);
});
