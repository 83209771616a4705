import { expect, test } from "vitest";
import { type SentinelOptions, startSentinel } from "../../src/redis/index.ts";
import { succeed } from "../support/breaker.ts";
import { joined, nth } from "./fleet.ts";

async function watched(probe: SentinelOptions["probe"], more: Partial<SentinelOptions> = {}) {
  const { fleet, time, tasks } = await joined(2);
  const stops = tasks.map((task) => {
    task.get("payments");
    return startSentinel(task.cluster, "payments", {
      probe,
      intervalMs: 1_000,
      healthyProbes: 3,
      timers: time,
      random: () => 0.5,
      ...more,
    });
  });
  return { fleet, time, tasks, stops, breaker: nth(tasks, 0).get("payments") };
}

test("startSentinel() resets a forced breaker after healthyProbes healthy probes, and not before", async () => {
  const { time, tasks, breaker } = await watched(() => true);
  breaker.forceOpen("by hand");
  await time.pass(2_500);
  expect(breaker.state).toBe("forced_open");
  await time.pass(1_000);
  expect(tasks.map((task) => task.get("payments").state)).toEqual(["closed", "closed"]);
});

test("startSentinel() asks from one task of the fleet at a time", async () => {
  let asked = 0;
  const { time, breaker } = await watched(() => {
    asked++;
    return false;
  });
  breaker.forceOpen();
  await time.pass(10_500);
  expect(asked).toBe(10);
});

test("startSentinel() goes on in another task when the one that asked is gone", async () => {
  const { fleet, time, tasks, breaker } = await watched(() => true, { healthyProbes: 6 });
  nth(tasks, 1).get("payments").forceOpen();
  await time.pass(1_500);
  fleet.stalled.add("a");
  await time.pass(12_000);
  expect(nth(tasks, 1).get("payments").state).toBe("closed");
  fleet.stalled.delete("a");
  await time.pass(20_000);
  expect(breaker.state).toBe("closed");
});

test("startSentinel() begins to count again after an unhealthy probe or one that threw", async () => {
  const answers = [true, true, false, true, true, null, true, true];
  const { time, breaker } = await watched(() => {
    const answer = answers.shift();
    if (answer === null) throw new Error("refused");
    return answer ?? false;
  });
  breaker.forceOpen();
  await time.pass(8_500);
  expect(answers).toEqual([]);
  expect(breaker.state).toBe("forced_open");
});

test("startSentinel() goes on after a probe that never ends, which is an unhealthy one", async () => {
  let asked = 0;
  const { time, breaker } = await watched(
    () => (++asked <= 4 ? new Promise<boolean>(() => {}) : true),
    { healthyProbes: 2 },
  );
  breaker.forceOpen();
  await time.pass(20_000);
  expect(breaker.state).toBe("closed");
});

test("startSentinel() counts nothing that it saw before a reset for what is forced after it", async () => {
  const { time, breaker } = await watched(() => true);
  breaker.forceOpen("the first");
  await time.pass(2_500);
  breaker.reset();
  breaker.forceOpen("the second");
  await time.pass(2_000);
  expect(breaker.state).toBe("forced_open");
  await time.pass(1_000);
  expect(breaker.state).toBe("closed");
});

test("startSentinel() takes an answer that was asked for before a reset for none", async () => {
  let answer: (healthy: boolean) => void = () => {};
  const { time, breaker } = await watched(
    () => new Promise<boolean>((resolve) => (answer = resolve)),
    { healthyProbes: 1 },
  );
  breaker.forceOpen("the first");
  await time.pass(1_200);
  breaker.reset();
  breaker.forceOpen("the second");
  answer(true);
  await time.pass(100);
  expect(breaker.state).toBe("forced_open");
});

test("startSentinel() takes what a breaker says for no evidence", async () => {
  // The mistake of the incident: a probe that goes through the breaker it is there for.
  const task: { get?: () => Promise<unknown> } = {};
  let asked = 0;
  const answers = [true, true, "breaker", true];
  const { time, breaker } = await watched(async () => {
    asked++;
    const answer = answers.shift();
    if (answer === "breaker") await task.get?.();
    return answer === true;
  });
  task.get = () => breaker.call(succeed);
  breaker.forceOpen();
  await time.pass(4_500);
  expect(asked).toBe(4);
  expect(breaker.state).toBe("closed");
});

test("startSentinel() never opens a breaker, whatever it sees", async () => {
  let asked = 0;
  const { time, breaker } = await watched(() => {
    asked++;
    return false;
  });
  await time.pass(20_000);
  expect(breaker.state).toBe("closed");
  expect(asked).toBe(0);
});

test("startSentinel() ends when it is told to", async () => {
  const { time, stops, breaker } = await watched(() => true);
  for (const stop of stops) stop();
  breaker.forceOpen();
  await time.pass(20_000);
  expect(breaker.state).toBe("forced_open");
});

test("startSentinel() watches over breakers of the longest names, each for itself", async () => {
  const { time, tasks } = await joined(1);
  const task = nth(tasks, 0);
  const names = ["a", "b"].map((end) => "n".repeat(255) + end);
  for (const [index, name] of names.entries()) {
    task.get(name).forceOpen();
    const probe = () => index === 0;
    const shared = { timers: time, random: () => 0.5, intervalMs: 1_000, healthyProbes: 1 };
    startSentinel(task.cluster, name, { probe, ...shared });
  }
  await time.pass(1_500);
  expect(names.map((name) => task.get(name).state)).toEqual(["closed", "forced_open"]);
});

test("startSentinel() spreads its probes by jitter", async () => {
  const { time, breaker } = await watched(() => true, {
    jitter: 1,
    random: () => 0.9,
    healthyProbes: 1,
  });
  breaker.forceOpen();
  await time.pass(1_700);
  expect(breaker.state).toBe("forced_open");
  await time.pass(200);
  expect(breaker.state).toBe("closed");
});

test.each([
  [{}, TypeError, "probe must be a function"],
  [{ probe: succeed, intervalMs: 0 }, RangeError, "intervalMs must be a positive number"],
  [{ probe: succeed, jitter: 2 }, RangeError, "jitter must be a number from 0 to 1"],
  [{ probe: succeed, healthyProbes: 0.5 }, RangeError, "healthyProbes must be a positive integer"],
  [{ probe: succeed, intervall: 1 }, TypeError, 'unknown option "intervall"'],
])("startSentinel() refuses %j", async (options, kind, message) => {
  const { tasks } = await joined(1);
  // Wrong on purpose.
  const start = () => startSentinel(nth(tasks, 0).cluster, "payments", options as never);
  expect(start).toThrow(kind);
  expect(start).toThrow(message);
});
