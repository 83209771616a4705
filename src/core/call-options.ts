import type { Check } from "../events/check.ts";
import type { Scalar } from "../events/field.ts";

/** What the core needs of an `AbortSignal`: core is compiled without the types of any host. */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/**
 * A function to guard, whatever its parameter: it is called with the signal when one is given, else with nothing.
 * The public overloads see to it that its parameter is of the signal's type.
 */
export type Guarded<T> = (...args: never[]) => T | PromiseLike<T>;

/** Options of one call. */
export interface CallOptions {
  /**
   * Passed to the function. A call that throws after its signal was aborted counts as `cancelled` and decides
   * nothing, unless a time limit ended it, which is `latency`: it threw a `TimeoutError`, or one is the signal's reason, as
   * that of `AbortSignal.timeout` is.
   */
  readonly signal?: CancelSignal | undefined;
  /**
   * Put on the call's events as `context`, for example a delivery id; never on metrics. Strings are cut to 256
   * characters; keys beyond the 32nd, or longer than 64 characters, are left out, and `circuit.callback_failed` says so.
   * @default what the breaker's option `context` answers
   */
  readonly context?: Readonly<Record<string, Scalar | undefined>> | undefined;
}

/** What one call was given besides its function, checked. */
export interface CheckedOptions {
  readonly signal: CancelSignal | undefined;
  /** Whether the signal was aborted before the call. */
  readonly aborted: boolean;
  readonly context: Readonly<Record<string, Scalar>> | undefined;
  /** Keys of the context that were too many or too long. */
  readonly leftOut: number;
}

const KEYS = ["signal", "context"];

/** Checks the options of one call; the context becomes a frozen copy. */
export function checkedOptions(check: Check, options: unknown): CheckedOptions {
  const given = check.object("options", options);
  check.keys(given, KEYS);
  const { signal, context }: CallOptions = given;
  let aborted = false;
  if (signal !== undefined) {
    check.object("signal", signal);
    ({ aborted } = signal);
    if (typeof aborted !== "boolean") check.type("signal", "an AbortSignal", signal);
  }
  if (context === undefined) return { signal, aborted, context, leftOut: 0 };
  const { scalars, leftOut } = check.boundedScalars("context", context);
  return { signal, aborted, context: scalars, leftOut };
}
