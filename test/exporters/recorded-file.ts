import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import { type RecordingOptions, recordEvents } from "../../src/exporters/ndjson.ts";
import { type CircuitBreakerOptions, createEventBus, type EventOf } from "../../src/index.ts";
import { watch } from "../support/breaker.ts";

export type Line = Readonly<Record<string, unknown>>;

/** A folder for the files of one test, removed after it; what was recorded there is detached before. */
export const place = { folder: "", path: "" };
/** What detaches the recordings of the present test. */
export const detaches: (() => void)[] = [];

beforeEach(() => {
  place.folder = mkdtempSync(join(tmpdir(), "telltale-ndjson-"));
  place.path = join(place.folder, "events.ndjson");
});
afterEach(() => {
  for (const detach of detaches.splice(0)) detach();
  vi.useRealTimers();
  rmSync(place.folder, { recursive: true });
});

export const textOf = (file = place.path): string => readFileSync(file, "utf8");

export const linesOf = (file = place.path): Line[] =>
  textOf(file)
    .split("\n")
    .slice(0, -1)
    .map((line): Line => JSON.parse(line));

/** A breaker that is recorded, and what was dropped. */
export function recorded(options?: RecordingOptions, breakerOptions: CircuitBreakerOptions = {}) {
  const bus = createEventBus({ instance: "api-1" });
  const dropped: EventOf<"bus.dropped">[] = [];
  bus.on("bus.dropped", (event) => dropped.push(event));
  const detach = recordEvents(bus, place.path, options);
  detaches.push(detach);
  const watched = watch({ bus, failureThreshold: 2, cooldownMs: 100, ...breakerOptions });
  const lost = () => dropped.reduce((sum, { count }) => sum + count, 0);
  return { ...watched, bus, detach, dropped, lost };
}

/** The refused calls that lines tell of, themselves and by the number that they carry. */
export const skipsIn = (lines: readonly Line[]): number =>
  lines.reduce(
    (sum, line) =>
      sum + (line["type"] === "circuit.skip" ? 1 : 0) + Number(line["suppressed"] ?? 0),
    0,
  );
