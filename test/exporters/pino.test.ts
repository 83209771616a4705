import pino from "pino";
import { expect, expectTypeOf, test } from "vitest";
import { type CircuitLogger, logCircuitEvents } from "../../src/exporters/pino.ts";
import {
  BreakerRegistry,
  CircuitBreaker,
  EVENTS,
  type EventType,
  iterateEvents,
} from "../../src/index.ts";
import { fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { restoredRun } from "../support/broad-run.ts";
import { clusterRun } from "../support/cluster-run.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { ownerRun } from "../support/owner-run.ts";
import { policyRun } from "../support/policy-run.ts";
import { quotaRun } from "../support/quota-run.ts";
import { stateRun } from "../support/state-run.ts";
import { type Line, memoryLog, quietLogger } from "./pino-destination.ts";

/** Numbers as pino writes levels. */
const LEVEL = { trace: 10, debug: 20, info: 30, warn: 40, error: 50 };

const keysOf = (line: Line | undefined) => Object.keys(line ?? {});

test("logCircuitEvents() takes a real pino logger, and needs no more of one than its type says", () => {
  expectTypeOf<pino.Logger>().toExtend<CircuitLogger>();
  expectTypeOf<pino.Logger<"audit">>().toExtend<CircuitLogger>();
  expectTypeOf<Console>().not.toExtend<CircuitLogger>();
});

test("logCircuitEvents() writes the event's fields at the top level, exactly", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", {
    clock,
    random: () => 0,
    failureThreshold: 1,
    attributes: { team: "checkout" },
  });
  const { logger, written } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  await breaker.execute(
    () => Promise.reject(Object.assign(new TypeError("down"), { code: "E1" })),
    {
      context: { order: 7 },
    },
  );
  await breaker.execute(succeed);
  expect(written).toEqual([
    `{"level":40,"breaker":"payments","type":"circuit.failure","v":1,"seq":1,"atMs":${START_AT_MS},` +
      `"generation":0,"state":"closed","attributes":{"team":"checkout"},"context":{"order":7},` +
      `"reason":"error","consecutiveFailures":1,"failureThreshold":1,"latencyMs":0,` +
      `"err":{"name":"TypeError","message":"down","code":"E1"},"prevSeq":null,"msg":"call failed"}\n`,
    `{"level":50,"breaker":"payments","type":"circuit.open","v":1,"seq":2,"atMs":${START_AT_MS},` +
      `"generation":1,"state":"open","attributes":{"team":"checkout"},"incidentId":"mjuohs00-00000000",` +
      `"from":"closed","reason":"error","rule":"consecutive","consecutiveFailures":1,` +
      `"failuresByReason":{"error":1,"latency":0},"window":{"calls":1,"failures":1},"threshold":1,` +
      `"cooldownMs":60000,"retryAtMs":${START_AT_MS + 60_000},"firstFailureAtMs":${START_AT_MS},` +
      `"detectMs":0,"reopens":0,"spentMs":0,"err":{"name":"TypeError","message":"down","code":"E1"},` +
      `"prevSeq":1,"msg":"circuit opened"}\n`,
    `{"level":40,"breaker":"payments","type":"circuit.skip","v":1,"seq":3,"atMs":${START_AT_MS},` +
      `"generation":1,"state":"open","attributes":{"team":"checkout"},"incidentId":"mjuohs00-00000000",` +
      `"openMs":0,"skipsSinceOpened":1,"skipsInIncident":1,"retryAfterMs":60000,"reason":"open",` +
      `"prevSeq":2,"msg":"call refused"}\n`,
  ]);
});

test("logCircuitEvents() writes every type with the catalogue's sentence and severity", async () => {
  const { breaker, clock, events } = watch({
    failureThreshold: 2,
    degradation: [1, 0.9],
    random: () => 0,
    classify: () => {
      throw new Error("classify is broken");
    },
  });
  const { logger, lines } = memoryLog({ base: null, timestamp: false, level: "trace" });
  logCircuitEvents(breaker.bus, logger, { sampleSkips: false });
  // Nobody takes from it, so the second success is dropped.
  iterateEvents(breaker, "circuit.success", { bufferLimit: 1 });
  await breaker.execute(succeed);
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  clock.advance(60_000);
  await breaker.execute(succeed);
  const permit = breaker.admit();
  breaker.disable();
  breaker.enable();
  if (permit.ok) permit.success();
  const cancelled = breaker.admit();
  if (cancelled.ok) cancelled.cancel();
  breaker.bus.on("circuit.enable", () => {
    throw new Error("a listener is broken");
  });
  breaker.disable();
  await failTimes(breaker, 2);
  breaker.enable();
  await policyRun(breaker.bus, undefined);
  breaker.reconfigure({ failureThreshold: 9 });
  const registry = new BreakerRegistry({ bus: breaker.bus, limit: 1 });
  registry.get("first");
  registry.get("second").forceOpen();
  registry.get("second").forceOpen("for longer");
  registry.get("third");
  await clusterRun({ bus: breaker.bus, attributes: {} });
  await ownerRun(breaker);
  quotaRun({ bus: breaker.bus, clock });
  restoredRun({ bus: breaker.bus, clock });
  await stateRun(breaker.bus, {});

  const told = lines();
  expect(new Set(told.map(({ type }) => type))).toEqual(new Set(Object.keys(EVENTS)));
  for (const line of told) {
    // Every line's type is a key of the catalogue: the assertion above.
    const { severity, sentence } = EVENTS[line["type"] as EventType];
    expect(line).toMatchObject({ level: LEVEL[severity], msg: sentence });
  }
  const others: unknown[] = ["second", "shared", "idle", "restored", "kept"];
  const ofBreaker = told.filter(
    ({ seq, breaker: name }) => seq !== undefined && !others.includes(name),
  );
  expect(ofBreaker.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq));
});

