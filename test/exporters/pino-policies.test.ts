import { expect, test, vi } from "vitest";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { createEventBus, fallback, retry, timeout } from "../../src/index.ts";
import { fail } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import { memoryLog } from "./pino-destination.ts";

const OUTAGE = { serveOn: { error: true }, fail: "open", value: "none" } as const;

function logged(options: Parameters<typeof logCircuitEvents>[2] = {}) {
  const time = new VirtualTime();
  const bus = createEventBus();
  const log = memoryLog({ base: null, timestamp: false });
  const detach = logCircuitEvents(bus, log.logger, options);
  return { ...log, time, bus, detach, surroundings: { bus, clock: time, timers: time } };
}

const sum = (lines: readonly Record<string, unknown>[]): number =>
  lines.reduce((total, { suppressed }) => total + 1 + Number(suppressed ?? 0), 0);

test("logCircuitEvents() writes the events of a policy, which its lines name, without a child", async () => {
  const { time, surroundings, written } = logged();
  const policy = retry("orders", { ...surroundings, attempts: 2, random: () => 0.5 });
  await time.until(policy.execute(fail, { context: { order: 7 } }));
  expect(written).toEqual([
    `{"level":30,"type":"retry.attempt","v":1,"atMs":${START_AT_MS},"policy":"orders",` +
      `"context":{"order":7},"attempt":2,"attempts":2,"delayMs":50,"retryAfterMs":null,` +
      `"err":{"name":"Error","message":"boom"},"msg":"call tried again"}\n`,
    `{"level":40,"type":"retry.give_up","v":1,"atMs":${START_AT_MS + 50},"policy":"orders",` +
      `"context":{"order":7},"reason":"attempts","attempts":2,"elapsedMs":50,` +
      `"err":{"name":"Error","message":"boom"},"msg":"call not tried again"}\n`,
  ]);
});

test("trap 31: a hundred thousand fallbacks in an outage are a few lines, and every one is accounted for", async () => {
  const { time, surroundings, lines, detach } = logged();
  const policy = fallback("rates", { ...surroundings, ...OUTAGE });
  for (let n = 0; n < 100_000; n++) {
    time.advance(0.1);
    await policy.call(fail);
  }
  expect(lines().length).toBeLessThan(25);
  detach();
  expect(sum(lines("fallback.served"))).toBe(100_000);
});

test("every line of a policy's event is written with sampleSkips: false", async () => {
  const { surroundings, lines } = logged({ sampleSkips: false });
  const policy = fallback("rates", { ...surroundings, ...OUTAGE });
  for (let n = 0; n < 50; n++) await policy.call(fail);
  expect(lines("fallback.served")).toHaveLength(50);
});

test("each type and policy is sampled apart, with a heartbeat, and begins anew after a silence", async () => {
  const { time, surroundings, lines } = logged();
  const rates = fallback("rates", { ...surroundings, ...OUTAGE });
  const quotes = fallback("quotes", { ...surroundings, ...OUTAGE });
  for (let n = 0; n < 5; n++) await rates.call(fail);
  await quotes.call(fail);
  const of = (policy: string) => lines().filter((line) => line["policy"] === policy);
  expect(of("rates").map(({ suppressed }) => suppressed)).toEqual([undefined, undefined, 1]);
  expect(of("quotes")).toHaveLength(1);
  time.advance(9_999);
  await rates.call(fail);
  expect(of("rates")).toHaveLength(3);
  time.advance(1);
  await rates.call(fail);
  expect(of("rates")).toHaveLength(4);
  time.advance(10_000);
  await rates.call(fail);
  await rates.call(fail);
  expect(of("rates")).toHaveLength(6);
});

test("a wall clock that is set back does not silence the lines of a policy", async () => {
  const { time, surroundings, lines } = logged();
  const policy = fallback("rates", { ...surroundings, ...OUTAGE });
  for (let n = 0; n < 5; n++) await policy.call(fail);
  time.jumpWall(-3_600_000);
  await policy.call(fail);
  time.advance(10_000);
  await policy.call(fail);
  expect(lines().length).toBeGreaterThan(3);
});

test("a line that the logger loses is carried by the next one", async () => {
  const { bus, surroundings, logger, lines } = logged();
  const failures: unknown[] = [];
  bus.on("bus.listener_failed", ({ sink, failedType }) => failures.push([sink, failedType]));
  const policy = fallback("rates", { ...surroundings, ...OUTAGE });
  const { warn } = logger;
  logger.warn = () => {
    throw new Error("disk full");
  };
  await expect(policy.call(fail)).resolves.toBe("none");
  logger.warn = warn;
  await policy.call(fail);
  expect(failures).toEqual([["pino", "fallback.served"]]);
  expect(lines("fallback.served")).toMatchObject([{ suppressed: 1 }]);
});

test("what the sampling held is written at the detach, or reported when it cannot be", async () => {
  const { surroundings, bus, logger, lines, detach } = logged();
  const policy = fallback("rates", { ...surroundings, ...OUTAGE });
  for (let n = 0; n < 7; n++) await policy.call(fail);
  const failed: unknown[] = [];
  bus.on("bus.listener_failed", ({ count, failedType }) => failed.push([count, failedType]));
  const { warn } = logger;
  logger.warn = () => {
    throw new Error("disk full");
  };
  detach();
  logger.warn = warn;
  expect(failed).toEqual([[3, "fallback.served"]]);
  expect(sum(lines("fallback.served"))).toBe(4);
});

test("policies without end are let go, and what they held is written", async () => {
  const { surroundings, lines } = logged();
  for (let n = 0; n < 2_001; n++) {
    const policy = fallback(`policy ${n}`, { ...surroundings, ...OUTAGE });
    for (let calls = 0; calls < (n === 0 ? 3 : 1); calls++) await policy.call(fail);
  }
  const first = lines().filter((line) => line["policy"] === "policy 0");
  expect(first).toHaveLength(3);
  expect(sum(first)).toBe(3);
});

test("a policy's events whose level is not written are not even built", async () => {
  const time = new VirtualTime();
  const bus = createEventBus();
  const { logger } = memoryLog({ level: "error" });
  logCircuitEvents(bus, logger);
  expect(bus.has("timeout.expired")).toBe(false);
  expect(bus.has("policy.callback_failed")).toBe(true);
  const emit = vi.spyOn(bus, "emit");
  const policy = timeout("t", { bus, clock: time, timers: time, limitMs: 1 });
  await time.until(policy.execute(() => new Promise(() => {})));
  expect(emit).not.toHaveBeenCalled();
});
