import { expect, test } from "vitest";
import {
  CircuitBreaker,
  type CircuitEvent,
  type CircuitState,
  createEventBus,
} from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, type Watched, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { COOLDOWN_MS, isChange, permitOf, refusalOf, watchIn } from "../support/states.ts";

test("events of one step come as failure, progress, probe, open", async () => {
  const watched = await watchIn("closed", { failureThreshold: 2 });
  await failTimes(watched.breaker, 1);
  expect(watched.told()).toEqual(["failure", "progress"]);
  await failTimes(watched.breaker, 1);
  expect(watched.told()).toEqual(["failure", "open"]);
  watched.clock.advance(COOLDOWN_MS);
  await failTimes(watched.breaker, 1);
  expect(watched.told()).toEqual(["half_open", "failure", "probe", "open"]);
});

test("events of one step come as success, probe, close", async () => {
  const watched = await watchIn("half_open");
  await watched.breaker.call(succeed);
  expect(watched.told()).toEqual(["success", "probe", "close"]);
});

test("state and generation are those after the event", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 2, cooldownMs: 100 });
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  clock.advance(100);
  await breaker.execute(succeed);
  expect(events.map(({ type, state, generation }) => [type, state, generation])).toEqual([
    ["circuit.failure", "closed", 0],
    ["circuit.progress", "closed", 0],
    ["circuit.failure", "closed", 0],
    ["circuit.open", "open", 1],
    ["circuit.skip", "open", 1],
    ["circuit.half_open", "half_open", 2],
    ["circuit.success", "half_open", 2],
    ["circuit.probe", "half_open", 2],
    ["circuit.close", "closed", 3],
  ]);
});

test("the state is committed before the listeners run", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  const seen: [string, CircuitState][] = [];
  breaker.on("circuit.*", ({ type }) => seen.push([type, breaker.state]));
  await failTimes(breaker, 1);
  expect(seen).toEqual([
    ["circuit.failure", "open"],
    ["circuit.open", "open"],
  ]);
});

test("listeners run before the caller sees the result, of every kind of call", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs: 100 });
  const order: string[] = [];
  breaker.on("circuit.*", ({ type }) => order.push(type));
  const seen = (what: string) => () => order.push(what);
  await breaker.call(succeed).then(seen("value"));
  await breaker.execute(fail).then(seen("result"));
  await breaker.call(succeed).catch(seen("refusal"));
  breaker.admit();
  seen("answer")();
  clock.advance(100);
  breaker.callSync(() => 1);
  seen("sync value")();
  breaker.forceOpen();
  seen("control")();
  expect(order).toEqual([
    "circuit.success",
    "value",
    "circuit.failure",
    "circuit.open",
    "result",
    "circuit.skip",
    "refusal",
    "circuit.skip",
    "answer",
    "circuit.half_open",
    "circuit.success",
    "circuit.probe",
    "circuit.close",
    "sync value",
    "circuit.open",
    "control",
  ]);
});

test("circuit.half_open is told before the probe runs", async () => {
  const { breaker, clock, told } = await watchIn("open");
  clock.advance(COOLDOWN_MS);
  let before: string[] = [];
  await breaker.call(() => {
    before = told();
  });
  expect(before).toEqual(["half_open"]);
});

/** Walks a breaker through every state and control call. */
async function walk(watched: Watched): Promise<void> {
  const { breaker, clock } = watched;
  await breaker.call(succeed);
  await failTimes(breaker, 2);
  refusalOf(watched);
  breaker.recordSuccess();
  clock.advance(COOLDOWN_MS);
  const expiring = permitOf(watched);
  refusalOf(watched);
  clock.advance(60_000);
  await failTimes(breaker, 1);
  expiring.success();
  clock.advance(COOLDOWN_MS);
  permitOf(watched).ignore();
  breaker.forceOpen("hold");
  breaker.reset("go");
  breaker.forceOpen(undefined, { forMs: 10 });
  clock.advance(10);
  await breaker.call(succeed);
  breaker.disable();
  await failTimes(breaker, 1);
  breaker.enable();
  breaker.reset();
  await breaker.call(succeed);
  breaker.disable();
  breaker.forceOpen();
  breaker.disable();
}

test("from of each committed change is the committed state before it", async () => {
  const watched = await watchIn("closed");
  await walk(watched);
  let state: CircuitState = "closed";
  let generation = 0;
  const changes: string[] = [];
  for (const event of watched.events) {
    if (isChange(event)) {
      expect(event.from).toBe(state);
      expect(event.generation).toBeGreaterThan(generation);
      changes.push(`${event.from}->${event.state}`);
      ({ state, generation } = event);
    }
    expect(event.state).toBe(state);
  }
  // The walk told each change that the counters know.
  const { transitions } = watched.breaker.stats;
  for (const [pair, count] of Object.entries(transitions)) {
    expect(
      changes.filter((change) => change === pair),
      pair,
    ).toHaveLength(count);
  }
  expect(changes.length).toBeGreaterThan(10);
});

