import type { TelltaleEvent } from "../events/event.ts";
import { faultsOf, fieldsOf, isData } from "../events/event-shape.ts";
import { isEventType } from "../events/event-types.ts";
import { type RecordOptions, readEntry, recordNaming } from "./event-record.ts";

/**
 * Turns an event from elsewhere (another process, a queue, a log line) into one that may be trusted as one of our own:
 * a frozen copy with exactly the fields that the catalogue has, each of its form. Undefined for anything else: other
 * data, a newer version's events, a field of the wrong type or missing, a time that no date holds. Never throws,
 * whatever the entry is.
 *
 * @throws {TypeError} when an option is unknown or no string
 * @example
 * const event = parseEvent(message);
 * if (event?.type === "circuit.open") page(event.breaker, event.reason);
 */
export function parseEvent(entry: unknown, options: RecordOptions = {}): TelltaleEvent | undefined {
  const reading = readEntry(entry, recordNaming(options, "parse an event"));
  if (typeof reading === "string" || reading.flawed) return undefined;
  const { record } = reading;
  const { type } = record;
  if (!isEventType(type) || faultsOf(record).length > 0) return undefined;
  const known = ["type", ...Object.keys(fieldsOf(type))];
  const fields = known
    .filter((name) => Object.hasOwn(record, name))
    .map((name) => [name, frozen(record[name])]);
  // Every field that its type must have is there and of its form: that is what was just checked.
  return Object.freeze(Object.fromEntries(fields)) as TelltaleEvent;
}

/** No field holds anything deeper than one object. */
const frozen = (value: unknown): unknown =>
  isData(value) ? Object.freeze(Object.fromEntries(Object.entries(value))) : value;
