import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { CircuitBreaker, createEventBus } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startSdk } from "../support/scrape.ts";
import { TWO_AND_TEN } from "../support/scraped.ts";

const finished = new InMemorySpanExporter();
const spanProcessors = [new SimpleSpanProcessor({ exporter: finished })];

beforeEach(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
});
afterEach(() => {
  trace.disable();
  context.disable();
  finished.reset();
});

/** Runs a call in a span of its own, as an instrumented application does; returns the span as it was exported. */
async function inSpan(call: () => unknown) {
  await trace.getTracer("app").startActiveSpan("GET /pay", async (span) => {
    await call();
    span.end();
  });
  const span = finished.getFinishedSpans().at(-1);
  if (span === undefined) throw new Error("No span was exported");
  return span;
}

const later = () => new Promise((resolve) => setImmediate(resolve));

function attached(options: object) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, random: () => 0, ...TWO_AND_TEN });
  const detach = exportToOpenTelemetry(breaker, options);
  return { clock, breaker, detach };
}

test("spanEvents: circuit.skip, circuit.open and circuit.close are events of the active span", async () => {
  const { clock, breaker } = attached({ spanEvents: true });
  const failed = await inSpan(() => failTimes(breaker, 1));
  expect(failed.events).toEqual([]);
  const opened = await inSpan(() =>
    breaker.execute(async () => {
      await later();
      throw Object.assign(new TypeError("down\u0007"), { code: "ECONNREFUSED" });
    }),
  );
  const incident = { "circuit_breaker.incident_id": "mjuohs00-00000000" };
  expect(opened.events).toHaveLength(1);
  expect(opened.events.map(({ name, attributes }) => ({ name, attributes }))).toMatchObject([
    {
      name: "circuit.open",
      attributes: {
        "circuit_breaker.name": "payments",
        "circuit_breaker.state": "open",
        "circuit_breaker.seq": 1,
        "circuit_breaker.generation": 1,
        ...incident,
        "circuit_breaker.from": "closed",
        "circuit_breaker.reason": "error",
        "circuit_breaker.rule": "consecutive",
        "circuit_breaker.consecutive_failures": 2,
        "circuit_breaker.failures_by_reason.error": 2,
        "circuit_breaker.failures_by_reason.latency": 0,
        "circuit_breaker.window.calls": 2,
        "circuit_breaker.window.failures": 2,
        "circuit_breaker.threshold": 2,
        "circuit_breaker.cooldown_ms": 10_000,
        "circuit_breaker.retry_at_ms": clock.epochMs() + 10_000,
        "circuit_breaker.first_failure_at_ms": clock.epochMs(),
        "circuit_breaker.detect_ms": 0,
        "circuit_breaker.reopens": 0,
        "error.type": "ECONNREFUSED",
        "exception.type": "TypeError",
        "exception.message": "down",
      },
    },
  ]);
  const skipped = await inSpan(() =>
    breaker.execute(succeed, { context: { deliveryId: "d-1", tenant: 7 } }),
  );
  expect(skipped.events.map(({ name, attributes }) => ({ name, attributes }))).toMatchObject([
    {
      name: "circuit.skip",
      attributes: {
        "circuit_breaker.name": "payments",
        "circuit_breaker.reason": "open",
        "circuit_breaker.skips_since_opened": 1,
        "circuit_breaker.retry_after_ms": 10_000,
        "circuit_breaker.context.deliveryId": "d-1",
        "circuit_breaker.context.tenant": 7,
        ...incident,
      },
    },
  ]);
  clock.advance(10_000);
  const closed = await inSpan(() => breaker.call(succeed));
  expect(closed.events.map(({ name }) => name)).toEqual(["circuit.close"]);
  expect(closed.attributes).toEqual({});
});

test("spanEvents: each refused call marks its own span, in a storm too", async () => {
  const { breaker } = attached({ spanEvents: true });
  breaker.forceOpen();
  for (let n = 1; n <= 5; n++) {
    const { events } = await inSpan(() => breaker.execute(succeed));
    expect(
      events.map(({ attributes }) => attributes?.["circuit_breaker.skips_since_opened"]),
    ).toEqual([n]);
  }
});

test("spanEvents: a refusal without a recorded span makes no event", async () => {
  const { breaker } = attached({ spanEvents: true });
  breaker.forceOpen();
  const asked: number[] = [];
  const told: number[] = [];
  // Beside the exporter: delivered when one of the two needs the event, and declined when neither does.
  breaker.on("circuit.skip", ({ seq }) => void told.push(seq), {
    declines: ({ seq }) => asked.push(seq) > 0,
  });
  await breaker.execute(succeed);
  trace.disable();
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors, sampler: new AlwaysOffSampler() }),
  );
  await trace.getTracer("app").startActiveSpan("dropped", () => breaker.execute(succeed));
  expect([asked, told]).toEqual([[2, 3], []]);
});

