import type { EventType, TelltaleEvent } from "../events/event.ts";
import { BREAKER_LABEL } from "../events/metrics.ts";
import { printable } from "../events/printable.ts";

// What spans and log records call the fields of events. The semantic conventions have no names for circuit breakers:
// those that exist are used, and the others are ours, in this file alone.

/** Attributes of a span event or a log record. */
export type EventAttributes = Record<string, string | number | boolean>;

/** The breaker that guards the call of a span. */
export const BREAKER_NAME = BREAKER_LABEL.opentelemetry;
/** The committed state of that breaker. */
export const BREAKER_STATE = "circuit_breaker.state";

/** Fields that a span event or log record has in another form. */
const NOT_COPIED: ReadonlySet<string> = new Set(["type", "v", "atMs", "error"]);
/** Fields that have a name already: in the metrics, or in the conventions. */
const NAMED: Readonly<Record<string, string>> = {
  breaker: BREAKER_NAME,
  instance: "service.instance.id",
};

/**
 * The fields of an event as attributes: `skipsSinceOpened` of `circuit.skip` is `circuit_breaker.skips_since_opened`,
 * a nested one such as `failuresByReason.error` is `circuit_breaker.failures_by_reason.error`. A field that is null is
 * left out; an error is `error.type`, `exception.type` and `exception.message`.
 */
export function attributesOf(event: TelltaleEvent): EventAttributes {
  const attributes: EventAttributes = {};
  const prefix = prefixOf(event.type);
  for (const [field, value] of Object.entries(event)) {
    if (!NOT_COPIED.has(field)) put(attributes, nameOf(prefix, field), value);
  }
  // What an operator wrote; other text of the breaker is its own.
  if ("note" in event && event.note !== undefined) {
    attributes[nameOf(prefix, "note")] = printable(event.note);
  }
  if ("error" in event && event.error !== undefined) {
    const { name, message, code } = event.error;
    attributes["error.type"] = printable(code ?? name);
    attributes["exception.type"] = printable(name);
    attributes["exception.message"] = printable(message);
  }
  return attributes;
}

function put(attributes: EventAttributes, name: string, value: unknown): void {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      attributes[name] = value;
      return;
    case "object":
      for (const [key, inner] of Object.entries(value ?? {}))
        put(attributes, `${name}.${key}`, inner);
  }
}

/** What a further field of an event of this type is called. */
export const attributeOf = (type: EventType, field: string): string =>
  nameOf(prefixOf(type), field);

/** `circuit_breaker` for events of breakers, `telltale.retry` and the like for the others. */
function prefixOf(type: string): string {
  const family = type.slice(0, type.indexOf("."));
  return family === "circuit" ? "circuit_breaker" : `telltale.${family}`;
}

const nameOf = (prefix: string, field: string): string =>
  NAMED[field] ?? `${prefix}.${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
