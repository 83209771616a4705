import { CircuitBreaker, isCircuitOpenError } from "../../src/index.ts";

// Everything that a guarded call of the model may throw, with what an event must say of it, written by hand.

const refusing = new CircuitBreaker("inner");
refusing.forceOpen();
const inner = refusing.admit();
if (inner.ok || !isCircuitOpenError(inner.error)) throw new Error("The inner breaker must refuse");

const named = (name: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { name }, more);

/** A thrown value: how it is judged when nobody else decides, and how it is told. */
interface Throwable {
  readonly value: unknown;
  readonly as: "error" | "latency" | "unreached";
  readonly told: object;
}

export const THROWABLES = {
  error: { value: new Error("boom"), as: "error", told: { name: "Error", message: "boom" } },
  coded: {
    value: named("Error", "connect ECONNREFUSED", { code: "ECONNREFUSED" }),
    as: "error",
    told: { name: "Error", message: "connect ECONNREFUSED", code: "ECONNREFUSED" },
  },
  timeout: {
    value: named("TimeoutError", "too slow"),
    as: "latency",
    told: { name: "TimeoutError", message: "too slow" },
  },
  inner: {
    value: inner.error,
    as: "unreached",
    told: {
      name: "CircuitOpenError",
      message: inner.error.message,
      code: "ERR_CIRCUIT_OPEN",
    },
  },
  undefined: { value: undefined, as: "error", told: { name: "undefined", message: "undefined" } },
  text: { value: "no error", as: "error", told: { name: "string", message: "no error" } },
  frozen: {
    value: Object.freeze({ message: "frozen", name: "Cold" }),
    as: "error",
    told: { name: "Cold", message: "frozen" },
  },
  abort: {
    value: named("AbortError", "gave up"),
    as: "error",
    told: { name: "AbortError", message: "gave up" },
  },
  hostile: {
    value: new Proxy(
      {},
      {
        get: () => {
          throw new Error("not to be read");
        },
      },
    ),
    as: "error",
    told: { name: "Unreadable", message: "the thrown value could not be read" },
  },
} as const satisfies Record<string, Throwable>;

/** The name of a throwable. */
export type ThrowableName = keyof typeof THROWABLES;

const asMade = Object.values(THROWABLES).map(({ value }) => sealOf(value));

/** Whether nobody has changed anything that was thrown. */
export const allUntouched = (): boolean =>
  Object.values(THROWABLES).every(({ value }, index) => sealOf(value) === asMade[index]);

/** The own keys of a value and whether it may be changed. */
function sealOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value;
  return [...Reflect.ownKeys(value), Object.isExtensible(value)].map(String).join();
}

/** What an event must say of a thrown value. */
export function describedAs(value: unknown): object {
  const known = Object.values(THROWABLES).find((throwable) => throwable.value === value);
  if (known === undefined) throw new Error("The model never throws this value");
  return known.told;
}
