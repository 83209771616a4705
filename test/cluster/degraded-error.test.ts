import { expect, test } from "vitest";
import type { EventOf } from "../../src/index.ts";
import { type Asked, joined, nth } from "./fleet.ts";

const HEARTBEAT_MS = 100;
const WRITES: readonly Asked[] = ["force", "open", "reset", "result"];

/** One task whose store can be made to refuse. */
async function world() {
  const options = { heartbeatMs: HEARTBEAT_MS, reconcileMs: 11 };
  const { fleet, time, tasks } = await joined(1, { options });
  const task = nth(tasks, 0);
  task.get("payments");
  await time.pass(20);
  const degraded = () => task.of("cluster.degraded") as EventOf<"cluster.degraded">[];
  return { fleet, time, task, degraded };
}

test("a store that takes no writes is told with its refusal, however many readings it answers meanwhile", async () => {
  const { fleet, time, task, degraded } = await world();
  let readings = 0;
  fleet.refuses = (asked) => {
    // Most of the time a write is under way, and a reading was answered since the last one was refused.
    if (WRITES.includes(asked)) {
      return new Promise((refuse) => time.start(() => refuse(new Error("NOREPLICAS")), 9));
    }
    if (asked === "sync") readings++;
    return undefined;
  };
  task.get("payments").forceOpen();
  while (degraded().length === 0) await time.pass(1);
  expect(readings).toBeGreaterThan(10);
  expect(degraded()).toMatchObject([
    { reason: "unreachable", waiting: 1, error: { message: "NOREPLICAS" } },
  ]);
});

test("a store that refuses everything is told with its newest refusal, and no more after it came back", async () => {
  const { fleet, time, task, degraded } = await world();
  const refusals: string[] = [];
  fleet.refuses = (asked) => {
    const refusal = `${asked} ${refusals.length}`;
    // The connection that is asked for next comes after what is told.
    if (asked !== "connect") refusals.push(refusal);
    return new Error(refusal);
  };
  while (degraded().length === 0) await time.pass(1);
  expect(refusals.length).toBeGreaterThan(2);
  expect(degraded()).toMatchObject([{ error: { message: refusals.at(-1) } }]);
  fleet.refuses = () => undefined;
  await time.pass(HEARTBEAT_MS * 20);
  expect(task.cluster.status.phase).toBe("up");
  fleet.stalled.add("a");
  while (degraded().length === 1) await time.pass(1);
  expect(degraded()[1]).not.toHaveProperty("error");
});

test("beats that cannot be sent are told as silence, with their error", async () => {
  const { fleet, time, degraded } = await world();
  fleet.refuses = (asked) => (asked === "publish" ? new Error("not allowed") : undefined);
  while (degraded().length === 0) await time.pass(1);
  expect(degraded()).toMatchObject([{ reason: "silent", error: { message: "not allowed" } }]);
});

test("a store that cannot be connected to is told with why", async () => {
  const { fleet, time } = await world();
  fleet.refuses = (asked) => (asked === "connect" ? new Error("wrong password") : undefined);
  const late = fleet.boot("late");
  const told = () => late.of("cluster.degraded");
  while (told().length === 0) await time.pass(1);
  expect(told()).toMatchObject([{ reason: "unreachable", error: { message: "wrong password" } }]);
});

test.each([
  ["publish", ["publish"]],
  ["readings", ["sync", "read"]],
  ["writes", WRITES],
] as const)(
  "an error of %s that was over long ago is not told of a later silence",
  async (_, side) => {
    const { fleet, time, task, degraded } = await world();
    fleet.refuses = (asked) =>
      side.some((one) => one === asked) ? new Error("long ago") : undefined;
    task.get("payments").forceOpen();
    await time.pass(HEARTBEAT_MS * 1.5);
    fleet.refuses = () => undefined;
    await time.pass(HEARTBEAT_MS * 50);
    expect(degraded()).toEqual([]);
    fleet.stalled.add("a");
    while (degraded().length === 0) await time.pass(1);
    expect(degraded()[0]).not.toHaveProperty("error");
  },
);
