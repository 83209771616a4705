import { expect, test } from "vitest";
import { createEventBus, type EventOf, type TelltaleEvent } from "../../src/index.ts";
import { ExhaustionRegistry } from "../../src/quota/index.ts";
import { joinCluster } from "../../src/redis/index.ts";
import { fail, failTimes, succeed } from "../support/breaker.ts";
import { joined, nth } from "./fleet.ts";

const states = (tasks: Parameters<typeof nth>[0], name = "payments") =>
  tasks.map((task) => task.get(name).state);

test("a trip of one task opens the breaker of all, and one probe closes it for all", async () => {
  const { time, tasks } = await joined(3);
  for (const task of tasks) task.get("payments");
  await failTimes(nth(tasks, 0).get("payments"), 2);
  await time.pass(10);
  expect(states(tasks)).toEqual(["open", "open", "open"]);
  await expect(nth(tasks, 2).get("payments").call(succeed)).rejects.toThrow(/open/);
  await time.pass(1_100);
  // The caller that comes when the window is over is skipped while the lease is fetched.
  expect((await nth(tasks, 1).get("payments").execute(succeed)).outcome).toBe("circuit-open");
  await time.pass(10);
  // Nobody else may probe now.
  expect((await nth(tasks, 2).get("payments").execute(succeed)).outcome).toBe("circuit-open");
  expect((await nth(tasks, 1).get("payments").execute(succeed)).outcome).toBe("ok");
  await time.pass(10);
  expect(states(tasks)).toEqual(["closed", "closed", "closed"]);
});

test("an incident has one id in all tasks, and is told as opened and closed once for the fleet", async () => {
  const { time, tasks } = await joined(3);
  for (const task of tasks) task.get("payments");
  await failTimes(nth(tasks, 0).get("payments"), 2);
  await time.pass(500);
  const reset = nth(tasks, 1).cluster.reset("payments", "fixed");
  await time.pass(10);
  expect(await reset).toMatchObject({ scope: "cluster" });
  const opens = tasks.flatMap((task) => task.of("circuit.open")) as EventOf<"circuit.open">[];
  expect(opens.map(({ reason }) => reason)).toEqual(["error", "peer", "peer"]);
  expect(new Set(opens.map(({ incidentId }) => incidentId)).size).toBe(1);
  expect(opens[1]).toMatchObject({ origin: "a", epoch: 0, state: "open", cooldownMs: 1_000 });
  const closes = tasks.flatMap((task) => task.of("circuit.close")) as EventOf<"circuit.close">[];
  expect(closes.map(({ reason }) => reason).sort()).toEqual(["peer", "peer", "reset"]);
  // Every task tells the length of the fleet's incident.
  expect(new Set(closes.map(({ mttrMs }) => Math.round(mttrMs / 100)))).toEqual(new Set([5]));
  const told = tasks.flatMap((task) => [
    ...task.of("cluster.opened"),
    ...task.of("cluster.closed"),
  ]);
  expect(told.map(({ type }) => type)).toEqual(["cluster.opened", "cluster.closed"]);
  expect(told[0]).toMatchObject({
    breaker: "payments",
    origin: "a",
    incidentId: opens[0]?.incidentId,
  });
  expect(told[1]).toMatchObject({ origin: "b", reason: "reset", incidentId: opens[0]?.incidentId });
});

test("tasks that trip at the same moment tell one incident", async () => {
  const { time, tasks } = await joined(2);
  const [first, second] = tasks.map((task) => task.get("payments"));
  first?.recordFailure();
  second?.recordFailure();
  first?.recordFailure();
  second?.recordFailure();
  await time.pass(10);
  const opens = tasks.flatMap((task) => task.of("circuit.open")) as EventOf<"circuit.open">[];
  expect(opens.map(({ reason }) => reason)).toEqual(["error", "error"]);
  expect(new Set(opens.map(({ incidentId }) => incidentId)).size).toBe(1);
});

