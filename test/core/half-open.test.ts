import { expect, test } from "vitest";
import { BOOM, deferred, fail, succeed, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

test("a successful probe closes", async () => {
  const { breaker, told } = await watchIn("half_open");
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.consecutiveFailures).toBe(0);
  expect(told()).toEqual(["success", "probe", "close"]);
});

test("circuit.close holds the whole incident", async () => {
  const { breaker, clock, last } = await watchIn("open");
  await breaker.execute(succeed);
  clock.advance(COOLDOWN_MS);
  await breaker.execute(fail);
  await breaker.execute(succeed);
  await breaker.execute(succeed);
  const { incidentId } = last("circuit.open");
  clock.advance(COOLDOWN_MS + 50);
  const call = deferred<string>();
  const result = breaker.call(() => call.promise);
  clock.advance(7);
  call.resolve("value");
  await result;
  expect(last("circuit.close")).toEqual({
    type: "circuit.close",
    v: 1,
    seq: 15,
    breaker: "dependency",
    atMs: START_AT_MS + 2_057,
    generation: 5,
    state: "closed",
    incidentId,
    from: "half_open",
    spentMs: 7,
    reason: "probe",
    mttrMs: 2_057,
    openMs: 1_057,
    skipsSinceOpened: 2,
    skipsInIncident: 3,
    probes: 2,
    reopens: 1,
  });
});

test("circuit.probe holds the outcome, the time and the probes left", async () => {
  const watched = await watchIn("half_open", { halfOpen: { maxProbes: 2, successThreshold: 2 } });
  const probe = permitOf(watched);
  permitOf(watched);
  watched.clock.advance(12);
  probe.success();
  expect(watched.told()).toEqual(["success", "probe"]);
  expect(watched.last("circuit.probe")).toEqual({
    type: "circuit.probe",
    v: 1,
    seq: 9,
    breaker: "dependency",
    atMs: START_AT_MS + COOLDOWN_MS + 12,
    generation: 2,
    state: "half_open",
    incidentId: watched.last("circuit.open").incidentId,
    outcome: "success",
    latencyMs: 12,
    probesInFlight: 1,
  });
});

test("one failed probe opens again, and circuit.open says so", async () => {
  const { breaker, clock, told, last } = await watchIn("half_open");
  const { incidentId } = last("circuit.open");
  clock.advance(30);
  await breaker.execute(fail);
  expect(told()).toEqual(["failure", "probe", "open"]);
  expect(breaker.state).toBe("open");
  expect(last("circuit.open")).toEqual({
    type: "circuit.open",
    v: 1,
    seq: 10,
    breaker: "dependency",
    atMs: START_AT_MS + 1_030,
    generation: 3,
    state: "open",
    incidentId,
    from: "half_open",
    spentMs: 30,
    reason: "error",
    rule: "probe",
    consecutiveFailures: 3,
    failuresByReason: { error: 1, latency: 0 },
    window: { calls: 1, failures: 1 },
    threshold: 1,
    cooldownMs: COOLDOWN_MS,
    retryAtMs: START_AT_MS + 2_030,
    firstFailureAtMs: START_AT_MS + 1_030,
    detectMs: 0,
    reopens: 1,
    error: { name: "Error", message: "boom" },
  });
});

test("a failed probe reopens whatever successes came before it", async () => {
  const { breaker, told } = await watchIn("half_open", { halfOpen: { successThreshold: 3 } });
  await breaker.execute(succeed);
  await breaker.execute(succeed);
  await breaker.execute(fail);
  expect(breaker.state).toBe("open");
  expect(told()).toEqual(["success", "probe", "success", "probe", "failure", "probe", "open"]);
});

test("successThreshold counts anew in each half-open period", async () => {
  const { breaker, clock } = await watchIn("half_open", { halfOpen: { successThreshold: 2 } });
  await breaker.execute(succeed);
  await breaker.execute(fail);
  clock.advance(COOLDOWN_MS);
  await breaker.execute(succeed);
  expect(breaker.state).toBe("half_open");
  await breaker.execute(succeed);
  expect(breaker.state).toBe("closed");
});

test("consecutiveFailures grows by one with each failed probe and is 0 after the close", async () => {
  const { breaker, clock } = await watchIn("half_open");
  const counts: number[] = [];
  for (let n = 0; n < 3; n++) {
    await breaker.execute(fail);
    counts.push(breaker.stats.consecutiveFailures);
    clock.advance(COOLDOWN_MS);
  }
  await breaker.execute(succeed);
  counts.push(breaker.stats.consecutiveFailures);
  expect(counts).toEqual([3, 4, 5, 0]);
});

