import { expect, test } from "vitest";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker, createEventBus } from "../../src/index.ts";
import { foldIncidents } from "../../src/report/index.ts";
import { memoryLog } from "../exporters/pino-destination.ts";
import { fail, succeed } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { outage, record, skips } from "./recorded.ts";

test("a record that begins within an incident says so, and works out when it opened", async () => {
  const recorded = record();
  const { clock } = recorded;
  const breaker = recorded.breaker("payments");
  await breaker.execute(fail);
  clock.advance(60_000);
  await breaker.execute(fail);
  await skips(breaker, 2);
  clock.advance(60_000);
  await breaker.execute(succeed);
  const opens = recorded.events.findIndex(({ type }) => type === "circuit.half_open");
  const { incidents, breakers } = foldIncidents(recorded.events.slice(opens));
  expect(incidents).toMatchObject([
    {
      openedAtMs: START_AT_MS,
      reason: null,
      rule: null,
      detectMs: null,
      mttrMs: 120_000,
      skips: 2,
      gaps: 0,
    },
  ]);
  expect(breakers["payments"]).toMatchObject({ recovered: 0, excluded: { incidents: 1 }, gaps: 0 });
  const cut = recorded.events.slice(opens, -1);
  expect(foldIncidents(cut).incidents).toMatchObject([
    { openedAtMs: START_AT_MS, closedAtMs: null, reopens: 1 },
  ]);
});

test("a missing event is a gap of the incident that it was missing from, in events and in lines", async () => {
  const recorded = record({ instance: "api-1" });
  const breaker = recorded.breaker("payments");
  await outage(recorded, breaker, 0, 60_000);
  await outage(recorded, breaker, 70_000, 130_000);
  const isLost = ({ type, atMs }: { type: string; atMs: number }) =>
    type === "circuit.half_open" && atMs === START_AT_MS + 130_000;
  const withoutEvent = foldIncidents(recorded.events.filter((event) => !isLost(event)));
  const withoutLine = foldIncidents(recorded.lines.filter((line) => !isLost(JSON.parse(line))));
  for (const { incidents, breakers, gaps } of [withoutEvent, withoutLine]) {
    expect(incidents.map((incident) => incident.gaps)).toEqual([0, 1]);
    expect(breakers["payments"]).toMatchObject({ gaps: 1, incidents: 2, stillOpen: 0 });
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toMatchObject({
      breaker: "payments",
      instance: "api-1",
      fromAtMs: START_AT_MS + 70_000,
      toAtMs: START_AT_MS + 130_000,
    });
  }
});

test("a lost close is a gap, and the incident is known to be over without an end", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments");
  await outage(recorded, breaker, 0, 60_000);
  recorded.clock.advance(10_000);
  await breaker.execute(fail);
  const { incidents, breakers } = foldIncidents(
    recorded.events.filter(({ type }) => type !== "circuit.close"),
  );
  expect(incidents).toMatchObject([
    { closedAtMs: null, closeLost: true, gaps: 1, openMs: 60_000 },
    { closedAtMs: null, closeLost: false, gaps: 0 },
  ]);
  expect(breakers["payments"]).toMatchObject({ stillOpen: 2, closesLost: 1, recovered: 0 });
});

test("a close says how many skips, probes and reopens there were, also those that the record is missing", async () => {
  const recorded = record();
  const { clock } = recorded;
  const breaker = recorded.breaker("payments", { cooldownMs: 1_000 });
  await breaker.execute(fail);
  for (let probe = 0; probe < 3; probe++) {
    clock.advance(1_000);
    await breaker.execute(fail);
    await skips(breaker, 2);
  }
  clock.advance(1_000);
  await breaker.execute(succeed);
  const firstOpen = recorded.events.findIndex(({ type }) => type === "circuit.open");
  const { incidents } = foldIncidents([
    ...recorded.events.slice(0, firstOpen + 1),
    ...recorded.events.slice(-1),
  ]);
  expect(incidents).toMatchObject([{ skips: 6, probes: 4, reopens: 3, failures: 1, gaps: 1 }]);
});

test("what a lost close line would have carried goes to its incident, not to the next one", () => {
  const open = { type: "circuit.open", v: 1, breaker: "payments", from: "closed", reason: "error" };
  const { incidents } = foldIncidents([
    { ...open, seq: 1, prevSeq: null, atMs: 1_000, incidentId: "a" },
    {
      ...open,
      type: "circuit.skip",
      seq: 5,
      prevSeq: 1,
      atMs: 1_001,
      incidentId: "a",
      skipsInIncident: 4,
    },
    { ...open, seq: 10, prevSeq: 9, atMs: 2_000, incidentId: "b", suppressed: 3 },
  ]);
  expect(incidents).toMatchObject([
    { incidentId: "a", skips: 7, closeLost: true, gaps: 1 },
    { incidentId: "b", skips: 0, closeLost: false, gaps: 1 },
  ]);
});

