import { cut } from "./describe-error.ts";
import type { Scalar } from "./field.ts";
import { hint } from "./nearest.ts";

const LONGEST_SHOWN = 60;

/** A short form of any value for an error message. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string": {
      const quoted = JSON.stringify(value);
      return quoted.length > LONGEST_SHOWN ? `${quoted.slice(0, LONGEST_SHOWN)}…"` : quoted;
    }
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    case "bigint":
      return `${value}n`;
    default:
      return String(value);
  }
}

/** Whether a value is an object with these methods: all that can be seen of the shape that somebody else promises. */
export function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return methods.every((method) => typeof Reflect.get(value, method) === "function");
}

/**
 * Checks the arguments of one public call. Every refusal reads
 * `Cannot <action>: <field> must be <allowed>, received <value>`.
 */
export class Check {
  readonly #action: string;

  constructor(action: string) {
    this.#action = action;
  }

  type(field: string, allowed: string, value: unknown): never {
    throw new TypeError(
      `Cannot ${this.#action}: ${field} must be ${allowed}, received ${shown(value)}`,
    );
  }

  range(field: string, allowed: string, value: unknown): never {
    throw new RangeError(
      `Cannot ${this.#action}: ${field} must be ${allowed}, received ${shown(value)}`,
    );
  }

  positiveInteger(field: string, value: unknown): number {
    if (typeof value !== "number") return this.type(field, "a positive integer", value);
    if (!Number.isSafeInteger(value) || value < 1) {
      return this.range(field, "a positive integer", value);
    }
    return value;
  }

  /** A length of time: more than 0, and finite. */
  positiveMs(field: string, value: unknown): number {
    const allowed = "a positive number of milliseconds";
    if (typeof value !== "number") return this.type(field, allowed, value);
    if (!Number.isFinite(value) || value <= 0) return this.range(field, allowed, value);
    return value;
  }

  /** A length of time: 0 or more, and finite. */
  durationMs(field: string, value: unknown): number {
    const allowed = "a non-negative number of milliseconds";
    if (typeof value !== "number") return this.type(field, allowed, value);
    if (!Number.isFinite(value) || value < 0) return this.range(field, allowed, value);
    return value;
  }

  /** A share: more than 0, at most 1. */
  share(field: string, value: unknown): number {
    const allowed = "a number above 0 and at most 1";
    if (typeof value !== "number") return this.type(field, allowed, value);
    if (!(value > 0 && value <= 1)) return this.range(field, allowed, value);
    return value;
  }

  text(field: string, value: unknown, limit: number): string {
    if (typeof value !== "string") return this.type(field, "a string", value);
    if (value.length === 0 || value.length > limit) {
      return this.range(field, `a string of 1 to ${limit} characters`, value);
    }
    return value;
  }

  /** An option that is on or off. */
  flag(field: string, value: unknown): boolean {
    return typeof value === "boolean" ? value : this.type(field, "true or false", value);
  }

  /** A function; its signature stays the caller's promise. */
  function<F>(field: string, value: F): F {
    if (typeof value !== "function") return this.type(field, "a function", value);
    return value;
  }

  /** A plain object, so that a typing slip such as an array or a class name is caught. */
  object(field: string, value: unknown): Readonly<Record<string, unknown>> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.type(field, "an object", value);
    }
    // Any object may be read by key.
    return value as Readonly<Record<string, unknown>>;
  }

  /** Refuses keys that mean nothing, and names the ones that may have been meant. */
  keys<T extends object>(value: T, known: readonly string[], prefix = ""): T {
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) {
        throw new TypeError(
          `Cannot ${this.#action}: unknown option "${prefix}${key}", ${hint(key, known)}`,
        );
      }
    }
    return value;
  }

  /**
   * A frozen copy of a flat record whose values JSON can hold; undefined values are left out. Refused when it is larger
   * than an event may carry.
   */
  scalars(field: string, value: unknown): Readonly<Record<string, Scalar>> {
    const { scalars, leftOut, cutKey } = this.boundedScalars(field, value);
    if (leftOut > 0) throw new RangeError(`Cannot ${this.#action}: ${tooMany(field, leftOut)}`);
    if (cutKey === undefined) return scalars;
    const allowed = `a string of at most ${LONGEST_TEXT} characters`;
    return this.range(`${field}.${cutKey}`, allowed, scalars[cutKey]);
  }

  /**
   * The same for what comes with a call, which must not fail for its size: texts are cut, and keys that are too many or
   * too long are left out.
   */
  boundedScalars(field: string, value: unknown): BoundedScalars {
    const given = this.object(field, value);
    // A Map, a Date and the like hold nothing that could be copied key by key.
    if (Object.prototype.toString.call(given) !== "[object Object]") {
      return this.type(field, "a plain object", value);
    }
    const scalars: Record<string, Scalar> = {};
    let kept = 0;
    let leftOut = 0;
    let cutKey: string | undefined;
    for (const [key, held] of Object.entries(given)) {
      if (held === undefined) continue;
      if (kept === MOST_KEYS || key.length > LONGEST_KEY) {
        leftOut++;
        continue;
      }
      kept++;
      let scalar = this.#scalar(`${field}.${key}`, held);
      if (typeof scalar === "string" && scalar.length > LONGEST_TEXT) {
        scalar = cut(scalar, LONGEST_TEXT);
        cutKey ??= key;
      }
      // A plain assignment of "__proto__" would be lost.
      Object.defineProperty(scalars, key, { value: scalar, enumerable: true });
    }
    return { scalars: Object.freeze(scalars), leftOut, cutKey };
  }

  #scalar(field: string, held: unknown): Scalar {
    if (held === null || typeof held === "string" || typeof held === "boolean") return held;
    if (typeof held === "number" && Number.isFinite(held)) return held;
    return this.type(field, "a string, a finite number, a boolean or null", held);
  }
}

const MOST_KEYS = 32;
const LONGEST_KEY = 64;
const LONGEST_TEXT = 256;

/** A record that was made to fit. */
export interface BoundedScalars {
  readonly scalars: Readonly<Record<string, Scalar>>;
  /** Keys that were too many or too long. */
  readonly leftOut: number;
  /** The first key whose text was cut. */
  readonly cutKey: string | undefined;
}

/** What is wrong with a record from which keys were left out. */
export const tooMany = (field: string, leftOut: number): string =>
  `${field} must have at most ${MOST_KEYS} keys of at most ${LONGEST_KEY} characters, left out: ${leftOut}`;
