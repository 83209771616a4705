import { afterEach, expect } from "vitest";
import { SynchronousEventBus } from "../../src/events/event-bus.ts";
import { SchemaCheck } from "./event-schema.ts";
import { isForged } from "./forged.ts";

// Runs before every test file (vitest.config.ts): each event that is emitted on a bus of ours, whatever the test is
// about, is held against the JSON Schema.

/** Faults that are shown of one test. */
const SHOWN = 5;

let check: SchemaCheck | undefined;
let faults: string[] = [];

const { emit } = SynchronousEventBus.prototype;
SynchronousEventBus.prototype.emit = function (event) {
  // What is no event at all is refused by the bus itself.
  if (typeof event?.type === "string" && !isForged(event) && faults.length < SHOWN) {
    check ??= new SchemaCheck();
    faults.push(...check.faults(event).map((fault) => `${event.type} ${fault}`));
  }
  emit.call(this, event);
};

afterEach(() => {
  const found = faults;
  faults = [];
  expect(found, "emitted events that are not of the schema").toEqual([]);
});
