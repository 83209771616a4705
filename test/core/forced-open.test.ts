import { expect, test, vi } from "vitest";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, generationOf, permitOf, refusalOf, watchIn } from "../support/states.ts";

test("forceOpen() refuses every call, with no time to retry", async () => {
  const { breaker, clock, told, last } = await watchIn("forced_open");
  const fn = vi.fn(succeed);
  clock.advance(10 * COOLDOWN_MS);
  await expect(breaker.call(fn)).rejects.toMatchObject({
    state: "forced_open",
    reason: "forced_open",
    retryAfterMs: null,
  });
  expect(fn).not.toHaveBeenCalled();
  expect(told()).toEqual(["skip"]);
  expect(last("circuit.skip")).toMatchObject({
    reason: "forced_open",
    openMs: 10 * COOLDOWN_MS,
    retryAfterMs: null,
  });
});

test("a forced breaker without an end reads as open for ever", async () => {
  const { breaker, clock } = await watchIn("forced_open");
  clock.advance(1e9);
  expect(breaker).toMatchObject({
    state: "forced_open",
    isOpen: true,
    retryAfterMs: null,
    trafficShare: 0,
    tripProgress: 1,
    openedAtMs: START_AT_MS,
  });
});

test("circuit.open of forceOpen() holds the note and no numbers of a rule", async () => {
  const { breaker, told, last } = await watchIn("closed");
  breaker.forceOpen("migration");
  expect(told()).toEqual(["open"]);
  expect(last("circuit.open")).toEqual({
    type: "circuit.open",
    v: 1,
    seq: 1,
    breaker: "dependency",
    atMs: START_AT_MS,
    generation: 1,
    state: "forced_open",
    incidentId: expect.any(String),
    from: "closed",
    spentMs: 0,
    reason: "forced",
    rule: null,
    note: "migration",
    consecutiveFailures: 0,
    failuresByReason: { error: 0, latency: 0 },
    window: null,
    threshold: null,
    cooldownMs: null,
    retryAtMs: null,
    firstFailureAtMs: null,
    detectMs: null,
    reopens: 0,
  });
  expect(breaker.stats.trips).toEqual({ error: 0, latency: 0 });
});

test("forceOpen() with forMs lets a probe run after that time", async () => {
  const watched = await watchIn("closed");
  const { breaker, clock, last } = watched;
  breaker.forceOpen(undefined, { forMs: 500 });
  expect(last("circuit.open")).toMatchObject({ cooldownMs: 500, retryAtMs: START_AT_MS + 500 });
  expect("note" in last("circuit.open")).toBe(false);
  clock.advance(499);
  expect(refusalOf(watched)).toMatchObject({ reason: "forced_open", retryAfterMs: 1 });
  clock.advance(31);
  expect(breaker).toMatchObject({ state: "half_open", isOpen: false, retryAfterMs: 0 });
  await breaker.call(succeed);
  expect(last("circuit.half_open")).toMatchObject({ from: "forced_open", openMs: 530, idleMs: 30 });
  expect(last("circuit.close")).toMatchObject({ reason: "probe", mttrMs: 530, probes: 1 });
});

test("a failed probe after forMs opens for its own reason, in the same incident", async () => {
  const { breaker, clock, last } = await watchIn("closed");
  breaker.forceOpen("drill", { forMs: 500 });
  const { incidentId } = last("circuit.open");
  clock.advance(500);
  await breaker.execute(fail);
  expect(breaker.state).toBe("open");
  expect(last("circuit.open")).toMatchObject({
    reason: "error",
    rule: "probe",
    reopens: 1,
    incidentId,
    cooldownMs: COOLDOWN_MS,
  });
});

test("forceOpen() when already forced tells the new end and the new reason, and no change of state", async () => {
  const watched = await watchIn("closed");
  const { breaker, clock, told, last } = watched;
  breaker.forceOpen("vendor is down", { forMs: 3_600_000 });
  const { incidentId } = last("circuit.open");
  refusalOf(watched);
  clock.advance(3_000_000);
  told();
  breaker.forceOpen("vendor says another 2 h", { forMs: 7_200_000 });
  expect(told()).toEqual(["force_changed"]);
  const atMs = START_AT_MS + 3_000_000;
  expect(last("circuit.force_changed")).toEqual({
    type: "circuit.force_changed",
    v: 1,
    seq: 3,
    breaker: "dependency",
    atMs,
    generation: 1,
    state: "forced_open",
    incidentId,
    note: "vendor says another 2 h",
    previousNote: "vendor is down",
    cooldownMs: 7_200_000,
    retryAtMs: atMs + 7_200_000,
    previousRetryAtMs: START_AT_MS + 3_600_000,
  });
  expect(breaker).toMatchObject({ retryAfterMs: 7_200_000, openedAtMs: START_AT_MS });
  expect(breaker.stats.transitions["closed->forced_open"]).toBe(1);
  clock.advance(1);
  refusalOf(watched);
  // The open window goes on, too.
  expect(last("circuit.skip")).toMatchObject({
    openMs: 3_000_001,
    skipsSinceOpened: 2,
    incidentId,
  });
});

