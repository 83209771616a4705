import { EVENTS } from "../events/catalogue.ts";
import type { Check } from "../events/check.ts";
import type { EventPattern, EventType } from "../events/event.ts";
import { type EventBus, isEventBus } from "../events/event-bus.ts";
import { EVENT_FAMILIES, EVENT_TYPES, isEventType } from "../events/event-types.ts";
import { hint } from "../events/nearest.ts";

/** The option that says which events a destination takes. */
export interface EventChoice {
  /**
   * Names of events, and families such as `"circuit.*"`. What no destination takes is not even built: with the default
   * a call that succeeds costs nothing more.
   * @default every event whose severity in the catalogue is `info` or above
   */
  readonly events?: readonly EventPattern[];
}

const QUIET: ReadonlySet<string> = new Set(["trace", "debug"]);

/**
 * The types that the option asks for, in the order of the catalogue.
 * @throws {TypeError} when it is no list of names
 */
export function chosenTypes(check: Check, events: unknown): readonly EventType[] {
  if (events === undefined) {
    return EVENT_TYPES.filter((type) => !QUIET.has(EVENTS[type].severity));
  }
  if (!Array.isArray(events) || events.length === 0) {
    return check.type("events", "a list with the names of one event or more", events);
  }
  const chosen = new Set<EventType>();
  for (const [n, name] of events.entries()) {
    for (const type of matching(check, `events[${n}]`, name)) chosen.add(type);
  }
  return EVENT_TYPES.filter((type) => chosen.has(type));
}

function matching(check: Check, field: string, name: unknown): readonly EventType[] {
  if (isEventType(name)) return [name];
  if (typeof name === "string" && EVENT_FAMILIES.includes(name)) {
    return EVENT_TYPES.filter((type) => type.startsWith(name.slice(0, -1)));
  }
  const known = [...EVENT_TYPES, ...EVENT_FAMILIES];
  const near = typeof name === "string" ? ` (${hint(name, known)})` : "";
  return check.type(field, `the name of an event or of a family${near}`, name);
}

/** @throws {TypeError} when the value is no event bus */
export function checkedBus(check: Check, bus: unknown): EventBus {
  return isEventBus(bus) ? bus : check.type("bus", "an event bus, such as breaker.bus", bus);
}
