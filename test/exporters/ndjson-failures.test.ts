import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { recordEvents } from "../../src/exporters/ndjson.ts";
import { CircuitBreaker, createEventBus, type EventBus } from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { FOREIGN_EVENTS, OWN_EVENT } from "../support/foreign-events.ts";
import { NO_COUNTS, NO_NUMBERS, NO_OBJECTS, wrong } from "../support/wrong-values.ts";
import { linesOf, place, recorded, skipsIn } from "./recorded-file.ts";

describe("a file that cannot be written harms no call, and what it loses is counted:", () => {
  test("a missing folder, until it is there", async () => {
    place.path = join(place.folder, "later", "events.ndjson");
    const it = recorded();
    await expect(it.breaker.call(succeed)).resolves.toBe("value");
    await failTimes(it.breaker, 2);
    expect(it.breaker.state).toBe("open");
    // Four events, and the reports of their loss, which are meant for the file, too.
    expect(it.dropped.map(({ count }) => count)).toEqual([1, 2, 3]);
    expect(it.dropped[0]).toMatchObject({ sink: "ndjson", error: { code: "ENOENT" } });
    mkdirSync(join(place.folder, "later"));
    it.breaker.reset();
    // Its first line says that there were others before it.
    expect(linesOf()).toMatchObject([
      { type: "circuit.close", prevSeq: 5 },
      { type: "bus.dropped", count: 1 },
    ]);
    it.detach();
  });

  test("the gap is told in the file itself", () => {
    place.path = join(place.folder, "later", "events.ndjson");
    const it = recorded();
    for (let n = 0; n < 3; n++) {
      it.breaker.forceOpen();
      it.breaker.reset();
    }
    mkdirSync(join(place.folder, "later"));
    it.breaker.forceOpen();
    const [open, dropped] = linesOf();
    expect(open).toMatchObject({ type: "circuit.open", prevSeq: 6 });
    expect(dropped).toMatchObject({
      type: "bus.dropped",
      sink: "ndjson",
      error: { code: "ENOENT" },
    });
    it.detach();
    expect(it.lost()).toBeGreaterThanOrEqual(6);
  });

  test.skipIf(process.platform !== "linux")("a full disk", async () => {
    place.path = "/dev/full";
    const it = recorded({ sampleSkips: false });
    await failTimes(it.breaker, 2);
    for (let n = 0; n < 1_000; n++) it.breaker.admit();
    expect(it.dropped.length).toBeLessThan(20);
    it.detach();
    expect(it.dropped.at(-1)).toMatchObject({ sink: "ndjson", error: { code: "ENOSPC" } });
    // Two failures, a progress, an open, the skips, and the reports that the file was given, too.
    expect(it.lost()).toBe(4 + 1_000 + it.dropped.length - 1);
  });

  test("a place that is a folder", () => {
    mkdirSync(place.path);
    const it = recorded();
    it.breaker.forceOpen();
    expect(it.dropped).toMatchObject([{ count: 1, error: { code: "EISDIR" } }]);
  });

  test("a file that cannot be put aside: the limit holds, and the next event tries again", () => {
    mkdirSync(`${place.path}.1/in the way`, { recursive: true });
    const it = recorded({ maxBytes: 700, keepFiles: 1 });
    for (let n = 0; n < 10; n++) {
      it.breaker.forceOpen();
      it.breaker.reset();
    }
    expect(statSync(place.path).size).toBeLessThanOrEqual(700);
    expect(it.dropped[0]?.error?.message).toMatch(/rename/);
    rmSync(`${place.path}.1`, { recursive: true });
    it.breaker.forceOpen();
    expect(linesOf()[0]).toMatchObject({ type: "circuit.open", seq: 21 });
    it.detach();
  });

  test("refused calls that were not written are carried by the next line", () => {
    place.path = join(place.folder, "later", "events.ndjson");
    const it = recorded({ events: ["circuit.skip"] });
    it.breaker.forceOpen();
    for (let n = 0; n < 100; n++) it.breaker.admit();
    mkdirSync(join(place.folder, "later"));
    for (let n = 0; n < 100; n++) it.breaker.admit();
    it.detach();
    expect(skipsIn(linesOf())).toBe(200);
  });

  test("what the sampling held back at the end", () => {
    place.path = join(place.folder, "later", "events.ndjson");
    const it = recorded({ events: ["circuit.skip"] });
    const failed: number[] = [];
    it.bus.on("bus.listener_failed", ({ count }) => failed.push(count));
    it.breaker.forceOpen();
    for (let n = 0; n < 7; n++) it.breaker.admit();
    expect(() => it.detach()).not.toThrow();
    expect(failed).toEqual([7]);
  });
});