test("a probe slower than latencyTripMs opens again for reason latency", async () => {
  const watched = await watchIn("half_open", { latencyTripMs: 100 });
  const probe = permitOf(watched);
  watched.clock.advance(101);
  probe.success();
  expect(watched.last("circuit.probe").outcome).toBe("latency");
  expect(watched.last("circuit.open")).toMatchObject({
    reason: "latency",
    failuresByReason: { error: 0, latency: 1 },
  });
  expect(watched.breaker.stats.trips).toEqual({ error: 1, latency: 1 });
});

test("maxProbes is 1 by default: the second call is refused while the probe is under way", async () => {
  const watched = await watchIn("half_open");
  const { breaker, told } = watched;
  permitOf(watched);
  const refused = refusalOf(watched);
  expect(refused).toMatchObject({ state: "half_open", reason: "half_open", retryAfterMs: null });
  expect(told()).toEqual(["skip"]);
  expect(breaker).toMatchObject({
    state: "half_open",
    isOpen: false,
    retryAfterMs: null,
    trafficShare: 0,
    tripProgress: 1,
    probesInFlight: 1,
  });
});

test("maxProbes lets that many probes run at once", async () => {
  const watched = await watchIn("half_open", { halfOpen: { maxProbes: 3, successThreshold: 3 } });
  const probes = [permitOf(watched), permitOf(watched), permitOf(watched)];
  expect(watched.breaker.probesInFlight).toBe(3);
  expect(refusalOf(watched).reason).toBe("half_open");
  probes[0]?.success();
  expect(watched.breaker).toMatchObject({ retryAfterMs: 0, probesInFlight: 2 });
  expect(permitOf(watched).ok).toBe(true);
});

test("openMs of a skip in half_open counts from the last open", async () => {
  const watched = await watchIn("half_open");
  permitOf(watched);
  watched.clock.advance(500);
  refusalOf(watched);
  expect(watched.last("circuit.skip")).toMatchObject({
    openMs: COOLDOWN_MS + 500,
    retryAfterMs: null,
    reason: "half_open",
    state: "half_open",
  });
});

test.each([
  { settle: "ignore", outcome: "ignored" },
  { settle: "cancel", outcome: "cancelled" },
  { settle: "release", outcome: "unreached" },
] as const)("a probe that counts as $outcome frees its slot and stays half_open", async (row) => {
  const watched = await watchIn("half_open");
  const { breaker, told, last } = watched;
  const before = breaker.stats.consecutiveFailures;
  permitOf(watched)[row.settle]();
  expect(told()).toEqual(["ignored", "probe"]);
  expect(last("circuit.ignored").countedAs).toBe(row.outcome);
  expect(last("circuit.probe")).toMatchObject({ outcome: row.outcome, probesInFlight: 0 });
  expect(breaker).toMatchObject({ state: "half_open", retryAfterMs: 0, probesInFlight: 0 });
  expect(breaker.stats.consecutiveFailures).toBe(before);
  expect(permitOf(watched).ok).toBe(true);
});

test("leaseMs is 60 seconds by default and ends to the millisecond", async () => {
  const watched = await watchIn("half_open");
  permitOf(watched);
  watched.clock.advance(59_999);
  expect(watched.breaker.probesInFlight).toBe(1);
  expect(refusalOf(watched).reason).toBe("half_open");
  watched.clock.advance(1);
  expect(watched.breaker).toMatchObject({ probesInFlight: 0, retryAfterMs: 0 });
  watched.told();
  permitOf(watched);
  expect(watched.told()).toEqual(["probe"]);
});

test("leaseMs frees the slot of a probe that never settles, and tells it as expired", async () => {
  const watched = await watchIn("half_open", { halfOpen: { leaseMs: 200 } });
  const { breaker, clock, told, last } = watched;
  permitOf(watched);
  clock.advance(200);
  expect(told()).toEqual([]);
  const second = permitOf(watched);
  expect(told()).toEqual(["probe"]);
  expect(last("circuit.probe")).toMatchObject({
    outcome: "expired",
    latencyMs: null,
    probesInFlight: 0,
    atMs: START_AT_MS + COOLDOWN_MS + 200,
  });
  second.success();
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.probes).toMatchObject({ expired: 1, success: 1, late: 0 });
});

