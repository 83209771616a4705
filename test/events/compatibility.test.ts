import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventsSchema } from "../../src/events/event-schema.ts";
import { isEventType } from "../../src/events/event-types.ts";
import { createReplay, foldIncidents, parseEvent } from "../../src/report/index.ts";
import { breaksBetween, type FrozenCatalogue, presentCatalogue } from "../support/compatibility.ts";
import { SchemaCheck } from "../support/event-schema.ts";

// Written by scripts/freeze-events.ts before the first release of version 1, and never changed after it.
const read = (name: string): string =>
  readFileSync(new URL(`../fixtures/events-v1/${name}`, import.meta.url), "utf8");
const frozen: FrozenCatalogue = JSON.parse(read("catalogue.json"));
const events = read("events.ndjson").trimEnd().split("\n");
const pinoLines = read("pino.ndjson").trimEnd().split("\n");

const HOW =
  "version 1 of the events may only be added to: new events, new optional fields, new words " +
  "(before the first release: node scripts/freeze-events.ts --again)";

test("the catalogue is compatible with version 1 of the events", () => {
  expect(breaksBetween(frozen, presentCatalogue()), HOW).toEqual([]);
});

const schema = new SchemaCheck();

test("the recording of version 1 has every event that version 1 had", () => {
  const types = new Set(events.map((line) => JSON.parse(line).type));
  expect([...types].sort()).toEqual(Object.keys(frozen).sort());
});

test.each(events.map((line, n) => [n, JSON.parse(line).type, line] as const))(
  "event %i of version 1, %s, is still of the schema and still read",
  (_, type, line) => {
    const event = JSON.parse(line);
    expect(isEventType(type)).toBe(true);
    expect(schema.faults(event), HOW).toEqual([]);
    expect(schema.accepts(event)).toBe(true);
    expect(parseEvent(line)).toEqual(event);
  },
);

test("lines of pino of version 1 are still read as the events that they were made from", () => {
  const told = new Set(pinoLines.map((line) => JSON.stringify(parseEvent(line))));
  expect(told.has("undefined")).toBe(false);
  // Skips are sampled; everything else is written, with control characters removed, of which it has none.
  const skipped = events.filter((line) => JSON.parse(line).type !== "circuit.skip");
  const lines = new Set([...told].map((text) => JSON.stringify(sorted(JSON.parse(text)))));
  for (const line of skipped)
    expect(lines.has(JSON.stringify(sorted(JSON.parse(line))))).toBe(true);
});

test("the recording of version 1 still tells the same incidents and the same breakers", () => {
  const expected: { incidents: object[]; breakers: object[] } = JSON.parse(read("expected.json"));
  const { incidents } = foldIncidents(events);
  expect(incidents).toMatchObject(expected.incidents);
  expect(foldIncidents(pinoLines).incidents).toEqual(incidents);
  const replaying = createReplay();
  for (const line of events) replaying.add(line);
  expect(replaying.breakers()).toMatchObject(expected.breakers);
  expect(replaying.flawed).toBe(0);
});

/** An object with its keys in order. */
const sorted = (data: object) => Object.fromEntries(Object.entries(data).sort());

// The comparison has to be able to fail: each change is made to a copy.

type Draft = Record<
  string,
  {
    severity: string;
    fields: Record<string, { shape: object; nullable: boolean; optional: boolean }>;
  }
>;
type Edit = (draft: Draft) => void;

/** A field of the copy that is there. */
function field(draft: Draft, type: string, name: string) {
  const found = draft[type]?.fields[name];
  if (found === undefined) throw new Error(`${type} has no ${name}`);
  return found;
}

function rename(of: Record<string, unknown> | undefined, from: string, to: string): void {
  if (of === undefined) throw new Error("Nothing to rename in");
  of[to] = of[from];
  delete of[from];
}

