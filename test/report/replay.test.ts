import { expect, test } from "vitest";
import { CircuitBreaker, createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { createReplay, type ReplayedBreaker, replay } from "../../src/report/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { broadRun } from "../support/broad-run.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";
import { outage, record, skips } from "./recorded.ts";

const incidentOf = ({ incident }: ReplayedBreaker) => ({ incidentId: incident?.incidentId });

/** The one breaker of a record, as of its end. */
function last(entries: Iterable<unknown>): ReplayedBreaker {
  const replaying = createReplay();
  for (const entry of entries) replaying.add(entry);
  const [breaker, ...others] = replaying.breakers();
  if (breaker === undefined || others.length > 0) throw new Error("A record of one breaker");
  return breaker;
}

test("replay() gives each event and the breaker right after it", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 2, cooldownMs: 1_000 });
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  clock.advance(1_000);
  await breaker.execute(succeed);
  const steps = [...replay(events)];
  expect(steps.map(({ event }) => event)).toEqual(events);
  expect(
    steps.map(({ breaker: { state, generation, incident, stats, progress } }) => [
      state,
      generation,
      stats.consecutiveFailures,
      incident?.skips ?? null,
      progress?.ratio ?? null,
    ]),
  ).toEqual([
    ["closed", 0, 1, null, null],
    ["closed", 0, 1, null, 0.5],
    ["closed", 0, 2, null, 0.5],
    ["open", 1, 2, 0, null],
    ["open", 1, 2, 1, null],
    ["half_open", 2, 2, 1, null],
    ["half_open", 2, 2, 1, null],
    ["half_open", 2, 2, 1, null],
    ["closed", 3, 0, null, null],
  ]);
});

test("replay() gives all that the events tell of a breaker, as frozen plain data", async () => {
  const watched = await watchIn("open", { cooldownMs: 1_000, failureThreshold: 2 });
  const { breaker, clock, events } = watched;
  clock.advance(400);
  refusalOf(watched);
  const replayed = last(events);
  expect(replayed).toEqual({
    breaker: "dependency",
    instance: null,
    seq: 5,
    atMs: START_AT_MS + 400,
    state: "open",
    stateSinceAtMs: START_AT_MS,
    generation: 1,
    stats: breaker.stats,
    incident: {
      incidentId: watched.last("circuit.open").incidentId,
      openedAtMs: breaker.openedAtMs,
      lastOpenedAtMs: START_AT_MS,
      reason: "error",
      rule: "consecutive",
      skips: 1,
      skipsSinceOpened: 1,
      probes: 0,
      reopens: 0,
    },
    retryAtMs: START_AT_MS + 1_000,
    probesInFlight: 0,
    trafficShare: 0,
    progress: null,
    failureThreshold: 2,
    events: 5,
    missing: 0,
    suppressed: 0,
    restarts: 0,
  });
  for (const part of [replayed, replayed.stats, ...Object.values(replayed.stats)]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
  expect(Object.isFrozen(replayed.incident)).toBe(true);
});

test("times in a state are exact at each change, though the wall clock was set meanwhile", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 1, cooldownMs: 1_000 });
  clock.advance(70);
  await breaker.execute(fail);
  clock.jumpWall(-3_600_000);
  clock.advance(2_000);
  await breaker.execute(succeed);
  expect(last(events).stats).toEqual(breaker.stats);
  expect(last(events).stats.timeInStateMs).toMatchObject({ closed: 70, open: 2_000 });
});

test("a reset while closed shows at the next event", async () => {
  const { breaker, events } = watch({ degradation: [1, 0.5], random: () => 0.1 });
  await failTimes(breaker, 2);
  expect(last(events)).toMatchObject({ trafficShare: 0.5, progress: { ratio: 0.4 } });
  breaker.reset();
  permitOf({ breaker }).ignore();
  expect(last(events)).toMatchObject({ generation: 1, trafficShare: 1, progress: null });
  expect(last(events).stats).toEqual(breaker.stats);
});

