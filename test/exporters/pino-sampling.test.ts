import { expect, test } from "vitest";
import { type CircuitLogger, logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker, createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Line, memoryLog, skipsTold } from "./pino-destination.ts";

const skips = async (breaker: CircuitBreaker, times: number): Promise<void> => {
  for (let n = 0; n < times; n++) await breaker.execute(succeed);
};
const countsOf = (lines: readonly Line[]) =>
  lines.map(({ skipsSinceOpened, suppressed }) => [skipsSinceOpened, suppressed ?? 0]);

test("trap 31: a million refusals in 10 s are at most 12 KB of log, and every one is accounted for", async () => {
  // As a service logs: with pino's own time, pid and hostname, whose lengths must not depend on this machine.
  const { logger, written, lines } = memoryLog({ base: { pid: 12_345, hostname: "api-7f9c64" } });
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock });
  const detach = logCircuitEvents(breaker.bus, logger);
  await failTimes(breaker, 5);
  for (let second = 0; second < 1_000; second++) {
    for (let call = 0; call < 1_000; call++) void breaker.execute(succeed);
    clock.advance(10);
  }
  clock.advance(60_000);
  await breaker.execute(succeed);
  detach();

  const bytes = written.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
  console.log(`1 000 000 refusals: ${written.length} lines, ${bytes} bytes of pino`);
  expect(breaker.stats.skips.open).toBe(1_000_000);
  expect(skipsTold(lines())).toBe(1_000_000);
  expect(lines("circuit.skip")).toHaveLength(20);
  expect(lines("circuit.half_open")[0]).toMatchObject({ suppressed: 1_000_000 - 524_288 });
  expect(lines("circuit.close")[0]).toMatchObject({ skipsInIncident: 1_000_000 });
  expect(bytes).toBeLessThanOrEqual(12_000);
});

test("the 1st, 2nd, 4th, 8th … skip of a window is written, with those since the last line as suppressed", async () => {
  const { breaker } = watch();
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  breaker.forceOpen();
  await skips(breaker, 70);
  expect(countsOf(lines("circuit.skip"))).toEqual([
    [1, 0],
    [2, 0],
    [4, 1],
    [8, 3],
    [16, 7],
    [32, 15],
    [64, 31],
  ]);
  for (const line of lines("circuit.skip").slice(0, 2))
    expect(line).not.toHaveProperty("suppressed");
  breaker.reset();
  expect(lines("circuit.close")[0]).toMatchObject({ suppressed: 6 });
});

test("a skip is written when none was for 10 s, and not sooner", async () => {
  const { breaker, clock } = watch();
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  breaker.forceOpen();
  await skips(breaker, 5);
  clock.advance(9_999);
  await skips(breaker, 1);
  expect(lines("circuit.skip")).toHaveLength(3);
  clock.advance(1);
  await skips(breaker, 1);
  expect(lines("circuit.skip").at(-1)).toMatchObject({ skipsSinceOpened: 7, suppressed: 2 });
  clock.advance(9_999);
  await skips(breaker, 1);
  clock.advance(1);
  await skips(breaker, 1);
  expect(countsOf(lines("circuit.skip")).slice(3)).toEqual([
    [7, 2],
    [8, 0],
  ]);
  clock.advance(9_998);
  await skips(breaker, 1);
  expect(lines("circuit.skip").at(-1)).toMatchObject({ skipsSinceOpened: 8 });
  clock.advance(1);
  await skips(breaker, 1);
  expect(lines("circuit.skip").at(-1)).toMatchObject({ skipsSinceOpened: 11, suppressed: 2 });
});

test("the heartbeat goes on when the wall clock is set back an hour", async () => {
  const { breaker, clock } = watch();
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  breaker.forceOpen();
  await skips(breaker, 40);
  clock.jumpWall(-3_600_000);
  await skips(breaker, 1);
  clock.advance(10_000);
  await skips(breaker, 1);
  expect(lines("circuit.skip").at(-1)).toMatchObject({ skipsSinceOpened: 42, suppressed: 9 });
});

test("a reopen begins a new window: its first skip is written, and the totals stay exact", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1 });
  const { logger, lines } = memoryLog();
  const detach = logCircuitEvents(breaker.bus, logger);
  await failTimes(breaker, 1);
  await skips(breaker, 7);
  clock.advance(60_000);
  await breaker.execute(fail);
  await skips(breaker, 3);
  expect(
    lines().map(({ type, skipsSinceOpened, suppressed }) => [type, skipsSinceOpened, suppressed]),
  ).toEqual([
    ["circuit.failure", undefined, undefined],
    ["circuit.open", undefined, undefined],
    ["circuit.skip", 1, undefined],
    ["circuit.skip", 2, undefined],
    ["circuit.skip", 4, 1],
    ["circuit.half_open", undefined, 3],
    ["circuit.failure", undefined, undefined],
    ["circuit.probe", undefined, undefined],
    ["circuit.open", undefined, undefined],
    ["circuit.skip", 1, undefined],
    ["circuit.skip", 2, undefined],
  ]);
  detach();
  expect(lines("circuit.skip").at(-1)).toMatchObject({ skipsSinceOpened: 3 });
  expect(skipsTold(lines())).toBe(10);
});

