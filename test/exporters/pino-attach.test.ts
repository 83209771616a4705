import { expect, test } from "vitest";
import { type CircuitLogger, logCircuitEvents } from "../../src/exporters/pino.ts";
import {
  CircuitBreaker,
  createEventBus,
  EVENTS,
  type EventType,
  type TelltaleEvent,
} from "../../src/index.ts";
import { fail, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { memoryLog, quietLogger, skipsTold } from "./pino-destination.ts";

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
      "Cannot log circuit events: severities must be an object, received an array",
    ],
    [
      attach(breaker.bus, logger, { severities: { "circuit.skp": "info" } }),
      'Cannot log circuit events: unknown option "severities.circuit.skp", did you mean "circuit.skip" or "circuit.late" or "circuit.open"?',
    ],
    [
      attach(breaker.bus, logger, { severities: { "circuit.skip": "fatal" } }),
      'Cannot log circuit events: severities["circuit.skip"] must be one of trace, debug, info, warn, error, silent, received "fatal"',
    ],
  ];
  for (const [attempt, message] of refusals) expect(attempt).toThrow(new TypeError(message));
});
