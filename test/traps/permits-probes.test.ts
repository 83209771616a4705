import { expect, test, vi } from "vitest";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

/** A half-open breaker with calls under way that were admitted while it was closed. */
async function withLateCalls(count: number, maxProbes = 1) {
  const watched = watch({
    failureThreshold: 2,
    cooldownMs: COOLDOWN_MS,
    halfOpen: { maxProbes },
    classify: (call) => (!call.ok && call.error === "ignore me" ? "ignored" : undefined),
  });
  const { breaker, clock, told } = watched;
  const late = Array.from({ length: count }, () => deferred<string>());
  const results = late.map((call) => breaker.execute(() => call.promise));
  await failTimes(breaker, 2);
  clock.advance(COOLDOWN_MS);
  const probe = permitOf(watched);
  told();
  return { ...watched, late, results, probe };
}

test("trap 01: a late success of the closed period does not close a half-open breaker", async () => {
  const { breaker, late, results, probe, told } = await withLateCalls(3);
  for (const call of late) call.resolve("value");
  await Promise.all(results);
  expect(breaker.state).toBe("half_open");
  expect(told()).toEqual(["late", "late", "late"]);
  probe.success();
  expect(breaker.state).toBe("closed");
});

test("trap 02: a late failure of the closed period does not reopen a half-open breaker", async () => {
  const { breaker, late, results, probe, told } = await withLateCalls(3);
  for (const call of late) call.reject(BOOM);
  await Promise.all(results);
  expect(breaker.state).toBe("half_open");
  expect(told()).toEqual(["late", "late", "late"]);
  expect(breaker.stats.consecutiveFailures).toBe(2);
  probe.success();
  expect(breaker.state).toBe("closed");
});

test("trap 03: late ignored results give back no permits that they never took", async () => {
  const watched = await withLateCalls(10, 2);
  const { breaker, late, results } = watched;
  permitOf(watched);
  for (const call of late) call.reject("ignore me");
  await Promise.all(results);
  expect(breaker.probesInFlight).toBe(2);
  expect(refusalOf(watched).reason).toBe("half_open");
  expect(breaker.stats.calls).toMatchObject({ late: 10, ignored: 0 });
});

test("trap 04: a probe that never settles does not block recovery for ever", async () => {
  const { breaker, clock, last } = await watchIn("open");
  clock.advance(COOLDOWN_MS);
  void breaker.call(() => new Promise(() => {}));
  for (let n = 0; n < 100; n++) await breaker.execute(succeed);
  expect(breaker.stats.skips.half_open).toBe(100);
  clock.advance(60_000);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.state).toBe("closed");
  expect(last("circuit.close")).toMatchObject({ reason: "probe", probes: 2 });
  expect(breaker.stats.probes).toMatchObject({ expired: 1, success: 1 });
});

test("trap 05: a classifier that throws loses no slot", async () => {
  const watched = await watchIn("half_open", {
    classify: (call) => {
      if (call.ok) throw BOOM;
      return undefined;
    },
    halfOpen: { successThreshold: 3 },
  });
  for (let n = 0; n < 3; n++) {
    await expect(watched.breaker.call(succeed)).resolves.toBe("value");
    expect(watched.breaker.probesInFlight).toBe(0);
  }
  expect(watched.breaker.state).toBe("closed");
});

test("trap 05: a listener that throws, at any event, loses no slot", async () => {
  const { breaker, clock } = watch({
    failureThreshold: 1,
    cooldownMs: 10,
    halfOpen: { successThreshold: 2 },
  });
  breaker.on("circuit.*", () => {
    throw BOOM;
  });
  await failTimes(breaker, 1);
  clock.advance(10);
  await breaker.call(succeed);
  expect(breaker.probesInFlight).toBe(0);
  await breaker.call(succeed);
  expect(breaker.state).toBe("closed");
});

test("trap 05: a listener that resets between admission and settlement loses no slot", async () => {
  const watched = await watchIn("open");
  const { breaker, clock } = watched;
  breaker.once("circuit.half_open", () => breaker.reset());
  clock.advance(COOLDOWN_MS);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker).toMatchObject({ state: "closed", probesInFlight: 0 });
  expect(breaker.stats.calls.late).toBe(1);
});

test("trap 06: a cancelled probe neither closes nor opens the breaker", async () => {
  const { breaker, told } = await watchIn("half_open");
  const controller = new AbortController();
  const call = deferred<string>();
  const result = breaker.call(() => call.promise, { signal: controller.signal });
  controller.abort();
  call.reject(controller.signal.reason);
  await expect(result).rejects.toBe(controller.signal.reason);
  expect(breaker).toMatchObject({ state: "half_open", probesInFlight: 0 });
  expect(told()).toEqual(["ignored", "probe"]);
  await breaker.call(succeed);
  expect(breaker.state).toBe("closed");
});

