import { describe, expect, test } from "vitest";
import { Board } from "../../src/dashboard/board/board.ts";
import { viewOf } from "../../src/dashboard/board/board-view.ts";
import { outlook, standingOf } from "../../src/dashboard/board/standing.ts";
import { foldIncidents } from "../../src/report/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { told } from "./told.ts";

const SECOND = 1_000;

describe("a breaker of the board", () => {
  test("goes through an outage as its events tell it", async () => {
    const { clock, breaker, of, view, board } = told();
    const payments = breaker("payments");
    await failTimes(payments, 3);
    const row = of("payments");
    expect(view().rows[0]).toMatchObject({ standing: "near", label: "payments" });
    expect(outlook(row, clock.epochMs())).toBe("3 of 5 failures to a trip");
    await failTimes(payments, 2);
    expect(standingOf(row, clock.epochMs())).toBe("open");
    expect(outlook(row, clock.epochMs())).toBe("next probe in 10 s");
    clock.advance(4 * SECOND);
    await payments.execute(succeed);
    expect(row.incident).toMatchObject({ skips: 1, isWhole: true, reason: "error" });
    expect(outlook(row, clock.epochMs())).toBe("next probe in 6 s");
    clock.advance(6 * SECOND);
    // Nothing was told: time alone has brought it.
    expect(standingOf(row, clock.epochMs())).toBe("half_open");
    expect(outlook(row, clock.epochMs())).toBe("probe due at the next call");
    await payments.execute(fail);
    expect(row.incident).toMatchObject({ reopens: 1 });
    clock.advance(10 * SECOND);
    await payments.execute(succeed);
    expect([row.state, row.incident, row.tripProgress]).toEqual(["closed", null, 0]);
    expect(board.incidents(clock.epochMs())).toMatchObject([
      { breaker: "payments", mttrMs: 20 * SECOND, closeReason: "probe", skips: 1, reopens: 1 },
    ]);
  });

  test("has the new end of a forced open that was forced anew, in the same incident", () => {
    const { clock, breaker, of } = told();
    const payments = breaker("payments");
    payments.forceOpen("down", { forMs: 5 * SECOND });
    const row = of("payments");
    clock.advance(SECOND);
    payments.forceOpen("vendor says longer", { forMs: 90 * SECOND });
    expect(outlook(row, clock.epochMs())).toBe("for 1 min 30 s more");
    expect(row.incident).toMatchObject({ openedAtMs: clock.epochMs() - SECOND, reason: "forced" });
    payments.forceOpen();
    expect(outlook(row, clock.epochMs())).toBe("until it is reset");
  });

  test("has its incidents as the report of the same events has them", async () => {
    const { clock, bus, breaker, board } = told();
    const events: unknown[] = [];
    bus.on("circuit.*", (event) => events.push(event));
    const [one, two] = [breaker("one", { failureThreshold: 1 }), breaker("two")];
    for (let n = 0; n < 4; n++) {
      await one.execute(fail);
      for (let call = 0; call < n; call++) await one.execute(succeed);
      if (n === 1) two.forceOpen("by hand");
      clock.advance((11 + n) * SECOND);
      await one.execute(succeed);
    }
    const nowMs = clock.epochMs();
    const report = foldIncidents(events);
    const incidents = board.incidents(nowMs);
    const own = incidents.filter(({ breaker: name }) => name === "one");
    expect(own.toReversed()).toEqual(report.incidents.filter((each) => each.breaker === "one"));
    expect(board.summary(own)).toEqual(report.breakers["one"]);
    expect(board.summary(incidents)).toMatchObject({ incidents: 5, stillOpen: 1, recovered: 4 });
  });

  test("takes from readings what no event tells: successes, refusals, the time of the probe", async () => {
    const { clock, breaker, of, read } = told();
    const payments = breaker("payments");
    await failTimes(payments, 4);
    expect(of("payments").tripProgress).toBeCloseTo(0.8);
    await payments.execute(succeed);
    read();
    expect(of("payments")).toMatchObject({ tripProgress: 0, consecutiveFailures: 0, calls: 5 });
    await failTimes(payments, 5);
    read();
    for (let n = 0; n < 9; n++) payments.admit();
    clock.advance(2 * SECOND);
    read();
    const row = of("payments");
    expect([row.skips, row.incident?.skips]).toEqual([9, 9]);
    expect((row.retryAtMs ?? 0) - clock.epochMs()).toBeCloseTo(8 * SECOND, -2);
  });

  test("counts refusals on between events that are sampled", () => {
    const { breaker, of, tell, clock } = told();
    const payments = breaker("payments", { bus: undefined } as object);
    payments.forceOpen();
    const at = { breaker: "payments", instance: "api-1", atMs: clock.epochMs(), v: 1 };
    const forced = { ...at, generation: 1, state: "forced_open", incidentId: "i" };
    tell("circuit.open", { ...forced, type: "circuit.open", seq: 1, from: "closed" });
    const skip = { ...forced, type: "circuit.skip", seq: 9, prevSeq: 1, skipsInIncident: 8 };
    tell("circuit.skip", skip);
    const reading = { breaker: "payments", instance: "api-1", state: "forced_open", openedAtMs: 1 };
    const readAt = (skips: number) =>
      tell("readings", { atMs: clock.epochMs(), breakers: [{ ...reading, skips }] });
    readAt(10);
    expect(of("payments").incident?.skips).toBe(8);
    readAt(25);
    expect(of("payments").incident?.skips).toBe(23);
    tell("circuit.skip", { ...skip, seq: 33, prevSeq: 9, skipsInIncident: 32 });
    expect(of("payments").incident?.skips).toBe(32);
  });

  test("has refused no fewer calls than its incidents did, also between two readings", async () => {
    const { clock, breaker, of, read, view } = told();
    const payments = breaker("payments", { failureThreshold: 1 });
    for (let n = 1; n <= 2; n++) {
      read();
      await payments.execute(fail);
      for (let call = 0; call < 40; call++) payments.admit();
      expect([of("payments").incident?.skips, view().skips]).toEqual([40, n * 40]);
      clock.advance(10 * SECOND);
      await payments.execute(succeed);
      expect([of("payments").incident, view().skips]).toEqual([null, n * 40]);
    }
    read();
    expect(of("payments").skips).toBe(80);
  });

  test("that was open before the stream began says at least", () => {
    const { tell, of, clock } = told();
    const openedAtMs = clock.epochMs() - 5_000;
    const row = { breaker: "payments", state: "open", openedAtMs };
    tell("snapshot", {
      atMs: clock.epochMs(),
      breakers: [{ ...row, stats: { skips: { open: 7 } } }],
    });
    expect(of("payments").incident).toMatchObject({ openedAtMs, isWhole: false, skips: 0 });
    tell("readings", { atMs: clock.epochMs(), breakers: [{ ...row, skips: 12 }] });
    expect(of("payments").incident).toMatchObject({ isWhole: false, skips: 5 });
    const skip = {
      type: "circuit.skip",
      v: 1,
      seq: 40,
      breaker: "payments",
      atMs: clock.epochMs(),
    };
    const counts = { openMs: 5_000, skipsInIncident: 11, incidentId: "i", state: "open" };
    tell("circuit.skip", { ...skip, ...counts, prevSeq: 30, generation: 3 });
    expect(of("payments").incident).toMatchObject({ openedAtMs, isWhole: false, skips: 11 });
  });

  test("shows its states over time, also of before the stream where that is told", async () => {
    const { clock, breaker, of } = told();
    const payments = breaker("payments", { failureThreshold: 1 });
    clock.advance(60 * SECOND);
    await payments.execute(fail);
    const openAtMs = clock.epochMs();
    clock.advance(10 * SECOND);
    await payments.execute(succeed);
    const { lane } = of("payments");
    expect(lane.since(0).map(({ state }) => state)).toEqual([
      "closed",
      "open",
      "half_open",
      "closed",
    ]);
    expect(lane.since(0)[1]).toMatchObject({ fromMs: openAtMs, toMs: openAtMs + 10 * SECOND });
    expect(lane.since(openAtMs + 1).map(({ state }) => state)).toEqual([
      "open",
      "half_open",
      "closed",
    ]);
  });

  test.each([
    [
      "disabled",
      (of: ReturnType<typeof told>) => of.breaker("x").disable(),
      "lets every call pass",
    ],
    [
      "forced_open",
      (of: ReturnType<typeof told>) => of.breaker("x").forceOpen(),
      "until it is reset",
    ],
    [
      "forced_open",
      (of: ReturnType<typeof told>) => of.breaker("x").forceOpen("x", { forMs: 90_000 }),
      "for 1 min 30 s more",
    ],
    [
      "degraded",
      async (of: ReturnType<typeof told>) =>
        failTimes(
          of.breaker("x", { degradation: [1, 0.4], failureThreshold: 9, random: () => 0 }),
          2,
        ),
      "2 of 9 failures to a trip, 40 % of calls pass",
    ],
  ] as const)("stands %s and says what comes next", async (standing, act, next) => {
    const all = told();
    await act(all);
    const [row] = all.view().rows;
    expect(row?.standing).toBe(standing);
    expect(outlook(all.of("x"), all.clock.epochMs())).toBe(next);
  });
});

