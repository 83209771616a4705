import type { CircuitBreakerOptions, HalfOpenOptions, RampUpOptions } from "./options.ts";

type PartsOf<T> = { readonly [Part in keyof T]?: T[Part] | null };

/**
 * Options laid over others. What is not named stays as it is below; null is the library's default. Of `halfOpen`,
 * `rampUp` and `attributes` the same holds for each part, but null is a value that an attribute may have.
 */
export type LaidOver<Names extends keyof CircuitBreakerOptions> = {
  readonly [Name in Names]?:
    | (Name extends "halfOpen"
        ? PartsOf<HalfOpenOptions>
        : Name extends "rampUp"
          ? PartsOf<RampUpOptions>
          : CircuitBreakerOptions[Name])
    | null;
};

/** Options as they are written in one layer, whatever they hold. */
export type Layer = Readonly<Record<string, unknown>>;

const WITH_OPTIONAL_PARTS: readonly string[] = ["halfOpen", "rampUp"];
const WITH_PARTS: readonly string[] = [...WITH_OPTIONAL_PARTS, "attributes"];

/** The layers as one, the later ones on top; a copy. What is undefined counts as not written. */
export function layered(...layers: readonly (object | null | undefined)[]): Layer {
  const mixed: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [name, value] of written(layer ?? {})) mixed[name] = laid(name, mixed[name], value);
  }
  return mixed;
}

function laid(name: string, below: unknown, above: unknown): unknown {
  if (Array.isArray(above)) return [...above];
  if (!WITH_PARTS.includes(name) || !isPlain(above)) return above;
  const parts = written(above).map(([part, held]) => [part, isPlain(held) ? { ...held } : held]);
  return { ...(isPlain(below) ? below : {}), ...Object.fromEntries(parts) };
}

/** The options that a layer asks for, with nothing in place of what it sets to null. */
export function asked(layer: Layer): Layer {
  return Object.fromEntries(
    Object.entries(layer)
      .filter(([, value]) => value !== null)
      .map(([name, value]) =>
        WITH_OPTIONAL_PARTS.includes(name) && isPlain(value) ? [name, asked(value)] : [name, value],
      ),
  );
}

/** A frozen copy of checked options, which later changes of the caller's objects do not reach. */
export function keptOptions(
  options: CircuitBreakerOptions,
  names: readonly (keyof CircuitBreakerOptions)[],
): CircuitBreakerOptions {
  // Read one by one, because options may be inherited from others.
  const named = Object.fromEntries(names.map((name) => [name, options[name]]));
  const copy = layered(named);
  for (const value of Object.values(copy)) {
    // The copies that were just made, and nothing of the caller's.
    if (Array.isArray(value)) Object.freeze(value);
  }
  for (const name of WITH_PARTS) if (isPlain(copy[name])) Object.freeze(copy[name]);
  return Object.freeze(copy);
}

function written(layer: object): [string, unknown][] {
  return Object.entries(layer).filter(([, value]) => value !== undefined);
}

/** Whether the parts of a value can be copied one by one: not those of a Map, a Date or an array. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === "[object Object]";
}
