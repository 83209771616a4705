import { context, DiagLogLevel, diag, logs, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import { afterEach, expect, test, vi } from "vitest";
import {
  type EventLoggerProvider,
  exportToOpenTelemetry,
  type OpenTelemetryOptions,
} from "../../src/exporters/opentelemetry.ts";
import {
  CircuitBreaker,
  createEventBus,
  EVENTS,
  type EventType,
  fallback,
} from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { packageVersion } from "../support/scrape.ts";
import { TWO_AND_TEN } from "../support/scraped.ts";
import { VirtualTime } from "../support/virtual-time.ts";

/** A real SDK of logs that keeps what it is given. */
function logSdk() {
  const exporter = new InMemoryLogRecordExporter();
  const loggerProvider = new LoggerProvider({
    processors: [new SimpleLogRecordProcessor({ exporter })],
  });
  return { loggerProvider, records: () => exporter.getFinishedLogRecords() };
}

function logged(options: OpenTelemetryOptions = {}) {
  const { loggerProvider, records } = logSdk();
  const clock = new FakeClock();
  const bus = createEventBus({ instance: "api-7" });
  const breaker = new CircuitBreaker("payments", { clock, bus, random: () => 0, ...TWO_AND_TEN });
  const detach = exportToOpenTelemetry(breaker, { loggerProvider, logs: "info", ...options });
  const names = () => records().map(({ eventName }) => eventName);
  return { clock, bus, breaker, detach, loggerProvider, records, names };
}

const skips = async (breaker: CircuitBreaker, times: number) => {
  for (let n = 0; n < times; n++) await breaker.execute(succeed);
};
const attribute = (name: string) => `circuit_breaker.${name}`;

afterEach(() => {
  logs.disable();
  context.disable();
  diag.disable();
});

test("logs: an event is a record with its name, its moment, the catalogue's severity and sentence", async () => {
  const { breaker, clock, records } = logged();
  clock.advance(1234);
  await breaker.execute(fail);
  const [record] = records();
  expect(record).toMatchObject({
    eventName: "circuit.failure",
    severityNumber: 13,
    severityText: "warn",
    body: "call failed",
    attributes: {
      "circuit_breaker.name": "payments",
      "circuit_breaker.state": "closed",
      "service.instance.id": "api-7",
      [attribute("seq")]: 1,
      [attribute("reason")]: "error",
      [attribute("consecutive_failures")]: 1,
      [attribute("latency_ms")]: 0,
      "error.type": "Error",
      "exception.message": "boom",
    },
    instrumentationScope: { name: "telltale", version: packageVersion() },
  });
  const [seconds = 0, nanoseconds = 0] = record?.hrTime ?? [];
  expect(seconds * 1000 + nanoseconds / 1e6).toBeCloseTo(clock.epochMs(), 3);
});

test("logs: every severity of the catalogue has its number", async () => {
  const { breaker, clock, records, bus } = logged({ logs: "trace" });
  await breaker.execute(succeed);
  await failTimes(breaker, 2);
  await skips(breaker, 1);
  clock.advance(10_000);
  const late = breaker.admit();
  breaker.reset();
  if (late.ok) late.success();
  bus.on("circuit.disable", () => {
    throw BOOM;
  });
  breaker.disable();
  const numbers = { trace: 1, debug: 5, info: 9, warn: 13, error: 17 };
  const seen = new Set<string>();
  for (const { eventName, severityNumber, severityText, body } of records()) {
    // Every record is of an event of the catalogue.
    const { severity, sentence } = EVENTS[eventName as EventType];
    expect([severityNumber, severityText, body]).toEqual([numbers[severity], severity, sentence]);
    seen.add(severity);
  }
  expect([...seen].sort()).toEqual(Object.keys(numbers).sort());
  expect(records().at(-1)).toMatchObject({
    eventName: "bus.listener_failed",
    attributes: { "telltale.bus.sink": "listener", "telltale.bus.failed_type": "circuit.disable" },
  });
});

test("logs: only events of the severity and above are listened to", async () => {
  const { breaker, bus, names } = logged({ logs: "error" });
  expect(
    ["circuit.failure", "circuit.skip", "circuit.half_open"].map((type) =>
      bus.has(type as EventType),
    ),
  ).toEqual([false, false, false]);
  await failTimes(breaker, 2);
  await skips(breaker, 1);
  breaker.reset();
  expect(names()).toEqual(["circuit.open"]);
});

test("logs: off by default, and with false", () => {
  for (const options of [{}, { logs: false as const }]) {
    const breaker = new CircuitBreaker("payments");
    exportToOpenTelemetry(breaker, { loggerProvider: logSdk().loggerProvider, ...options });
    expect(breaker.bus.has("circuit.skip")).toBe(false);
  }
});

// Trap 31: a log line per refusal.
test("trap 31: refusals are sampled without loss: records plus suppressed are the refusals", async () => {
  const { breaker, clock, records, detach } = logged();
  await failTimes(breaker, 2);
  for (let n = 0; n < 1000; n++) await skips(breaker, 100);
  clock.advance(10_000);
  await breaker.call(succeed);
  breaker.forceOpen();
  await skips(breaker, 7);
  detach();
  const told = records().reduce(
    (sum, { eventName, attributes }) =>
      sum +
      (eventName === "circuit.skip" ? 1 : 0) +
      Number(attributes[attribute("suppressed")] ?? 0),
    0,
  );
  expect(told).toBe(100_007);
  expect(records().length).toBeLessThan(40);
  const numbers = records().map(({ attributes }) => [
    attributes[attribute("prev_seq")],
    attributes[attribute("seq")],
  ]);
  for (const [n, [prevSeq]] of numbers.entries()) expect(prevSeq).toBe(numbers[n - 1]?.[1]);
});

test("logs: what the SDK does not want at the moment is carried by the next record", async () => {
  const emitted: { eventName: string; suppressed: unknown; prevSeq: unknown }[] = [];
  let wanted = true;
  const loggerProvider: EventLoggerProvider = {
    getLogger: () => ({
      enabled: () => wanted,
      emit: ({ eventName, attributes }) =>
        void emitted.push({
          eventName,
          suppressed: attributes[attribute("suppressed")],
          prevSeq: attributes[attribute("prev_seq")],
        }),
    }),
  };
  const { breaker } = logged({ loggerProvider });
  breaker.forceOpen();
  await skips(breaker, 3);
  wanted = false;
  await skips(breaker, 20);
  breaker.reset();
  wanted = true;
  breaker.forceOpen();
  expect(emitted).toEqual([
    { eventName: "circuit.open", suppressed: undefined, prevSeq: undefined },
    { eventName: "circuit.skip", suppressed: undefined, prevSeq: 1 },
    { eventName: "circuit.skip", suppressed: undefined, prevSeq: 2 },
    { eventName: "circuit.open", suppressed: 21, prevSeq: 3 },
  ]);
});

test("logs: the events of policies are sampled, too, and what the SDK does not want is carried by the next", async () => {
  const emitted: [name: string, suppressed: unknown][] = [];
  let wanted = true;
  const loggerProvider: EventLoggerProvider = {
    getLogger: () => ({
      enabled: () => wanted,
      emit: ({ eventName, attributes }) =>
        void emitted.push([eventName, attributes["telltale.fallback.suppressed"]]),
    }),
  };
  const { bus, detach } = logged({ loggerProvider });
  const time = new VirtualTime();
  const policy = fallback("rates", {
    ...{ bus, clock: time, timers: time },
    ...{ serveOn: { error: true }, fail: "open", value: "none" },
  });
  const serve = async (times: number) => {
    for (let n = 0; n < times; n++) await policy.call(fail);
  };
  await serve(1);
  wanted = false;
  await serve(6);
  wanted = true;
  await serve(3);
  detach();
  // The 1st, the 8th with the six before it, and at the end the 10th with the 9th.
  expect(emitted).toEqual([
    ["fallback.served", undefined],
    ["fallback.served", 6],
    ["fallback.served", 1],
  ]);
});

test("logs: a record has the trace of the call that it tells of", async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const { breaker, records } = logged();
  const spanContext = {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    traceFlags: 1,
  };
  const inSpan = trace.setSpan(context.active(), trace.wrapSpanContext(spanContext));
  await context.with(inSpan, () => breaker.execute(fail));
  await breaker.execute(fail);
  const { traceId } = spanContext;
  expect(records().map((record) => [record.eventName, record.spanContext?.traceId])).toEqual([
    ["circuit.failure", traceId],
    ["circuit.progress", traceId],
    ["circuit.failure", undefined],
    ["circuit.open", undefined],
  ]);
});

