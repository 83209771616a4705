import { expect, test } from "vitest";
import { foldIncidents } from "../../src/report/index.ts";
import { fail, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { outage, record, skips } from "./recorded.ts";

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

test("an incident that several tasks of a cluster tell counts once for MTTR", () => {
  const told = ["a", "b", "c"].flatMap((instance, index) => {
    const envelope = { v: 1, breaker: "payments", incidentId: "x", instance };
    const [opened, closed] = index === 0 ? ["error", "probe"] : ["peer", "peer"];
    return [
      { ...envelope, type: "circuit.open", seq: 1, atMs: 1_000, from: "closed", reason: opened },
      { ...envelope, type: "circuit.close", seq: 2, atMs: 3_000, reason: closed, mttrMs: 2_000 },
    ];
  });
  const alone = { v: 1, breaker: "payments", incidentId: "y", instance: "b" };
  const { breakers } = foldIncidents([
    ...told,
    { ...alone, type: "circuit.open", seq: 3, atMs: 5_000, from: "closed", reason: "error" },
    { ...alone, type: "circuit.close", seq: 4, atMs: 9_000, reason: "probe", mttrMs: 4_000 },
  ]);
  expect(breakers["payments"]).toMatchObject({ recovered: 2, mttrMeanMs: 3_000 });
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
