import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { exportToPrometheus, type PrometheusOptions } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker, type TelltaleEvent } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { scraped, TWO_AND_TEN } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

const START_SECONDS = START_AT_MS / 1000;

function openMetrics() {
  const registry = new Registry();
  // The types of prom-client name the other format alone.
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  return registry;
}

/** A breaker in an OpenMetrics registry; `exemplars` gives the lines that have one, without the others. */
function exemplified(options: PrometheusOptions, breakerOptions = TWO_AND_TEN) {
  const { clock, breaker, detach: leave } = scraped({}, breakerOptions);
  leave();
  const registry = openMetrics();
  const detach = exportToPrometheus(breaker, registry, options);
  const exemplars = async () =>
    (await registry.metrics()).split("\n").filter((line) => line.includes(" # {"));
  return { clock, breaker, registry, detach, exemplars };
}

/** A source that names the calls one after the other. */
function numbered() {
  let calls = 0;
  return vi.fn(() => ({ trace_id: `t${++calls}` }));
}

const skips = async (breaker: CircuitBreaker, times: number) => {
  for (let n = 0; n < times; n++) await breaker.execute(succeed);
};

test("exemplars: of failed and refused calls, with the moment of the call", async () => {
  const { clock, breaker, exemplars } = exemplified({ exemplars: numbered() });
  expect(await exemplars()).toEqual([]);
  await failTimes(breaker, 2);
  clock.advance(500);
  await skips(breaker, 3);
  expect(await exemplars()).toEqual([
    `circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="error"} 2 # {trace_id="t1"} 1 ${START_SECONDS}`,
    `circuit_breaker_skips_total{circuit_breaker_name="payments",reason="open"} 3 # {trace_id="t2"} 1 ${START_SECONDS + 0.5}`,
  ]);
});

test("exemplars: the first call after a scrape takes the place of the one that was shown", async () => {
  const source = numbered();
  const { breaker, exemplars } = exemplified({ exemplars: source });
  breaker.forceOpen();
  const shown = async () => (await exemplars()).map((line) => /trace_id="(.*?)"/.exec(line)?.[1]);
  await skips(breaker, 50);
  expect(await shown()).toEqual(["t1"]);
  expect(await shown()).toEqual(["t1"]);
  await skips(breaker, 50);
  expect(await shown()).toEqual(["t2"]);
  // One question in each interval, however many calls are refused.
  expect(source).toHaveBeenCalledTimes(2);
});

test("exemplars: slow calls and each reason of a refusal have their own", async () => {
  const { breaker, exemplars } = exemplified(
    { exemplars: numbered() },
    { ...TWO_AND_TEN, latencyTripMs: 100 },
  );
  permitOf({ breaker }).success(250);
  permitOf({ breaker }).failure(BOOM);
  await skips(breaker, 1);
  breaker.forceOpen();
  await skips(breaker, 1);
  expect((await exemplars()).map((line) => line.replace(/.*?,|\} .*\{/g, ""))).toEqual([
    expect.stringContaining('outcome="error"'),
    expect.stringContaining('outcome="latency"'),
    expect.stringContaining('reason="open"'),
    expect.stringContaining('reason="forced_open"'),
  ]);
});

test("exemplars: the bucket of a failed call's duration has one, with its length", async () => {
  const { breaker, exemplars } = exemplified({ exemplars: numbered(), callDurations: true });
  permitOf({ breaker }).success(20);
  permitOf({ breaker }).failure(BOOM, 750);
  expect(await exemplars()).toContain(
    `circuit_breaker_call_duration_seconds_bucket{circuit_breaker_name="payments",outcome="error",le="1"} 1 # {trace_id="t1"} 0.75 ${START_SECONDS}`,
  );
});

test("exemplars: a function may say that there is none", async () => {
  const { breaker, exemplars } = exemplified({ exemplars: () => undefined });
  await failTimes(breaker, 2);
  await skips(breaker, 2);
  expect(await exemplars()).toEqual([]);
});

test("exemplars: off by default, and then nobody listens to refusals and failures", () => {
  const { breaker } = exemplified({});
  expect(breaker.bus.has("circuit.skip")).toBe(false);
  expect(breaker.bus.has("circuit.failure")).toBe(false);
});

test("exemplars: a registry that prints the older format shows none", async () => {
  const { breaker, registry } = exemplified({ exemplars: numbered() });
  registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE as never);
  await failTimes(breaker, 2);
  expect(await registry.metrics()).not.toContain("trace_id");
});

test("exemplars: the detach ends them, and other breakers of the bus have none", async () => {
  const { breaker, registry, detach, exemplars } = exemplified({ exemplars: numbered() });
  const other = new CircuitBreaker("other", { bus: breaker.bus });
  exportToPrometheus(other, registry);
  other.forceOpen();
  await skips(other, 2);
  expect(await exemplars()).toEqual([]);
  detach();
  expect(breaker.bus.has("circuit.skip")).toBe(false);
  expect(breaker.bus.has("circuit.failure")).toBe(false);
});

