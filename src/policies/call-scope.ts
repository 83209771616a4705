import type { Clock } from "../core/clock.ts";
import { promised } from "../core/follow.ts";
import type { Check } from "../events/check.ts";
import type { Scalar } from "../events/field.ts";
import type { HostSignal } from "../platform.ts";

export type { HostSignal } from "../platform.ts";

/** Options of one call through a policy or a pipeline. */
export interface PolicyCallOptions {
  /**
   * Ends the call: it is passed to the function, or a signal that follows it is, and a wait between two attempts or
   * for a place ends at once. The call then rejects with the signal's reason.
   */
  readonly signal?: HostSignal | undefined;
  /**
   * Put on the events of the call as `context`, for example a delivery id. Strings are cut to 256 characters; keys beyond
   * the 32nd, or longer than 64 characters, are left out, and `policy.callback_failed` says so.
   */
  readonly context?: Readonly<Record<string, Scalar | undefined>> | undefined;
  /** What a result belongs to: a fallback keeps the last good one of each key. Never put on events. */
  readonly key?: string | undefined;
  /** Whether the call may be made twice, where it differs from what the retry policy says. */
  readonly idempotent?: boolean | undefined;
}

/** What a fallback gave instead of the call's own value. */
export interface Served {
  readonly source: "value" | "function" | "cache";
  readonly ageMs: number | null;
  readonly error: unknown;
}

/** What the policies of one call note for its result. */
export interface CallReport {
  /** Attempts beyond the first. */
  retries: number;
  served: Served | null;
}

/** When a time limit ends the call, on the clock of the policy that set it. */
export interface Deadline {
  readonly clock: Clock;
  readonly atMs: number;
}

/** What flows from policy to policy with one call. */
export interface Scope {
  readonly signal: HostSignal | undefined;
  /** The nearest of the time limits around the call; the signal is aborted then. */
  readonly deadline: Deadline | undefined;
  readonly context: Readonly<Record<string, Scalar>> | undefined;
  readonly key: string | undefined;
  readonly idempotent: boolean | undefined;
  /** Undefined when nobody asks for a result. */
  readonly report: CallReport | undefined;
}

/** The scope of a call without options. */
export const PLAIN_SCOPE: Scope = /* @__PURE__ */ Object.freeze({
  signal: undefined,
  deadline: undefined,
  context: undefined,
  key: undefined,
  idempotent: undefined,
  report: undefined,
});

/** What a policy runs: the policies inside it, and at last the function. */
export type Next<T> = (scope: Scope) => T | PromiseLike<T>;

/** A function given to a policy, whatever its parameter: it is called with the signal when there is one. */
export type Given<T> = (...args: never[]) => T | PromiseLike<T>;

const KEYS = ["signal", "context", "key", "idempotent"];
/** Characters of a key, at the most. */
export const LONGEST_KEY = 16_384;

/** Checks the options of one call; the context becomes a frozen copy, from which keys may have to be left out. */
export function checkedScope(
  check: Check,
  options: unknown,
): { readonly scope: Scope; readonly leftOut: number } {
  const given = check.object("options", options);
  check.keys(given, KEYS);
  const { signal, context, key, idempotent }: PolicyCallOptions = given;
  if (signal !== undefined) {
    const shape = check.object("signal", signal);
    const { aborted, addEventListener: listen, removeEventListener: unlisten } = shape;
    if (typeof aborted !== "boolean") check.type("signal", "an AbortSignal", signal);
    if (typeof listen !== "function" || typeof unlisten !== "function") {
      check.type("signal", "an AbortSignal", signal);
    }
  }
  if (key !== undefined) check.text("key", key, LONGEST_KEY);
  if (idempotent !== undefined) check.flag("idempotent", idempotent);
  const plain = { signal, deadline: undefined, key, idempotent, report: undefined };
  if (context === undefined) return { scope: { ...plain, context }, leftOut: 0 };
  const { scalars, leftOut } = check.boundedScalars("context", context);
  return { scope: { ...plain, context: scalars }, leftOut };
}

/** The scope of the same call with another signal, and the time limit that aborts it. */
export function withSignal(
  { context, key, idempotent, report }: Scope,
  signal: HostSignal | undefined,
  deadline?: Deadline,
): Scope {
  return { signal, deadline, context, key, idempotent, report };
}

/** The scope of the same call with a report. */
export function withReport(scope: Scope, report: CallReport): Scope {
  const { signal, deadline, context, key, idempotent } = scope;
  return { signal, deadline, context, key, idempotent, report };
}

/** The time that is left for a call, in milliseconds: 0 or less when none is, Infinity without a limit. */
export function remainingMs({ deadline }: Scope): number {
  if (deadline === undefined) return Number.POSITIVE_INFINITY;
  return deadline.atMs - deadline.clock.monotonicMs();
}

/** Calls the function as its public types promise: with the signal when there is one, else with nothing. */
export function invoke<T>(fn: Given<T>, { signal }: Scope): T | PromiseLike<T> {
  // The overloads give `fn` a signal parameter only where there is one.
  return signal === undefined ? fn() : fn(signal as never);
}

/** Runs a function; a throw at once is a rejection. */
function start<T, A extends readonly unknown[]>(
  fn: (...given: A) => T | PromiseLike<T>,
  ...given: A
): Promise<T> {
  try {
    return promised(fn(...given));
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/** Runs the next step and attaches the two handlers. */
export function followNext<T, V, E>(
  next: Next<T>,
  scope: Scope,
  onValue: (value: T) => V | PromiseLike<V>,
  onThrow: (thrown: unknown) => E | PromiseLike<E>,
): Promise<V | E> {
  return start(next, scope).then(onValue, onThrow);
}

/** Runs the next step and attaches a handler of its failure; the engine passes a value on by itself. */
export function rescueNext<T, E>(
  next: Next<T>,
  scope: Scope,
  onThrow: (thrown: unknown) => E | PromiseLike<E>,
): Promise<T | E> {
  return start(next, scope).then(undefined, onThrow);
}

/** Runs a function as it is and attaches a handler of its failure. */
export function rescue<T, E>(
  fn: Given<T>,
  onThrow: (thrown: unknown) => E | PromiseLike<E>,
): Promise<T | E> {
  return start(fn).then(undefined, onThrow);
}
