import { expect, test } from "vitest";
import {
  CircuitBreaker,
  type CircuitEvent,
  createEventBus,
  exponentialCooldown,
  isSnapshotError,
} from "../../src/index.ts";
import { failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { restarted } from "../support/snapshots.ts";
import { permitOf } from "../support/states.ts";

test("restore() of an open breaker waits for what is left of its cooldown", async () => {
  const { before, after } = await restarted();
  before.clock.advance(20_000);
  const { breaker, clock, json } = after(15_000);
  expect(breaker.restore(json)).toBe(true);
  expect(breaker.state).toBe("open");
  expect(breaker.retryAfterMs).toBe(25_000);
  clock.advance(25_000);
  expect(breaker.state).toBe("half_open");
});

test("restore() tells circuit.restore and nothing else, with the state, the age and where it came from", async () => {
  const { before, after } = await restarted();
  before.clock.advance(1_000);
  const { breaker, events, json } = after(500);
  breaker.restore(json, { source: "disk" });
  const [told, ...more] = events;
  expect(more).toEqual([]);
  expect(told).toMatchObject({
    type: "circuit.restore",
    state: "open",
    from: "closed",
    ageMs: 500,
    source: "disk",
    applied: "state",
    consecutiveFailures: 5,
    retryAtMs: before.clock.epochMs() + 59_000,
    incidentId: before.events.findLast(({ type }) => type === "circuit.open")?.incidentId,
  });
});

test("restore() of a forced open brings its end and its reason back, so that forcing it anew says what was before", () => {
  const clock = new FakeClock();
  const before = new CircuitBreaker("vendor", { clock });
  before.forceOpen("vendor is down", { forMs: 3_600_000 });
  before.forceOpen("vendor says another 2 h", { forMs: 7_200_000 });
  const told: CircuitEvent[] = [];
  const after = new CircuitBreaker("vendor", { clock });
  after.on("circuit.force_changed", (event) => told.push(event));
  after.restore(before.serialize());
  after.forceOpen("vendor says another 2 h", { forMs: 7_200_000 });
  expect(told).toEqual([]);
  after.forceOpen("vendor gave no time");
  expect(told).toMatchObject([
    {
      note: "vendor gave no time",
      previousNote: "vendor says another 2 h",
      previousRetryAtMs: clock.epochMs() + 7_200_000,
    },
  ]);
  expect(before.snapshot().note).toBe("vendor says another 2 h");
  after.reset();
  expect("note" in after.snapshot()).toBe(false);
});

test("restore() takes a forced open whose reason was not saved as one without a reason", () => {
  const before = new CircuitBreaker("vendor");
  before.forceOpen("down");
  const { note: _, ...unsaid } = before.snapshot();
  const { breaker, last } = watch();
  breaker.restore({ ...unsaid, name: breaker.name });
  breaker.forceOpen("down");
  expect(last("circuit.force_changed")).toMatchObject({ note: "down", previousNote: null });
});

test.each([[5], [""], ["x".repeat(513)], [null]])("restore() refuses the note %j", (note) => {
  const breaker = new CircuitBreaker("vendor");
  breaker.forceOpen("down");
  const damaged = { ...breaker.snapshot(), note };
  expect(() => new CircuitBreaker("vendor").restore(damaged)).toThrow(/note must be/);
});

test("restore() names its source snapshot unless told otherwise", async () => {
  const { after } = await restarted();
  const { breaker, events, json } = after(0);
  breaker.restore(json);
  expect(events[0]).toMatchObject({ source: "snapshot" });
});

test("restore() takes the snapshot as it is as well as its text, and deserialize() makes the breaker", async () => {
  const { before } = await restarted();
  const snapshot = before.breaker.snapshot();
  const clock = before.clock;
  const asData = new CircuitBreaker("dependency", { clock });
  asData.restore(snapshot);
  const made = CircuitBreaker.deserialize(JSON.stringify(snapshot), { clock });
  expect(made.name).toBe("dependency");
  for (const { stats, state, retryAfterMs } of [asData, made]) {
    expect(stats).toEqual(before.breaker.stats);
    expect(state).toBe("open");
    expect(retryAfterMs).toBe(60_000);
  }
});

test("restore() lets the incident go on: id, start, counters, and an MTTR across the restart", async () => {
  const { before, after } = await restarted({ halfOpen: { maxProbes: 1 } });
  await before.breaker.execute(succeed);
  before.clock.advance(60_000);
  await failTimes(before.breaker, 1);
  await before.breaker.execute(succeed);
  const { breaker, clock, events, json } = after(10_000);
  breaker.restore(json);
  expect(breaker.openedAtMs).toBe(before.breaker.openedAtMs);
  await breaker.execute(succeed);
  clock.advance(50_000);
  await breaker.execute(succeed);
  const closed = events.findLast(({ type }) => type === "circuit.close");
  expect(closed).toMatchObject({
    incidentId: before.events.findLast(({ type }) => type === "circuit.open")?.incidentId,
    mttrMs: 120_000,
    openMs: 60_000,
    skipsInIncident: 3,
    skipsSinceOpened: 2,
    probes: 2,
    reopens: 1,
  });
});

test("restore() lets seq go on without a gap, and raises the generation above both", async () => {
  const { before, after } = await restarted();
  const { breaker, events, json } = after(0);
  breaker.restore(json);
  await breaker.execute(succeed);
  const last = before.events.at(-1);
  expect(events.map(({ seq }) => seq)).toEqual([(last?.seq ?? 0) + 1, (last?.seq ?? 0) + 2]);
  expect(events.map(({ generation }) => generation)).toEqual([
    (last?.generation ?? 0) + 1,
    (last?.generation ?? 0) + 1,
  ]);
});

test("restore() lets seq go on also when somebody listens only later", async () => {
  const { after, before } = await restarted();
  const { clock, json } = after(0);
  const breaker = new CircuitBreaker("dependency", { clock });
  breaker.restore(json);
  const events: CircuitEvent[] = [];
  breaker.on("circuit.*", (event) => events.push(event));
  await breaker.execute(succeed);
  expect(events[0]?.seq).toBe((before.events.at(-1)?.seq ?? 0) + 1);
});

test("restore() makes permits late that were given before", async () => {
  const { after } = await restarted();
  const { breaker, events, json } = after(0);
  const permit = permitOf({ breaker });
  breaker.restore(json);
  permit.success();
  expect(events.map(({ type }) => type)).toEqual(["circuit.restore", "circuit.late"]);
  expect(breaker.state).toBe("open");
});

test("restore() of a half-open breaker comes back as open and due, its probes gone", async () => {
  const { before, after } = await restarted();
  before.clock.advance(60_000);
  permitOf(before);
  expect(before.breaker.snapshot().state).toBe("half_open");
  const { breaker, events, json } = after(0);
  breaker.restore(json);
  expect(events[0]).toMatchObject({ state: "open" });
  expect(breaker.state).toBe("half_open");
  expect(breaker.retryAfterMs).toBe(0);
  await breaker.execute(succeed);
  expect(breaker.state).toBe("closed");
});

test("restore() of a forced breaker comes back forced, with its end or without one", () => {
  const { breaker, clock } = watch();
  breaker.forceOpen("maintenance");
  const endless = new CircuitBreaker("dependency", { clock });
  endless.restore(breaker.serialize());
  expect(endless.state).toBe("forced_open");
  expect(endless.retryAfterMs).toBeNull();
  breaker.forceOpen("maintenance", { forMs: 200_000_000 });
  const ended = new CircuitBreaker("dependency", { clock });
  ended.restore(breaker.serialize());
  clock.advance(100_000_000);
  expect(ended.state).toBe("forced_open");
  expect(ended.retryAfterMs).toBe(100_000_000);
});

test("restore() of a disabled breaker comes back disabled", () => {
  const { breaker, clock } = watch();
  breaker.disable();
  const restored = CircuitBreaker.deserialize(breaker.serialize(), { clock });
  expect(restored.state).toBe("disabled");
});

test("restore() never waits longer than a day, nor longer than was left when the wall clock was set back", async () => {
  const long = await restarted({ cooldownMs: 200_000_000 });
  const far = long.after(0);
  far.breaker.restore(far.json);
  expect(far.breaker.retryAfterMs).toBe(86_400_000);
  const { before, after } = await restarted();
  before.clock.advance(50_000);
  const back = after(-3_600_000);
  back.breaker.restore(back.json);
  expect(back.breaker.retryAfterMs).toBe(10_000);
  expect(back.events[0]).toMatchObject({ ageMs: 0 });
});

test("restore() keeps the failures in a row, the share of the traffic and idle time", async () => {
  const options = { degradation: [1, 0.5, 0.25], failureThreshold: 9, random: () => 0 };
  const { before, after } = await restarted(options, 2);
  before.clock.advance(30_000);
  const { breaker, clock, json } = after(29_999);
  breaker.restore(json);
  expect(breaker.trafficShare).toBe(0.25);
  clock.advance(1);
  expect(breaker.trafficShare).toBe(0.5);
  expect(breaker.stats.consecutiveFailures).toBe(1);
});

test("restore() keeps how far the traffic was let in after a recovery", async () => {
  const options = { rampUp: { durationMs: 1_000, from: 0.5 } };
  const { before, after } = await restarted(options);
  before.clock.advance(60_000);
  await before.breaker.execute(succeed);
  before.clock.advance(200);
  const { breaker, json } = after(300);
  breaker.restore(json);
  expect(breaker.trafficShare).toBe(0.75);
});

test("restore() keeps how often a growing cooldown has grown", async () => {
  const cooldownMs = exponentialCooldown({ initialMs: 1_000, maxMs: 60_000, jitter: 0 });
  const { before, after } = await restarted({ cooldownMs });
  before.clock.advance(1_000);
  await failTimes(before.breaker, 1);
  const { breaker, clock, json } = after(0);
  breaker.restore(json);
  expect(breaker.retryAfterMs).toBe(2_000);
  clock.advance(2_000);
  await failTimes(breaker, 1);
  expect(breaker.retryAfterMs).toBe(4_000);
});

test("stats.timeInStateMs goes on across a restart, the time in between included", async () => {
  const { before, after } = await restarted();
  before.clock.advance(1_000);
  const { breaker, clock, json } = after(500);
  breaker.restore(json);
  clock.advance(250);
  expect(breaker.stats.timeInStateMs).toMatchObject({ closed: 0, open: 1_750 });
});

test("snapshot() commits what time has brought about, as a scrape does", () => {
  const { breaker, clock, told } = watch({
    latencyTripMs: 10,
    inFlight: true,
    failureThreshold: 1,
  });
  permitOf({ breaker });
  clock.advance(20);
  expect(breaker.snapshot().state).toBe("open");
  expect(told()).toEqual(["open"]);
});

test("snapshot() is plain data that JSON carries whole, and counts only what is not 0", async () => {
  const { before } = await restarted();
  const snapshot = before.breaker.snapshot();
  expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  expect(snapshot.counts).toEqual({
    calls: { error: 5 },
    trips: { error: 1 },
    transitions: { "closed->open": 1 },
  });
});

test("restore() refuses the snapshot of another breaker, and tells why", () => {
  const bus = createEventBus({ instance: "api-1" });
  const told: unknown[] = [];
  bus.on("state.rejected", (event) => told.push(event));
  const clock = new FakeClock();
  const json = new CircuitBreaker("other", { clock }).serialize();
  const breaker = new CircuitBreaker("dependency", { clock, bus });
  let thrown: unknown;
  try {
    breaker.restore(json, { source: "disk" });
  } catch (error) {
    thrown = error;
  }
  if (!isSnapshotError(thrown)) throw new Error("no SnapshotError");
  expect(thrown).toMatchObject({ code: "ERR_SNAPSHOT_FORM", path: "name" });
  expect(told).toEqual([
    {
      type: "state.rejected",
      v: 1,
      instance: "api-1",
      atMs: clock.epochMs(),
      source: "disk",
      subject: "dependency",
      code: "ERR_SNAPSHOT_FORM",
      path: "name",
    },
  ]);
});

test("restore() checks its options before it looks at the snapshot", () => {
  const { breaker } = watch();
  // Wrong on purpose: callers from JavaScript can pass it.
  const wrong = { sauce: "disk" } as object;
  expect(() => breaker.restore("{", wrong)).toThrow('unknown option "sauce"');
  expect(() => breaker.restore("{", { source: "" })).toThrow("source must be a string of 1 to 64");
});