test("spentMs of each committed change is the time in the state before, whatever the wall clock does", async () => {
  const watched = await watchIn("closed");
  const { breaker, clock, events } = watched;
  clock.advance(5);
  clock.jumpWall(-3_600_000);
  await walk(watched);
  const spent: Record<string, number> = {};
  for (const event of events) {
    if (isChange(event)) spent[event.from] = (spent[event.from] ?? 0) + event.spentMs;
  }
  breaker.enable();
  const { closed, ...left } = breaker.stats.timeInStateMs;
  expect(spent).toEqual({ closed, ...left });
});

test("seq numbers the events from 1 without gaps for who hears them all", async () => {
  const watched = await watchIn("closed");
  await walk(watched);
  const { events } = watched;
  expect(events.length).toBeGreaterThan(30);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
});

test("seq counts only the events that somebody hears", async () => {
  const breaker = new CircuitBreaker("partly heard", { failureThreshold: 1 });
  const heard: CircuitEvent[] = [];
  breaker.on("circuit.open", (event) => heard.push(event));
  breaker.on("circuit.close", (event) => heard.push(event));
  await breaker.call(succeed);
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  breaker.reset();
  breaker.forceOpen();
  expect(heard.map(({ type, seq }) => [type, seq])).toEqual([
    ["circuit.open", 1],
    ["circuit.close", 2],
    ["circuit.open", 3],
  ]);
});

test("seq goes on where another listener heard the events before", () => {
  const { breaker, events } = watch();
  breaker.forceOpen();
  const heard: number[] = [];
  breaker.on("circuit.*", ({ seq }) => heard.push(seq));
  breaker.reset();
  expect(events.map(({ seq }) => seq)).toEqual([1, 2]);
  expect(heard).toEqual([2]);
});

test("seq is each breaker's own on a shared bus", () => {
  const bus = createEventBus();
  const heard: [string, number][] = [];
  bus.on("circuit.*", ({ breaker, seq }) => heard.push([breaker, seq]));
  const [one, two] = [new CircuitBreaker("one", { bus }), new CircuitBreaker("two", { bus })];
  one.forceOpen();
  two.forceOpen();
  one.reset();
  expect(heard).toEqual([
    ["one", 1],
    ["two", 1],
    ["one", 2],
  ]);
});

test("seq rises in the order of delivery, with listeners that raise events", async () => {
  const { breaker, events } = watch({ failureThreshold: 1 });
  breaker.on("circuit.open", () => breaker.reset("at once"));
  breaker.on("circuit.close", () => breaker.recordSuccess());
  await failTimes(breaker, 3);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events).toHaveLength(12);
});

test("seq rises in the order of delivery, with callbacks that fail", async () => {
  const clock = new FakeClock();
  const failing = () => {
    throw BOOM;
  };
  const breaker = new CircuitBreaker("failing callbacks", {
    failureThreshold: 1,
    cooldownMs: 100,
    clock: { monotonicMs: () => clock.monotonicMs(), epochMs: failing },
    classify: failing,
    random: failing,
  });
  const heard: CircuitEvent[] = [];
  breaker.on("circuit.*", (event) => heard.push(event));
  const late = permitOf({ breaker });
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  late.success();
  clock.advance(100);
  await breaker.execute(succeed);
  breaker.disable();
  breaker.enable();
  const told = heard.filter(({ type }) => type !== "circuit.callback_failed");
  expect(told.map(({ type }) => type.replace("circuit.", ""))).toEqual([
    "failure",
    "open",
    "skip",
    "late",
    "half_open",
    "success",
    "probe",
    "close",
    "disable",
    "enable",
  ]);
  expect(heard.map(({ seq }) => seq)).toEqual(heard.map((_, index) => index + 1));
});

test("the events of a late probe come as late, probe", async () => {
  const watched = await watchIn("half_open");
  const probe = permitOf(watched);
  watched.breaker.reset();
  watched.told();
  probe.success();
  expect(watched.told()).toEqual(["late", "probe"]);
});

test("disable() in an incident tells the close before the disable, in one go", async () => {
  const watched = await watchIn("open");
  const seen: CircuitState[] = [];
  watched.breaker.on("circuit.*", () => seen.push(watched.breaker.state));
  watched.breaker.disable();
  expect(watched.told()).toEqual(["close", "disable"]);
  // The whole step is committed before its first event is delivered.
  expect(seen).toEqual(["disabled", "disabled"]);
});
