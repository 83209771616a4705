import * as shape from "../../src/events/event-shape.ts";
import { isEventType } from "../../src/events/event-types.ts";
import type { TelltaleEvent } from "../../src/index.ts";

export const { fieldsOf } = shape;

/**
 * What is wrong with an event of ours, held against the catalogue. Stricter than what is asked of a stranger's: it has
 * no field that the catalogue does not have.
 */
export function faultsOf(event: TelltaleEvent): string[] {
  const faults = [...shape.faultsOf(event)];
  if (!isEventType(event.type)) return faults;
  const known = fieldsOf(event.type);
  const surplus = Object.keys(event).filter((name) => name !== "type" && !(name in known));
  return [...faults, ...surplus.map((name) => `${name}: not in the catalogue`)];
}
