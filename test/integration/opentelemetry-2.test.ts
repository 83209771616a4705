import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { metrics } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { afterAll, expect, test, vi } from "vitest";
import { startSdk } from "../support/scrape.ts";

// The exporter as it is published, in an application that has the generation of OpenTelemetry before: api 1.9, which
// has no Logs API, and sdk-metrics 2. The application is a folder of its own, in which Node itself finds api 1.9 when
// the package asks for it. The files that test the exporter with api 1.10 and sdk-metrics 3 run here once more, with
// these modules in the place of those.
const { folder, modules, dist } = await vi.hoisted(async () => {
  const fs = await import("node:fs");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const root = join(import.meta.dirname, "../..");
  const built = join(root, "dist");
  if (!fs.existsSync(join(built, "exporters/opentelemetry.js"))) {
    throw new Error("Cannot test the built package: there is none, npm run build makes it");
  }
  const folder = fs.mkdtempSync(join(tmpdir(), "telltale-otel-2-"));
  const modules = join(folder, "node_modules");
  const telltale = join(modules, "telltale");
  fs.mkdirSync(telltale, { recursive: true });
  fs.cpSync(built, join(telltale, "dist"), { recursive: true });
  fs.cpSync(join(root, "package.json"), join(telltale, "package.json"));
  const before = join(import.meta.dirname, "otel-2/node_modules/@opentelemetry");
  fs.symlinkSync(before, join(modules, "@opentelemetry"));
  return { folder, modules, dist: join(telltale, "dist") };
});

vi.mock("@opentelemetry/api", () => import(`${modules}/@opentelemetry/api/build/src/index.js`));
vi.mock(
  "@opentelemetry/sdk-metrics",
  () => import(`${modules}/@opentelemetry/sdk-metrics/build/src/index.js`),
);
vi.mock("../../src/index.ts", () => import(`${dist}/index.js`));
vi.mock("../../src/exporters/opentelemetry.ts", () => import(`${dist}/exporters/opentelemetry.js`));
vi.mock("../../src/exporters/prometheus.ts", () => import(`${dist}/exporters/prometheus.js`));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What an API says of itself once something was registered with it. */
const registered = (): unknown => Reflect.get(globalThis, Symbol.for("opentelemetry.js.api.1"));

test("the modules of this file are api 1.9.0, sdk-metrics 2 and the built package", async () => {
  const resolve = createRequire(join(dist, "exporters/opentelemetry.js")).resolve;
  const versionOf = (name: string): unknown => {
    const [place] = resolve(name).split("/build/");
    return JSON.parse(readFileSync(`${place}/package.json`, "utf8")).version;
  };
  expect(versionOf("@opentelemetry/api")).toBe("1.9.0");
  expect(versionOf("@opentelemetry/sdk-metrics")).toMatch(/^2\./);
  metrics.setGlobalMeterProvider(new MeterProvider());
  expect(registered()).toMatchObject({ version: "1.9.0" });
  metrics.disable();
  const { resource } = await startSdk().collect();
  expect(resource.attributes["telemetry.sdk.version"]).toMatch(/^2\./);
  expect(Object.keys(await import("@opentelemetry/api"))).not.toContain("logs");
  const { exportToOpenTelemetry } = await import("../../src/exporters/opentelemetry.ts");
  expect(exportToOpenTelemetry).toBe(
    (await import(`${dist}/exporters/opentelemetry.js`)).exportToOpenTelemetry,
  );
});

test("an application on plain Node with api 1.9.0 gets metrics and span events, and no log records", async () => {
  writeFileSync(
    join(folder, "application.mjs"),
    `
      import { context, diag, metrics, ROOT_CONTEXT, trace } from "@opentelemetry/api";
      import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
      import { CircuitBreaker } from "telltale";
      import { createHistogramProducer, exportToOpenTelemetry } from "telltale/opentelemetry";

      const warnings = [];
      diag.setLogger({ warn: (text) => warnings.push(text), error() {}, info() {}, debug() {}, verbose() {} });
      const before = new CircuitBreaker("before");
      exportToOpenTelemetry(before, { callDurations: true, spanEvents: true, spanAttributes: true, logs: "info" });
      await before.call(() => 1);

      const span = Object.assign(trace.wrapSpanContext({ traceId: "1", spanId: "1", traceFlags: 1 }), {
        told: [],
        isRecording: () => true,
        addEvent(name, attributes) { this.told.push([name, attributes["circuit_breaker.name"]]); return this; },
      });
      const active = trace.setSpan(ROOT_CONTEXT, span);
      context.setGlobalContextManager({
        active: () => active, with: (_, fn, self, ...args) => fn.apply(self, args), bind: (_, fn) => fn,
        enable() { return this; }, disable() { return this; },
      });
      class Reader extends MetricReader {
        async onShutdown() {}
        async onForceFlush() {}
      }
      const histograms = createHistogramProducer();
      const reader = new Reader({ metricProducers: [histograms] });
      metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
      const breaker = new CircuitBreaker("payments");
      exportToOpenTelemetry(breaker, { histograms, callDurations: true, spanEvents: true });
      await breaker.call(() => 1);
      breaker.forceOpen();
      await breaker.execute(() => 1);
      const { resourceMetrics, errors } = await reader.collect();
      const points = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.reduce((sum, { value }) => sum + (value.count ?? value), 0),
      ]);
      const api = globalThis[Symbol.for("opentelemetry.js.api.1")].version;
      console.log(JSON.stringify({ api, errors, points: Object.fromEntries(points), told: span.told, warnings }));
    `,
  );
  const run = promisify(execFile);
  const { stdout, stderr } = await run(process.execPath, [join(folder, "application.mjs")]);
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual({
    api: "1.9.0",
    errors: [],
    points: expect.objectContaining({
      "circuit_breaker.calls": 1,
      "circuit_breaker.skips": 1,
      "circuit_breaker.transitions": 1,
      "circuit_breaker.call_duration_seconds": 1,
      "circuit_breaker.recovery_duration_seconds": 0,
    }),
    told: [
      ["circuit.open", "payments"],
      ["circuit.skip", "payments"],
    ],
    warnings: [expect.stringContaining("this @opentelemetry/api has no Logs API")],
  });
});

test("the types of the package compile with those of api 1.9.0, libraries checked", async () => {
  writeFileSync(
    join(folder, "application.ts"),
    `
      import { metrics, trace } from "@opentelemetry/api";
      import { MeterProvider, type MetricProducer } from "@opentelemetry/sdk-metrics";
      import { CircuitBreaker } from "telltale";
      import { createHistogramProducer, exportToOpenTelemetry } from "telltale/opentelemetry";

      const histograms = createHistogramProducer();
      const producer: MetricProducer = histograms;
      const breaker = new CircuitBreaker("payments");
      exportToOpenTelemetry(breaker, { meterProvider: new MeterProvider(), histograms });
      exportToOpenTelemetry(breaker, { meterProvider: metrics, logs: "info" });
      export { producer, trace };
    `,
  );
  const tsc = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
  const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023"];
  const run = promisify(execFile);
  const args = [tsc, ...flags, "--types", "", "application.ts"];
  const { stdout } = await run(process.execPath, args, { cwd: folder });
  expect(stdout).toBe("");
});

await import("../exporters/opentelemetry.test.ts");
await import("../exporters/opentelemetry-detach.test.ts");
await import("../exporters/opentelemetry-producer.test.ts");
await import("../exporters/metrics-parity.test.ts");
await import("../exporters/metrics-attributes.test.ts");
await import("../exporters/metrics-budget.test.ts");