test("a bus that refuses to let a listener go is reported to who detaches; the file is complete", () => {
  const own = createEventBus();
  const bus: EventBus = {
    emit: (event) => own.emit(event),
    has: (type) => own.has(type),
    on(type, listener) {
      own.on(type, listener);
      return () => {
        throw BOOM;
      };
    },
  };
  const detach = recordEvents(bus, place.path, { bufferBytes: 1_000 });
  new CircuitBreaker("payments", { bus }).forceOpen();
  expect(detach).toThrow(/^Cannot stop listening: a bus refused to let a listener go$/);
  expect(linesOf()).toHaveLength(1);
});

test.each(FOREIGN_EVENTS)(
  "an event with %s is refused and counted, and not written",
  (_, event) => {
    const it = recorded({ events: ["circuit.*"] });
    it.bus.emit(event);
    it.bus.emit(OWN_EVENT);
    expect(it.lost()).toBe(1);
    expect(linesOf()).toEqual([{ ...OWN_EVENT, prevSeq: null }]);
  },
);

test("an event that no breaker of ours could tell, for its length, is refused and counted", () => {
  const it = recorded();
  it.bus.emit({ ...OWN_EVENT, note: "x".repeat(70_000) });
  expect(it.dropped).toMatchObject([{ count: 1, error: { name: "RangeError" } }]);
  expect(it.dropped[0]?.error?.message).toMatch(
    /^Cannot write circuit\.close: its text must have at most 65536 characters, received 70\d+$/,
  );
  expect(linesOf().map(({ type }) => type)).toEqual(["bus.dropped"]);
});

describe("bad input", () => {
  const record = (options: unknown, at: unknown = place.path) =>
    recordEvents(createEventBus(), wrong(at), wrong(options));

  test.each([...NO_NUMBERS, ...NO_COUNTS])("refuses maxBytes %o", (value, received) => {
    expect(() => record({ maxBytes: value })).toThrow(
      `Cannot record events: maxBytes must be a positive integer, received ${received}`,
    );
  });

  test.each([...NO_NUMBERS, [-1, "-1"], [1.5, "1.5"], [1_001, "1001"]] as const)(
    "refuses keepFiles %o",
    (value, received) => {
      expect(() => record({ keepFiles: value })).toThrow(
        `Cannot record events: keepFiles must be an integer from 0 to 1000, received ${received}`,
      );
    },
  );

  test.each([
    [{ bufferBytes: -1 }, "bufferBytes must be an integer from 0 to 67108864, received -1"],
    [{ bufferBytes: 11, maxBytes: 10 }, "bufferBytes must be an integer from 0 to 10, received 11"],
    [{ sampleSkips: 1 }, "sampleSkips must be true or false, received 1"],
    [{ maxByte: 1 }, 'unknown option "maxByte", did you mean "maxBytes"?'],
    [
      { events: ["circuit"] },
      'events[0] must be the name of an event or of a family (did you mean "circuit.*"?), received "circuit"',
    ],
  ])("refuses %o", (options, told) => {
    expect(() => record(options)).toThrow(`Cannot record events: ${told}`);
  });

  test.each(NO_OBJECTS)("refuses %o as options", (options, received) => {
    expect(() => record(options)).toThrow(
      new TypeError(`Cannot record events: options must be an object, received ${received}`),
    );
  });

  test("refuses a path that is none, and a bus that is none", () => {
    expect(() => record({}, "")).toThrow(
      'Cannot record events: path must be a string of 1 to 4096 characters, received ""',
    );
    expect(() => record({}, 5)).toThrow("Cannot record events: path must be a string, received 5");
    expect(() => recordEvents(wrong(null), place.path)).toThrow(
      "Cannot record events: bus must be an event bus, such as breaker.bus, received null",
    );
  });

  test("an option that is undefined is as if left out", () => {
    expect(() => record({ maxBytes: undefined, sampleSkips: undefined })).not.toThrow();
  });
});
