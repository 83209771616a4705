import type { TelltaleEvent } from "../events/event.ts";
import type { ErrorInfo } from "../events/field.ts";
import { printable } from "../events/printable.ts";

/** Under which key and with which prefix a line names its event. */
export interface EventNaming {
  readonly eventKey: string;
  readonly prefix: string;
}

/** The fields of a line: the event's own at the top level, its name under `eventKey`, its error under `err`. */
export function lineFields(
  event: TelltaleEvent,
  { eventKey, prefix }: EventNaming,
): Record<string, unknown> {
  const line: Record<string, unknown> = { [eventKey]: `${prefix}${event.type}` };
  for (const [key, value] of Object.entries(event)) {
    if (key !== "type" && key !== "error") line[key] = own(value);
  }
  if ("note" in event && event.note !== undefined) line["note"] = printable(event.note);
  if ("error" in event && event.error !== undefined) line["err"] = logged(event.error);
  return line;
}

/** A copy of a nested record, such as the context: a logger redacts in place, and events are frozen. */
const own = (value: unknown): unknown =>
  typeof value === "object" && value !== null ? { ...value } : value;

/**
 * The error as pino prints it unchanged. Its standard serializer takes every object whose `message` is a primitive
 * string for an Error: it would add `"type":"Object"` and an empty stack, and fails on a frozen one. A String object
 * prints the same, and redaction by path (`err.message`) still finds it.
 */
function logged({ name, message, code }: ErrorInfo): Record<string, unknown> {
  const err: Record<string, unknown> = {
    name: printable(name),
    message: Object(printable(message)),
  };
  if (code !== undefined) err["code"] = printable(code);
  return err;
}