test("trap 07: an ignored error does not use up the only probe", async () => {
  const { breaker } = await watchIn("half_open", {
    classify: (call) => (!call.ok && call.error === "ignore me" ? "ignored" : undefined),
  });
  for (let n = 0; n < 5; n++) await breaker.execute(() => Promise.reject("ignore me"));
  expect(breaker).toMatchObject({ state: "half_open", retryAfterMs: 0 });
  expect(breaker.stats.skips.half_open).toBe(0);
  await breaker.call(succeed);
  expect(breaker.state).toBe("closed");
});

test("trap 08: a probe that never reached the dependency decides nothing", async () => {
  const inner = await watchIn("forced_open");
  const { breaker } = await watchIn("half_open");
  await breaker.execute(() => inner.breaker.call(succeed));
  const permit = permitOf({ breaker });
  permit.release();
  expect(breaker).toMatchObject({ state: "half_open", probesInFlight: 0 });
  expect(breaker.stats.probes).toMatchObject({ unreached: 2, success: 0, error: 0 });
});

test.each([1, 2, 5])(
  "trap 09: no more than %i probes run when 1 000 callers come at once",
  async (maxProbes) => {
    const { breaker, clock } = await watchIn("open", {
      halfOpen: { maxProbes, successThreshold: maxProbes },
    });
    clock.advance(COOLDOWN_MS);
    let [running, most] = [0, 0];
    const gate = deferred<void>();
    const results = Array.from({ length: 1_000 }, () =>
      breaker.execute(async () => {
        most = Math.max(most, ++running);
        await gate.promise;
        running--;
      }),
    );
    gate.resolve();
    const outcomes = (await Promise.all(results)).map(({ outcome }) => outcome);
    expect(most).toBe(maxProbes);
    expect(outcomes.filter((outcome) => outcome === "ok")).toHaveLength(maxProbes);
    expect(outcomes.filter((outcome) => outcome === "circuit-open")).toHaveLength(
      1_000 - maxProbes,
    );
    expect(breaker.state).toBe("closed");
  },
);

test("trap 09: slots that are freed and taken again never add up to more than maxProbes", async () => {
  const watched = await watchIn("half_open", { halfOpen: { maxProbes: 2, leaseMs: 100 } });
  const { breaker, clock } = watched;
  const first = permitOf(watched);
  permitOf(watched);
  clock.advance(100);
  permitOf(watched);
  // The lease of the first is over: giving it back frees nothing.
  first.ignore();
  first.release();
  permitOf(watched);
  expect(breaker.probesInFlight).toBe(2);
  expect(refusalOf(watched).reason).toBe("half_open");
});

test("trap 10: callers are refused at once and do not wait for the probe", async () => {
  const watched = await watchIn("half_open");
  permitOf(watched);
  const fn = vi.fn(succeed);
  const results = await Promise.all(
    Array.from({ length: 1_000 }, () => watched.breaker.execute(fn)),
  );
  expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(["circuit-open"]));
  expect(fn).not.toHaveBeenCalled();
  expect(watched.breaker.probesInFlight).toBe(1);
});

test("trap 11: a breaker's own refusals are no failures: it recovers", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs: COOLDOWN_MS });
  await failTimes(breaker, 1);
  for (let n = 0; n < 50; n++) await breaker.execute(fail);
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 1, calls: { error: 1 } });
  clock.advance(COOLDOWN_MS);
  await breaker.call(succeed);
  expect(breaker.state).toBe("closed");
});

test.each(["call", "callSync", "permit", "recordFailure"] as const)(
  "trap 11: the refusals of an inner breaker are no failures of the outer, by %s",
  async (way) => {
    const inner = await watchIn("forced_open");
    const outer = new CircuitBreaker("outer", { failureThreshold: 1 });
    const refused = refusalOf(inner);
    const ways = {
      call: () => outer.execute(() => inner.breaker.call(succeed)),
      callSync: () => expect(() => outer.callSync(() => inner.breaker.callSync(() => 1))).toThrow(),
      permit: () => permitOf({ breaker: outer }).failure(refused),
      recordFailure: () => outer.recordFailure(refused),
    };
    await ways[way]();
    expect(outer.state).toBe("closed");
    expect(outer.stats.calls).toMatchObject({ unreached: 1, error: 0 });
  },
);

test("trap 11: an inner refusal wrapped by the caller's code is the caller's own error", async () => {
  const inner = await watchIn("forced_open");
  const outer = new CircuitBreaker("outer", { failureThreshold: 1 });
  await outer.execute(async () => {
    try {
      return await inner.breaker.call(succeed);
    } catch (cause) {
      throw new Error("wrapped", { cause });
    }
  });
  expect(outer.stats.calls).toMatchObject({ unreached: 0, error: 1 });
});