const unusable: readonly [why: string, labels: unknown, message: string][] = [
  ["throws", undefined, "boom"],
  [
    "gives more than Prometheus takes",
    { trace_id: "x".repeat(121) },
    "Cannot take an exemplar: exemplars() must be labels of at most 128 characters in all, received 129",
  ],
  [
    "gives an illegal name",
    { "trace id": "1" },
    'Cannot take an exemplar: exemplars() must be labels with legal names, received "trace id"',
  ],
  [
    "gives a number",
    { trace_id: 7 },
    "Cannot take an exemplar: exemplars().trace_id must be a string, received 7",
  ],
  [
    "gives no labels",
    "t1",
    'Cannot take an exemplar: exemplars() must be an object, received "t1"',
  ],
];

test.each(unusable)(
  "trap 34: a source that %s fails no call and no scrape, and is counted",
  async (_why, labels, message) => {
    const source = () => {
      if (labels === undefined) throw BOOM;
      return labels as Record<string, string>;
    };
    const { breaker, registry, exemplars } = exemplified({ exemplars: source });
    const failed: TelltaleEvent[] = [];
    breaker.bus.on("bus.listener_failed", (event) => void failed.push(event));
    expect(await breaker.execute(fail)).toMatchObject({ outcome: "error", error: BOOM });
    breaker.forceOpen();
    await skips(breaker, 1);
    expect(failed).toMatchObject([
      { sink: "prometheus", failedType: "circuit.failure", error: { message } },
      { sink: "prometheus", failedType: "circuit.skip", error: { message } },
    ]);
    expect(await exemplars()).toEqual([]);
    expect(await registry.metrics()).toContain(
      'circuit_breaker_events_dropped_total{sink="prometheus"} 2\n',
    );
  },
);

test("exemplars: one source for a registry while breakers are attached", async () => {
  const source = numbered();
  const { breaker, registry, detach } = exemplified({ exemplars: source });
  const other = new CircuitBreaker("other");
  exportToPrometheus(other, registry, { exemplars: source })();
  expect(() => exportToPrometheus(other, registry, { exemplars: numbered() })).toThrow(
    new RangeError(
      "Cannot export to Prometheus: exemplars must be the source of the breakers attached before, received a function",
    ),
  );
  detach();
  exportToPrometheus(breaker, registry, { exemplars: () => ({ trace_id: "of another" }) });
  breaker.forceOpen();
  await skips(breaker, 1);
  expect(await registry.metrics()).toContain('# {trace_id="of another"} 1');
});

test("exemplars: refuses what gives no labels", () => {
  const breaker = new CircuitBreaker("payments");
  for (const exemplars of [true, {}, null]) {
    const attempt = () =>
      // Wrong types on purpose: what a JavaScript caller may pass.
      exportToPrometheus(breaker, openMetrics(), { exemplars } as never);
    expect(attempt).toThrow(
      /^Cannot export to Prometheus: exemplars must be `trace` of @opentelemetry\/api or a function that returns labels, received /,
    );
  }
});

// The span that is active for the caller, as an application has it.
const manager = new AsyncLocalStorageContextManager();
beforeEach(() => {
  context.setGlobalContextManager(manager.enable());
});
afterEach(() => {
  context.disable();
});

const spanOf = (traceId: string, traceFlags: number) =>
  trace.wrapSpanContext({ traceId, spanId: "00f067aa0ba902b7", traceFlags });
const inSpan = <T>(span: ReturnType<typeof spanOf>, fn: () => T): T =>
  context.with(trace.setSpan(context.active(), span), fn);

test("exemplars: `trace` of the OpenTelemetry API gives the active span of the call when it is sampled", async () => {
  const { breaker, exemplars } = exemplified({ exemplars: trace });
  const sampled = spanOf("4bf92f3577b34da6a3ce929d0e0e4736", 1);
  const dropped = spanOf("00000000000000000000000000000001", 0);
  await failTimes(breaker, 1);
  await inSpan(dropped, () => breaker.execute(fail));
  expect(await exemplars()).toEqual([]);
  breaker.reset();
  // The call ends long after it was made, in the context in which it was made.
  await inSpan(sampled, () =>
    breaker.execute(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw BOOM;
    }),
  );
  breaker.forceOpen();
  await inSpan(dropped, () => breaker.execute(succeed));
  await inSpan(sampled, () => breaker.execute(succeed));
  const labels = '{trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7"}';
  expect((await exemplars()).map((line) => line.split(" # ")[1])).toEqual([
    `${labels} 1 ${START_SECONDS}`,
    `${labels} 1 ${START_SECONDS}`,
  ]);
});
