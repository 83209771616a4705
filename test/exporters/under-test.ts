import * as successor from "@prometheus-io/client";
import pino from "pino";
import * as promClient from "prom-client";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { exportToPrometheus, type PrometheusRegistry } from "../../src/exporters/prometheus.ts";
import type { CircuitBreaker, EventBus } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { parse, startSdk } from "../support/scrape.ts";
import { type Totals, totalsOfEvents, totalsOfPage } from "./totals.ts";

/** The name of the breaker that the contract is tried with. */
export const NAME = "payments";

/** How a destination fails: at once, or by a promise that rejects. */
type Failing = "throws" | "rejects";

/** What an exporter writes to, in a test. It outlives the attachments. */
export interface Destination {
  /** Attaches the exporter to breakers that share a bus; returns what detaches it. */
  attach(breakers: readonly CircuitBreaker[], bus: EventBus): () => unknown;
  /** What it says of the breaker called {@link NAME} at present, once everything has reached it. */
  totals(): Promise<Totals>;
  /** How many events it was told, or series it shows. */
  size(): Promise<number>;
  /** It takes nothing from now on, or works again. A numbers exporter fails where it can: while it is asked. */
  fail(how: Failing | null): void;
  /** It takes its time from now on, until the function that this returns is called. */
  stall(): () => void;
}

/** One exporter under the contract. A further one is added to {@link EXPORTERS}, and the contract tries it. */
export interface ExporterEntry {
  readonly name: string;
  /** Under which name what it fails to take is counted. */
  readonly sink: string;
  /** Whether it hands on events, or shows the numbers of the breakers when it is asked. */
  readonly tells: "events" | "numbers";
  /** How its destination can fail. */
  readonly ways: readonly Failing[];
  open(): Destination;
}

/** A gate that what is written waits at while it is shut. */
function gate() {
  let shut: Promise<void> | null = null;
  return {
    get shut() {
      return shut;
    },
    stall() {
      let open = () => {};
      shut = new Promise((resolve) => {
        open = resolve;
      });
      return () => {
        shut = null;
        open();
      };
    },
  };
}

const later = () => new Promise((resolve) => setImmediate(resolve));

/** A real pino logger behind methods that may fail, in front of a stream that may stall. */
function openPino(): Destination {
  const written: string[] = [];
  const waiting = gate();
  let failing: Failing | null = null;
  const stream = {
    write(line: string) {
      const { shut } = waiting;
      if (shut === null) written.push(line);
      else void shut.then(() => written.push(line));
    },
  };
  const real = pino({ level: "trace", base: null, timestamp: false }, stream);
  const around = (inner: pino.Logger): pino.Logger => {
    const through = (level: "trace" | "debug" | "info" | "warn" | "error") =>
      // As an async method of somebody's own logger would be: declared void, and a promise all the same.
      ((fields: object, message: string): unknown => {
        if (failing === "rejects") return Promise.reject(BOOM);
        if (failing === "throws") throw BOOM;
        return inner[level](fields, message);
      }) as pino.LogFn;
    return Object.assign(Object.create(inner), {
      ...{ trace: through("trace"), debug: through("debug"), info: through("info") },
      ...{ warn: through("warn"), error: through("error") },
      child: (bindings: pino.Bindings) => around(inner.child(bindings)),
    });
  };
  const logger = around(real);
  const lines = (): Record<string, unknown>[] => written.map((line) => JSON.parse(line));
  return {
    attach: (_breakers, bus) => logCircuitEvents(bus, logger),
    totals: async () => {
      await later();
      return totalsOfEvents(lines().filter(({ breaker }) => breaker === NAME));
    },
    size: async () => lines().filter(({ breaker }) => breaker === NAME).length,
    fail: (how) => {
      failing = how;
    },
    stall: waiting.stall,
  };
}