test("forceOpen() when already forced keeps the generation", async () => {
  const watched = await watchIn("forced_open");
  const before = await generationOf(watched);
  watched.breaker.forceOpen("again", { forMs: 300 });
  watched.breaker.forceOpen();
  expect(watched.breaker.retryAfterMs).toBeNull();
  expect(await generationOf(watched)).toBe(before);
});

test("forceOpen() when already forced tells that an end was taken away, given, moved up or over", async () => {
  const { breaker, clock, last } = await watchIn("closed");
  const end = () => {
    const { cooldownMs, retryAtMs, previousRetryAtMs } = last("circuit.force_changed");
    return [cooldownMs, retryAtMs, previousRetryAtMs];
  };
  breaker.forceOpen("drill", { forMs: 500 });
  breaker.forceOpen();
  expect(end()).toEqual([null, null, START_AT_MS + 500]);
  breaker.forceOpen(undefined, { forMs: 400 });
  expect(end()).toEqual([400, START_AT_MS + 400, null]);
  breaker.forceOpen(undefined, { forMs: 100 });
  expect(end()).toEqual([100, START_AT_MS + 100, START_AT_MS + 400]);
  clock.advance(150);
  breaker.forceOpen(undefined, { forMs: 100 });
  expect(end()).toEqual([100, START_AT_MS + 250, START_AT_MS + 100]);
});

test("forceOpen() without a reason leaves the one that stands", async () => {
  const { breaker, last } = await watchIn("closed");
  breaker.forceOpen();
  breaker.forceOpen("drill");
  expect(last("circuit.force_changed")).toMatchObject({ note: "drill", previousNote: null });
  breaker.forceOpen(undefined, { forMs: 400 });
  expect(last("circuit.force_changed")).toMatchObject({ note: "drill", previousNote: "drill" });
  breaker.reset();
  breaker.forceOpen();
  breaker.forceOpen(undefined, { forMs: 400 });
  expect("note" in last("circuit.force_changed")).toBe(false);
  expect(last("circuit.force_changed")).toMatchObject({ previousNote: null });
});

test("forceOpen() repeated tells nothing when neither end nor reason is another", async () => {
  const { breaker, clock, told } = await watchIn("closed");
  for (const forMs of [undefined, 400]) {
    const force = (note?: string) => breaker.forceOpen(note, forMs === undefined ? {} : { forMs });
    force("drill");
    told();
    for (const note of ["drill", undefined]) {
      clock.advance(0.25);
      force(note);
    }
    expect(told()).toEqual([]);
  }
  // Nor do repetitions move the end, each by too little to be told.
  expect(breaker.retryAfterMs).toBe(399.5);
});

test("forceOpen() when already forced by a permanent failure replaces its reason", async () => {
  const { breaker, last } = await watchIn("closed", { classify: () => "permanent" });
  await breaker.execute(fail);
  breaker.forceOpen("key revoked, a new one comes at 9");
  expect(last("circuit.force_changed")).toMatchObject({
    note: "key revoked, a new one comes at 9",
    previousNote: "permanent failure",
  });
});

test("forceOpen() inside an incident goes on with it and opens a new window", async () => {
  const watched = await watchIn("open");
  const { breaker, clock, told, last } = watched;
  const { incidentId } = last("circuit.open");
  refusalOf(watched);
  clock.advance(100);
  told();
  breaker.forceOpen("hold");
  expect(told()).toEqual(["open"]);
  expect(last("circuit.open")).toMatchObject({ from: "open", reason: "forced", incidentId });
  expect(last("circuit.open")).toMatchObject({ reopens: 0, consecutiveFailures: 2 });
  clock.advance(20);
  refusalOf(watched);
  expect(last("circuit.skip")).toMatchObject({
    openMs: 20,
    skipsSinceOpened: 1,
    skipsInIncident: 2,
    incidentId,
  });
  breaker.reset();
  expect(last("circuit.close")).toMatchObject({
    from: "forced_open",
    reason: "reset",
    mttrMs: 120,
    openMs: 20,
    incidentId,
  });
});

test("a permanent failure forces open, without counting as a trip", async () => {
  const { breaker, clock, told, last } = await watchIn("closed", {
    failureThreshold: 5,
    classify: () => "permanent",
  });
  expect(await breaker.execute(fail)).toMatchObject({ outcome: "error", countedAs: "error" });
  expect(told()).toEqual(["failure", "open"]);
  expect(last("circuit.open")).toMatchObject({
    state: "forced_open",
    reason: "forced",
    rule: null,
    cooldownMs: null,
    consecutiveFailures: 1,
    error: { name: "Error", message: "boom" },
  });
  clock.advance(1e9);
  expect(breaker).toMatchObject({ state: "forced_open", retryAfterMs: null });
  expect(breaker.stats.trips).toEqual({ error: 0, latency: 0 });
  expect(breaker.stats.calls.error).toBe(1);
});

test("results of calls from before forceOpen() are late", async () => {
  const watched = await watchIn("closed");
  const permit = permitOf(watched);
  watched.breaker.forceOpen();
  permit.failure(BOOM);
  expect(watched.told()).toEqual(["open", "late"]);
  expect(watched.breaker.stats.consecutiveFailures).toBe(0);
});

test("enable() leaves a forced breaker forced", async () => {
  const { breaker, told } = await watchIn("forced_open");
  breaker.enable();
  expect(breaker.state).toBe("forced_open");
  expect(told()).toEqual([]);
});
