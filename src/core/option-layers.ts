import type { CircuitBreakerOptions } from "./options.ts";

/** Options as they are written in one layer; null stands for the library's default. */
export type Layer = Readonly<Record<string, unknown>>;

/** Options that have parts: a layer that names one part leaves the others as they are below. */
const WITH_PARTS: readonly string[] = ["halfOpen", "rampUp", "attributes"];

/** The layers as one, the later ones on top. What is undefined counts as not written. */
export function layered(...layers: readonly (object | null | undefined)[]): Layer {
  const mixed: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer ?? {})) {
      if (value === undefined) continue;
      const below = mixed[key];
      const mixes = WITH_PARTS.includes(key) && isRecord(below) && isRecord(value);
      mixed[key] = mixes ? { ...below, ...written(value) } : value;
    }
  }
  return mixed;
}

/** The options that a layer asks for, with nothing in place of what it sets to null. */
export function asked(layer: Layer): Layer {
  return Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== null));
}

/** A frozen copy of checked options, which later changes of the caller's objects do not reach. */
export function keptOptions(
  options: CircuitBreakerOptions,
  names: readonly (keyof CircuitBreakerOptions)[],
): CircuitBreakerOptions {
  const copy: Record<string, unknown> = {};
  for (const name of names) {
    const value = options[name];
    if (value !== undefined) copy[name] = kept(value, name);
  }
  return Object.freeze(copy);
}

function kept(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return Object.freeze([...value]);
  return WITH_PARTS.includes(key) && isRecord(value) ? Object.freeze({ ...value }) : value;
}

function written(layer: object): Layer {
  return Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== undefined));
}

export function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
