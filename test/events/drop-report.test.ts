import { expect, test } from "vitest";
import { DropReport } from "../../src/events/drop-report.ts";
import { createEventBus, type EventBus, type EventOf } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";

type Dropped = EventOf<"bus.dropped">;

function reporting(bus: EventBus = createEventBus()) {
  const reports: Dropped[] = [];
  const off = bus.on("bus.dropped", (event) => reports.push(event));
  const drops = new DropReport(bus, "test");
  const lose = (atMs: number, count?: number) => drops.add({ type: "circuit.skip", atMs }, count);
  const counts = () => reports.splice(0).map(({ count }) => count);
  return { bus, drops, lose, counts, reports, off };
}

test("DropReport tells the first loss at once, then each doubling, and the rest at the end", () => {
  const { drops, lose, counts } = reporting();
  for (let n = 0; n < 100; n++) lose(n);
  expect(counts()).toEqual([1, 1, 2, 4, 8, 16, 32]);
  drops.end();
  expect(counts()).toEqual([36]);
  drops.end();
  expect(counts()).toEqual([]);
});

test("DropReport tells a million losses in a few reports whose counts add up", () => {
  const { drops, lose, counts } = reporting();
  for (let n = 0; n < 1_000_000; n++) lose(n / 100);
  drops.end();
  const told = counts();
  expect(told.length).toBeLessThan(25);
  expect(told.reduce((sum, count) => sum + count)).toBe(1_000_000);
});

test("DropReport tells the rest when the destination has caught up, unless it is little", () => {
  const { drops, lose, counts } = reporting();
  for (let n = 0; n < 3; n++) lose(n);
  drops.caughtUp();
  expect(counts()).toEqual([1, 1, 1]);
  for (let n = 0; n < 13; n++) lose(n);
  drops.caughtUp();
  expect(counts()).toEqual([3, 6, 4]);
  for (let n = 0; n < 2; n++) lose(n);
  drops.caughtUp();
  expect(counts()).toEqual([]);
  drops.end();
  expect(counts()).toEqual([2]);
});

test("a consumer that loses every second event does not make a report of each loss", () => {
  const { drops, lose, counts } = reporting();
  for (let n = 0; n < 10_000; n++) {
    lose(n / 1_000);
    drops.caughtUp();
  }
  drops.end();
  const told = counts();
  expect(told.length).toBeLessThan(100);
  expect(told.reduce((sum, count) => sum + count)).toBe(10_000);
});

test("DropReport tells what is left with the first event ten seconds later", () => {
  const { drops, lose, counts } = reporting();
  for (let n = 0; n < 7; n++) lose(1_000);
  expect(counts()).toEqual([1, 1, 2]);
  drops.heard({ type: "circuit.open", atMs: 10_999 });
  expect(counts()).toEqual([]);
  drops.heard({ type: "circuit.open", atMs: 11_000 });
  expect(counts()).toEqual([3]);
  drops.heard({ type: "circuit.open", atMs: 30_000 });
  expect(counts()).toEqual([]);
});

test("a run of losses that begins ten seconds later is told at once again", () => {
  const { lose, counts } = reporting();
  for (let n = 0; n < 100; n++) lose(0);
  counts();
  lose(9_999);
  expect(counts()).toEqual([]);
  lose(10_000);
  expect(counts()).toEqual([38]);
});

test("a wall clock that is set back an hour does not silence the reports", () => {
  const { lose, counts } = reporting();
  for (let n = 0; n < 100; n++) lose(7_200_000);
  counts();
  lose(3_600_000);
  expect(counts()).toEqual([37]);
});

test("a report has the moment of the last loss, and what stood in the way of it", () => {
  const { drops, reports } = reporting();
  drops.add({ type: "circuit.open", atMs: 5 }, 2, { value: BOOM });
  drops.add({ type: "circuit.open", atMs: 6 });
  drops.end();
  expect(reports).toEqual([
    {
      type: "bus.dropped",
      v: 1,
      atMs: 5,
      sink: "test",
      count: 2,
      error: { name: "Error", message: "boom" },
    },
    { type: "bus.dropped", v: 1, atMs: 6, sink: "test", count: 1 },
  ]);
  for (const report of reports) expect(Object.isFrozen(report)).toBe(true);
});

test("the loss of a report is told with the next, not by itself", () => {
  const { drops, lose, counts } = reporting();
  drops.add({ type: "bus.dropped", atMs: 0 });
  expect(counts()).toEqual([]);
  lose(0);
  expect(counts()).toEqual([2]);
});

test("what nobody hears is told to the first who does", () => {
  const bus = createEventBus();
  const drops = new DropReport(bus, "test");
  for (let n = 0; n < 5; n++) drops.add({ type: "circuit.skip", atMs: n });
  const counts: number[] = [];
  bus.on("bus.dropped", ({ count }) => counts.push(count));
  drops.add({ type: "circuit.skip", atMs: 5 });
  expect(counts).toEqual([6]);
});

test("a bus that fails harms nobody, and is told the loss when it works again", () => {
  const reports: unknown[] = [];
  let fails: "has" | "emit" | null = "has";
  const bus: EventBus = {
    on: () => () => {},
    has() {
      if (fails === "has") throw BOOM;
      return true;
    },
    emit(event) {
      if (fails === "emit") throw BOOM;
      reports.push(Reflect.get(event, "count"));
    },
  };
  const drops = new DropReport(bus, "test");
  drops.add({ type: "circuit.skip", atMs: 0 });
  fails = "emit";
  drops.add({ type: "circuit.skip", atMs: 0 });
  drops.end();
  fails = null;
  drops.end();
  expect(reports).toEqual([2]);
});
