import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { eventsSchema, SCHEMA_ID, schemaOf } from "../../src/events/event-schema.ts";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { createEventBus } from "../../src/index.ts";
import { isTelltaleEvent } from "../../src/report/index.ts";
import { broadRun } from "../support/broad-run.ts";
import { SchemaCheck } from "../support/event-schema.ts";
import { forged } from "../support/forged.ts";
import { wrongEvents } from "../support/wrong-events.ts";

const whole = new SchemaCheck();
const run = await broadRun();

test("docs/events.schema.json is the schema of the catalogue", () => {
  const file = new URL("../../docs/events.schema.json", import.meta.url);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(eventsSchema());
});

test("the schema has a definition for each event, and says which is which by its type", () => {
  const { $schema, $id, oneOf, $defs } = eventsSchema();
  expect($schema).toBe("https://json-schema.org/draft/2020-12/schema");
  expect($id).toBe(SCHEMA_ID);
  expect(oneOf).toEqual(EVENT_TYPES.map((type) => ({ $ref: `#/$defs/${type}` })));
  for (const type of EVENT_TYPES) {
    expect($defs).toHaveProperty([type, "properties", "type"], { const: type });
  }
});

test("every type of event is of the schema, as a whole and by its own", () => {
  const told = new Set<string>();
  for (const event of run) {
    told.add(event.type);
    expect(whole.accepts(event), JSON.stringify(event)).toBe(true);
    expect(whole.faults(event)).toEqual([]);
  }
  expect([...told].sort()).toEqual([...EVENT_TYPES].sort());
});

test.each(EVENT_TYPES)("the schema of %s alone takes its events and no others", (type) => {
  const own = new SchemaCheck(schemaOf(type));
  for (const event of run) expect(own.accepts(event)).toBe(event.type === type);
});

test("the schema allows what a later version adds", () => {
  for (const event of run) expect(whole.accepts({ ...event, added: { deep: [1] } })).toBe(true);
});

test("isTelltaleEvent() and the schema take and refuse the same", () => {
  let taken = 0;
  let refused = 0;
  fc.assert(
    fc.property(wrongEvents(run), (event) => {
      const accepted = whole.accepts(event);
      if (accepted) taken++;
      else refused++;
      expect(isTelltaleEvent(event), JSON.stringify(event)).toBe(accepted);
    }),
    { numRuns: 20_000 },
  );
  // Blind to one of the two the property would say nothing.
  expect(taken).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(500);
});

const wrong = { type: "circuit.enable", v: 1, seq: 1, breaker: "x", atMs: 1, generation: -1 };

test("the check says what is wrong with an event", () => {
  expect(whole.faults(wrong)).toEqual(["event: must have required property 'state'"]);
  expect(whole.faults({ ...wrong, type: "circuit.nonsense" })).toEqual([
    "type: the schema has no circuit.nonsense",
  ]);
  expect(whole.accepts(wrong)).toBe(false);
});

test.fails("an event that a test emits and that is not of the schema fails the test", () => {
  createEventBus().emit(wrong as never);
});

test("an event that a test has forged on purpose does not fail it", () => {
  createEventBus().emit(forged(wrong));
});