test("a reopen begins a new window also when circuit.open is silent", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1 });
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger, { severities: { "circuit.open": "silent" } });
  await failTimes(breaker, 1);
  await skips(breaker, 7);
  clock.advance(60_000);
  await breaker.execute(fail);
  await skips(breaker, 2);
  expect(countsOf(lines("circuit.skip"))).toEqual([
    [1, 0],
    [2, 0],
    [4, 1],
    [1, 0],
    [2, 0],
  ]);
  expect(lines("circuit.half_open")[0]).toMatchObject({ suppressed: 3 });
});

test("skips refused in half_open go on counting in the same window", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1 });
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  await failTimes(breaker, 1);
  await skips(breaker, 4);
  clock.advance(60_000);
  const probe = breaker.admit();
  expect(probe.ok).toBe(true);
  await skips(breaker, 5);
  expect(
    lines("circuit.skip").map(({ state, skipsSinceOpened }) => [state, skipsSinceOpened]),
  ).toEqual([
    ["open", 1],
    ["open", 2],
    ["open", 4],
    ["half_open", 8],
  ]);
});

test("two breakers of one bus are sampled and counted apart, however their calls mix", async () => {
  const bus = createEventBus();
  const { logger, lines } = memoryLog();
  const detach = logCircuitEvents(bus, logger);
  const one = new CircuitBreaker("one", { bus });
  const two = new CircuitBreaker("two", { bus });
  one.forceOpen();
  for (let n = 0; n < 100; n++) {
    await one.execute(succeed);
    if (n === 50) two.forceOpen();
    await two.execute(succeed);
  }
  const of = (name: string) => lines("circuit.skip").filter(({ breaker }) => breaker === name);
  expect(of("one").map(({ skipsSinceOpened }) => skipsSinceOpened)).toEqual([
    1, 2, 4, 8, 16, 32, 64,
  ]);
  expect(of("two").map(({ skipsSinceOpened }) => skipsSinceOpened)).toEqual([1, 2, 4, 8, 16, 32]);
  detach();
  expect(skipsTold(lines(), "one")).toBe(100);
  expect(skipsTold(lines(), "two")).toBe(50);
});

test("two breakers of one name do not restart each other's window at every skip", async () => {
  const bus = createEventBus();
  const { logger, lines } = memoryLog();
  const detach = logCircuitEvents(bus, logger);
  const twins = [new CircuitBreaker("twin", { bus }), new CircuitBreaker("twin", { bus })];
  for (const twin of twins) twin.forceOpen();
  for (let n = 0; n < 1_000; n++) for (const twin of twins) await twin.execute(succeed);
  expect(lines("circuit.skip").length).toBeLessThan(15);
  detach();
  expect(skipsTold(lines())).toBe(2_000);
});

test("a breaker that takes the name of an earlier one has a window of its own", async () => {
  const bus = createEventBus();
  const { logger, lines } = memoryLog();
  logCircuitEvents(bus, logger);
  for (let made = 0; made < 2; made++) {
    const breaker = new CircuitBreaker("again", { bus });
    breaker.forceOpen();
    await skips(breaker, 5);
  }
  expect(lines("circuit.skip").map(({ skipsSinceOpened }) => skipsSinceOpened)).toEqual([
    1, 2, 4, 1, 2, 4,
  ]);
});

test("detach writes the last suppressed skip with its own numbers, as a line that carries the others", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 1 });
  const { logger, lines } = memoryLog();
  const detach = logCircuitEvents(breaker.bus, logger);
  await failTimes(breaker, 1);
  await skips(breaker, 7);
  const last = events.at(-1);
  clock.advance(5_000);
  detach();
  expect(lines("circuit.skip").at(-1)).toMatchObject({
    seq: last?.seq,
    atMs: last?.atMs,
    skipsSinceOpened: 7,
    prevSeq: 6,
    suppressed: 2,
  });
  expect(skipsTold(lines())).toBe(7);
  detach();
  expect(skipsTold(lines())).toBe(7);

  logCircuitEvents(breaker.bus, logger);
  await skips(breaker, 1);
  expect(lines("circuit.skip").at(-1)).toMatchObject({ skipsSinceOpened: 8, prevSeq: null });
  expect(skipsTold(lines())).toBe(8);
});

