import fs, { readdirSync, statSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { recordEvents } from "../../src/exporters/ndjson.ts";
import { CircuitBreaker, createEventBus, EVENTS, fallback } from "../../src/index.ts";
import { foldIncidents, parseEventLine } from "../../src/report/index.ts";
import { fail, failTimes, succeed } from "../support/breaker.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { wrong } from "../support/wrong-values.ts";
import { detaches, linesOf, place, recorded, skipsIn, textOf } from "./recorded-file.ts";

async function outage({ breaker, clock }: { breaker: CircuitBreaker; clock: FakeClock }) {
  await breaker.call(succeed);
  await failTimes(breaker, 2);
  for (let n = 0; n < 5; n++) breaker.admit();
  clock.advance(100);
  await breaker.call(succeed);
}

test("recordEvents() writes each event as it was emitted, with the number of the line before", async () => {
  const it = recorded({ events: ["circuit.*"], sampleSkips: false });
  await outage(it);
  let prevSeq: number | null = null;
  const lines = linesOf();
  expect(lines).toHaveLength(it.events.length);
  for (const [n, event] of it.events.entries()) {
    expect(lines[n]).toEqual({ ...event, prevSeq });
    prevSeq = event.seq;
  }
  it.detach();
});

test("recordEvents() writes what the report reads", async () => {
  const it = recorded();
  await outage(it);
  it.detach();
  const report = foldIncidents(textOf().split("\n"));
  expect(report.incidents).toMatchObject([
    { breaker: "dependency", instances: ["api-1"], mttrMs: 100, skips: 5, probes: 1, gaps: 0 },
  ]);
  expect(report.input).toMatchObject({ ignored: 0, damaged: 0 });
  for (const line of textOf().trim().split("\n")) expect(parseEventLine(line)).toBeDefined();
});

test("each line is in the file before the caller has its result", async () => {
  const { breaker } = recorded();
  await breaker.execute(fail);
  expect(linesOf().map(({ type }) => type)).toEqual(["circuit.failure", "circuit.progress"]);
});

test("by default it takes what is info or louder, so that successes cost nothing", () => {
  const bus = createEventBus();
  detaches.push(recordEvents(bus, place.path));
  for (const [type, { severity }] of Object.entries(EVENTS)) {
    const quiet = severity === "trace" || severity === "debug";
    expect([type, bus.has(wrong(type))]).toEqual([type, !quiet]);
  }
});

test("events chooses what is recorded", async () => {
  const it = recorded({ events: ["circuit.open", "circuit.success"] });
  await outage(it);
  expect(linesOf().map(({ type }) => type)).toEqual([
    "circuit.success",
    "circuit.open",
    "circuit.success",
  ]);
});

test("trap 31: refused calls are sampled without loss, so that an outage fills no disk", () => {
  const it = recorded();
  it.breaker.forceOpen();
  for (let n = 0; n < 100_000; n++) it.breaker.admit();
  it.breaker.reset();
  it.breaker.forceOpen();
  for (let n = 0; n < 3; n++) it.breaker.admit();
  it.detach();
  const lines = linesOf();
  expect(skipsIn(lines)).toBe(100_003);
  expect(lines.length).toBeLessThan(30);
  expect(foldIncidents(lines).breakers["dependency"]?.skips).toBe(100_003);
});

test("the events of policies are sampled, too, and have no number of a line before", async () => {
  const it = recorded({ events: ["fallback.served"] });
  const cached = fallback("stock", { fail: "open", value: "unknown", bus: it.bus });
  const gone = () => Promise.reject(Object.assign(new Error("gone"), { code: "ECONNRESET" }));
  for (let n = 0; n < 100; n++) await cached.call(gone);
  it.detach();
  const lines = linesOf();
  expect(lines.length).toBeLessThan(12);
  expect(lines.length + lines.reduce((sum, line) => sum + Number(line["suppressed"] ?? 0), 0)).toBe(
    100,
  );
  for (const line of lines) expect(line).not.toHaveProperty("prevSeq");
});

test("sampleSkips: false writes each", () => {
  const it = recorded({ sampleSkips: false });
  it.breaker.forceOpen();
  for (let n = 0; n < 1_000; n++) it.breaker.admit();
  expect(linesOf().filter(({ type }) => type === "circuit.skip")).toHaveLength(1_000);
});

test("maxBytes bounds the file, keepFiles the number of those before it", async () => {
  const it = recorded({ maxBytes: 2_000, keepFiles: 3 });
  for (let n = 0; n < 200; n++) {
    it.breaker.forceOpen();
    it.breaker.reset();
  }
  it.detach();
  const files = ["events.ndjson", "events.ndjson.1", "events.ndjson.2", "events.ndjson.3"];
  expect(readdirSync(place.folder).sort()).toEqual(files);
  for (const file of files)
    expect(statSync(join(place.folder, file)).size).toBeLessThanOrEqual(2_000);
  // The newest lines, in order and without a gap, across all of them.
  const lines = files.toReversed().flatMap((file) => linesOf(join(place.folder, file)));
  expect(lines.at(-1)?.["seq"]).toBe(400);
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, n) => 401 - lines.length + n));
  expect(lines.length).toBeGreaterThan(12);
  expect(it.lost()).toBe(0);
});

test("keepFiles: 0 begins the file again and keeps none", () => {
  const it = recorded({ maxBytes: 2_000, keepFiles: 0 });
  for (let n = 0; n < 50; n++) {
    it.breaker.forceOpen();
    it.breaker.reset();
  }
  expect(readdirSync(place.folder)).toEqual(["events.ndjson"]);
  expect(statSync(place.path).size).toBeLessThanOrEqual(2_000);
  expect(linesOf().at(-1)?.["seq"]).toBe(100);
});

