import fc from "fast-check";
import { expect, test } from "vitest";
import { fieldsOf } from "../../src/events/event-shape.ts";
import { isEventType } from "../../src/events/event-types.ts";
import type { TelltaleEvent } from "../../src/index.ts";
import {
  createIncidentFold,
  createReplay,
  isTelltaleEvent,
  parseEvent,
  parseEventLine,
  renderIncidents,
} from "../../src/report/index.ts";
import { broadRun } from "../support/broad-run.ts";
import { wrongEvents } from "../support/wrong-events.ts";

const run = await broadRun();
const lines = run.map((event) => JSON.stringify(event));

/** Gives an entry to everything that takes entries of strangers, and says what became of it. */
function give(entry: unknown) {
  const fold = createIncidentFold();
  const replaying = createReplay();
  fold.add(entry);
  replaying.add(entry);
  const report = fold.result();
  for (const { atMs, stats } of replaying.breakers()) {
    expect(Number.isFinite(atMs)).toBe(true);
    for (const counts of [stats.calls, stats.skips, stats.transitions, stats.timeInStateMs]) {
      for (const count of Object.values(counts)) expect(Number.isFinite(count)).toBe(true);
    }
  }
  expect(renderIncidents(report)).not.toMatch(/NaN|undefined|Infinity|object Object/);
  expect(replaying.input).toEqual(report.input);
  expect(replaying.flawed).toBe(report.flawed);
  return { ...report.input, flawed: report.flawed };
}

/** An event that is read as a whole, or not at all. */
function isExact(event: TelltaleEvent, type: string): void {
  const known = isEventType(type) ? fieldsOf(type) : {};
  for (const key of Object.keys(event)) expect(key === "type" || key in known).toBe(true);
  expect(Object.isFrozen(event)).toBe(true);
}

test("events that are wrong in any way are counted as what they are, and nothing throws", () => {
  fc.assert(
    fc.property(wrongEvents(run), (wrong) => {
      for (const entry of [wrong, JSON.stringify(wrong)]) {
        const { lines: read, events, ignored, damaged } = give(entry);
        expect([read, events + ignored + damaged]).toEqual([1, 1]);
        const event = parseEvent(entry);
        if (event !== undefined) {
          isExact(event, event.type);
          expect(isTelltaleEvent(event)).toBe(true);
        }
      }
    }),
    { numRuns: 3_000 },
  );
});

test("whatever is given that is no event at all is ignored or damaged, and nothing throws", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  fc.assert(
    fc.property(fc.oneof(anything, fc.string(), fc.json()), (entry) => {
      const { events } = give(entry);
      expect(events).toBe(0);
      expect(isTelltaleEvent(entry)).toBe(false);
      expect(parseEvent(entry)).toBeUndefined();
    }),
    { numRuns: 3_000 },
  );
});

test("a line that is cut or joined at any place is no event, or the one that it was", () => {
  fc.assert(
    fc.property(fc.constantFrom(...lines), fc.nat(), fc.nat(), (line, a, b) => {
      const [from, to] = [a % line.length, b % (line.length + 1)];
      const cut = line.slice(Math.min(from, to), Math.max(from, to));
      expect(give(cut).events).toBe(cut === line ? 1 : 0);
      expect(give(cut + line).events).toBe(cut.trim() === "" ? 1 : 0);
    }),
    { numRuns: 1_000 },
  );
});

/** Values of each kind that no field of an event may hold, one by one. */
const NO_VALUES: readonly unknown[] = [undefined, () => 1, Symbol("s"), 1n, Number.NaN, [[]]];

test.each(run.map((event, n) => [n, event.type, event] as const))(
  "event %i, %s: each of its fields refuses what it cannot hold",
  (_, type, event) => {
    for (const name of Object.keys(event)) {
      for (const value of NO_VALUES) {
        const wrong = { ...event, [name]: value };
        expect(isTelltaleEvent(wrong), `${name}: ${String(value)}`).toBe(false);
        expect(parseEvent(wrong)).toBeUndefined();
        const { events, ignored, damaged, flawed } = give(wrong);
        expect(events + ignored + damaged).toBe(1);
        // The type and the version say whether it is ours; the rest of it is out of order.
        if (name !== "type" && name !== "v") expect([ignored, damaged + flawed]).toEqual([0, 1]);
      }
    }
    expect(parseEvent(event)).toEqual(event);
    expect(parseEvent(JSON.stringify({ ...event, added: 1 }))).toEqual(event);
    expect(isTelltaleEvent(event), type).toBe(true);
  },
);

