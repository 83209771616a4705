import { expect, test } from "vitest";
import { failTimes, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, generationOf, permitOf, refusalOf, watchIn } from "../support/states.ts";

const STATES = ["closed", "open", "half_open", "forced_open", "disabled"] as const;
const OPENABLE = ["closed", "open", "half_open", "disabled"] as const;
const INCIDENTS = ["open", "half_open", "forced_open"] as const;

test.each(OPENABLE)("forceOpen() in %s opens, and tells the state it came from", async (state) => {
  const watched = await watchIn(state);
  const generation = await generationOf(watched);
  watched.told();
  watched.breaker.forceOpen("by hand");
  expect(watched.told()).toEqual(["open"]);
  expect(watched.breaker.state).toBe("forced_open");
  expect(watched.last("circuit.open")).toMatchObject({
    from: state,
    state: "forced_open",
    generation: generation + 1,
    reason: "forced",
    note: "by hand",
    rule: null,
    window: null,
    threshold: null,
    cooldownMs: null,
    retryAtMs: null,
    firstFailureAtMs: null,
    detectMs: null,
  });
});

test.each(OPENABLE)("forceOpen() with forMs in %s ends at that time", async (state) => {
  const watched = await watchIn(state);
  const { breaker, clock, last } = watched;
  const atMs = START_AT_MS + clock.nowMs;
  breaker.forceOpen(undefined, { forMs: 250 });
  expect(last("circuit.open")).toMatchObject({ cooldownMs: 250, retryAtMs: atMs + 250, atMs });
  expect(breaker.retryAfterMs).toBe(250);
  clock.advance(249);
  expect(breaker.state).toBe("forced_open");
  clock.advance(1);
  expect(breaker.state).toBe("half_open");
  permitOf(watched).success();
  expect(breaker.state).toBe("closed");
});

test.each(INCIDENTS)("reset() in %s closes and ends the incident", async (state) => {
  const watched = await watchIn(state);
  const { breaker, clock, told, last } = watched;
  const { incidentId } = last("circuit.open");
  const generation = await generationOf(watched);
  const openedMs = state === "half_open" ? COOLDOWN_MS : 0;
  clock.advance(70);
  told();
  breaker.reset("fixed upstream");
  expect(told()).toEqual(["close"]);
  expect(last("circuit.close")).toMatchObject({
    from: state,
    state: "closed",
    generation: generation + 1,
    reason: "reset",
    note: "fixed upstream",
    mttrMs: openedMs + 70,
    openMs: openedMs + 70,
    incidentId,
  });
  expect(breaker).toMatchObject({ state: "closed", openedAtMs: null, retryAfterMs: 0 });
  expect(breaker.stats.consecutiveFailures).toBe(0);
});

test("reset() without a reason leaves the note out", async () => {
  const { breaker, last } = await watchIn("open");
  breaker.reset();
  expect("note" in last("circuit.close")).toBe(false);
});

test.each(STATES)("reset() in %s raises the generation by one", async (state) => {
  const watched = await watchIn(state);
  const before = await generationOf(watched);
  watched.breaker.reset();
  expect(await generationOf(watched)).toBe(before + 1);
});

test.each(STATES)("calls under way at a reset() in %s are late", async (state) => {
  const watched = await watchIn("closed");
  const permit = permitOf(watched);
  if (state === "disabled") watched.breaker.disable();
  if (state === "forced_open") watched.breaker.forceOpen();
  if (state === "open" || state === "half_open") await failTimes(watched.breaker, 2);
  if (state === "half_open") watched.clock.advance(COOLDOWN_MS);
  watched.breaker.reset();
  watched.told();
  permit.failure();
  expect(watched.told()).toEqual(["late"]);
  expect(watched.breaker.stats.consecutiveFailures).toBe(0);
});

test("a reset breaker needs the whole threshold to open again", async () => {
  const { breaker } = await watchIn("open", { failureThreshold: 3 });
  breaker.reset();
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("an operator's whole round: force, reset, disable, enable, each told once", async () => {
  const { breaker, told, events } = watch();
  breaker.forceOpen("maintenance");
  breaker.reset("done");
  breaker.disable();
  breaker.enable();
  expect(told()).toEqual(["open", "close", "disable", "enable"]);
  expect(events.map(({ generation }) => generation)).toEqual([1, 2, 3, 4]);
  expect(events.map(({ state }) => state)).toEqual(["forced_open", "closed", "disabled", "closed"]);
});

test("control calls repeated change nothing the second time", async () => {
  const watched = watch();
  const { breaker, told } = watched;
  for (const act of [() => breaker.forceOpen(), () => breaker.disable(), () => breaker.enable()]) {
    act();
    told();
    const before = await generationOf(watched);
    told();
    act();
    expect(told()).toEqual([]);
    expect(await generationOf(watched)).toBe(before);
    told();
  }
});

test("a forced open that was given an end can be made endless, and the other way round", async () => {
  const watched = watch();
  const { breaker, clock } = watched;
  breaker.forceOpen(undefined, { forMs: 100 });
  breaker.forceOpen();
  clock.advance(1e6);
  expect(refusalOf(watched).retryAfterMs).toBeNull();
  breaker.forceOpen(undefined, { forMs: 100 });
  clock.advance(100);
  expect(permitOf(watched).ok).toBe(true);
});

test("forceOpen() after the end of forMs holds on, in the same window", async () => {
  const watched = watch();
  const { breaker, clock, told } = watched;
  breaker.forceOpen(undefined, { forMs: 100 });
  clock.advance(150);
  told();
  breaker.forceOpen(undefined, { forMs: 100 });
  expect(told()).toEqual(["force_changed"]);
  expect(breaker).toMatchObject({ state: "forced_open", retryAfterMs: 100 });
  expect(refusalOf(watched).openMs).toBe(150);
});
