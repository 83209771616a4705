import { expect, test } from "vitest";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker, createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { createIncidentFold, foldIncidents, type IncidentReport } from "../../src/report/index.ts";
import { memoryLog } from "../exporters/pino-destination.ts";
import { fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { type Recorded, record } from "./recorded.ts";

const skips = async (breaker: CircuitBreaker, times: number): Promise<void> => {
  for (let n = 0; n < times; n++) await breaker.execute(succeed);
};

/** Trips at `fromMs` and recovers by a probe at `toMs`. */
async function outage({ clock }: Recorded, breaker: CircuitBreaker, fromMs: number, toMs: number) {
  clock.nowMs = fromMs;
  await breaker.execute(fail);
  clock.nowMs = toMs;
  await breaker.execute(succeed);
}

/** What a report says of incidents, without what differs between a record of events and one of lines. */
const told = ({ incidents, breakers, gaps }: IncidentReport) => ({ incidents, breakers, gaps });

/** A life with everything in it: slow and failing calls, a failed probe, a forced open, a reset, and one left open. */
async function life(recorded: Recorded): Promise<void> {
  const { clock } = recorded;
  const payments = recorded.breaker("payments", { failureThreshold: 3, latencyTripMs: 100 });
  const search = recorded.breaker("search", { cooldownMs: 1_000 });
  await payments.execute(fail);
  clock.advance(400);
  await payments.execute(() => clock.advance(150));
  clock.advance(50);
  await payments.execute(() => clock.advance(200));
  await skips(payments, 1_000);
  clock.advance(60_000);
  await payments.execute(fail);
  await skips(payments, 37);
  await search.execute(fail);
  clock.advance(60_000);
  await skips(search, 1);
  await payments.execute(succeed);
  clock.advance(5_000);
  payments.forceOpen("maintenance");
  await skips(payments, 5);
  clock.advance(1_000);
  payments.reset("done");
  await failTimes(payments, 3);
  await skips(payments, 13);
  clock.advance(2_000);
  await payments.execute(succeed);
}

test("foldIncidents() gives the same for the events and for the pino lines of one life", async () => {
  const recorded = record({ instance: "api-1" });
  await life(recorded);
  recorded.detach();
  const fromEvents = foldIncidents(recorded.events);
  const fromLines = foldIncidents(recorded.lines);
  const fromObjects = foldIncidents(recorded.lines.map((line): unknown => JSON.parse(line)));
  expect(told(fromLines)).toEqual(told(fromEvents));
  expect(fromObjects).toEqual(fromLines);
  // The lines are fewer: skips are sampled, successes are below the level.
  expect(recorded.lines.length).toBeLessThan(80);
  expect(fromEvents.input).toEqual({
    lines: recorded.events.length,
    events: recorded.events.length,
    ignored: 0,
    damaged: 0,
  });
  expect(fromLines.input).toEqual({
    lines: recorded.lines.length,
    events: recorded.lines.length,
    ignored: 0,
    damaged: 0,
  });

  expect(fromEvents.incidents).toMatchObject([
    {
      breaker: "payments",
      instances: ["api-1"],
      openedAtMs: START_AT_MS + 800,
      closedAtMs: START_AT_MS + 120_800,
      mttrMs: 120_000,
      openMs: 120_000,
      detectMs: 800,
      reason: "latency",
      rule: "consecutive",
      closeReason: "probe",
      skips: 1_037,
      failures: 4,
      causes: { error: 2, latency: 2 },
      reopens: 1,
      probes: 2,
      gaps: 0,
      closeLost: false,
      note: null,
      error: null,
    },
    {
      breaker: "search",
      mttrMs: 60_000,
      reason: "error",
      detectMs: 0,
      skips: 0,
      reopens: 0,
      probes: 1,
      error: { name: "Error", message: "boom" },
    },
    {
      breaker: "payments",
      mttrMs: 1_000,
      detectMs: null,
      reason: "forced",
      rule: null,
      closeReason: "reset",
      skips: 5,
      failures: 0,
      note: "maintenance",
    },
    {
      breaker: "payments",
      closedAtMs: null,
      mttrMs: null,
      openMs: 2_000,
      skips: 14,
      closeReason: null,
    },
  ]);
  expect(fromEvents.breakers).toEqual({
    payments: {
      incidents: 3,
      stillOpen: 1,
      openMs: 123_000,
      mttrMeanMs: 120_000,
      mttrMedianMs: 120_000,
      mttrP90Ms: 120_000,
      mttrMaxMs: 120_000,
      skips: 1_056,
      recovered: 1,
      excluded: { incidents: 1, meanMs: 1_000, maxMs: 1_000 },
      closesLost: 0,
      gaps: 0,
    },
    search: {
      incidents: 1,
      stillOpen: 0,
      openMs: 60_000,
      mttrMeanMs: 60_000,
      mttrMedianMs: 60_000,
      mttrP90Ms: 60_000,
      mttrMaxMs: 60_000,
      skips: 0,
      recovered: 1,
      excluded: { incidents: 0, meanMs: null, maxMs: null },
      closesLost: 0,
      gaps: 0,
    },
  });
});

test("foldIncidents() of events and lines together counts nothing twice", async () => {
  const recorded = record({ instance: "api-1" });
  await life(recorded);
  recorded.detach();
  const once = told(foldIncidents(recorded.events));
  expect(told(foldIncidents([...recorded.events, ...recorded.lines]))).toEqual(once);
  expect(told(foldIncidents([...recorded.lines, ...recorded.events]))).toEqual(once);
});

test("events delivered twice, or in files that overlap, count once and are no gap", async () => {
  const recorded = record({ instance: "api-1" });
  await life(recorded);
  recorded.detach();
  const { events, lines } = recorded;
  const once = told(foldIncidents(events));
  expect(told(foldIncidents(events.flatMap((event) => [event, event])))).toEqual(once);
  expect(told(foldIncidents(lines.flatMap((line) => [line, line])))).toEqual(once);
  // What overlaps begins where the wall clock tells the two apart.
  const from = events.findIndex(({ atMs }) => atMs > START_AT_MS + 800);
  expect(from).toBeGreaterThan(1_000);
  expect(told(foldIncidents([...events, ...events.slice(from)]))).toEqual(once);
});

test("foldIncidents() neither changes nor keeps what it is given, and can be asked again", async () => {
  const recorded = record();
  await life(recorded);
  const copies = structuredClone(recorded.events);
  const fold = createIncidentFold();
  const reports = copies.map((event) => {
    fold.add(event);
    return fold.result();
  });
  expect(copies).toEqual(recorded.events);
  expect(reports.at(-1)).toEqual(foldIncidents(recorded.events));
  expect(fold.result()).toEqual(reports.at(-1));
  const opened = recorded.events.findIndex(({ type }) => type === "circuit.open");
  expect(reports[opened]?.incidents).toMatchObject([{ closedAtMs: null }]);
});

test("three replicas: the mean is over their incidents, the open time is the union of their windows", async () => {
  const clock = new FakeClock();
  const replicas = ["a", "b", "c"].map((instance) => record({ instance, clock }));
  const windows = [
    [10_000, 20_000],
    [11_000, 19_000],
    [12_000, 30_000],
  ] as const;
  for (const [n, replica] of replicas.entries()) {
    const [fromMs, toMs] = windows[n] ?? [0, 0];
    await outage(replica, replica.breaker("payments", { cooldownMs: 1_000 }), fromMs, toMs);
  }
  const mixed = replicas.flatMap(({ events }) => events).sort((a, b) => a.atMs - b.atMs);
  for (const record of [mixed, replicas.flatMap(({ lines }) => lines)]) {
    const { breakers, incidents } = foldIncidents(record);
    expect(breakers["payments"]).toMatchObject({
      incidents: 3,
      stillOpen: 0,
      openMs: 20_000,
      mttrMeanMs: 12_000,
      mttrMedianMs: 10_000,
      mttrP90Ms: 18_000,
      mttrMaxMs: 18_000,
      gaps: 0,
    });
    expect(incidents.map(({ instances }) => instances)).toEqual([["a"], ["b"], ["c"]]);
  }
});

test("the open time of a breaker leaves out the time between its incidents", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments", { cooldownMs: 500 });
  await outage(recorded, breaker, 0, 1_000);
  await outage(recorded, breaker, 5_000, 8_000);
  expect(foldIncidents(recorded.events).breakers["payments"]).toMatchObject({
    openMs: 4_000,
    mttrMeanMs: 2_000,
    mttrMedianMs: 2_000,
  });
});

