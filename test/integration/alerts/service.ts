// The process of a service whose breaker the end-to-end test watches: `node service.ts prom-client PORT` or
// `node service.ts opentelemetry PORT`. Its parent says how its dependency behaves.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { Registry } from "prom-client";
import { exportToOpenTelemetry } from "../../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../../src/exporters/prometheus.ts";
import { CircuitBreaker, createEventBus } from "../../../src/index.ts";
import type { Behaviour } from "./behaviour.ts";
import { besideBreakers } from "./beside-breakers.ts";

const [pipeline = "", portText = ""] = process.argv.slice(2);
const port = Number(portText);
const LATENCY_TRIP_MS = 600;
const SLOW_MS = 750;
const PAUSE_MS = 20;
/** Two fewer than trip. */
const NEAR = 3;

const bus = createEventBus({ instance: `${pipeline}-${process.pid}` });
const breaker = new CircuitBreaker("payments", {
  bus,
  failureThreshold: 5,
  latencyTripMs: LATENCY_TRIP_MS,
  // A sixtieth of a minute, as all times of the rules are a sixtieth.
  cooldownMs: 1_000,
});
// A sink that fails while it matters.
bus.on("circuit.open", () => {
  throw new Error("the sink is full");
});

const options = { callDurations: true };
const beside = await besideBreakers();
if (pipeline === "prom-client") {
  const registry = new Registry();
  exportToPrometheus(breaker, registry, options);
  for (const source of beside.sources) exportToPrometheus(source, registry);
  // A provider that was seen once reads 0 from then on.
  await registry.metrics();
  beside.recover();
  createServer(async (_, response) => {
    response.writeHead(200, { "content-type": registry.contentType }).end(await registry.metrics());
  }).listen(port, "127.0.0.1");
} else {
  const exporter = new PrometheusExporter({ port, host: "127.0.0.1" });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  exportToOpenTelemetry(breaker, { ...options, meterProvider });
  for (const source of beside.sources) exportToOpenTelemetry(source, { meterProvider });
  await exporter.collect();
  beside.recover();
}

// Its parent changes it while a call is under way.
const told: { behaviour: Behaviour; failed: number } = { behaviour: "healthy", failed: 0 };

async function dependency(): Promise<void> {
  switch (told.behaviour) {
    case "healthy":
      return;
    case "slow":
      await sleep(SLOW_MS);
      return;
    case "near":
    case "failing":
      throw new Error("the dependency fails");
  }
}

process.on("message", (message) => {
  // Its parent sends nothing else.
  told.behaviour = message as Behaviour;
  told.failed = 0;
});
process.on("disconnect", () => process.exit(0));

for (;;) {
  // After its failures "near" waits, so that the distance to the trip stays as it is.
  if (told.behaviour !== "near" || told.failed < NEAR) {
    const { outcome } = await breaker.execute(dependency);
    if (outcome === "error") told.failed++;
  }
  await sleep(PAUSE_MS);
}
