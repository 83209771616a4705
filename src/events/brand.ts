/**
 * Whether a value carries a mark of the global symbol registry, as the errors of telltale do: also those of another copy
 * of it, or of another realm. One that cannot be read carries none.
 */
export function hasBrand(value: unknown, brand: symbol): boolean {
  try {
    return typeof value === "object" && value !== null && Reflect.get(value, brand) === true;
  } catch {
    return false;
  }
}
