import { expect, test } from "vitest";
import { foldIncidents, renderIncidents } from "../../src/report/index.ts";
import { fail, failTimes, succeed } from "../support/breaker.ts";
import { record } from "./recorded.ts";

test("renderIncidents() prints incidents and totals", async () => {
  const recorded = record({ instance: "api-1" });
  const { clock } = recorded;
  const payments = recorded.breaker("payments", { failureThreshold: 2, random: () => 0 });
  await failTimes(payments, 1);
  clock.advance(1_250);
  await payments.execute(() =>
    Promise.reject(Object.assign(new TypeError("fetch failed"), { code: "ECONNREFUSED" })),
  );
  for (let call = 0; call < 1_204; call++) await payments.execute(succeed);
  clock.advance(60_000);
  await payments.execute(fail);
  clock.advance(61_000);
  await payments.execute(succeed);
  payments.forceOpen("upgrade");
  clock.advance(2_500);
  payments.reset();
  await failTimes(payments, 2);
  await payments.execute(succeed);
  clock.advance(700);
  await payments.execute(succeed);
  recorded.detach();

  expect(
    renderIncidents(foldIncidents([...recorded.lines, "{broken"])),
  ).toBe(`3 incidents, 1 still open, 1 breaker
2026-01-01 00:00:00.000 UTC to 2026-01-01 00:02:05.450 UTC

INCIDENT payments: error, rule consecutive, on api-1 (mjuohsyq-00000000)
  opened    2026-01-01 00:00:01.250 UTC
  closed    2026-01-01 00:02:02.250 UTC, by probe
  lasted    2 min 1 s
  detected  1.25 s after the first failure
  skipped   1 204 calls
  failures  3 (3 error, 0 latency), 2 probes, reopened 1 time
  error     TypeError: fetch failed (ECONNREFUSED)

INCIDENT payments: forced, on api-1 (mjuokebu-00000000)
  opened    2026-01-01 00:02:02.250 UTC
  closed    2026-01-01 00:02:04.750 UTC, by reset
  lasted    2.50 s
  skipped   0 calls
  failures  0, 0 probes, reopened 0 times
  note      upgrade

INCIDENT payments: error, rule consecutive, on api-1 (mjuokg9a-00000000)
  opened    2026-01-01 00:02:04.750 UTC
  closed    STILL OPEN at the end of the record
  lasted    ≥ 700 ms
  detected  0 ms after the first failure
  skipped   ≥ 2 calls
  failures  2 (2 error, 0 latency), 0 probes, reopened 0 times
  error     Error: boom

TOTAL payments
  incidents 3, of which 1 still open
  open      ≥ 2 min 4 s
  MTTR      mean 2 min 1 s, median 2 min 1 s, p90 2 min 1 s, max 2 min 1 s, of 1 recovery; 1 still open not in it
  apart     1 incident begun or ended by hand, mean 2.50 s, max 2.50 s
  skipped   ≥ 1 206 calls

  record    31 lines: 30 events, 0 of something else, 1 damaged
`);
});

test("renderIncidents() shows gaps and a lost close", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments");
  await breaker.execute(fail);
  recorded.clock.advance(60_000);
  await breaker.execute(succeed);
  await breaker.execute(succeed);
  const text = renderIncidents(
    foldIncidents(recorded.events.filter(({ type }) => type !== "circuit.close")),
  );
  expect(text).toContain("  closed    at an unknown time: the close is not in the record\n");
  expect(text).toContain("  lasted    ≥ 1 min 0 s\n");
  expect(text).toContain("  GAPS      events are missing in 1 place\n");
  expect(text).toContain("  MTTR      no recovery\n");
});

test("renderIncidents() of no incident says so", () => {
  expect(renderIncidents(foldIncidents([]))).toBe(
    "0 incidents, 0 still open, 0 breakers\n\n  record    0 lines: 0 events, 0 of something else, 0 damaged\n",
  );
});

test("renderIncidents() gives durations in the two units that matter", () => {
  const lasted = (mttrMs: number) => {
    const envelope = { v: 1, breaker: "x", incidentId: "i" };
    const report = foldIncidents([
      { ...envelope, type: "circuit.open", seq: 1, atMs: 0, from: "closed", reason: "error" },
      { ...envelope, type: "circuit.close", seq: 2, atMs: mttrMs, reason: "probe", mttrMs },
    ]);
    return /lasted +(.*)/.exec(renderIncidents(report))?.[1];
  };
  expect(lasted(999.4)).toBe("999 ms");
  expect(lasted(59_999)).toBe("59.99 s");
  expect(lasted(60_000)).toBe("1 min 0 s");
  expect(lasted(3_599_999)).toBe("59 min 59 s");
  expect(lasted(3_600_000)).toBe("1 h 0 min");
  expect(lasted(90_000_000)).toBe("1 d 1 h");
});

test("renderIncidents() keeps what came from outside from steering the terminal", () => {
  const breaker = "evil\u001b[2J\r\nTOTAL";
  const report = foldIncidents([
    {
      type: "circuit.open",
      v: 1,
      seq: 1,
      breaker,
      atMs: 0,
      incidentId: "x\u0007",
      from: "closed",
      reason: "forced",
      note: "a\u202eb",
      error: { name: "E", message: "m\u0000\nn" },
    },
  ]);
  const text = renderIncidents(report);
  expect(text).toContain("INCIDENT evil[2J TOTAL: forced (x)\n");
  expect(text).toContain("  note      ab\n");
  expect(text).toContain("  error     E: m n\n");
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
});

test("renderIncidents() survives a moment that no date can hold", () => {
  const text = renderIncidents(
    foldIncidents([
      {
        type: "circuit.close",
        v: 1,
        seq: 1,
        breaker: "x",
        // Its beginning is one millisecond before the first moment of all dates.
        atMs: -1,
        incidentId: "i",
        reason: "probe",
        mttrMs: 8.64e15,
      },
    ]),
  );
  expect(text).toContain("  opened    an unknown time\n");
});
