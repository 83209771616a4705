import { expect, test } from "vitest";
import { iterateEvents } from "../../src/index.ts";
import { collected, scraped } from "../support/scraped.ts";

test.each([
  ["exportToPrometheus()", scraped],
  ["exportToOpenTelemetry()", collected],
])("%s counts what a full buffer gave up, all of it", async (_, exported) => {
  const { breaker, detach, values } = exported();
  const ending = new AbortController();
  iterateEvents(breaker, "circuit.skip", { bufferLimit: 10, signal: ending.signal });
  iterateEvents(breaker, "circuit.skip", { bufferLimit: 1_000, sink: "live view" });
  breaker.forceOpen();
  for (let n = 0; n < 110; n++) breaker.admit();
  ending.abort();
  expect(await values("events_dropped_total")).toMatchObject({ stream: 100 });
  expect(breaker.bus.has("bus.dropped")).toBe(true);
  detach();
  expect(breaker.bus.has("bus.dropped")).toBe(false);
});