test("a line that is longer than maxBytes has a file of its own", () => {
  const it = recorded({ maxBytes: 1, keepFiles: 1 });
  it.breaker.forceOpen();
  it.breaker.reset();
  expect(linesOf().map(({ type }) => type)).toEqual(["circuit.close"]);
  expect(linesOf(`${place.path}.1`).map(({ type }) => type)).toEqual(["circuit.open"]);
});

test("a file that is there already is continued, its size counted, its torn last line ended", () => {
  writeFileSync(place.path, '{"type":"circuit.open","v":1,"se');
  const it = recorded({ maxBytes: 700 });
  it.breaker.forceOpen();
  expect(textOf()).toMatch(/"se\n\{"type":"circuit\.open"/);
  expect(foldIncidents(textOf().split("\n")).input).toMatchObject({ events: 1, damaged: 1 });
  it.breaker.reset();
  expect(linesOf().map(({ type }) => type)).toEqual(["circuit.close"]);
  expect(textOf(`${place.path}.1`)).toContain('"se\n');
});

describe("bufferBytes", () => {
  test("lines wait until they are that many bytes", () => {
    const it = recorded({ bufferBytes: 1_000 });
    it.breaker.forceOpen();
    expect(readdirSync(place.folder)).toEqual([]);
    for (let n = 0; n < 5; n++) {
      it.breaker.reset();
      it.breaker.forceOpen();
    }
    const written = linesOf().length;
    expect(written).toBeGreaterThan(2);
    expect(written).toBeLessThan(11);
    it.detach();
    expect(linesOf().map(({ seq }) => seq)).toEqual(Array.from({ length: 11 }, (_, n) => n + 1));
  });

  test("lines wait a second at most, by a timer that keeps no process alive", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const it = recorded({ bufferBytes: 10_000 });
    it.breaker.forceOpen();
    vi.advanceTimersByTime(999);
    expect(readdirSync(place.folder)).toEqual([]);
    it.breaker.reset();
    vi.advanceTimersByTime(1);
    expect(linesOf()).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
    it.breaker.forceOpen();
    it.detach();
    expect(linesOf()).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("what a flush loses is counted", () => {
    place.path = join(place.folder, "later", "events.ndjson");
    const it = recorded({ bufferBytes: 10_000, events: ["circuit.*"] });
    for (let n = 0; n < 4; n++) {
      it.breaker.forceOpen();
      it.breaker.reset();
    }
    expect(it.dropped).toEqual([]);
    it.detach();
    expect(it.dropped).toMatchObject([{ count: 8, error: { code: "ENOENT" } }]);
  });

  test("what a flush loses is counted with the refused calls that its lines stood for", () => {
    place.path = join(place.folder, "later", "events.ndjson");
    const it = recorded({ bufferBytes: 10_000, events: ["circuit.*"] });
    it.breaker.forceOpen();
    for (let n = 0; n < 100; n++) it.breaker.admit();
    it.breaker.reset();
    it.detach();
    // The open, a hundred refused calls in a few lines, and the close.
    expect(it.lost()).toBe(102);
  });

  test("a flush that was cut short counts what follows the last whole line", () => {
    const it = recorded({ bufferBytes: 10_000, events: ["circuit.*"] });
    it.breaker.forceOpen();
    it.breaker.reset();
    it.breaker.forceOpen();
    const write = fs.writeSync;
    const tries: string[] = [];
    // The first line and a piece of the second fit; then the disk is full.
    fs.writeSync = (fd: number, bytes: unknown, offset?: unknown) => {
      const text = String(bytes).slice(Number(offset ?? 0));
      tries.push(text);
      if (tries.length > 1) throw new Error("no space left");
      return write(fd, text.slice(0, text.indexOf("\n") + 5));
    };
    syncBuiltinESMExports();
    try {
      it.detach();
    } finally {
      fs.writeSync = write;
      syncBuiltinESMExports();
    }
    expect(tries).toHaveLength(2);
    expect(linesOf()).toMatchObject([{ type: "circuit.open" }]);
    expect(it.lost()).toBe(2);
  });

  test("a batch is put into one file as a whole", () => {
    const it = recorded({ bufferBytes: 1_500, maxBytes: 2_000, keepFiles: 9 });
    for (let n = 0; n < 10; n++) {
      it.breaker.forceOpen();
      it.breaker.reset();
    }
    it.detach();
    for (const file of readdirSync(place.folder)) {
      expect(statSync(join(place.folder, file)).size).toBeLessThanOrEqual(2_000);
    }
    const files = readdirSync(place.folder).length;
    expect(files).toBeGreaterThan(2);
  });
});

test("detach() leaves no listener, and may be called twice", () => {
  const bus = createEventBus();
  const exits = process.listenerCount("exit");
  const detach = recordEvents(bus, place.path);
  expect(process.listenerCount("exit")).toBe(exits + 1);
  detach();
  detach();
  for (const type of EVENT_TYPES) expect([type, bus.has(type)]).toEqual([type, false]);
  new CircuitBreaker("payments", { bus }).forceOpen();
  expect(readdirSync(place.folder)).toEqual([]);
  expect(process.listenerCount("exit")).toBe(exits);
});

test("many recordings share one exit listener", () => {
  const before = process.listenerCount("exit");
  const all = Array.from({ length: 20 }, (_, n) =>
    recordEvents(createEventBus(), join(place.folder, `${n}.ndjson`)),
  );
  expect(process.listenerCount("exit")).toBe(before + 1);
  for (const detach of all) detach();
  expect(process.listenerCount("exit")).toBe(before);
});