const REFUSED: readonly (readonly [change: string, edit: Edit, breaks: readonly string[]])[] = [
  ["removing an event", (draft) => delete draft["circuit.late"], ["circuit.late is gone"]],
  [
    "renaming an event",
    (draft) => rename(draft, "circuit.late", "circuit.tardy"),
    ["circuit.late is gone"],
  ],
  [
    "changing a severity",
    (draft) => Object.assign(draft["circuit.skip"] ?? {}, { severity: "info" }),
    ["circuit.skip is info, was warn"],
  ],
  [
    "removing a field",
    (draft) => delete draft["circuit.skip"]?.fields["openMs"],
    ["circuit.skip openMs is gone"],
  ],
  [
    "removing an optional field",
    (draft) => delete draft["circuit.open"]?.fields["note"],
    ["circuit.open note is gone"],
  ],
  [
    "renaming a field",
    (draft) => rename(draft["circuit.skip"]?.fields, "openMs", "openDurationMs"),
    [
      "circuit.skip openMs is gone",
      "circuit.skip openDurationMs was added as required: old records do not have it",
    ],
  ],
  [
    "retyping a field",
    (draft) => Object.assign(field(draft, "circuit.skip", "openMs"), { shape: { kind: "text" } }),
    ['circuit.skip openMs: is {"kind":"text"}, was {"kind":"number","minimum":0}'],
  ],
  [
    "another range of a number",
    (draft) => Object.assign(field(draft, "circuit.progress", "ratio").shape, { maximum: 100 }),
    [
      'circuit.progress ratio: is {"kind":"number","minimum":0,"maximum":100}, was {"kind":"number","minimum":0,"maximum":1}',
    ],
  ],
  [
    "a number where a whole one was",
    (draft) => Object.assign(field(draft, "circuit.skip", "seq").shape, { kind: "number" }),
    ['circuit.skip seq: is {"kind":"number","minimum":0}, was {"kind":"integer","minimum":0}'],
  ],
  [
    "removing a word",
    (draft) => Object.assign(field(draft, "circuit.failure", "reason").shape, { words: ["error"] }),
    ["circuit.failure reason: the word latency is gone"],
  ],
  [
    "renaming a word",
    (draft) =>
      Object.assign(field(draft, "circuit.failure", "reason").shape, { words: ["error", "slow"] }),
    ["circuit.failure reason: the word latency is gone"],
  ],
  [
    "a null where none was",
    (draft) => Object.assign(field(draft, "circuit.close", "mttrMs"), { nullable: true }),
    ["circuit.close mttrMs: nullable is true"],
  ],
  [
    "no null where one was",
    (draft) => Object.assign(field(draft, "circuit.skip", "retryAfterMs"), { nullable: false }),
    ["circuit.skip retryAfterMs: nullable is false"],
  ],
  [
    "making an optional field required",
    (draft) => Object.assign(field(draft, "circuit.open", "error"), { optional: false }),
    ["circuit.open error: optional is false"],
  ],
  [
    "making a required field optional",
    (draft) => Object.assign(field(draft, "circuit.open", "rule"), { optional: true }),
    ["circuit.open rule: optional is true"],
  ],
  [
    "adding a field as required",
    (draft) => {
      const fields = draft["circuit.open"]?.fields ?? {};
      fields["shard"] = { shape: { kind: "text" }, nullable: false, optional: false };
    },
    ["circuit.open shard was added as required: old records do not have it"],
  ],
  [
    "adding a key to named counts",
    (draft) =>
      Object.assign(field(draft, "circuit.open", "failuresByReason").shape, {
        keys: ["error", "latency", "quota"],
      }),
    [
      'circuit.open failuresByReason: is {"kind":"counts","keys":["error","latency","quota"]}, was {"kind":"counts","keys":["error","latency"]}',
    ],
  ],
];

test.each(REFUSED)("%s breaks version 1", (_, edit, breaks) => {
  const draft: Draft = JSON.parse(read("catalogue.json"));
  edit(draft);
  // The copy is of the frozen catalogue's form: it was parsed from it, and the edits keep to it.
  expect(breaksBetween(frozen, draft as unknown as FrozenCatalogue)).toEqual(breaks);
});

const FREE: readonly (readonly [change: string, edit: Edit])[] = [
  ["nothing", () => {}],
  [
    "adding an event",
    (draft) => Object.assign(draft, { "circuit.shed": { severity: "warn", fields: {} } }),
  ],
  [
    "adding an optional field",
    (draft) => {
      const fields = draft["circuit.open"]?.fields ?? {};
      fields["shard"] = { shape: { kind: "text" }, nullable: true, optional: true };
    },
  ],
  [
    "adding a word",
    (draft) =>
      Object.assign(field(draft, "circuit.failure", "reason").shape, {
        words: ["quota", "error", "latency"],
      }),
  ],
];

test.each(FREE)("%s does not break version 1", (_, edit) => {
  const draft: Draft = JSON.parse(read("catalogue.json"));
  edit(draft);
  expect(breaksBetween(frozen, draft as unknown as FrozenCatalogue)).toEqual([]);
});

type Definitions = Record<string, { properties: Record<string, object>; required: string[] }>;

test.each([
  ["a field retyped", { openMs: { type: "string" } }, []],
  ["a word removed", { reason: { enum: ["quota"] } }, []],
  ["a field required that it does not have", { shard: { type: "string" } }, ["shard"]],
])("the recording of version 1 is refused by a schema with %s", (_, properties, required) => {
  // The schema is plain JSON; its definitions of events have both keys.
  const changed = structuredClone(eventsSchema()) as { $defs: Definitions };
  const skip = changed.$defs["circuit.skip"];
  Object.assign(skip?.properties ?? {}, properties);
  skip?.required.push(...required);
  const check = new SchemaCheck(changed);
  const refused = events.filter((line) => !check.accepts(JSON.parse(line)));
  const skips = events.filter((line) => JSON.parse(line).type === "circuit.skip");
  expect(refused).toEqual(skips);
});
