import type { Exported } from "../exported.ts";

/** Breakers beyond the budget of names: their states are counted in one series each. */
export function other(shared: NonNullable<Exported["shared"]>, further: Exported = {}): Exported {
  return { name: "__other__", shared, ...further };
}
