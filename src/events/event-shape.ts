import { EVENTS, envelopeOf } from "./catalogue.ts";
import type { EventType, TelltaleEvent } from "./event.ts";
import type { EventDefinition } from "./event-definition.ts";
import { isEventType } from "./event-types.ts";
import type { Field, FieldShape, Fields } from "./field.ts";

type Data = Readonly<Record<string, unknown>>;

/** The fields that an event of a type has besides `type`: those of its family and its own. */
export function fieldsOf(type: EventType): Fields {
  const definition: EventDefinition = EVENTS[type];
  return { ...envelopeOf(type), ...definition.fields };
}

const entries = new Map<EventType, readonly (readonly [string, Field<unknown, boolean>])[]>();

/** The same as a list, made once for each type: destinations hold every event against it. */
export function entriesOf(
  type: EventType,
): readonly (readonly [string, Field<unknown, boolean>])[] {
  let fields = entries.get(type);
  if (fields === undefined) {
    fields = Object.entries(fieldsOf(type));
    entries.set(type, fields);
  }
  return fields;
}

/**
 * What is wrong with an event, held against the catalogue, as sentences that name the field; empty when nothing is.
 * Fields that the catalogue does not have are no fault: a newer version may have added them.
 */
export function faultsOf(event: Data): readonly string[] {
  const { type } = event;
  if (!isEventType(type)) return ["type: not the name of an event"];
  const faults: string[] = [];
  for (const [name, field] of entriesOf(type)) {
    if (!Object.hasOwn(event, name)) {
      if (!field.optional) faults.push(`${name}: missing`);
    } else if (!fits(field, event[name])) faults.push(`${name}: no ${field.shape.kind}`);
  }
  return faults;
}

/**
 * For a destination, which may be handed anything by a bus of somebody else's making.
 * @throws {TypeError} when the value is no event of the catalogue
 */
export function refuseFaults(event: unknown): void {
  if (!isData(event)) throw new TypeError("Cannot take an event: it is no object");
  const faults = faultsOf(event);
  if (faults.length > 0) {
    throw new TypeError(`Cannot take ${String(event["type"])}: ${faults.join(", ")}`);
  }
}

/**
 * Whether a value is an event of the catalogue, with every field that its type must have, each of its form. Fields
 * that the catalogue does not have are allowed. Never throws, whatever it is given.
 *
 * @example
 * foreignBus.on("message", (message) => {
 *   if (isTelltaleEvent(message)) bus.emit(message);
 * });
 */
export function isTelltaleEvent(value: unknown): value is TelltaleEvent {
  try {
    return isData(value) && faultsOf(value).length === 0;
  } catch {
    // A getter or a proxy that throws: no plain data, and so no event.
    return false;
  }
}

/** Whether a field may hold the value. */
export function fits({ shape, nullable }: Field<unknown, boolean>, value: unknown): boolean {
  return (nullable && value === null) || fitsShape(shape, value);
}

function fitsShape(shape: FieldShape, value: unknown): boolean {
  switch (shape.kind) {
    case "integer":
      return Number.isSafeInteger(value) && isWithin(shape, value);
    case "number":
      return isNumber(value) && isWithin(shape, value);
    case "text":
      return typeof value === "string";
    case "word":
      return shape.words.some((word) => word === value);
    case "counts":
      return (
        isData(value) &&
        shape.keys.every((key) => Object.hasOwn(value, key)) &&
        Object.values(value).every(isCount)
      );
    case "numbers":
      return isData(value) && Object.values(value).every(isNumber);
    case "scalars":
      return isData(value) && Object.values(value).every(isScalar);
    case "error":
      return isData(value) && isError(value);
  }
}

/** An object that is no list; whether it is plain is not asked. */
export function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isError(value: Data): boolean {
  const { name, message, code } = value;
  return (
    typeof name === "string" &&
    typeof message === "string" &&
    (!Object.hasOwn(value, "code") || typeof code === "string")
  );
}

const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isScalar = (value: unknown): boolean =>
  value === null || typeof value === "string" || typeof value === "boolean" || isNumber(value);

function isWithin(
  { minimum, maximum }: { readonly minimum?: number; readonly maximum?: number },
  value: unknown,
): boolean {
  // Only asked of what has been found to be a number.
  const number = Number(value);
  return (
    number >= (minimum ?? Number.NEGATIVE_INFINITY) &&
    number <= (maximum ?? Number.POSITIVE_INFINITY)
  );
}
