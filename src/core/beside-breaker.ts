import { Check } from "../events/check.ts";
import { refuse } from "./admission.ts";
import { tellLeftOut } from "./call-context.ts";
import { type CallOptions, type CheckedOptions, checkedOptions } from "./call-options.ts";
import { type CircuitBreaker, circuitOf } from "./circuit-breaker.ts";
import { type Beside, type CircuitOpenError, refusalError } from "./circuit-open-error.ts";
import { Onlookers } from "./onlookers.ts";
import { type AskedPermit, askPermit } from "./permit.ts";

/**
 * Refuses a call on behalf of a breaker, for a reason beside its state: counted and told as its skip, once, whether the
 * breaker stands around the call or not.
 */
export function refuseBeside(
  breaker: CircuitBreaker,
  beside: Beside,
  context: CheckedOptions["context"],
): CircuitOpenError {
  const circuit = circuitOf(breaker);
  return refusalError(refuse(circuit, circuit.begin(), context, beside));
}

/** Whether somebody hears of what {@link failedBeside} tells. */
export const hearsFailedBeside = (breaker: CircuitBreaker): boolean =>
  circuitOf(breaker).journal?.hears("circuit.callback_failed") === true;

/** Tells, as a step of its own, that something given beside a breaker failed. */
export function failedBeside(breaker: CircuitBreaker, callback: string, thrown: unknown): void {
  const circuit = circuitOf(breaker);
  circuit.begin();
  circuit.callbackFailed(callback, thrown);
  circuit.deliver();
}

/** Calls `onlooker` after each step that leaves the breaker open, as long as it looks on. */
export function lookOn(breaker: CircuitBreaker, onlooker: () => void): void {
  const circuit = circuitOf(breaker);
  circuit.onlookers ??= new Onlookers();
  circuit.onlookers.add(onlooker);
}

export function lookAway(breaker: CircuitBreaker, onlooker: () => void): void {
  circuitOf(breaker).onlookers?.remove(onlooker);
}

/**
 * Asks for the right to make one call that has a context, for those who carry calls over permits; `timed` when they
 * want its length, whatever the breaker needs.
 */
export function admitCall(
  breaker: CircuitBreaker,
  context: CallOptions["context"],
  timed: boolean,
): AskedPermit {
  const circuit = circuitOf(breaker);
  if (context === undefined) return askPermit(circuit, undefined, timed);
  const checked = checkedOptions(new Check(`call breaker "${circuit.name}"`), { context });
  if (checked.leftOut > 0) tellLeftOut(circuit, checked.leftOut);
  return askPermit(circuit, checked.context, timed);
}
