import { isData } from "../events/event-shape.ts";
import { EVENT_TYPES } from "../events/event-types.ts";
import type { RecordNaming } from "./event-record.ts";

/** How most records name their events. */
export const USUAL_NAMING: RecordNaming = Object.freeze({ eventKey: "type", prefix: "" });

/**
 * Finds out under which key and with which prefix a parsed line names its event: the first key whose text ends with
 * the name of an event, such as `event: "triage.circuit.skip"`. Null when there is none.
 *
 * Only a line that has the version and the moment of an event is looked at, so that a message of another application
 * that speaks of `circuit.open` is none.
 */
export function namingOf(line: unknown): RecordNaming | null {
  if (!isData(line) || typeof line["v"] !== "number" || typeof line["atMs"] !== "number") {
    return null;
  }
  for (const [eventKey, value] of Object.entries(line)) {
    if (typeof value !== "string" || eventKey === "msg" || eventKey === "breaker") continue;
    const name = EVENT_TYPES.find((type) => value.endsWith(type));
    if (name !== undefined) return { eventKey, prefix: value.slice(0, -name.length) };
  }
  return null;
}