test("an event that answers differently each time, or throws, is read once or not at all", () => {
  const [event] = run;
  const thrower = new Proxy(
    { ...event },
    {
      get: () => {
        throw new Error("get");
      },
    },
  );
  const keyless = new Proxy(
    { ...event },
    {
      ownKeys: () => {
        throw new Error("ownKeys");
      },
    },
  );
  let reads = 0;
  const fickle = Object.defineProperty({ ...event }, "seq", {
    enumerable: true,
    get: () => (reads++ === 0 ? 1 : "many"),
  });
  expect(isTelltaleEvent(thrower)).toBe(false);
  for (const hostile of [thrower, keyless]) {
    expect(parseEvent(hostile)).toBeUndefined();
    expect(give(hostile)).toMatchObject({ damaged: 1 });
  }
  expect(parseEvent(fickle)).toMatchObject({ seq: 1 });
  expect(reads).toBe(1);
});

test("an event without a prototype is an event, and one that inherits its fields is none", () => {
  const [event] = run;
  expect(isTelltaleEvent(Object.assign(Object.create(null), event))).toBe(true);
  expect(isTelltaleEvent(Object.create(event ?? null))).toBe(false);
  expect(parseEvent(Object.create(event ?? null))).toBeUndefined();
});

test("names from the prototype of objects are names like any other", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const event = { type: "circuit.skip", v: 1, seq: 1, breaker: name, atMs: 1, instance: name };
    const replaying = createReplay();
    replaying.add({ ...event, reason: name, state: name, incidentId: name });
    replaying.add({ ...event, seq: 2, type: "circuit.open", from: name, state: name });
    const breaker = replaying.breaker(name, name);
    expect(breaker).toMatchObject({ breaker: name, instance: name, state: "closed", events: 2 });
    expect(Object.values(breaker?.stats.skips ?? {})).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(give(`{"${name}":{"type":"circuit.open"},"type":"${name}"}`).ignored).toBe(1);
  }
  expect({}).not.toHaveProperty("polluted");
});

test("nesting without end is damaged, and does not end the process", () => {
  const depth = 200_000;
  for (const text of [
    `{"type":"circuit.open","v":1,"a":${"[".repeat(depth)}${"]".repeat(depth)}}`,
    `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`,
    `{"type":"circuit.open","v":1,"context":${'{"a":'.repeat(depth)}`,
  ]) {
    const { events, ignored, damaged } = give(text);
    expect([events, ignored + damaged]).toEqual([0, 1]);
    expect(parseEventLine(text)).toBeUndefined();
  }
});

test("numbers beyond all dates and counts are left out, so that sums stay numbers", () => {
  const envelope = { v: 1, breaker: "x", incidentId: "i", generation: 1e308, state: "open" };
  const fold = createIncidentFold();
  for (let seq = 1; seq <= 8; seq += 2) {
    const incidentId = `i${seq}`;
    fold.add({ ...envelope, incidentId, type: "circuit.open", seq, atMs: seq, from: "closed" });
    const close = { ...envelope, incidentId, type: "circuit.close", seq: seq + 1, atMs: seq };
    fold.add({ ...close, mttrMs: 1e308, skipsInIncident: 1e308, probes: 2 ** 53 });
  }
  const { incidents, breakers, flawed } = fold.result();
  expect(flawed).toBe(8);
  expect(incidents.map(({ mttrMs, skips, probes }) => [mttrMs, skips, probes])).toEqual(
    Array.from({ length: 4 }, () => [0, 0, 0]),
  );
  expect(breakers["x"]).toMatchObject({ openMs: 0, skips: 0 });
});

test("parseEvent() reads a line of pino, and refuses one whose error was taken out of it", () => {
  const failed = run.find(({ type }) => type === "bus.listener_failed");
  if (failed === undefined || !("error" in failed)) throw new Error("A broad run has one");
  const { error: err, ...line } = {
    ...failed,
    level: 50,
    time: 1,
    pid: 1,
    hostname: "h",
    msg: "m",
  };
  expect(parseEvent(JSON.stringify({ ...line, err }))).toEqual(failed);
  expect(parseEvent(JSON.stringify({ ...line, err: "[Redacted]" }))).toBeUndefined();
  expect(parseEventLine(JSON.stringify({ ...line, err: "[Redacted]" }))).toMatchObject({
    type: "bus.listener_failed",
  });
});

test("parseEvent() reads the naming of the line, and refuses other options", () => {
  const [event] = run;
  const { type, ...fields } = event ?? { type: "none" };
  const naming = { eventKey: "event", prefix: "triage." };
  expect(parseEvent({ ...fields, event: `triage.${type}` }, naming)).toEqual(event);
  expect(() => parseEvent({}, { evenKey: 1 } as never)).toThrow(
    new TypeError('Cannot parse an event: unknown option "evenKey", did you mean "eventKey"?'),
  );
});
