import { expect, test, vi } from "vitest";
import { BOOM, deferred, failTimes, succeed, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { generationOf, permitOf, refusalOf, watchIn } from "../support/states.ts";

test("call() refuses without running while open", async () => {
  const { breaker, told } = await watchIn("open");
  const fn = vi.fn(succeed);
  await expect(breaker.call(fn)).rejects.toMatchObject({ code: "ERR_CIRCUIT_OPEN" });
  expect(fn).not.toHaveBeenCalled();
  expect(told()).toEqual(["skip"]);
});

test("callSync() and execute() refuse without running while open", async () => {
  const { breaker, told } = await watchIn("open");
  const fn = vi.fn(() => "value");
  expect(() => breaker.callSync(fn)).toThrow(expect.objectContaining({ reason: "open" }));
  expect(await breaker.execute(fn)).toMatchObject({ outcome: "circuit-open", reason: "open" });
  expect(fn).not.toHaveBeenCalled();
  expect(told()).toEqual(["skip", "skip"]);
});

test("circuit.skip holds the time open, the counts and the wait", async () => {
  const { breaker, clock, last } = await watchIn("open", { cooldownMs: 1_000 });
  clock.advance(250);
  await breaker.execute(succeed);
  clock.advance(50);
  await breaker.execute(succeed);
  expect(last("circuit.skip")).toEqual({
    type: "circuit.skip",
    v: 1,
    seq: 6,
    breaker: "dependency",
    atMs: START_AT_MS + 300,
    generation: 1,
    state: "open",
    incidentId: last("circuit.open").incidentId,
    openMs: 300,
    skipsSinceOpened: 2,
    skipsInIncident: 2,
    retryAfterMs: 700,
    reason: "open",
  });
});

test("an open breaker reads as one that lets nothing through", async () => {
  const { breaker, clock } = await watchIn("open", { cooldownMs: 1_000 });
  clock.advance(400);
  expect(breaker).toMatchObject({
    state: "open",
    isOpen: true,
    retryAfterMs: 600,
    trafficShare: 0,
    tripProgress: 1,
    probesInFlight: 0,
    openedAtMs: START_AT_MS,
  });
});

test("cooldownMs is 60 seconds by default", async () => {
  const { breaker } = watch();
  await failTimes(breaker, 5);
  expect(breaker.retryAfterMs).toBe(60_000);
});

test("cooldownMs ends to the millisecond: refused just before, a probe at the end", async () => {
  const watched = await watchIn("open", { cooldownMs: 1_000 });
  watched.clock.advance(999.5);
  expect(refusalOf(watched).retryAfterMs).toBe(0.5);
  watched.clock.advance(0.5);
  expect(permitOf(watched).ok).toBe(true);
});

test("cooldownMs of 0 lets a probe run at once", async () => {
  const watched = await watchIn("closed", { cooldownMs: 0 });
  await failTimes(watched.breaker, 2);
  expect(watched.breaker.state).toBe("half_open");
  expect(watched.breaker.isOpen).toBe(false);
  expect(watched.last("circuit.open").state).toBe("open");
  permitOf(watched);
  expect(watched.last("circuit.half_open")).toMatchObject({ openMs: 0, idleMs: 0 });
});

test("state reads half_open once the cooldown is over, and reading it commits nothing", async () => {
  const watched = await watchIn("open", { cooldownMs: 1_000 });
  const { breaker, clock, told } = watched;
  const before = await generationOf(watched);
  told();
  clock.advance(1_000);
  expect(breaker).toMatchObject({ state: "half_open", isOpen: false, retryAfterMs: 0 });
  expect(breaker.stats.transitions["open->half_open"]).toBe(0);
  expect(told()).toEqual([]);
  expect(await generationOf(watched)).toBe(before);
});

test("circuit.half_open holds the time open and how long no call came", async () => {
  const watched = await watchIn("open", { cooldownMs: 1_000 });
  watched.clock.advance(1_700);
  permitOf(watched);
  expect(watched.told()).toEqual(["half_open"]);
  expect(watched.last("circuit.half_open")).toEqual({
    type: "circuit.half_open",
    v: 1,
    seq: 5,
    breaker: "dependency",
    atMs: START_AT_MS + 1_700,
    generation: 2,
    state: "half_open",
    incidentId: watched.last("circuit.open").incidentId,
    from: "open",
    spentMs: 1_700,
    openMs: 1_700,
    idleMs: 700,
  });
});

test("results of calls from before the trip are late and decide nothing", async () => {
  const { breaker, told } = watch({ failureThreshold: 1 });
  const [good, bad] = [deferred<string>(), deferred<string>()];
  const results = [breaker.execute(() => good.promise), breaker.execute(() => bad.promise)];
  await failTimes(breaker, 1);
  told();
  good.resolve("value");
  bad.reject(BOOM);
  expect((await Promise.all(results)).map(({ countedAs }) => countedAs)).toEqual(["late", "late"]);
  expect(told()).toEqual(["late", "late"]);
  expect(breaker.state).toBe("open");
  expect(breaker.stats).toMatchObject({
    consecutiveFailures: 1,
    calls: { late: 2, error: 1, success: 0 },
  });
});

test("consecutiveFailures survives the trip", async () => {
  const { breaker } = await watchIn("open");
  await breaker.execute(succeed);
  expect(breaker.stats.consecutiveFailures).toBe(2);
});

test("getters of an open breaker tell nothing and count nothing", async () => {
  const { breaker, told } = await watchIn("open");
  const before = breaker.stats;
  void [breaker.state, breaker.isOpen, breaker.retryAfterMs, breaker.trafficShare, breaker.bus];
  void [breaker.tripProgress, breaker.probesInFlight, breaker.openedAtMs, breaker.failureThreshold];
  expect(breaker.stats).toEqual(before);
  expect(told()).toEqual([]);
});