test("an incident that a restored process goes on with counts what happens in it", () => {
  const envelope = { v: 1, breaker: "payments", incidentId: "a" };
  const probe = { ...envelope, type: "circuit.probe", outcome: "ignored" };
  const { incidents, gaps } = foldIncidents([
    { ...envelope, type: "circuit.open", seq: 7, atMs: 1_000, from: "closed", reason: "error" },
    { ...probe, seq: 8, atMs: 1_100 },
    { ...envelope, type: "circuit.restore", seq: 1, atMs: 2_000 },
    { ...probe, seq: 2, atMs: 2_100 },
    { ...probe, seq: 3, atMs: 2_200 },
  ]);
  expect(incidents).toMatchObject([
    { probes: 3, closedAtMs: null, closeLost: false, openMs: 1_200 },
  ]);
  expect(gaps).toEqual([]);
});

test("files given in the wrong order do not end an incident that is still open", async () => {
  const clock = new FakeClock();
  const first = record({ instance: "api-1", clock });
  const earlier = first.breaker("payments");
  for (let n = 0; n < 10; n++) await earlier.execute(succeed);
  clock.advance(1_000);
  const second = record({ instance: "api-1", clock });
  await second.breaker("payments").execute(fail);
  const { incidents } = foldIncidents([...second.events, ...first.events]);
  expect(incidents).toMatchObject([{ closedAtMs: null, closeLost: false }]);
});

test("a process that died in an incident leaves it without a close; its next life begins no gap", async () => {
  const clock = new FakeClock();
  const first = record({ instance: "api-1", clock });
  await outage(first, first.breaker("payments"), 0, 60_000);
  clock.advance(1_000);
  const dying = first.breaker("search");
  await dying.execute(fail);
  await skips(dying, 5);
  clock.advance(2_000);
  await skips(dying, 1);
  clock.advance(30_000);
  const second = record({ instance: "api-1", clock });
  await second.breaker("search").execute(fail);
  clock.advance(1_000);
  second.breaker("other").forceOpen();
  for (const records of [
    [...first.events, ...second.events],
    [...first.lines, ...second.lines],
  ]) {
    const { incidents, breakers, gaps } = foldIncidents(records);
    expect(incidents.filter(({ breaker }) => breaker === "search")).toMatchObject([
      { closedAtMs: null, closeLost: true },
      { closedAtMs: null, closeLost: false, openMs: 1_000 },
    ]);
    expect(breakers["search"]).toMatchObject({ stillOpen: 2, closesLost: 1, gaps: 0 });
    expect(gaps).toEqual([]);
  }
  const { incidents } = foldIncidents([...first.events, ...second.events]);
  expect(
    incidents.find(({ breaker, closeLost }) => breaker === "search" && closeLost),
  ).toMatchObject({ openMs: 2_000, skips: 6 });
});

test("a process whose first events are missing from the record is a gap", async () => {
  const clock = new FakeClock();
  const first = record({ instance: "api-1", clock });
  await outage(first, first.breaker("payments"), 0, 60_000);
  const second = record({ instance: "api-1", clock });
  await outage(second, second.breaker("payments"), 70_000, 130_000);
  const { breakers } = foldIncidents([...first.events, ...second.events.slice(1)]);
  expect(breakers["payments"]).toMatchObject({ gaps: 1 });
});

test("a logger attached again begins a new chain, which is no gap", async () => {
  const bus = createEventBus();
  const { logger, lines } = memoryLog();
  const breaker = new CircuitBreaker("payments", { bus });
  bus.on("circuit.*", () => {});
  logCircuitEvents(bus, logger)();
  const detach = logCircuitEvents(bus, logger);
  breaker.forceOpen();
  await skips(breaker, 3);
  detach();
  await skips(breaker, 4);
  logCircuitEvents(bus, logger);
  breaker.reset();
  const { incidents, gaps } = foldIncidents(lines());
  expect(gaps).toEqual([]);
  expect(incidents).toMatchObject([{ skips: 7, closeReason: "reset", gaps: 0 }]);
});

test("events of types that this version does not know keep the chain whole", () => {
  const envelope = { v: 1, breaker: "payments", atMs: 1_000 };
  const { breakers, input } = foldIncidents([
    { ...envelope, type: "circuit.success", seq: 1 },
    { ...envelope, type: "circuit.degrade", seq: 2 },
    { ...envelope, type: "circuit.success", seq: 3 },
  ]);
  expect(breakers["payments"]).toMatchObject({ gaps: 0 });
  expect(input).toMatchObject({ events: 3, ignored: 0 });
});
