import { expect, test } from "vitest";
import { CircuitBreaker, type TelltaleEvent } from "../../src/index.ts";
import { createIncidentFold, foldIncidents, type IncidentReport } from "../../src/report/index.ts";
import { fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { type Recorded, record, skips } from "./recorded.ts";

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
    flawed: 0,
    fromAtMs: null,
    toAtMs: null,
    gaps: [],
  });
});
