import type { ErrorInfo } from "./field.ts";

/** The longest message that an event carries, in UTF-16 units. */
const MESSAGE_LIMIT = 512;
const NAME_LIMIT = 64;
/** Causes of causes that are asked for a code. */
const DEEPEST = 6;

/** A text that is no longer than the limit; one that was shows that it was cut. */
export const cut = (value: string, limit: number): string =>
  value.length > limit ? `${value.slice(0, limit - 1)}…` : value;

/** The code of an error, or of the first of its causes that has one: all that `fetch` says itself is "fetch failed". */
function codeOf(thrown: object): string | undefined {
  let about: unknown = thrown;
  for (let depth = 0; depth < DEEPEST && typeof about === "object" && about !== null; depth++) {
    const code = read(about, "code");
    if (code !== undefined) return code;
    about = Reflect.get(about, "cause");
  }
  return undefined;
}

function read(thrown: object, key: "name" | "message" | "code"): string | undefined {
  const value: unknown = Reflect.get(thrown, key);
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

/**
 * Turns whatever was thrown into plain data for an event. Never throws and never changes the value: a thrown
 * undefined, a frozen object and a proxy with failing getters all get a description.
 */
export function describeError(thrown: unknown): ErrorInfo {
  try {
    if ((typeof thrown !== "object" && typeof thrown !== "function") || thrown === null) {
      return Object.freeze({
        name: thrown === null ? "null" : typeof thrown,
        message: cut(String(thrown), MESSAGE_LIMIT),
      });
    }
    const name = cut(read(thrown, "name") ?? "Object", NAME_LIMIT);
    const message = cut(read(thrown, "message") ?? String(thrown), MESSAGE_LIMIT);
    const code = codeOf(thrown);
    return Object.freeze(
      code === undefined ? { name, message } : { name, message, code: cut(code, NAME_LIMIT) },
    );
  } catch {
    return Object.freeze({ name: "Unreadable", message: "the thrown value could not be read" });
  }
}
