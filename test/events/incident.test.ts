import { expect, test } from "vitest";
import { BOOM, failTimes, succeed, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

/** An incident with two failed probes, a forced open and a recovery, 20 ms between the steps. */
async function incident() {
  const watched = await watchIn("closed", { failureThreshold: 2 });
  const { breaker, clock } = watched;
  breaker.recordFailure(BOOM);
  clock.advance(20);
  breaker.recordFailure(BOOM);
  clock.advance(20);
  refusalOf(watched);
  refusalOf(watched);
  clock.advance(COOLDOWN_MS);
  await failTimes(breaker, 1);
  clock.advance(20);
  refusalOf(watched);
  clock.advance(COOLDOWN_MS);
  await failTimes(breaker, 1);
  clock.advance(20);
  breaker.forceOpen("hold", { forMs: 100 });
  refusalOf(watched);
  clock.advance(130);
  const probe = permitOf(watched);
  refusalOf(watched);
  clock.advance(5);
  probe.success();
  return watched;
}

test("incidentId spans failed probes and a forced open, from the first open to the close", async () => {
  const { events, last } = await incident();
  const first = events.findIndex(({ type }) => type === "circuit.open");
  const end = events.findIndex(({ type }) => type === "circuit.close");
  const { incidentId } = last("circuit.close");
  expect(incidentId).toMatch(/^[0-9a-z]+-[0-9a-z]{8}$/);
  for (const event of events.slice(0, first)) expect("incidentId" in event).toBe(false);
  for (const event of events.slice(first, end + 1)) expect(event.incidentId).toBe(incidentId);
  expect(end).toBe(events.length - 1);
  expect(first).toBe(3);
});

test("an incident's numbers at its close", async () => {
  const { last } = await incident();
  expect(last("circuit.close")).toMatchObject({
    reason: "probe",
    // 20 + 1000 + 20 + 1000 + 20 + 130 + 5 since the trip.
    mttrMs: 2_195,
    // Since the forced open.
    openMs: 135,
    skipsSinceOpened: 2,
    skipsInIncident: 5,
    probes: 3,
    reopens: 2,
  });
});

test("each open of an incident tells the failed recoveries so far", async () => {
  const { events } = await incident();
  const opens = events.filter((event) => event.type === "circuit.open");
  expect(opens.map(({ reason, rule, reopens }) => [reason, rule, reopens])).toEqual([
    ["error", "consecutive", 0],
    ["error", "probe", 1],
    ["error", "probe", 2],
    ["forced", null, 2],
  ]);
});

test("each skip of an incident counts since the last open and since the first", async () => {
  const { events } = await incident();
  const skips = events.filter((event) => event.type === "circuit.skip");
  expect(
    skips.map((skip) => [skip.reason, skip.openMs, skip.skipsSinceOpened, skip.skipsInIncident]),
  ).toEqual([
    ["open", 20, 1, 1],
    ["open", 20, 2, 2],
    ["open", 20, 1, 3],
    ["forced_open", 0, 1, 4],
    ["half_open", 130, 2, 5],
  ]);
});

test("detectMs is the time from the first failure to the open", async () => {
  const { events } = await incident();
  const opens = events.filter((event) => event.type === "circuit.open");
  expect(opens.map(({ detectMs, firstFailureAtMs }) => [detectMs, firstFailureAtMs])).toEqual([
    [20, START_AT_MS],
    [0, START_AT_MS + 1_040],
    [0, START_AT_MS + 2_060],
    [null, null],
  ]);
});

test("the next incident starts its own id and counts", async () => {
  const watched = await incident();
  const { breaker, clock, last } = watched;
  const first = last("circuit.close").incidentId;
  clock.advance(1_000);
  await failTimes(breaker, 2);
  refusalOf(watched);
  expect(last("circuit.open").incidentId).not.toBe(first);
  expect(last("circuit.open").reopens).toBe(0);
  expect(last("circuit.skip")).toMatchObject({ skipsSinceOpened: 1, skipsInIncident: 1 });
  clock.advance(50);
  breaker.reset();
  expect(last("circuit.close")).toMatchObject({ mttrMs: 50, openMs: 50, probes: 0, reopens: 0 });
});

test("ids of incidents sort by the time that they began", () => {
  const { breaker, clock, events } = watch({ random: () => 0.3 });
  for (let n = 0; n < 5; n++) {
    breaker.forceOpen();
    breaker.reset();
    clock.advance(1_000 * 10 ** n);
  }
  const ids = events.flatMap((event) => (event.type === "circuit.open" ? [event.incidentId] : []));
  expect(new Set(ids).size).toBe(5);
  expect([...ids].sort()).toEqual(ids);
});

test("events outside an incident have no incidentId", async () => {
  const { breaker, events } = watch({ failureThreshold: 3 });
  await breaker.call(succeed);
  await failTimes(breaker, 1);
  breaker.disable();
  await breaker.call(succeed);
  breaker.enable();
  breaker.reset();
  permitOf({ breaker }).cancel();
  expect(events).toHaveLength(7);
  for (const event of events) expect("incidentId" in event).toBe(false);
});

test("an incident keeps the moment it began, through every reopen", async () => {
  const watched = await watchIn("open");
  const { breaker, clock } = watched;
  const { openedAtMs } = breaker;
  expect(openedAtMs).toBe(START_AT_MS);
  clock.advance(COOLDOWN_MS);
  await failTimes(breaker, 1);
  breaker.forceOpen();
  expect(breaker.openedAtMs).toBe(openedAtMs);
  breaker.reset();
  expect(breaker.openedAtMs).toBeNull();
});

test("probes of an incident count every admitted one, settled or not", async () => {
  const watched = await watchIn("open", { halfOpen: { leaseMs: 50 } });
  const { breaker, clock, last } = watched;
  clock.advance(COOLDOWN_MS);
  permitOf(watched);
  clock.advance(50);
  permitOf(watched).ignore();
  permitOf(watched);
  breaker.reset();
  expect(last("circuit.close")).toMatchObject({ probes: 3, reopens: 0, openMs: COOLDOWN_MS + 50 });
});

test("mttrMs and openMs of an incident without a reopen are the same", async () => {
  const { breaker, clock, last } = await watchIn("open");
  clock.advance(COOLDOWN_MS + 3);
  await breaker.call(succeed);
  expect(last("circuit.close")).toMatchObject({ mttrMs: 1_003, openMs: 1_003 });
});

test("stats count each trip, also those within an incident", async () => {
  const { breaker } = await incident();
  expect(breaker.stats.trips).toEqual({ error: 3, latency: 0 });
  expect(breaker.stats.skips).toMatchObject({ open: 3, forced_open: 1, half_open: 1 });
});