test("sampleSkips: false writes a line for each skip", async () => {
  const { breaker } = watch();
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger, { sampleSkips: false });
  breaker.forceOpen();
  await skips(breaker, 9);
  expect(lines("circuit.skip")).toHaveLength(9);
  for (const line of lines()) expect(line).not.toHaveProperty("suppressed");
});

test("a logger that throws loses no skip: the next line that succeeds carries them", async () => {
  const { breaker } = watch();
  const { logger, lines } = memoryLog();
  const shaky = shakyLogger(logger);
  logCircuitEvents(breaker.bus, shaky.logger);
  const failures: TelltaleEvent[] = [];
  breaker.bus.on("bus.listener_failed", (event) => void failures.push(event));
  breaker.forceOpen();
  await skips(breaker, 3);
  shaky.broken = true;
  await skips(breaker, 17);
  expect(failures.filter((event) => event.type === "bus.listener_failed")).toMatchObject([
    { sink: "pino", failedType: "circuit.skip" },
    { sink: "pino", failedType: "circuit.skip" },
    { sink: "pino", failedType: "circuit.skip" },
  ]);
  shaky.broken = false;
  await skips(breaker, 13);
  expect(lines("circuit.skip").at(-1)).toMatchObject({ skipsSinceOpened: 32, prevSeq: 3 });
  expect(skipsTold(lines())).toBe(32);
  breaker.reset();
  expect(skipsTold(lines())).toBe(33);
});

test("a transition that the logger lost shows as a number that no line has", async () => {
  const { breaker } = watch();
  const { logger, lines } = memoryLog();
  const shaky = shakyLogger(logger);
  logCircuitEvents(breaker.bus, shaky.logger);
  breaker.forceOpen();
  shaky.broken = true;
  breaker.reset();
  shaky.broken = false;
  breaker.forceOpen();
  expect(lines("circuit.open").map(({ seq, prevSeq }) => [seq, prevSeq])).toEqual([
    [1, null],
    [3, 2],
  ]);
});

test("a child that cannot be made loses no skip", async () => {
  const { breaker } = watch();
  const { logger, lines } = memoryLog();
  const shaky = shakyLogger(logger);
  breaker.forceOpen();
  logCircuitEvents(breaker.bus, shaky.logger);
  shaky.childless = true;
  await skips(breaker, 3);
  shaky.childless = false;
  await skips(breaker, 1);
  expect(lines("circuit.skip")).toMatchObject([
    { skipsSinceOpened: 4, suppressed: 3, prevSeq: null },
  ]);
});

test("detach reports on the bus what a broken logger could not take, and ends", async () => {
  const breaker = new CircuitBreaker("dependency");
  const { logger } = memoryLog();
  const shaky = shakyLogger(logger);
  const detach = logCircuitEvents(breaker.bus, shaky.logger);
  breaker.forceOpen();
  await skips(breaker, 7);
  const failures: TelltaleEvent[] = [];
  breaker.bus.on("bus.listener_failed", (event) => void failures.push(event));
  shaky.broken = true;
  detach();
  expect(failures).toMatchObject([
    { sink: "pino", count: 3, failedType: "circuit.skip", error: { message: "disk full" } },
  ]);
  expect(breaker.bus.has("circuit.open")).toBe(false);
});

test("skips suppressed before the level rose are carried by the next line that is written", async () => {
  const { logger, lines } = memoryLog();
  const heard = new CircuitBreaker("heard");
  logCircuitEvents(heard.bus, logger);
  heard.forceOpen();
  await skips(heard, 7);
  logger.level = "error";
  await skips(heard, 5);
  heard.reset();
  heard.forceOpen();
  expect(lines("circuit.open")[1]).toMatchObject({ suppressed: 3 });
  expect(skipsTold(lines())).toBe(7);
});

/** A real logger in front of a destination that can be broken. */
function shakyLogger(real: CircuitLogger) {
  const state = { broken: false, childless: false };
  const around = (inner: CircuitLogger): CircuitLogger => {
    const through = (level: "trace" | "debug" | "info" | "warn" | "error") => {
      return (fields: object, message: string) => {
        if (state.broken) throw new Error("disk full");
        inner[level](fields, message);
      };
    };
    return {
      trace: through("trace"),
      debug: through("debug"),
      info: through("info"),
      warn: through("warn"),
      error: through("error"),
      isLevelEnabled: (level) => inner.isLevelEnabled(level),
      child: (bindings) => {
        if (state.childless) throw new Error("no child");
        return around(inner.child(bindings));
      },
    };
  };
  return Object.assign(state, { logger: around(real) });
}