test("the p90 is the nearest rank: with eleven recoveries the tenth, with ten the ninth", async () => {
  const p90 = async (incidents: number) => {
    const recorded = record();
    const breaker = recorded.breaker("payments", { cooldownMs: 1 });
    for (let n = 1; n <= incidents; n++) await outage(recorded, breaker, n * 1_000, n * 1_000 + n);
    return foldIncidents(recorded.events).breakers["payments"]?.mttrP90Ms;
  };
  expect(await p90(11)).toBe(10);
  expect(await p90(10)).toBe(9);
});

test("MTTR takes incidents begun by a trip and ended by a probe; reset, forced and disabled are apart", async () => {
  const recorded = record();
  const { clock } = recorded;
  const breaker = recorded.breaker("payments", { cooldownMs: 1_000 });
  await outage(recorded, breaker, 0, 4_000);
  await breaker.execute(fail);
  clock.advance(100);
  breaker.reset();
  breaker.forceOpen("by hand", { forMs: 50 });
  clock.advance(200);
  await breaker.execute(succeed);
  await breaker.execute(fail);
  clock.advance(600);
  breaker.disable();
  breaker.enable();
  const { breakers, incidents } = foldIncidents(recorded.events);
  expect(incidents.map(({ reason, closeReason }) => [reason, closeReason])).toEqual([
    ["error", "probe"],
    ["error", "reset"],
    ["forced", "probe"],
    ["error", "disabled"],
  ]);
  expect(breakers["payments"]).toMatchObject({
    incidents: 4,
    recovered: 1,
    mttrMeanMs: 4_000,
    excluded: { incidents: 3, meanMs: 300, maxMs: 600 },
    openMs: 4_900,
  });
});

