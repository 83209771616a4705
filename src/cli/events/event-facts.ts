import { EVENTS, envelopeOf } from "../../events/catalogue.ts";
import { CIRCUIT_ENVELOPE } from "../../events/circuit-events.ts";
import type { EventType } from "../../events/event.ts";
import type { EventDefinition } from "../../events/event-definition.ts";
import { fieldsOf } from "../../events/event-shape.ts";
import { EVENT_TYPES } from "../../events/event-types.ts";
import type { Field, Fields } from "../../events/field.ts";
import { instrumentName, type MetricName } from "../../events/metrics.ts";
import { SEVERITIES, type Severity } from "../../events/vocabulary.ts";
import { type EventFilters, filtersOf } from "./event-filters.ts";

/** What the catalogue says of one field, in words. */
export interface FieldFacts {
  readonly name: string;
  /** What it holds: `whole number`, `"error", "latency"`, `text, or null` … */
  readonly holds: string;
  /** Null for what has none. */
  readonly unit: string | null;
  /** The key may be missing. */
  readonly optional: boolean;
  readonly nullable: boolean;
  readonly meaning: string;
}

/** A counter that an event moves. */
export interface MetricFacts {
  readonly metric: string;
  readonly opentelemetry: string;
  /** What gives each label its value: a field of the event, or a fixed word in quotation marks. */
  readonly labels: Readonly<Record<string, string>>;
  /** The field that holds the increment; null for 1. */
  readonly by: string | null;
  /** When it moves: `state` is one of the words; null for always. */
  readonly only: { readonly field: string; readonly words: readonly string[] } | null;
}

/** All that the catalogue says of one event, as plain data: what the list, the docs and the JSON are made from. */
export interface EventFacts {
  readonly type: EventType;
  readonly severity: Severity;
  /** The message of its log line. */
  readonly sentence: string;
  readonly when: string;
  /** Its own fields. */
  readonly fields: readonly FieldFacts[];
  /** The fields that every event of its family has. */
  readonly envelope: readonly FieldFacts[];
  readonly metrics: readonly MetricFacts[];
  readonly filters: EventFilters;
}

export function factsOf(type: EventType): EventFacts {
  const { severity, sentence, when, fields, metrics }: EventDefinition = EVENTS[type];
  return {
    type,
    severity,
    sentence,
    when,
    fields: fieldFacts(fields),
    envelope: [TYPE, ...fieldFacts(envelopeOf(type))],
    metrics: metrics.map(({ metric, labels, by, only }) => ({
      metric,
      // The catalogue of events names metrics of the other catalogue: a test reads them all.
      opentelemetry: instrumentName(metric as MetricName),
      labels: Object.fromEntries(
        Object.entries(labels).map(([label, from]) => [
          label,
          typeof from === "string" ? from : JSON.stringify(from.value),
        ]),
      ),
      by: by ?? null,
      only: only ?? null,
    })),
    filters: filtersOf(type, fieldsOf(type), metrics),
  };
}

/** The events of a severity or louder, in the order of the catalogue. */
export function typesFrom(severity: Severity): readonly EventType[] {
  const from = SEVERITIES.indexOf(severity);
  return EVENT_TYPES.filter((type) => SEVERITIES.indexOf(EVENTS[type].severity) >= from);
}

const TYPE: FieldFacts = {
  name: "type",
  holds: "text",
  unit: null,
  optional: false,
  nullable: false,
  meaning: "The name of the event",
};

/** What every event of a breaker has. */
export const circuitEnvelope = (): readonly FieldFacts[] => [TYPE, ...fieldFacts(CIRCUIT_ENVELOPE)];

/** The facts of a set of fields. */
export function fieldFacts(fields: Fields): readonly FieldFacts[] {
  return Object.entries(fields).map(([name, field]) => ({
    name,
    holds: field.nullable ? `${holds(field)}, or null` : holds(field),
    unit: unitOf(name, field),
    optional: field.optional,
    nullable: field.nullable,
    meaning: field.doc,
  }));
}

function holds({ shape }: Field<unknown, boolean>): string {
  switch (shape.kind) {
    case "word":
      return shape.words.map((word) => JSON.stringify(word)).join(", ");
    case "counts":
      return `{ ${shape.keys.join(", ")} }: whole numbers`;
    case "numbers":
      return "named numbers";
    case "scalars":
      return "named values";
    case "error":
      return "{ name, message, code? }";
    case "text":
      return "text";
    case "integer":
      return "whole number";
    case "number":
      return shape.maximum === 1 ? "0 to 1" : shape.minimum === 0 ? "number, 0 or more" : "number";
  }
}

function unitOf(name: string, { shape }: Field<unknown, boolean>): string | null {
  if (name.endsWith("AtMs")) return "ms since 1970";
  if (name === "atMs") return "ms since 1970";
  if (name.endsWith("Ms")) return "ms";
  return shape.kind === "number" && shape.maximum === 1 ? "share" : null;
}
