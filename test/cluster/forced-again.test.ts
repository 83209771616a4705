import { expect, test } from "vitest";
import type { EventOf } from "../../src/index.ts";
import { joined, nth } from "./fleet.ts";

test("a second forceOpen() tells every task the new end and the new reason, and who decided", async () => {
  const { time, tasks } = await joined(3);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  for (const task of tasks) task.get("payments");
  a.get("payments").forceOpen("vendor is down", { forMs: 3_600_000 });
  await time.pass(60_000);
  const [{ generation, incidentId }] = b.of("circuit.open") as [EventOf<"circuit.open">];
  a.get("payments").forceOpen("vendor says another 2 h", { forMs: 7_200_000 });
  await time.pass(10);
  const told = tasks.map(
    (task) => task.of("circuit.force_changed") as EventOf<"circuit.force_changed">[],
  );
  expect(told.map(({ length }) => length)).toEqual([1, 1, 1]);
  for (const [change] of told) {
    expect(change).toMatchObject({
      note: "vendor says another 2 h",
      previousNote: "vendor is down",
      state: "forced_open",
      generation,
      incidentId,
    });
    expect(Math.abs((change?.cooldownMs ?? 0) - 7_200_000)).toBeLessThan(100);
  }
  expect(told.map(([change]) => change?.origin)).toEqual([undefined, "a", "a"]);
  expect(b.get("payments").retryAfterMs).toBeGreaterThan(7_199_000);
  // No task tells it a second time, whatever it hears of the store, nor is the incident another.
  await time.pass(60_000);
  expect(tasks.flatMap((task) => task.of("circuit.force_changed"))).toHaveLength(3);
  expect(tasks.flatMap((task) => task.of("circuit.open"))).toHaveLength(3);
});

test("a second forceOpen() of another reason alone reaches every task, and a repeated one none", async () => {
  const { time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  const changes = () =>
    tasks.map((task) =>
      (task.of("circuit.force_changed") as EventOf<"circuit.force_changed">[]).map(
        ({ note }) => note,
      ),
    );
  for (const task of tasks) task.get("payments");
  a.get("payments").forceOpen();
  await time.pass(10);
  b.get("payments").forceOpen("INC-42");
  await time.pass(10);
  expect(changes()).toEqual([["INC-42"], ["INC-42"]]);
  for (const repeat of [undefined, "INC-42"]) {
    for (const task of tasks) {
      task.get("payments").forceOpen(repeat);
      await time.pass(10);
      await task.cluster.forceOpen("payments", repeat);
      await time.pass(10);
    }
  }
  await time.pass(10_000);
  expect(changes()).toEqual([["INC-42"], ["INC-42"]]);
});

test("a reason that is longer than the fleet passes on stays whole where it was given", async () => {
  const { time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  for (const task of tasks) task.get("payments");
  const long = "x".repeat(500);
  a.get("payments").forceOpen("short");
  await time.pass(10);
  a.get("payments").forceOpen(long, { forMs: 60_000 });
  await time.pass(10);
  // The store holds that already, and says so.
  a.get("payments").forceOpen(long, { forMs: 60_000 });
  await time.pass(10_000);
  a.get("payments").forceOpen(undefined, { forMs: 30_000 });
  await time.pass(10);
  const notes = [a, b].map((task) =>
    (task.of("circuit.force_changed") as EventOf<"circuit.force_changed">[]).map(
      ({ note, origin }) => [note, origin],
    ),
  );
  expect(new Set(notes[0]?.map(([note, origin]) => `${note} ${origin}`))).toEqual(
    new Set([`${long} undefined`]),
  );
  expect(new Set(notes[1]?.map(([note]) => note))).toEqual(new Set([long.slice(0, 256)]));
});

test("a forceOpen() while the store is out of reach is told to the others when it is back", async () => {
  const { fleet, time, tasks } = await joined(2);
  const [a, b] = [nth(tasks, 0), nth(tasks, 1)];
  for (const task of tasks) task.get("payments");
  a.get("payments").forceOpen("vendor is down");
  await time.pass(10);
  fleet.stalled.add("a");
  await time.pass(20_000);
  a.get("payments").forceOpen("vendor says another 2 h", { forMs: 7_200_000 });
  expect(a.of("circuit.force_changed")).toHaveLength(1);
  fleet.stalled.delete("a");
  await time.pass(30_000);
  expect(b.of("circuit.force_changed")).toMatchObject([
    { note: "vendor says another 2 h", previousNote: "vendor is down", origin: "a" },
  ]);
  expect(a.of("circuit.force_changed")).toHaveLength(1);
});