test("logs: the global logger provider is found at run time, also when it comes later", async () => {
  const breaker = new CircuitBreaker("payments");
  exportToOpenTelemetry(breaker, { logs: "info" });
  breaker.forceOpen();
  const { loggerProvider, records } = logSdk();
  logs.setGlobalLoggerProvider(loggerProvider);
  await skips(breaker, 1);
  breaker.reset();
  expect(records().map(({ eventName }) => eventName)).toEqual(["circuit.skip", "circuit.close"]);
});

test("logs: attached twice it writes once, until the last detach", async () => {
  const { breaker, bus, detach, loggerProvider, names } = logged();
  const again = exportToOpenTelemetry(breaker, { loggerProvider, logs: "info" });
  breaker.forceOpen();
  expect(names()).toEqual(["circuit.open"]);
  detach();
  breaker.reset();
  expect(names()).toEqual(["circuit.open", "circuit.close"]);
  again();
  expect(bus.has("circuit.open")).toBe(false);
  breaker.forceOpen();
  expect(names()).toHaveLength(2);
});

test("logs: other breakers of the bus write nothing, and the detach of one tells what it still held", async () => {
  const { breaker, bus, loggerProvider, records, names, detach } = logged();
  const [second, other] = ["second", "other"].map((name) => new CircuitBreaker(name, { bus }));
  exportToOpenTelemetry(second ?? [], { loggerProvider, logs: "info" });
  other?.forceOpen();
  await other?.execute(succeed);
  expect(names()).toEqual([]);
  breaker.forceOpen();
  await skips(breaker, 3);
  second?.forceOpen();
  detach();
  expect(names().at(-1)).toBe("circuit.skip");
  expect(records().at(-1)?.attributes).toMatchObject({
    "circuit_breaker.name": "payments",
    [attribute("skips_since_opened")]: 3,
  });
  second?.reset();
  expect(names().at(-1)).toBe("circuit.close");
});