test("an incident adopted from a peer counts for MTTR", () => {
  const envelope = { v: 1, breaker: "payments", incidentId: "x" };
  const { breakers } = foldIncidents([
    { ...envelope, type: "circuit.open", seq: 1, atMs: 1_000, from: "closed", reason: "peer" },
    { ...envelope, type: "circuit.close", seq: 2, atMs: 3_000, reason: "peer", mttrMs: 2_000 },
  ]);
  expect(breakers["payments"]).toMatchObject({ recovered: 1, mttrMeanMs: 2_000 });
});

test("failed probes do not end an incident, and a forced open inside it does not begin another", async () => {
  const recorded = record();
  const { clock } = recorded;
  const breaker = recorded.breaker("payments", { cooldownMs: 1_000 });
  await breaker.execute(fail);
  for (let probe = 0; probe < 3; probe++) {
    clock.advance(1_000);
    await breaker.execute(fail);
    await skips(breaker, 2);
  }
  breaker.forceOpen("enough", { forMs: 500 });
  clock.advance(500);
  await breaker.execute(succeed);
  for (const record of [recorded.events, recorded.lines]) {
    expect(foldIncidents(record).incidents).toMatchObject([
      {
        reason: "error",
        closeReason: "probe",
        mttrMs: 3_500,
        reopens: 3,
        probes: 4,
        failures: 4,
        skips: 6,
        note: null,
      },
    ]);
  }
});

test("an incident still open has no close, counts as still open, and its open time lasts to the end of the record", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments");
  await outage(recorded, breaker, 0, 60_000);
  recorded.clock.advance(1_000);
  await breaker.execute(fail);
  await skips(breaker, 21);
  recorded.clock.advance(5_000);
  recorded.breaker("other").forceOpen();
  recorded.detach();
  for (const record of [recorded.events, recorded.lines]) {
    const { incidents, breakers } = foldIncidents(record);
    expect(incidents[1]).toMatchObject({
      closedAtMs: null,
      mttrMs: null,
      openMs: 5_000,
      skips: 21,
      closeLost: false,
    });
    expect(breakers["payments"]).toMatchObject({
      incidents: 2,
      stillOpen: 1,
      openMs: 65_000,
      mttrMeanMs: 60_000,
      skips: 21,
    });
  }
});