test("trap 45: a reset is final: evidence that was begun before it forces nothing", async () => {
  const { time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  a.get("payments").forceOpen("by hand");
  b.get("payments");
  await time.pass(10);
  expect(states(tasks)).toEqual(["forced_open", "forced_open"]);
  const evidence = b.cluster.evidence("payments");
  a.get("payments").reset();
  await time.pass(10);
  expect(states(tasks)).toEqual(["closed", "closed"]);
  expect(await b.cluster.forceOpen("payments", "seen earlier", { evidence })).toMatchObject({
    scope: "stale",
  });
  await time.pass(10_000);
  expect(states(tasks)).toEqual(["closed", "closed"]);
});

test("a reset makes calls that began before it late in every task, closed ones too", async () => {
  const { time, tasks } = await joined(2);
  const breaker = nth(tasks, 1).get("payments");
  nth(tasks, 0).get("payments");
  const permit = breaker.admit();
  nth(tasks, 0).get("payments").reset();
  await time.pass(10);
  if (permit.ok) permit.failure(new Error("old"));
  expect(breaker.stats.calls.late).toBe(1);
  expect(breaker.stats.consecutiveFailures).toBe(0);
});

test("trap 48: a plain close of a peer does not clear a forced open", async () => {
  const { time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  await failTimes(a.get("payments"), 2);
  b.get("payments");
  await time.pass(1_010);
  await a.get("payments").execute(succeed);
  await time.pass(5);
  const probe = a.get("payments").admit();
  b.get("payments").forceOpen("by hand");
  if (probe.ok) probe.success();
  await time.pass(10);
  expect(states(tasks)).toEqual(["forced_open", "forced_open"]);
});

test("a forced open with an end lets one task probe, and its success closes the fleet", async () => {
  const { time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  const forced = a.cluster.forceOpen("payments", "by hand", { forMs: 300 });
  b.get("payments");
  await time.pass(5);
  expect(await forced).toEqual({ scope: "cluster", epoch: 0 });
  a.get("payments");
  await time.pass(400);
  await b.get("payments").execute(succeed);
  await time.pass(5);
  expect((await b.get("payments").execute(succeed)).outcome).toBe("ok");
  await time.pass(5);
  expect(states(tasks)).toEqual(["closed", "closed"]);
});

test("longestOpenMs: bounds what a peer opened after failures, and not what somebody forced", async () => {
  const options = { longestOpenMs: 60_000 };
  const { time, fleet, tasks } = await joined(2, {
    options,
    breakerOptions: { cooldownMs: 600_000 },
  });
  const [here, there] = [nth(tasks, 0), nth(tasks, 1)];
  for (const name of ["tripped", "forced"]) there.get(name);
  here.get("tripped").recordFailure();
  here.get("tripped").recordFailure();
  here.get("forced").forceOpen("a night's maintenance", { forMs: 12 * 3_600_000 });
  await time.pass(100);
  fleet.stalled.add("b");
  await time.pass(70_000);
  // On its own, the task has nothing but what it took over.
  expect(there.get("tripped").state).toBe("half_open");
  expect(there.get("forced").state).toBe("forced_open");
  expect(there.get("forced").retryAfterMs).toBeGreaterThan(11 * 3_600_000);
});

test("trap 49: with the store out of reach no call fails or waits, and a reset acts here and travels later", async () => {
  const { fleet, time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  a.get("payments").forceOpen("by hand");
  b.get("payments");
  await time.pass(10);
  fleet.stalled.add("a");
  await time.pass(4_000);
  expect(a.of("cluster.degraded")).toMatchObject([{ reason: "silent", waiting: 0 }]);
  expect(await a.cluster.reset("payments")).toMatchObject({ scope: "local-only" });
  expect(states(tasks)).toEqual(["closed", "forced_open"]);
  expect((await a.get("payments").execute(succeed)).outcome).toBe("ok");
  expect(a.cluster.status).toMatchObject({ phase: "degraded", waiting: 1 });
  fleet.stalled.delete("a");
  await time.pass(20_000);
  expect(a.cluster.status).toMatchObject({ phase: "up", waiting: 0 });
  expect(states(tasks)).toEqual(["closed", "closed"]);
  expect(a.of("cluster.recovered")).toMatchObject([{ waiting: 1, rejected: 0 }]);
});

test("a reset that comes while a task is cut off cancels what the task forced before it", async () => {
  const { fleet, time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  b.get("payments");
  fleet.stalled.add("a");
  a.get("payments").forceOpen("alone");
  await time.pass(4_000);
  const reset = b.cluster.reset("payments");
  await time.pass(10);
  await reset;
  fleet.stalled.delete("a");
  await time.pass(20_000);
  expect(states(tasks)).toEqual(["closed", "closed"]);
});

test("a store that lost its data is given back what the tasks know", async () => {
  const { fleet, time, tasks } = await joined(2);
  nth(tasks, 0).get("payments").forceOpen("by hand");
  nth(tasks, 1).get("payments");
  await time.pass(10);
  fleet.store.clear();
  await time.pass(12_000);
  const late = fleet.boot("z");
  late.get("payments");
  await time.pass(100);
  expect(late.get("payments").state).toBe("forced_open");
});

test("open: with a quorum one task opens for itself alone, and the last vote opens the fleet", async () => {
  const open = { quorum: 2, withinMs: 1_000 };
  const { time, tasks } = await joined(3, {
    options: { open },
    breakerOptions: { cooldownMs: 60_000 },
  });
  for (const task of tasks) task.get("payments");
  await failTimes(nth(tasks, 0).get("payments"), 2);
  await time.pass(10);
  expect(states(tasks)).toEqual(["open", "closed", "closed"]);
  await failTimes(nth(tasks, 1).get("payments"), 2);
  await time.pass(10);
  expect(states(tasks)).toEqual(["open", "open", "open"]);
});

test("open: votes that are too far apart make no quorum, and a forced open needs none", async () => {
  const open = { quorum: 2, withinMs: 1_000 };
  const { time, tasks } = await joined(3, {
    options: { open },
    breakerOptions: { cooldownMs: 60_000 },
  });
  for (const task of tasks) task.get("payments");
  await failTimes(nth(tasks, 0).get("payments"), 2);
  await time.pass(1_500);
  await failTimes(nth(tasks, 1).get("payments"), 2);
  await time.pass(10);
  expect(states(tasks)).toEqual(["open", "open", "closed"]);
  nth(tasks, 0).get("payments").forceOpen();
  await time.pass(10);
  expect(states(tasks)).toEqual(["forced_open", "forced_open", "forced_open"]);
});

test("a disabled breaker does not open with the fleet, and follows it when it is enabled", async () => {
  const { time, tasks } = await joined(2);
  const breaker = nth(tasks, 1).get("payments");
  breaker.disable();
  nth(tasks, 0).get("payments").forceOpen();
  await time.pass(10);
  expect(breaker.state).toBe("disabled");
  breaker.enable();
  expect(breaker.state).toBe("forced_open");
});

test("a breaker that is made later starts with what the fleet knows; a removed one goes on by itself", async () => {
  const { time, tasks } = await joined(2);
  nth(tasks, 0).get("payments").forceOpen("by hand");
  await time.pass(10);
  const late = nth(tasks, 1).get("payments");
  expect(late.state).toBe("forced_open");
  nth(tasks, 1).remove("payments");
  nth(tasks, 0).get("payments").reset();
  await time.pass(10);
  expect(late.state).toBe("forced_open");
});

test("peers are told when they join and when they leave", async () => {
  const { fleet, time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  await time.pass(1_100);
  expect(a.of("cluster.peer_joined")).toMatchObject([{ peer: "b", peers: 1, instance: "a" }]);
  const leaving = b.cluster.leave();
  await time.pass(10);
  await leaving;
  expect(a.of("cluster.peer_left")).toMatchObject([{ peer: "b", peers: 0 }]);
  const crashed = fleet.boot("c");
  await time.pass(2_500);
  expect(a.cluster.status.peers).toEqual(["c"]);
  fleet.stalled.add("c");
  await time.pass(7_000);
  expect(a.cluster.status.peers).toEqual([]);
  expect(crashed.cluster.status.phase).toBe("degraded");
});

test("leave() waits for what is under way and ends every timer", async () => {
  const { time, tasks } = await joined(1);
  const a = nth(tasks, 0);
  a.get("payments").forceOpen();
  const leaving = a.cluster.leave();
  await time.pass(5);
  await leaving;
  expect(time.pending).toBe(0);
  expect(a.cluster.status.phase).toBe("left");
  await a.cluster.leave();
  a.get("payments").reset();
  expect(a.get("payments").state).toBe("closed");
});

test("quota marks travel at once and are cleared for all", async () => {
  const marks: unknown[] = [];
  const onQuota = (mark: unknown) => marks.push(mark);
  const { time, tasks } = await joined(2, { options: { onQuota } });
  nth(tasks, 0).cluster.markQuota("openai", 60_000, "monthly budget");
  await time.pass(10);
  expect(marks).toMatchObject([{ provider: "openai", note: "monthly budget", origin: "a" }]);
  nth(tasks, 1).cluster.clearQuota("openai");
  await time.pass(10);
  expect(marks.at(-1)).toMatchObject({ provider: "openai", remainingMs: 0 });
});

test("quota: marks of an ExhaustionRegistry are made, extended and cleared in all tasks, and told once", async () => {
  const { fleet, time } = await joined(0);
  const made = ["a", "b"].map((name) => {
    const bus = createEventBus();
    const events: TelltaleEvent[] = [];
    bus.on("quota.*", (event) => events.push(event));
    const quota = new ExhaustionRegistry({ bus, clock: time });
    return { quota, events, task: fleet.boot(name, { quota }) };
  });
  const [a, b] = made;
  if (a === undefined || b === undefined) throw new Error("There are two tasks");
  await time.pass(20);
  a.quota.mark("openai", { forMs: 60_000 });
  await time.pass(10);
  expect(b.quota.isExhausted("openai")).toBe(true);
  expect(b.quota.retryAfterMs("openai")).toBeGreaterThan(59_000);
  // Longer than any open window of a breaker is believed: it is a fact.
  b.quota.mark("openai", { forMs: 20 * 3_600_000 });
  await time.pass(10);
  expect(a.quota.retryAfterMs("openai")).toBeGreaterThan(19 * 3_600_000);
  fleet.asked = 0;
  a.quota.clear("openai");
  await time.pass(10);
  expect(b.quota.isExhausted("openai")).toBe(false);
  // What is adopted is not told again: the reset, and the other task's look at the store before it believes the epoch.
  expect(fleet.asked).toBe(2);
  const told = made.map(({ events }) =>
    events.map((event) => [event.type, Reflect.get(event, "source")]),
  );
  expect(told).toEqual([
    [
      ["quota.exhausted", "error"],
      ["quota.recovered", undefined],
    ],
    [
      ["quota.exhausted", "peer"],
      ["quota.recovered", undefined],
    ],
  ]);
  await a.task.cluster.leave();
  a.quota.mark("anthropic");
  await time.pass(10);
  expect(b.quota.isExhausted("anthropic")).toBe(false);
});

test("an idle fleet writes nothing and asks little", async () => {
  const { fleet, time, tasks } = await joined(3);
  for (const task of tasks) for (let n = 0; n < 100; n++) task.get(`breaker-${n}`);
  await time.pass(1_000);
  fleet.asked = 0;
  await time.pass(60_000);
  // One reading in five seconds for each task, give or take.
  expect(fleet.asked).toBeLessThan(3 * 16);
});

test("a failing call is not delayed by a store that hangs", async () => {
  const { fleet, tasks } = await joined(1);
  fleet.stalled.add("a");
  const breaker = nth(tasks, 0).get("payments");
  await breaker.execute(fail);
  await breaker.execute(fail);
  expect(breaker.state).toBe("open");
});

test.each([
  [{ namespace: "" }, RangeError, "namespace must be a string of 1 to 64 characters"],
  [{ open: "all" }, TypeError, 'open must be "any" or a quorum, received "all"'],
  [{ open: { quorum: 0, withinMs: 1 } }, RangeError, "open.quorum must be a positive integer"],
  [{ heartbeatMs: -1 }, RangeError, "heartbeatMs must be a positive number of milliseconds"],
  [{ hartbeatMs: 1 }, TypeError, 'unknown option "hartbeatMs", did you mean "heartbeatMs"'],
  [{ longestOpenMs: 1e12 }, RangeError, "longestOpenMs must be at most"],
  [{ quota: {} }, TypeError, "quota.follow must be a function"],
  [{ onQuota: 1 }, TypeError, "onQuota must be a function"],
  [{ timers: {} }, TypeError, "timers.start must be a function"],
  [{ nameLimit: 0 }, RangeError, "nameLimit must be a positive integer"],
])("joinCluster() refuses %j", async (options, kind, message) => {
  const { fleet, tasks } = await joined(1);
  // Wrong on purpose.
  const join = () => joinCluster(nth(tasks, 0), fleet.store.backplane(), options as object);
  expect(join).toThrow(kind);
  expect(join).toThrow(message);
});

test.each([
  [{ formMs: 500 }, TypeError, 'unknown option "formMs", did you mean "forMs"'],
  [{ forMs: 0 }, RangeError, "forMs must be a positive number of milliseconds"],
  [{ evidence: 7 }, TypeError, "evidence must be an object"],
])("cluster.forceOpen() refuses %j, and forces nothing", async (options, kind, message) => {
  const { tasks } = await joined(1);
  const task = nth(tasks, 0);
  const breaker = task.get("payments");
  // Wrong on purpose.
  const force = () => task.cluster.forceOpen("payments", "typing at night", options as object);
  expect(force).toThrow(kind);
  expect(force).toThrow(message);
  expect(breaker.state).toBe("closed");
});