test("what an event of another meaning calls from changes no state", async () => {
  const { breaker, events } = watch({ failureThreshold: 2, degradation: [1, 0.5] });
  breaker.disable();
  await failTimes(breaker, 2);
  expect(events.at(-1)?.type).toBe("circuit.would_open");
  expect(last(events)).toMatchObject({ state: "disabled", trafficShare: 1, generation: 1 });
  expect(last(events).stats).toEqual(breaker.stats);
});

test("progress towards a rule that counts failures in a row ends with the row, that of a rate does not", () => {
  const envelope = { v: 1, breaker: "x", generation: 0, state: "closed", atMs: 1 };
  const progress = { ...envelope, type: "circuit.progress", seq: 1, ratio: 0.5, rule: "r" };
  const success = { ...envelope, type: "circuit.success", seq: 2 };
  expect(last([{ ...progress, failuresToTrip: 3 }, success]).progress).toBeNull();
  expect(last([progress, success]).progress).toEqual({
    ratio: 0.5,
    rule: "r",
    failuresToTrip: null,
  });
});

test("breakers and processes are told apart by name and instance", async () => {
  const recorded = [record({ instance: "a" }), record({ instance: "b" })];
  for (const [n, one] of recorded.entries()) {
    for (const name of ["payments", "__proto__"]) await failTimes(one.breaker(name), n + 1);
  }
  const replaying = createReplay();
  for (const entry of recorded.flatMap(({ events }) => events)) replaying.add(entry);
  expect(replaying.breakers()).toHaveLength(4);
  expect(replaying.breaker("payments")).toBeNull();
  expect(replaying.breaker("payments", "a")?.stats.skips.open).toBe(0);
  expect(replaying.breaker("__proto__", "b")?.stats.skips.open).toBe(1);
});

test("a record of sampled lines tells the same state, and how many skips no line is for", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments", { cooldownMs: 1_000, failureThreshold: 2 });
  await failTimes(breaker, 2);
  await skips(breaker, 100);
  recorded.clock.advance(1_000);
  await breaker.execute(fail);
  await skips(breaker, 50);
  recorded.detach();
  const fromEvents = last(recorded.events);
  const fromLines = last(recorded.lines);
  const { stats, suppressed, missing, incident } = fromLines;
  expect(incident).toEqual(fromEvents.incident);
  expect(incident).toMatchObject({ skips: 150, skipsSinceOpened: 50, reopens: 1, probes: 1 });
  expect(stats.skips.open + suppressed).toBe(fromEvents.stats.skips.open);
  expect(missing).toBe(suppressed);
  expect({ ...stats, skips: null }).toEqual({ ...fromEvents.stats, skips: null });
});

test("an event that comes once more is taken once", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 1 });
  await failTimes(breaker, 3);
  clock.advance(COOLDOWN_MS);
  breaker.reset();
  const once = last(events);
  expect(last([...events, ...events])).toEqual(once);
  expect(last(events.flatMap((event) => [event, JSON.stringify(event)]))).toEqual(once);
});

test("a new process begins again, closed and with no counts", async () => {
  const first = record();
  const one = first.breaker("payments");
  await failTimes(one, 3);
  const second = record({ clock: first.clock });
  second.clock.advance(5_000);
  const two = second.breaker("payments");
  await two.execute(succeed);
  const replayed = last([...first.events, ...second.events]);
  expect(replayed).toMatchObject({ restarts: 1, state: "closed", incident: null, events: 1 });
  expect(replayed.stats.calls).toEqual(two.stats.calls);
});

test("a new process whose first event is like the last of the one before begins again", () => {
  const clock = new FakeClock();
  const lives = [1, 2].map(() => {
    const recorded = record({ clock });
    const breaker = recorded.breaker("payments");
    breaker.forceOpen();
    clock.advance(5_000);
    return recorded.events;
  });
  const replayed = last(lives.flat());
  expect(replayed).toMatchObject({ restarts: 1, state: "forced_open", events: 1 });
  expect(lives[1]).toEqual([expect.objectContaining(incidentOf(replayed))]);
});