test("logCircuitEvents() writes bus.listener_failed without a breaker", () => {
  const { breaker } = watch();
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  breaker.on("circuit.open", () => {
    throw new Error("a listener is broken");
  });
  breaker.forceOpen();
  expect(lines("bus.listener_failed")).toEqual([
    {
      level: LEVEL.error,
      type: "bus.listener_failed",
      v: 1,
      atMs: START_AT_MS,
      sink: "listener",
      count: 1,
      failedType: "circuit.open",
      err: { name: "Error", message: "a listener is broken" },
      msg: "an event listener failed",
    },
  ]);
});

test("eventKey and prefix name the event in a line", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger, { eventKey: "event", prefix: "triage." });
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  expect(lines().map(({ event }) => event)).toEqual([
    "triage.circuit.failure",
    "triage.circuit.open",
    "triage.circuit.skip",
  ]);
  expect(keysOf(lines()[0])).not.toContain("type");
});

test("severities changes the level of a type, and silent drops it unheard", async () => {
  const quiet = new CircuitBreaker("quiet", { failureThreshold: 1 });
  const { logger, lines } = memoryLog();
  logCircuitEvents(quiet.bus, logger, {
    severities: { "circuit.skip": "info", "circuit.failure": "silent", "circuit.success": "error" },
  });
  expect(quiet.bus.has("circuit.failure")).toBe(false);
  await quiet.execute(succeed);
  await failTimes(quiet, 1);
  await quiet.execute(succeed);
  expect(lines().map(({ type, level }) => [type, level])).toEqual([
    ["circuit.success", LEVEL.error],
    ["circuit.open", LEVEL.error],
    ["circuit.skip", LEVEL.info],
  ]);
});

test("an error is logged under err as the event has it, whatever serializer and redaction the logger has", async () => {
  const broken = () =>
    Promise.reject(Object.assign(new RangeError("card 4242"), { code: "E_CARD" }));
  const errOf = async (options: pino.LoggerOptions) => {
    const { breaker } = watch();
    const { logger, lines } = memoryLog({ base: null, timestamp: false, ...options });
    logCircuitEvents(breaker.bus, logger);
    await breaker.execute(broken);
    return lines("circuit.failure")[0]?.["err"];
  };
  const whole = { name: "RangeError", message: "card 4242", code: "E_CARD" };
  expect(await errOf({})).toEqual(whole);
  expect(await errOf({ serializers: { err: pino.stdSerializers.err } })).toEqual(whole);
  expect(await errOf({ errorKey: "error" })).toEqual(whole);
  const custom = {
    serializers: { err: (err: Error) => ({ said: `${err.name}: ${err.message}` }) },
  };
  expect(await errOf(custom)).toEqual({ said: "RangeError: card 4242" });
  expect(await errOf({ redact: ["err.message"] })).toEqual({ ...whole, message: "[Redacted]" });
  expect(await errOf({ redact: { paths: ["err.message"], remove: true } })).toEqual({
    name: "RangeError",
    code: "E_CARD",
  });
});

test("redaction reaches the context, the attributes and the numbers of a line, and the event keeps them", async () => {
  const { breaker, last } = watch({
    failureThreshold: 1,
    attributes: { team: "checkout", key: "k-1" },
  });
  const paths = ["context.token", "attributes.key", "window.calls", "*.error"];
  const { logger, lines } = memoryLog({ base: null, timestamp: false, redact: paths });
  logCircuitEvents(breaker.bus, logger);
  await breaker.execute(fail, { context: { token: "t-1", order: 7 } });
  expect(lines("circuit.failure")[0]).toMatchObject({
    context: { token: "[Redacted]", order: 7 },
    attributes: { team: "checkout", key: "[Redacted]" },
  });
  expect(lines("circuit.open")[0]).toMatchObject({
    window: { calls: "[Redacted]", failures: 1 },
    failuresByReason: { error: "[Redacted]", latency: 0 },
  });
  expect(last("circuit.failure").context).toEqual({ token: "t-1", order: 7 });
});

