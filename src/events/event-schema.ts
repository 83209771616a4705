import { EVENTS } from "./catalogue.ts";
import type { EventType } from "./event.ts";
import type { EventDefinition } from "./event-definition.ts";
import { fieldsOf } from "./event-shape.ts";
import { EVENT_TYPES } from "./event-types.ts";
import type { Field, FieldShape } from "./field.ts";

/** A piece of JSON Schema. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** What the schema of the events is called, wherever it is published. */
export const SCHEMA_ID = "urn:telltale:events:v1";
const DIALECT = "https://json-schema.org/draft/2020-12/schema";

/**
 * The JSON Schema (2020-12) of the events of the catalogue, or of some of them: one of `$defs`, by `type`. Fields that it does not have are
 * allowed, because later versions may add some.
 */
export function eventsSchema(types: readonly EventType[] = EVENT_TYPES): JsonSchema {
  return {
    $schema: DIALECT,
    // Some of them are no schema that others could mean by the name.
    ...(types.length === EVENT_TYPES.length ? { $id: SCHEMA_ID } : {}),
    title: "Events of telltale",
    description: "Made from the catalogue in src/events by npm run docs; do not edit.",
    oneOf: types.map((type) => ({ $ref: `#/$defs/${type}` })),
    $defs: {
      ...Object.fromEntries(types.map((type) => [type, eventSchema(type)])),
      error: ERROR,
    },
  };
}

/** The JSON Schema of one event, complete in itself. */
export function schemaOf(type: EventType): JsonSchema {
  const schema = eventSchema(type);
  const needsError = Object.values(fieldsOf(type)).some(({ shape }) => shape.kind === "error");
  return {
    $schema: DIALECT,
    $id: `${SCHEMA_ID}:${type}`,
    ...schema,
    ...(needsError ? { $defs: { error: ERROR } } : {}),
  };
}

function eventSchema(type: EventType): JsonSchema {
  const { sentence, when, severity }: EventDefinition = EVENTS[type];
  const fields = Object.entries(fieldsOf(type));
  return {
    title: sentence,
    description: `${when}. Severity ${severity}.`,
    type: "object",
    properties: {
      type: { const: type },
      ...Object.fromEntries(fields.map(([name, field]) => [name, fieldSchema(field)])),
    },
    required: ["type", ...fields.filter(([, { optional }]) => !optional).map(([name]) => name)],
  };
}

const COUNT = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;

const ERROR: JsonSchema = {
  description: "What was thrown, as plain data",
  type: "object",
  properties: {
    name: { type: "string" },
    message: { type: "string" },
    code: { type: "string" },
  },
  required: ["name", "message"],
};

function fieldSchema({ doc, shape, nullable }: Field<unknown, boolean>): JsonSchema {
  const held = shapeSchema(shape);
  if (!nullable) return { description: doc, ...held };
  const { type } = held;
  // Only what has one type of JSON can be null, too: a test reads every field of the catalogue.
  return typeof type === "string"
    ? { description: doc, ...held, type: [type, "null"] }
    : { description: doc, anyOf: [held, { type: "null" }] };
}

function shapeSchema(shape: FieldShape): JsonSchema {
  switch (shape.kind) {
    case "integer": {
      const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = shape;
      return { type: "integer", minimum, maximum };
    }
    case "number": {
      const { minimum, maximum } = shape;
      return {
        type: "number",
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
      };
    }
    case "text":
      return { type: "string" };
    case "word":
      return shape.words.length === 1 ? { const: shape.words[0] } : { enum: shape.words };
    case "counts":
      return {
        type: "object",
        properties: Object.fromEntries(shape.keys.map((key) => [key, COUNT])),
        required: shape.keys,
        additionalProperties: COUNT,
      };
    case "numbers":
      return { type: "object", additionalProperties: { type: "number" } };
    case "scalars":
      return {
        type: "object",
        additionalProperties: { type: ["string", "number", "boolean", "null"] },
      };
    case "error":
      return { $ref: "#/$defs/error" };
  }
}