test("spanAttributes: the span of a guarded call has the breaker's name and state", async () => {
  const { clock, breaker } = attached({ spanAttributes: true });
  const attributesOf = async (call: () => unknown) => (await inSpan(call)).attributes;
  const payments = (state: string) => ({
    "circuit_breaker.name": "payments",
    "circuit_breaker.state": state,
  });
  expect(await attributesOf(() => breaker.call(succeed))).toEqual(payments("closed"));
  expect(await attributesOf(() => breaker.execute(fail))).toEqual(payments("closed"));
  expect(await attributesOf(() => breaker.execute(fail))).toEqual(payments("open"));
  expect(await attributesOf(() => breaker.execute(succeed))).toEqual(payments("open"));
  clock.advance(10_000);
  expect(await attributesOf(() => breaker.execute(fail))).toEqual(payments("open"));
  clock.advance(10_000);
  expect(await attributesOf(() => breaker.callSync(() => 1))).toEqual(payments("closed"));
  const permit = breaker.admit();
  breaker.reset();
  expect(await attributesOf(() => permit.ok && permit.success())).toEqual(payments("closed"));
  expect(await attributesOf(() => {})).toEqual({});
});

test("spanAttributes alone adds no events, and both may be asked for", async () => {
  const { breaker } = attached({ spanAttributes: true });
  breaker.forceOpen();
  expect((await inSpan(() => breaker.execute(succeed))).events).toEqual([]);
  exportToOpenTelemetry(breaker, { spanEvents: true, spanAttributes: true });
  const { events, attributes } = await inSpan(() => breaker.execute(succeed));
  expect(events.map(({ name }) => name)).toEqual(["circuit.skip"]);
  expect(attributes).toMatchObject({ "circuit_breaker.state": "forced_open" });
});

test("spans: off by default, and then nobody listens to single calls", () => {
  const sdk = startSdk();
  const { breaker } = attached({ meterProvider: sdk.meterProvider });
  for (const type of ["circuit.skip", "circuit.success", "circuit.failure"] as const) {
    expect(breaker.bus.has(type), type).toBe(false);
  }
});

test("spans: a breaker that is attached twice writes once, until the last detach", async () => {
  const { breaker, detach } = attached({ spanEvents: true });
  const sdk = startSdk();
  const again = exportToOpenTelemetry(breaker, {
    meterProvider: sdk.meterProvider,
    spanEvents: true,
  });
  breaker.forceOpen();
  const namesOf = async () =>
    (await inSpan(() => breaker.execute(succeed))).events.map(({ name }) => name);
  expect(await namesOf()).toEqual(["circuit.skip"]);
  detach();
  detach();
  expect(await namesOf()).toEqual(["circuit.skip"]);
  again();
  expect(await namesOf()).toEqual([]);
  expect(breaker.bus.has("circuit.skip")).toBe(false);
  exportToOpenTelemetry(breaker, { spanEvents: true });
  expect(await namesOf()).toEqual(["circuit.skip"]);
});

test("spans: other breakers of the bus leave no mark", async () => {
  const bus = createEventBus();
  const [mine, other] = ["mine", "other"].map((name) => new CircuitBreaker(name, { bus }));
  exportToOpenTelemetry(mine ?? [], { spanEvents: true, spanAttributes: true });
  other?.forceOpen();
  const { events, attributes } = await inSpan(() => other?.execute(succeed));
  expect([events, attributes]).toEqual([[], {}]);
});

test("spans: a span that throws harms no call, and is counted", async () => {
  const { breaker } = attached({ spanEvents: true, spanAttributes: true });
  const failed: string[] = [];
  breaker.bus.on("bus.listener_failed", ({ sink }) => void failed.push(sink));
  const broken = Object.assign(
    trace.wrapSpanContext({ traceId: "1", spanId: "1", traceFlags: 1 }),
    {
      isRecording: () => true,
      addEvent: () => {
        throw BOOM;
      },
      setAttribute: () => {
        throw BOOM;
      },
    },
  );
  breaker.forceOpen();
  const result = await context.with(trace.setSpan(context.active(), broken), () =>
    breaker.execute(succeed),
  );
  expect(result).toMatchObject({ outcome: "circuit-open", reason: "forced_open" });
  expect(failed).toEqual(["opentelemetry", "opentelemetry"]);
});

test("exemplars: a pushed duration is recorded in the context of its call", async () => {
  const recorded: (string | undefined)[] = [];
  const sdk = startSdk();
  const meter = sdk.meterProvider.getMeter("any");
  const { breaker } = attached({
    callDurations: true,
    meterProvider: {
      getMeter: () =>
        Object.assign(Object.create(meter), {
          createHistogram: () => ({
            record: () => void recorded.push(trace.getActiveSpan()?.spanContext().traceId),
          }),
        }),
    },
  });
  const call = async () => {
    await later();
    return 1;
  };
  const spans = await Promise.all([1, 2].map(() => inSpan(() => breaker.call(call))));
  expect(recorded.sort()).toEqual(
    finished
      .getFinishedSpans()
      .map((span) => span.spanContext().traceId)
      .sort(),
  );
  expect(spans).toHaveLength(2);
});