describe("the board", () => {
  test("puts the most urgent first, filters and counts", async () => {
    const { breaker, view, snapshot } = told();
    const [, , near, open, off] = ["b", "a", "near", "open", "off"].map((name) => breaker(name));
    snapshot();
    near?.recordFailure(BOOM);
    near?.recordFailure(BOOM);
    near?.recordFailure(BOOM);
    open?.forceOpen();
    off?.disable();
    const labels = (wanted = {}) => view(wanted).rows.map(({ label }) => label);
    expect(labels()).toEqual(["open", "near", "off", "a", "b"]);
    expect(labels({ search: " NEA" })).toEqual(["near"]);
    expect(labels({ standing: "closed" })).toEqual(["a", "b"]);
    expect(view({ search: "x" })).toMatchObject({
      rows: [],
      total: 5,
      counts: { forced_open: 1, near: 1, disabled: 1, closed: 2, open: 0 },
    });
  });

  test("forgets breakers that are gone, by readings and by snapshots", () => {
    const { breaker, remove, read, snapshot, view } = told();
    const [one, two, three] = [breaker("one"), breaker("two"), breaker("three")];
    snapshot();
    read();
    expect(view().total).toBe(3);
    remove(two);
    expect(read()).toMatchObject({ all: false, gone: [{ breaker: "two" }], breakers: [] });
    expect(view().rows.map(({ label }) => label)).toEqual(["one", "three"]);
    remove(one);
    snapshot();
    expect(view().rows.map(({ label }) => label)).toEqual([three.name]);
  });

  test("tells only of what has changed with each reading", async () => {
    const { breaker, read } = told();
    const [one] = [breaker("one"), breaker("two")];
    expect(read()).toMatchObject({ all: true, breakers: [{ breaker: "one" }, { breaker: "two" }] });
    await one.execute(succeed);
    expect(read()).toMatchObject({ all: false, breakers: [{ breaker: "one", calls: 1 }] });
    expect(read()).toMatchObject({ breakers: [], gone: [] });
  });

  test("a process that begins anew leaves its incident without a close, and does not count it as open", () => {
    const { breaker, board, clock, tell, of } = told();
    breaker("payments").forceOpen();
    clock.advance(5 * SECOND);
    tell("gap", { missed: null });
    tell("snapshot", {
      atMs: clock.epochMs(),
      breakers: [{ breaker: "payments", instance: "api-1", state: "closed", openedAtMs: null }],
    });
    clock.advance(50 * SECOND);
    expect(of("payments").incident).toBeNull();
    expect(board.incidents(clock.epochMs())).toMatchObject([
      { closedAtMs: null, closeLost: true, openMs: 5 * SECOND },
    ]);
    expect(board.sources[0]?.gaps).toBe(1);
  });

  test("an event that comes once more is taken once", async () => {
    const { bus, breaker, tell, board, of, clock } = told();
    const events: { type: string }[] = [];
    bus.on("circuit.*", (event) => events.push(event));
    const payments = breaker("payments");
    for (let n = 0; n < 2; n++) {
      clock.advance(SECOND);
      await payments.execute(fail);
    }
    const before = board.log.length;
    for (const event of events) tell(event.type, event);
    expect([board.log.length, of("payments").consecutiveFailures]).toEqual([before, 2]);
  });

  test("keeps no more than it can show, however much it is told", async () => {
    const { tell, board, clock } = told();
    for (let n = 0; n < 5_200; n++) {
      const atMs = clock.epochMs();
      const event = { type: "circuit.open", v: 1, breaker: `b${n}`, atMs, generation: 1 };
      tell("circuit.open", {
        ...event,
        seq: 1,
        state: "open",
        from: "closed",
        incidentId: `i${n}`,
      });
    }
    expect([board.size, board.unshown, board.log.length]).toEqual([5_000, 200, 1_000]);
    for (let n = 0; n < 200; n++) {
      const at = {
        v: 1,
        breaker: "b1",
        atMs: clock.epochMs() + n,
        generation: n,
        incidentId: `j${n}`,
      };
      tell("circuit.open", {
        ...at,
        type: "circuit.open",
        seq: 2 * n + 2,
        state: "open",
        from: "closed",
      });
      tell("circuit.close", {
        ...at,
        type: "circuit.close",
        seq: 2 * n + 3,
        state: "closed",
        from: "open",
      });
    }
    const own = board.incidents(clock.epochMs()).filter(({ breaker }) => breaker === "b1");
    expect(own).toHaveLength(50);
    expect(board.breaker(JSON.stringify([0, "b1", null]))?.lane.since(0).length).toBeLessThan(300);
  });

  test("goes by the clock of the source, ahead or behind", async () => {
    const { board, clock, breaker, of } = told();
    await failTimes(breaker("payments"), 5);
    const hereMs = clock.epochMs() - 3_600_000;
    board.take(
      0,
      { name: "readings", data: JSON.stringify({ atMs: clock.epochMs(), breakers: [] }) },
      hereMs,
    );
    expect(outlook(of("payments"), board.nowOf(0, hereMs))).toBe("next probe in 10 s");
  });

  test("what it knew when the stream was lost stands as it was, whatever time brings", async () => {
    const { board, breaker, clock, view } = told();
    await failTimes(breaker("payments"), 5);
    const [source] = board.sources;
    if (source === undefined) throw new Error("there is no source");
    source.status = { kind: "silent", sinceMs: clock.epochMs() + 2_000 };
    clock.advance(3_600 * SECOND);
    const [row] = view().rows;
    expect(row?.standing).toBe("open");
    expect(row === undefined ? "" : outlook(row.breaker, row.atMs)).toBe("next probe in 8 s");
    expect(board.incidents(clock.epochMs())).toMatchObject([{ openMs: 2_000 }]);
    source.status = { kind: "live" };
    expect(view().rows[0]?.standing).toBe("half_open");
  });

  test("of an old record the present is its last event, of a fresh one it is now", () => {
    const { board, breaker, clock } = told();
    const [source] = board.sources;
    if (source === undefined) throw new Error("there is no source");
    source.isRecord = true;
    breaker("payments").forceOpen();
    const atMs = clock.epochMs();
    expect(source.presentMs(atMs + 30 * SECOND)).toBe(atMs + 30 * SECOND);
    expect(source.presentMs(atMs + 3_600 * SECOND)).toBe(atMs);
  });

  test("names the stream where there are several and they name no process", () => {
    const board = new Board(["api.ndjson", "worker.ndjson"]);
    const row = { breaker: "payments", state: "open" };
    for (const source of [0, 1]) {
      board.take(
        source,
        { name: "snapshot", data: JSON.stringify({ atMs: 1, breakers: [row] }) },
        1,
      );
    }
    const { rows } = viewOf(board, { search: "", standing: null }, 1);
    expect(rows.map(({ label }) => label)).toEqual([
      "payments @ api.ndjson",
      "payments @ worker.ndjson",
    ]);
  });

  test("names the process only where there are several", () => {
    const { breaker, view, tell, clock } = told();
    breaker("payments").forceOpen();
    expect(view().rows[0]?.label).toBe("payments");
    const at = { breaker: "payments", instance: "api-2", state: "closed" };
    tell("snapshot", { atMs: clock.epochMs(), breakers: [at] });
    expect(view().rows.map(({ label }) => label)).toEqual(["payments @ api-1", "payments @ api-2"]);
  });
});
