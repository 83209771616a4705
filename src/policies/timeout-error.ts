import { stackless } from "../core/stackless.ts";
import { hasBrand } from "../events/brand.ts";

const BRAND = Symbol.for("telltale.TimeoutError");

/** What the end of a call that ran out of time knows. */
export interface TimeoutFacts {
  readonly policy: string;
  readonly limitMs: number;
  /** Whether the function may still run. */
  readonly abandoned: boolean;
  /** What the function threw after its time was over, boxed: it may have thrown undefined. */
  readonly thrown: { readonly value: unknown } | undefined;
}

/**
 * A call ran out of time. Breakers around it count it as `latency`, as they do any error of this name. Carries no
 * stack: it is made by a timer.
 *
 * @example
 * if (isTimeoutError(error)) console.warn(error.policy, "ran out of its", error.limitMs, "ms");
 */
export class TimeoutError extends Error {
  declare readonly name: "TimeoutError";
  declare readonly code: "ERR_TIMEOUT";
  /** The policy's name. */
  readonly policy: string;
  /** The limit, in milliseconds. */
  readonly limitMs: number;
  /** Whether nobody waited for the function to end: it may still run. */
  readonly abandoned: boolean;

  /** Made by policies. */
  constructor({ policy, limitMs, abandoned, thrown }: TimeoutFacts) {
    const message = `Timeout "${policy}" expired after ${limitMs} ms${abandoned ? ", the call was abandoned" : ""}`;
    super(message, thrown === undefined ? undefined : { cause: thrown.value });
    this.policy = policy;
    this.limitMs = limitMs;
    this.abandoned = abandoned;
  }

  static {
    const prototype: object = TimeoutError.prototype;
    const constant = (value: unknown) => ({ value, writable: true, configurable: true });
    Object.defineProperty(prototype, "name", constant("TimeoutError"));
    Object.defineProperty(prototype, "code", constant("ERR_TIMEOUT"));
    Object.defineProperty(prototype, BRAND, { value: true });
  }
}

const made = (facts: TimeoutFacts): TimeoutError => new TimeoutError(facts);

/** Makes the error without capturing a stack. */
export const timeoutError = (facts: TimeoutFacts): TimeoutError => stackless(made, facts);

/** Whether a value is a {@link TimeoutError}, also one of another copy of telltale or another realm. */
export function isTimeoutError(value: unknown): value is TimeoutError {
  return hasBrand(value, BRAND);
}