test("logs: an SDK that throws harms no call, is reported, and loses no refusal", async () => {
  let broken = false;
  const told: unknown[] = [];
  const loggerProvider: EventLoggerProvider = {
    getLogger: () => ({
      emit: ({ attributes }) => {
        if (broken) throw BOOM;
        told.push(attributes[attribute("suppressed")] ?? 0);
      },
    }),
  };
  const { breaker, bus } = logged({ loggerProvider });
  breaker.forceOpen();
  broken = true;
  const failed: string[] = [];
  bus.on(
    "bus.listener_failed",
    ({ sink, failedType }) => void failed.push(`${sink} ${failedType}`),
  );
  await skips(breaker, 2);
  expect(failed).toContain("opentelemetry circuit.skip");
  broken = false;
  breaker.reset();
  expect(told).toEqual([0, 2]);
});

test("logs: an API without the Logs API writes nothing, and diag says so", async () => {
  vi.resetModules();
  vi.doMock("@opentelemetry/api", async (actual) => {
    const { logs: _none, ...before } = await actual<typeof import("@opentelemetry/api")>();
    return before;
  });
  const warn = vi.fn();
  const { diag: own } = await import("@opentelemetry/api");
  own.setLogger(
    { warn, error() {}, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN },
  );
  const old = await import("../../src/exporters/opentelemetry.ts");
  vi.doUnmock("@opentelemetry/api");
  const breaker = new CircuitBreaker("payments");
  old.exportToOpenTelemetry(breaker, { logs: "info" });
  expect(warn).toHaveBeenCalledWith(
    "telltale writes no log records: this @opentelemetry/api has no Logs API, and no loggerProvider was given",
  );
  expect(breaker.bus.has("circuit.open")).toBe(false);
  const { loggerProvider, records } = logSdk();
  old.exportToOpenTelemetry(breaker, { logs: "info", loggerProvider });
  breaker.forceOpen();
  expect(records()).toHaveLength(1);
});

test.each([
  [{ logs: true }, "logs must be false or one of trace, debug, info, warn, error, received true"],
  [
    { logs: "fatal" },
    'logs must be false or one of trace, debug, info, warn, error, received "fatal"',
  ],
  [{ loggerProvider: {} }, "loggerProvider must be a logger provider, received an object"],
  [{ spanEvents: "yes" }, 'spanEvents must be true or false, received "yes"'],
  [{ spanAttributes: 1 }, "spanAttributes must be true or false, received 1"],
  [
    { histograms: {} },
    "histograms must be what createHistogramProducer returned, received an object",
  ],
])("exportToOpenTelemetry() refuses %j", (options, message) => {
  const breaker = new CircuitBreaker("payments");
  // Wrong types on purpose: what a JavaScript caller may pass.
  expect(() => exportToOpenTelemetry(breaker, options as never)).toThrow(
    new TypeError(`Cannot export to OpenTelemetry: ${message}`),
  );
});
