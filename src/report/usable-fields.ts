import { entriesOf, fits } from "../events/event-shape.ts";
import { isEventType } from "../events/event-types.ts";
import type { Field } from "../events/field.ts";

type Data = Readonly<Record<string, unknown>>;

/** The largest time that a Date holds; a longer length of time is none either. */
export const LAST_AT_MS = 8.64e15;

/**
 * The fields of a recorded event that can be used, and whether one was left out because it does not fit. Records come
 * from other versions as well: fields that the catalogue does not have are kept, and so are unknown words.
 */
export function usableFields(
  type: string,
  given: Data,
): { readonly fields: Data; readonly flawed: boolean } {
  // An event of a newer version.
  if (!isEventType(type)) return { fields: given, flawed: false };
  const unusable: string[] = [];
  for (const [name, field] of entriesOf(type)) {
    if (Object.hasOwn(given, name) && !isUsable(field, given[name])) unusable.push(name);
  }
  if (unusable.length === 0) return { fields: given, flawed: false };
  const kept = Object.entries(given).filter(([name]) => !unusable.includes(name));
  return { fields: Object.fromEntries(kept), flawed: true };
}

function isUsable(field: Field<unknown, boolean>, value: unknown): boolean {
  const { shape } = field;
  if (typeof value === "number" && shape.kind === "number") {
    return fits(field, value) && Math.abs(value) <= LAST_AT_MS;
  }
  return (
    fits(field, value) ||
    (shape.kind === "word" && typeof shape.words[0] === "string" && typeof value === "string")
  );
}
