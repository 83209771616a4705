import pino from "pino";
import { expect, expectTypeOf, test } from "vitest";
import { type CircuitLogger, logCircuitEvents } from "../../src/exporters/pino.ts";
import {
  CircuitBreaker,
  createEventBus,
  EVENTS,
  type EventType,
  type TelltaleEvent,
} from "../../src/index.ts";
import { fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { type Line, memoryLog, skipsTold } from "./pino-destination.ts";

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
      `"detectMs":0,"reopens":0,"err":{"name":"TypeError","message":"down","code":"E1"},"prevSeq":1,` +
      `"msg":"circuit opened"}\n`,
    `{"level":40,"breaker":"payments","type":"circuit.skip","v":1,"seq":3,"atMs":${START_AT_MS},` +
      `"generation":1,"state":"open","attributes":{"team":"checkout"},"incidentId":"mjuohs00-00000000",` +
      `"openMs":0,"skipsSinceOpened":1,"skipsInIncident":1,"retryAfterMs":60000,"reason":"open",` +
      `"prevSeq":2,"msg":"call refused"}\n`,
  ]);
});

test("logCircuitEvents() writes every type with the catalogue's sentence and severity", async () => {
  const { breaker, clock, events } = watch({
    failureThreshold: 2,
    classify: () => {
      throw new Error("classify is broken");
    },
  });
  const { logger, lines } = memoryLog({ base: null, timestamp: false, level: "trace" });
  logCircuitEvents(breaker.bus, logger, { sampleSkips: false });
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
  breaker.enable();

  const told = lines();
  expect(new Set(told.map(({ type }) => type))).toEqual(new Set(Object.keys(EVENTS)));
  for (const line of told) {
    // Every line's type is a key of the catalogue: the assertion above.
    const { severity, sentence } = EVENTS[line["type"] as EventType];
    expect(line).toMatchObject({ level: LEVEL[severity], msg: sentence });
  }
  const ofBreaker = told.filter(({ type }) => type !== "bus.listener_failed");
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

test("each breaker of a bus gets one child logger, made once, and no line names the breaker twice", async () => {
  const bus = createEventBus({ instance: "api-7" });
  const { logger, written, lines } = memoryLog();
  const children: string[] = [];
  logger.onChild = (child) => void children.push(String(child.bindings()["breaker"]));
  logCircuitEvents(bus, logger);
  const one = new CircuitBreaker("one", { bus });
  const two = new CircuitBreaker("two", { bus });
  for (let call = 0; call < 20; call++) {
    await one.execute(fail);
    await two.execute(fail);
  }
  expect(children).toEqual(["one", "two"]);
  expect(lines().length).toBeGreaterThan(20);
  for (const line of written) {
    expect(line.match(/"breaker":/g)).toHaveLength(1);
    expect(line).toContain('"instance":"api-7"');
  }
});

test("trap 40: children and counts of user-made names are bounded; what is let go has been told", async () => {
  const bus = createEventBus();
  const { logger, written, lines } = memoryLog();
  let children = 0;
  logger.onChild = () => void children++;
  logCircuitEvents(bus, logger);
  const breakers = Array.from(
    { length: 3_000 },
    (_, n) => new CircuitBreaker(`user-${n}`, { bus }),
  );
  for (const breaker of breakers) {
    breaker.forceOpen();
    for (let skip = 0; skip < 3; skip++) await breaker.execute(succeed);
  }
  const told = lines();
  // 150 at a time, and one for each that took the place of one let go.
  expect(children).toBe(300);
  for (const line of written) expect(line.match(/"breaker":/g)).toHaveLength(1);
  // The third skip of each is not written by itself: breakers that were let go have told it by then.
  expect(skipsTold(told, "user-0")).toBe(3);
  expect(skipsTold(told, "user-999")).toBe(3);
  expect(skipsTold(told, "user-1000")).toBe(2);
  expect(skipsTold(told, "user-2999")).toBe(2);
});

test("a breaker that goes on writing lines is not let go, however many names come and go", async () => {
  const bus = createEventBus();
  const { logger, lines } = memoryLog();
  logCircuitEvents(bus, logger);
  const busy = new CircuitBreaker("busy", { bus, failureThreshold: 10_000 });
  for (let n = 0; n < 3_000; n++) {
    await busy.execute(fail);
    new CircuitBreaker(`user-${n}`, { bus }).forceOpen();
  }
  const own = lines("circuit.failure");
  expect(own).toHaveLength(3_000);
  expect(own.filter(({ prevSeq }) => prevSeq === null)).toHaveLength(1);
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

test("a type whose level is disabled is not listened to, so calls are not timed because of it", async () => {
  const admittedWith = async (level: string) => {
    const breaker = new CircuitBreaker("dependency", { clock: new FakeClock() });
    const { logger, written } = memoryLog({ base: null, level });
    logCircuitEvents(breaker.bus, logger);
    const hears = ["circuit.open", "circuit.failure", "circuit.skip"] as const;
    const heard = hears.filter((type) => breaker.bus.has(type));
    // Whoever asks for the latency after the admission gets it only when something needed it before.
    let latencyMs: number | null | undefined;
    await breaker.call(() => {
      breaker.once("circuit.success", (event) => {
        latencyMs = event.latencyMs;
      });
    });
    return { heard, latencyMs, lines: written.length };
  };
  expect(await admittedWith("warn")).toEqual({
    heard: ["circuit.open", "circuit.failure", "circuit.skip"],
    latencyMs: 0,
    lines: 0,
  });
  expect(await admittedWith("error")).toEqual({
    heard: ["circuit.open"],
    latencyMs: null,
    lines: 0,
  });
  expect(await admittedWith("silent")).toEqual({ heard: [], latencyMs: null, lines: 0 });
});

test("a change of the logger's level is followed, by the children too, until detached", async () => {
  const alone = new CircuitBreaker("alone", { failureThreshold: 100 });
  const { logger, lines } = memoryLog();
  const detach = logCircuitEvents(alone.bus, logger);
  await alone.execute(fail);
  expect(alone.bus.has("circuit.success")).toBe(false);
  logger.level = "trace";
  expect(alone.bus.has("circuit.success")).toBe(true);
  await alone.execute(succeed);
  logger.level = "error";
  expect(alone.bus.has("circuit.failure")).toBe(false);
  await alone.execute(fail);
  expect(lines().map(({ type }) => type)).toEqual(["circuit.failure", "circuit.success"]);
  expect(logger.listenerCount("level-change")).toBe(1);
  detach();
  expect(logger.listenerCount("level-change")).toBe(0);
  logger.level = "trace";
  expect(alone.bus.has("circuit.success")).toBe(false);
});

test("many breakers with buses of their own put one listener on the logger, which the last detach removes", () => {
  const { logger } = memoryLog();
  const warnings: string[] = [];
  const warned = (warning: Error) => void warnings.push(warning.name);
  process.on("warning", warned);
  const detaches = Array.from({ length: 20 }, (_, n) =>
    logCircuitEvents(new CircuitBreaker(`breaker-${n}`).bus, logger),
  );
  expect(logger.listenerCount("level-change")).toBe(1);
  detaches.pop()?.();
  expect(logger.listenerCount("level-change")).toBe(1);
  for (const detach of detaches) detach();
  expect(logger.listenerCount("level-change")).toBe(0);
  process.off("warning", warned);
  expect(warnings).toEqual([]);
});

test("detach ends every subscription, and a second attachment writes each event once", async () => {
  const breaker = new CircuitBreaker("dependency", { failureThreshold: 100 });
  const { logger, lines } = memoryLog();
  const detach = logCircuitEvents(breaker.bus, logger);
  detach();
  detach();
  for (const type of Object.keys(EVENTS)) {
    // The keys of the catalogue are the event types.
    expect(breaker.bus.has(type as EventType)).toBe(false);
  }
  logCircuitEvents(breaker.bus, logger);
  await breaker.execute(fail);
  expect(lines("circuit.failure")).toHaveLength(1);
});

test("a logger that throws is reported as sink pino, and the other listeners are served", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  const { logger } = memoryLog();
  const broken: CircuitLogger = {
    ...quietLogger(),
    isLevelEnabled: (level) => logger.isLevelEnabled(level),
    warn: () => {
      throw new Error("disk full");
    },
  };
  logCircuitEvents(breaker.bus, broken);
  const failed: TelltaleEvent[] = [];
  breaker.bus.on("bus.listener_failed", (event) => void failed.push(event));
  await breaker.execute(fail);
  expect(failed).toMatchObject([
    { sink: "pino", failedType: "circuit.failure", error: { message: "disk full" } },
  ]);
  expect(breaker.state).toBe("open");
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

test("logCircuitEvents() refuses what it cannot use, by name", () => {
  const { breaker } = watch();
  const { logger } = memoryLog();
  const attach = (bus: unknown, to: unknown, options?: unknown) => () =>
    // Wrong types on purpose: what a JavaScript caller may pass.
    logCircuitEvents(bus as never, to as never, options as never);
  const refusals: [() => unknown, string][] = [
    [
      attach(breaker, logger),
      "Cannot log circuit events: bus must be an event bus, such as breaker.bus, received an object",
    ],
    [
      attach(breaker.bus, undefined),
      "Cannot log circuit events: logger must be a pino logger or one of its shape, received undefined",
    ],
    [
      attach(breaker.bus, console),
      "Cannot log circuit events: logger must be a pino logger or one of its shape, received an object",
    ],
    [
      attach(breaker.bus, logger, "info"),
      'Cannot log circuit events: options must be an object, received "info"',
    ],
    [
      attach(breaker.bus, logger, { eventkey: "event" }),
      'Cannot log circuit events: unknown option "eventkey", did you mean "eventKey"?',
    ],
    [
      attach(breaker.bus, logger, { eventKey: "" }),
      'Cannot log circuit events: eventKey must be a string of 1 to 64 characters, received ""',
    ],
    [
      attach(breaker.bus, logger, { eventKey: "reason" }),
      'Cannot log circuit events: eventKey must be a key that no line has for something else, received "reason"',
    ],
    [
      attach(breaker.bus, logger, { prefix: 5 }),
      "Cannot log circuit events: prefix must be a string of at most 64 characters, received 5",
    ],
    [
      attach(breaker.bus, logger, { sampleSkips: "no" }),
      'Cannot log circuit events: sampleSkips must be true or false, received "no"',
    ],
    [
      attach(breaker.bus, logger, { severities: [] }),
      "Cannot log circuit events: severities must be an object of levels by event, received an object",
    ],
    [
      attach(breaker.bus, logger, { severities: { "circuit.skp": "info" } }),
      'Cannot log circuit events: unknown option severities["circuit.skp"], did you mean "circuit.skip" or "circuit.late" or "circuit.open"?',
    ],
    [
      attach(breaker.bus, logger, { severities: { "circuit.skip": "fatal" } }),
      'Cannot log circuit events: severities["circuit.skip"] must be one of trace, debug, info, warn, error, silent, received "fatal"',
    ],
  ];
  for (const [attempt, message] of refusals) expect(attempt).toThrow(new TypeError(message));
});

/** A logger of pino's shape that writes nothing. */
function quietLogger(): CircuitLogger {
  return {
    trace: () => {},
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: () => {},
    isLevelEnabled: () => true,
    child(this: CircuitLogger) {
      return this;
    },
  };
}