test("events that are missing are counted, and the next event sets the state right", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments", { cooldownMs: 1_000 });
  await outage(recorded, breaker, 100, 1_100);
  await breaker.execute(succeed);
  const lossy = recorded.events.filter(({ type }) => type !== "circuit.close");
  const replayed = last(lossy);
  expect(replayed).toMatchObject({ state: "closed", missing: 1, incident: null, generation: 3 });
  // No change says when it closed.
  expect(replayed.stateSinceAtMs).toBeNull();
  expect(replayed.stats.consecutiveFailures).toBe(0);
});

test("a record that begins within an incident knows what its events tell of it", async () => {
  const watched = await watchIn("open", { cooldownMs: 1_000 });
  const { breaker, clock, events } = watched;
  refusalOf(watched);
  clock.advance(1_000);
  await breaker.execute(fail);
  refusalOf(watched);
  const opens = events.findIndex(({ type }) => type === "circuit.half_open");
  expect(last(events.slice(opens))).toMatchObject({
    state: "open",
    missing: opens,
    incident: {
      openedAtMs: null,
      lastOpenedAtMs: START_AT_MS + 1_000,
      reason: null,
      skips: 2,
      skipsSinceOpened: 1,
      reopens: 1,
      probes: 1,
    },
    stats: { timeInStateMs: { open: 1_000 } },
  });
});

test("a broad run replays to the stats of its breakers", async () => {
  const events = await broadRun();
  const breakers: Record<string, ReplayedBreaker> = {};
  for (const { breaker } of replay(events)) breakers[breaker.breaker] = breaker;
  expect(Object.keys(breakers).sort()).toEqual([
    "degraded",
    "dependency",
    "idle",
    "kept",
    "restored",
    "second",
    "shared",
  ]);
  for (const { missing, instance } of Object.values(breakers)) {
    expect([missing, instance]).toEqual([0, "api-7f9"]);
  }
});

test("createReplay() counts what it reads, and gives back the events of breakers only", () => {
  const bus = createEventBus();
  const told: TelltaleEvent[] = [];
  bus.on("bus.*", (event) => void told.push(event));
  bus.on("circuit.open", (event) => {
    told.push(event);
    throw BOOM;
  });
  new CircuitBreaker("x", { bus }).forceOpen();
  const replaying = createReplay();
  const [open, failed] = told;
  expect(replaying.add(JSON.stringify(open))).toEqual(open);
  expect(replaying.add(failed)).toBeNull();
  expect(replaying.add('{"level":30}')).toBeNull();
  expect(replaying.add('{"type":"circuit.op')).toBeNull();
  expect(replaying.add({ ...open, seq: 2, spentMs: "long" })).toMatchObject({ seq: 2 });
  expect(replaying.input).toEqual({ lines: 5, events: 3, ignored: 1, damaged: 1 });
  expect(replaying.flawed).toBe(1);
  expect(replaying.breaker("x")?.state).toBe("forced_open");
  expect(replaying.breaker("y")).toBeNull();
});

test("replay() and createReplay() read the naming of the lines, and refuse other options", () => {
  const { breaker, events } = watch();
  breaker.forceOpen();
  const { type, ...fields } = events[0] ?? { type: "none" };
  const line = JSON.stringify({ ...fields, event: `triage.${type}` });
  const naming = { eventKey: "event", prefix: "triage." };
  expect([...replay([line], naming)]).toHaveLength(1);
  expect([...replay([line])]).toHaveLength(0);
  expect(() => createReplay({ prefx: "" } as never)).toThrow(
    new TypeError('Cannot create a replay: unknown option "prefx", did you mean "prefix"?'),
  );
  expect(() => [...replay([], { eventKey: 5 } as never)]).toThrow(
    new TypeError("Cannot replay events: eventKey must be a string, received 5"),
  );
});