/** A registry of a client, whose source of exemplars may fail. */
const openPrometheus =
  (makeRegistry: () => PrometheusRegistry & { metrics(): Promise<string> }) => (): Destination => {
    const registry = makeRegistry();
    let failing: Failing | null = null;
    const source = () => {
      if (failing !== null) throw BOOM;
      return { trace_id: "1" };
    };
    const page = async () => parse(await registry.metrics());
    return {
      attach: (breakers) =>
        exportToPrometheus(breakers, registry, { callDurations: true, exemplars: source }),
      totals: async () => totalsOfPage(await page(), NAME),
      size: async () =>
        [...(await page()).series.keys()].filter((key) => key.includes(NAME)).length,
      fail: (how) => {
        failing = how;
      },
      // It is asked; nothing is written to it.
      stall: () => () => {},
    };
  };

/** An SDK whose histograms fail to record. */
function openOpenTelemetry(): Destination {
  const sdk = startSdk();
  let failing: Failing | null = null;
  const real = sdk.meterProvider.getMeter("telltale");
  const meter: typeof real = Object.assign(Object.create(real), {
    createHistogram(...args: Parameters<typeof real.createHistogram>) {
      const histogram = real.createHistogram(...args);
      const record: typeof histogram.record = (...values) => {
        if (failing !== null) throw BOOM;
        histogram.record(...values);
      };
      return { record };
    },
  });
  const meterProvider = { getMeter: () => meter };
  const page = async () => parse(await sdk.text());
  return {
    attach: (breakers) => exportToOpenTelemetry(breakers, { meterProvider, callDurations: true }),
    totals: async () => totalsOfPage(await page(), NAME),
    size: async () => [...(await page()).series.keys()].filter((key) => key.includes(NAME)).length,
    fail: (how) => {
      failing = how;
    },
    stall: () => () => {},
  };
}

/** A logger of the Logs API; as the SDK's it says nothing of when a record is exported. */
function openLogs(): Destination {
  const records: Record<string, unknown>[] = [];
  const waiting = gate();
  let failing: Failing | null = null;
  const emit = ({ eventName, attributes }: { eventName: string; attributes: object }): unknown => {
    if (failing === "throws") throw BOOM;
    if (failing === "rejects") return Promise.reject(BOOM);
    const fields = Object.entries(attributes).map(([key, value]): [string, unknown] => {
      const field = key.replace("circuit_breaker.", "");
      return [field === "counted_as" ? "countedAs" : field, value];
    });
    const record = { type: eventName, ...Object.fromEntries(fields) };
    const { shut } = waiting;
    if (shut === null) records.push(record);
    else void shut.then(() => records.push(record));
    return undefined;
  };
  const own = () => records.filter((record) => record["name"] === NAME);
  const loggerProvider = { getLogger: () => ({ emit: emit as () => void }) };
  return {
    attach: (breakers) => exportToOpenTelemetry(breakers, { loggerProvider, logs: "trace" }),
    totals: async () => {
      await later();
      return totalsOfEvents(own());
    },
    size: async () => own().length,
    fail: (how) => {
      failing = how;
    },
    stall: waiting.stall,
  };
}

/** Every exporter that the contract is for. */
export const EXPORTERS: readonly ExporterEntry[] = [
  { name: "pino", sink: "pino", tells: "events", ways: ["throws", "rejects"], open: openPino },
  {
    name: "opentelemetry",
    sink: "opentelemetry",
    tells: "numbers",
    ways: ["throws"],
    open: openOpenTelemetry,
  },
  {
    name: "opentelemetry logs",
    sink: "opentelemetry",
    tells: "events",
    ways: ["throws", "rejects"],
    open: openLogs,
  },
  {
    name: "prometheus with prom-client",
    sink: "prometheus",
    tells: "numbers",
    ways: ["throws"],
    open: openPrometheus(() => new promClient.Registry()),
  },
  {
    name: "prometheus with @prometheus-io/client",
    sink: "prometheus",
    tells: "numbers",
    ways: ["throws"],
    open: openPrometheus(() => new successor.Registry()),
  },
];