test("a probe that settles at the end of its lease is late and decides nothing", async () => {
  const watched = await watchIn("half_open", { halfOpen: { leaseMs: 200 } });
  const { breaker, clock, told, last } = watched;
  const probe = permitOf(watched);
  clock.advance(200);
  probe.failure(BOOM);
  expect(told()).toEqual(["probe", "late"]);
  expect(last("circuit.probe").outcome).toBe("expired");
  expect(last("circuit.late")).toMatchObject({ countedAs: "error", latencyMs: 200 });
  expect(breaker.state).toBe("half_open");
  expect(breaker.stats).toMatchObject({
    consecutiveFailures: 2,
    calls: { late: 1 },
    probes: { expired: 1, late: 0, error: 0 },
  });
});

test("leases that end together count down the probes in flight", async () => {
  const watched = await watchIn("half_open", { halfOpen: { maxProbes: 3, leaseMs: 200 } });
  for (let n = 0; n < 3; n++) permitOf(watched);
  watched.clock.advance(200);
  permitOf(watched);
  const ended = watched.events.filter((event) => event.type === "circuit.probe").slice(-3);
  expect(ended.map(({ probesInFlight }) => probesInFlight)).toEqual([2, 1, 0]);
});

test.each([
  { by: "reset", act: (w: Awaited<ReturnType<typeof watchIn>>) => w.breaker.reset() },
  { by: "forceOpen", act: (w: Awaited<ReturnType<typeof watchIn>>) => w.breaker.forceOpen() },
  { by: "disable", act: (w: Awaited<ReturnType<typeof watchIn>>) => w.breaker.disable() },
])("$by() commits the leases that are over before it acts", async ({ act }) => {
  const watched = await watchIn("half_open", { halfOpen: { leaseMs: 200 } });
  permitOf(watched);
  watched.clock.advance(200);
  act(watched);
  expect(watched.told()[0]).toBe("probe");
  expect(watched.last("circuit.probe")).toMatchObject({ outcome: "expired", state: "half_open" });
});

test("a probe that another probe's failure overtook is late in calls and in probes", async () => {
  const watched = await watchIn("half_open", { halfOpen: { maxProbes: 2 } });
  const { breaker, told } = watched;
  const [first, second] = [permitOf(watched), permitOf(watched)];
  first.failure(BOOM);
  told();
  second.success();
  expect(told()).toEqual(["late", "probe"]);
  expect(watched.last("circuit.probe").outcome).toBe("late");
  expect(breaker.state).toBe("open");
  expect(breaker.stats.probes).toMatchObject({ error: 1, late: 1, success: 0 });
});

test("probesInFlight of a late probe counts the probes of the present period", async () => {
  const watched = await watchIn("half_open", { halfOpen: { maxProbes: 2 } });
  const [first, overtaken] = [permitOf(watched), permitOf(watched)];
  first.failure(BOOM);
  watched.clock.advance(COOLDOWN_MS);
  permitOf(watched);
  overtaken.success();
  expect(watched.last("circuit.probe")).toMatchObject({ outcome: "late", state: "half_open" });
  expect(watched.last("circuit.probe").probesInFlight).toBe(watched.breaker.probesInFlight);
});

test("reset() in half_open closes, and the probe under way is late", async () => {
  const watched = await watchIn("half_open");
  const probe = permitOf(watched);
  watched.breaker.reset("fixed");
  expect(watched.told()).toEqual(["close"]);
  expect(watched.last("circuit.close")).toMatchObject({
    from: "half_open",
    reason: "reset",
    note: "fixed",
  });
  probe.failure(BOOM);
  expect(watched.breaker.state).toBe("closed");
  expect(watched.breaker.stats.consecutiveFailures).toBe(0);
});

test("a failed probe starts a whole new cooldown", async () => {
  const watched = await watchIn("half_open");
  watched.clock.advance(400);
  await watched.breaker.execute(fail);
  expect(watched.breaker.retryAfterMs).toBe(COOLDOWN_MS);
});

test("call() runs the probe itself: its value and its error reach the caller", async () => {
  const { breaker } = await watchIn("half_open");
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(breaker.state).toBe("open");
  const other = watch({ failureThreshold: 1, cooldownMs: 0 });
  other.breaker.recordFailure();
  expect(other.breaker.callSync(() => 7)).toBe(7);
  expect(other.breaker.state).toBe("closed");
});
