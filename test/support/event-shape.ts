import { envelopeOf } from "../../src/events/catalogue.ts";
import type { FieldShape, Fields } from "../../src/events/field.ts";
import type { EventDefinition, EventType, TelltaleEvent } from "../../src/index.ts";
import { EVENTS } from "../../src/index.ts";

/** The fields that an event of a type has, as the catalogue says: its envelope and its own. */
export function fieldsOf(type: EventType): Fields {
  const definition: EventDefinition = EVENTS[type];
  return { ...envelopeOf(type), ...definition.fields };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value);

const isScalar = (value: unknown): boolean =>
  value === null || typeof value === "string" || typeof value === "boolean" || isNumber(value);

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** Whether a value is of the shape. */
function fits(shape: FieldShape, value: unknown): boolean {
  switch (shape.kind) {
    case "integer":
    case "number":
      return (
        isNumber(value) &&
        (shape.kind === "number" || Number.isSafeInteger(value)) &&
        value >= (shape.minimum ?? Number.NEGATIVE_INFINITY) &&
        value <= (shape.maximum ?? Number.POSITIVE_INFINITY)
      );
    case "text":
      return typeof value === "string";
    case "word":
      return shape.words.some((word) => word === value);
    case "counts":
      return (
        isRecord(value) &&
        [...Object.keys(value)].sort().join() === [...shape.keys].sort().join() &&
        Object.values(value).every(isCount)
      );
    case "numbers":
      return isRecord(value) && Object.values(value).every(isNumber);
    case "scalars":
      return isRecord(value) && Object.values(value).every(isScalar);
    case "error":
      return (
        isRecord(value) &&
        typeof value["name"] === "string" &&
        typeof value["message"] === "string" &&
        (!("code" in value) || typeof value["code"] === "string") &&
        Object.keys(value).every((key) => ["name", "message", "code"].includes(key))
      );
  }
}

/** What is wrong with an event, held against the catalogue; empty when nothing is. */
export function faultsOf(event: TelltaleEvent): string[] {
  const faults: string[] = [];
  if (!Object.hasOwn(EVENTS, event.type)) return [`type: no event is called ${event.type}`];
  const fields = fieldsOf(event.type);
  for (const [name, value] of Object.entries(event)) {
    const field = fields[name];
    if (name === "type") continue;
    if (field === undefined) faults.push(`${name}: not in the catalogue`);
    else if (value === null && field.nullable) continue;
    else if (!fits(field.shape, value)) {
      faults.push(`${name}: ${JSON.stringify(value)} is no ${field.shape.kind}`);
    }
  }
  for (const [name, field] of Object.entries(fields)) {
    if (!field.optional && !Object.hasOwn(event, name)) faults.push(`${name}: missing`);
  }
  return faults;
}