test("skips that only a later line carries are counted while the incident is open", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments");
  await breaker.execute(fail);
  await skips(breaker, 13);
  recorded.clock.advance(60_000);
  await breaker.execute(fail);
  await skips(breaker, 3);
  // The last skip is suppressed and no line has told it yet.
  expect(foldIncidents(recorded.lines).incidents[0]).toMatchObject({ skips: 15, closedAtMs: null });
  recorded.detach();
  expect(foldIncidents(recorded.lines).incidents[0]).toMatchObject({ skips: 16, closedAtMs: null });
});

test("a wall clock set back during an incident does not shorten its open time", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments");
  await breaker.execute(fail);
  recorded.clock.jumpWall(-3_600_000);
  recorded.clock.advance(60_000);
  await breaker.execute(succeed);
  expect(foldIncidents(recorded.events).breakers["payments"]).toMatchObject({
    openMs: 60_000,
    mttrMeanMs: 60_000,
  });
});

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

test("two breakers and two processes of one name are kept apart", async () => {
  const clock = new FakeClock();
  const a = record({ instance: "a", clock });
  const b = record({ instance: "b", clock });
  const [one, two, other] = [a.breaker("payments"), b.breaker("payments"), a.breaker("search")];
  for (const breaker of [one, two, other]) breaker.forceOpen();
  await skips(one, 3);
  await skips(two, 5);
  await skips(other, 7);
  const mixed = [...a.events, ...b.events].sort((x, y) =>
    "seq" in x && "seq" in y ? x.seq - y.seq : 0,
  );
  const { incidents, breakers, gaps } = foldIncidents(mixed);
  expect(
    incidents
      .map(({ breaker, instances, skips: refused }) => [breaker, ...instances, refused])
      .sort(),
  ).toEqual([
    ["payments", "a", 3],
    ["payments", "b", 5],
    ["search", "a", 7],
  ]);
  expect(breakers["payments"]).toMatchObject({ skips: 8, incidents: 2 });
  expect(gaps).toEqual([]);
});

test("skips outside of incidents count for the breaker, with those that were not written", () => {
  const envelope = { v: 1, breaker: "payments", atMs: 1_000 };
  const skip = { ...envelope, type: "circuit.skip", reason: "degraded", skipsInIncident: 0 };
  const { breakers, incidents } = foldIncidents([
    { ...skip, seq: 1, prevSeq: null },
    { ...skip, seq: 9, prevSeq: 1, suppressed: 7 },
    { ...envelope, type: "circuit.failure", seq: 12, prevSeq: 9, suppressed: 2 },
    {
      ...envelope,
      type: "circuit.open",
      seq: 15,
      prevSeq: 12,
      suppressed: 1,
      incidentId: "x",
      from: "closed",
      reason: "error",
    },
  ]);
  expect(breakers["payments"]).toMatchObject({ skips: 12 });
  expect(incidents).toMatchObject([{ skips: 0 }]);
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

test("a breaker may have any name", () => {
  const breaker = new CircuitBreaker("__proto__", { failureThreshold: 1 });
  const events: TelltaleEvent[] = [];
  breaker.on("circuit.*", (event) => void events.push(event));
  breaker.forceOpen();
  const { breakers } = foldIncidents(events);
  expect(Object.entries(breakers)).toMatchObject([["__proto__", { incidents: 1 }]]);
});

test("foldIncidents() of nothing is an empty report", () => {
  expect(foldIncidents([])).toEqual({
    incidents: [],
    breakers: {},
    input: { lines: 0, events: 0, ignored: 0, damaged: 0 },
    fromAtMs: null,
    toAtMs: null,
    gaps: [],
  });
});
