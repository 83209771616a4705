import { fieldsOf } from "../../src/events/event-shape.ts";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import type { FieldShape } from "../../src/events/field.ts";
import { EVENTS } from "../../src/index.ts";

/** What readers of events rely on, as plain data that can be kept in a file. */
export type FrozenCatalogue = Readonly<Record<string, FrozenEvent>>;

interface FrozenEvent {
  readonly severity: string;
  readonly fields: Readonly<Record<string, FrozenField>>;
}

interface FrozenField {
  readonly shape: FieldShape;
  readonly nullable: boolean;
  readonly optional: boolean;
}

/** The catalogue as it is now. */
export function presentCatalogue(): FrozenCatalogue {
  return Object.fromEntries(
    EVENT_TYPES.map((type) => [
      type,
      {
        severity: EVENTS[type].severity,
        fields: Object.fromEntries(
          Object.entries(fieldsOf(type)).map(([name, { shape, nullable, optional }]) => [
            name,
            { shape, nullable, optional },
          ]),
        ),
      },
    ]),
  );
}

/**
 * What in a later catalogue breaks those who read events of the earlier one, or readers of the later who are given old
 * records; empty when nothing does. Events, optional fields and words may be added.
 */
export function breaksBetween(before: FrozenCatalogue, after: FrozenCatalogue): string[] {
  return Object.entries(before).flatMap(([type, old]) => {
    const event = after[type];
    if (event === undefined) return [`${type} is gone`];
    const severity =
      event.severity === old.severity ? [] : [`${type} is ${event.severity}, was ${old.severity}`];
    return [...severity, ...fieldBreaks(old.fields, event.fields).map((text) => `${type} ${text}`)];
  });
}

function fieldBreaks(before: FrozenEvent["fields"], after: FrozenEvent["fields"]): string[] {
  const added = Object.entries(after)
    .filter(([name, { optional }]) => !Object.hasOwn(before, name) && !optional)
    .map(([name]) => `${name} was added as required: old records do not have it`);
  const changed = Object.entries(before).flatMap(([name, old]) => {
    const field = after[name];
    if (field === undefined) return [`${name} is gone`];
    const breaks = shapeBreaks(old.shape, field.shape);
    if (field.nullable !== old.nullable) breaks.push(`nullable is ${field.nullable}`);
    if (field.optional !== old.optional) breaks.push(`optional is ${field.optional}`);
    return breaks.map((text) => `${name}: ${text}`);
  });
  return [...changed, ...added];
}

function shapeBreaks(before: FieldShape, after: FieldShape): string[] {
  if (before.kind === "word" && after.kind === "word") {
    const gone = before.words.filter((word) => !after.words.includes(word));
    return gone.map((word) => `the word ${word} is gone`);
  }
  // Everything else is of one form: another range or another key is another type.
  const [a, b] = [JSON.stringify(before), JSON.stringify(after)];
  return a === b ? [] : [`is ${b}, was ${a}`];
}