test("a logger that redacts in place may write to everything in a line", async () => {
  const { breaker } = watch({ failureThreshold: 1, attributes: { team: "checkout" } });
  const scrub = (fields: object) => {
    for (const value of Object.values(fields)) {
      if (typeof value !== "object" || value === null) continue;
      for (const key of Object.keys(value)) Reflect.set(value, key, "gone");
      expect(new Set(Object.values(value))).toEqual(new Set(["gone"]));
    }
  };
  logCircuitEvents(breaker.bus, { ...quietLogger(), warn: scrub, error: scrub });
  const failed: unknown[] = [];
  breaker.bus.on("bus.listener_failed", (event) => void failed.push(event));
  await breaker.execute(fail, { context: { order: 7 } });
  await breaker.execute(succeed, { context: { order: 8 } });
  expect(failed).toEqual([]);
});

test("a long message is cut, in the error and in nothing else of the line", async () => {
  const { breaker } = watch();
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  const message = "x".repeat(100_000);
  await breaker.execute(() => Promise.reject(new Error(message)));
  const err = lines("circuit.failure")[0]?.["err"] as { message: string };
  expect(err.message).toBe(`${"x".repeat(511)}…`);
});

test("circuit.progress is written once for each level of a climb, however the failures swing around it", async () => {
  // With degradation the count falls by one at a success, so it can swing.
  const { breaker } = watch({ failureThreshold: 10, degradation: [1] });
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  const ratios = () => lines("circuit.progress").map(({ ratio }) => ratio);
  await failTimes(breaker, 5);
  expect(ratios()).toEqual([0.1, 0.2, 0.3, 0.4, 0.5]);
  for (let swing = 0; swing < 50; swing++) {
    await breaker.execute(succeed);
    await breaker.execute(fail);
  }
  expect(ratios()).toHaveLength(5);
  await failTimes(breaker, 1);
  expect(ratios().at(-1)).toBe(0.6);
  // Down to half of its peak the climb is over, and the next one is told again.
  for (let n = 0; n < 3; n++) await breaker.execute(succeed);
  await failTimes(breaker, 1);
  expect(ratios().at(-1)).toBe(0.4);
});

test("an error of a line carries no control characters, and the event keeps them", async () => {
  const { breaker, last } = watch();
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  const message = "bad\r\n2026 fake line\u0000 \u001b[31mred\u009b \u202eabc  x";
  await breaker.execute(() =>
    Promise.reject(Object.assign(new Error(message), { name: "E\u0007" })),
  );
  expect(lines("circuit.failure")[0]?.["err"]).toEqual({
    name: "E",
    message: "bad 2026 fake line [31mred abc  x",
  });
  expect(last("circuit.failure").error?.message).toBe(message);
  breaker.forceOpen("by hand\u001b[2J");
  expect(lines("circuit.open")[0]).toMatchObject({ note: "by hand[2J" });
});

test("each line of a breaker has the seq of its previous line, null on the first", async () => {
  const { breaker, clock } = watch({ failureThreshold: 2 });
  const { logger, lines } = memoryLog();
  logCircuitEvents(breaker.bus, logger);
  await breaker.execute(succeed);
  await failTimes(breaker, 2);
  for (let skip = 0; skip < 9; skip++) await breaker.execute(succeed);
  clock.advance(60_000);
  await breaker.execute(succeed);
  const told = lines();
  expect(told.map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6, 7, 9, 13, 15, 17, 18]);
  expect(told.map(({ prevSeq }) => prevSeq)).toEqual([null, 2, 3, 4, 5, 6, 7, 9, 13, 15, 17]);
});

test("trap 37: no field of a line changes after the logger was given it", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1 });
  const given: { fields: object; asGiven: string }[] = [];
  const keep = (fields: object) => void given.push({ fields, asGiven: JSON.stringify(fields) });
  logCircuitEvents(breaker.bus, { ...quietLogger(), warn: keep, error: keep, info: keep });
  await breaker.execute(fail);
  for (let skip = 0; skip < 5; skip++) await breaker.execute(succeed);
  clock.advance(60_000);
  await breaker.execute(fail);
  for (let skip = 0; skip < 5; skip++) await breaker.execute(succeed);
  breaker.reset();
  expect(given).toHaveLength(13);
  for (const { fields, asGiven } of given) expect(JSON.stringify(fields)).toBe(asGiven);
});
