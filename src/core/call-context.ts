import { Check, tooMany } from "../events/check.ts";
import type { Scalar } from "../events/field.ts";
import type { Circuit } from "./circuit.ts";

/** What a call is about: put on its events, never on metrics. */
export type Context = Readonly<Record<string, Scalar>> | undefined;

/** The events that carry the context of a call when it is settled. */
export const CALL_EVENTS = [
  "circuit.failure",
  "circuit.success",
  "circuit.progress",
  "circuit.probe",
  "circuit.ignored",
  "circuit.late",
] as const;

/** It was asked for, and there was none. */
export const NO_CONTEXT: Context = Object.freeze({});

/** Asks the option `context` what the present call is about: once in a step, however many events the step tells. */
export class AskedContext {
  #ask: () => unknown;
  readonly #failed: (thrown: unknown) => void;
  #answer: Context;
  #asked = false;
  /** The function is running: what it does to the breaker is told after the step. */
  asking = false;

  constructor(ask: () => unknown, failed: (thrown: unknown) => void) {
    this.#ask = ask;
    this.#failed = failed;
  }

  /** Another function was given, or none. */
  askInstead(ask: (() => unknown) | undefined): void {
    this.#ask = ask ?? noContext;
  }

  /** The answer of this step. */
  get(): Context {
    if (!this.#asked) {
      this.#answer = this.fresh();
      this.#asked = true;
    }
    return this.#answer;
  }

  /** An answer that belongs to no step. */
  fresh(): Context {
    // The function called the breaker itself: that call is not about anything.
    if (this.asking) return undefined;
    this.asking = true;
    try {
      const answer = this.#ask();
      if (answer === undefined) return undefined;
      // Its rejection, if any, is nobody else's to handle; what it is instead of an object is told below.
      if (answer instanceof Promise) answer.catch(() => {});
      const { scalars, leftOut } = new Check("take the context").boundedScalars("context", answer);
      if (leftOut > 0) this.#failed(tooLarge(leftOut));
      return scalars;
    } catch (thrown) {
      this.#failed(thrown);
      return undefined;
    } finally {
      this.asking = false;
    }
  }

  /** The step is over. */
  forget(): void {
    this.#asked = false;
    this.#answer = undefined;
  }
}

/** Null without the option; then nothing is ever asked. */
export function askedContext(
  ask: (() => unknown) | undefined,
  failed: (thrown: unknown) => void,
): AskedContext | null {
  return ask === undefined ? null : new AskedContext(ask, failed);
}

/** The context that the call brought, or what the option of the breaker says it is about. */
export function contextOf(asked: AskedContext | null, given: Context): Context {
  if (given === undefined) return asked?.get();
  return given === NO_CONTEXT ? undefined : given;
}

/** Tells, as a step of its own, that a call brought more than events carry. */
export function tellLeftOut(circuit: Circuit, leftOut: number): void {
  circuit.begin();
  circuit.callbackFailed("context", tooLarge(leftOut));
  circuit.deliver();
}

const noContext = (): undefined => undefined;

const tooLarge = (leftOut: number): RangeError =>
  new RangeError(`Cannot take the context: ${tooMany("context", leftOut)}`);
