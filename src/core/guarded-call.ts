import type { Scalar } from "../events/field.ts";
import type { CountedAs, Outcome } from "../events/vocabulary.ts";
import { admit, refuse, startOf } from "./admission.ts";
import { type Call, unjudged } from "./call.ts";
import type { CancelSignal, CheckedOptions, Guarded } from "./call-options.ts";
import type { Circuit } from "./circuit.ts";
import { type RefusalFacts, refusalError, toldRefusal } from "./circuit-open-error.ts";
import { judge } from "./classification.ts";
import { type ErrorResult, type ExecuteResult, RefusedResult } from "./execute-result.ts";
import { follow } from "./follow.ts";
import { DisabledPeriod, type Slot } from "./period.ts";
import { rejection } from "./rejection.ts";
import { settle, settleCalm, settleCancelled } from "./settlement.ts";
import { UnderWay } from "./under-way.ts";

/** What a record in the free list holds, so that it keeps nothing of its last call alive. */
const NO_SLOT = new DisabledPeriod();

/**
 * One timed call from its admission to its settlement. Records are taken from a bounded free list, so that timing a
 * call allocates no closures.
 */
class GuardedCall implements Call {
  circuit: Circuit | null = null;
  slot: Slot = NO_SLOT;
  /** Made for the first call that is followed, and kept for the next. */
  underWay: UnderWay | null = null;
  startMs = 0;
  signal: CancelSignal | undefined;
  context: Readonly<Record<string, Scalar>> | undefined;
  outcome: Outcome = "success";
  permanent = false;
  latencyMs = 0;
  readonly staleMs = 0;
  thrown: { readonly value: unknown } | null = null;
  retryAfterMs: number | null = null;

  readonly onValue = <T>(value: T): T => {
    const nowMs = this.#end();
    if (!this.#calm(nowMs)) this.#finish(true, value, nowMs);
    this.#release();
    return value;
  };
  readonly onThrow = (thrown: unknown): PromiseLike<never> => {
    this.#finish(false, thrown, this.#end());
    this.#release();
    return rejection(thrown);
  };
  readonly onResult = <T>(value: T): ExecuteResult<T> => {
    const nowMs = this.#end();
    const countedAs = this.#calm(nowMs) ? "success" : this.#finish(true, value, nowMs);
    const { latencyMs } = this;
    const consecutiveFailures = this.circuit?.consecutiveFailures ?? 0;
    const slow = this.outcome === "latency";
    this.#release();
    return slow
      ? {
          outcome: "latency",
          value,
          latencyMs,
          latencyTripped: true,
          consecutiveFailures,
          countedAs,
        }
      : { outcome: "ok", value, latencyMs, latencyTripped: false, consecutiveFailures, countedAs };
  };
  readonly onError = (error: unknown): ErrorResult | RefusedResult => {
    const countedAs = this.#finish(false, error, this.#end());
    const { latencyMs } = this;
    const consecutiveFailures = this.circuit?.consecutiveFailures ?? 0;
    const told = this.outcome === "unreached" ? toldRefusal(this.circuit?.name, error) : null;
    const latencyTripped = this.outcome === "latency";
    this.#release();
    if (told !== null) return new RefusedResult(told, consecutiveFailures);
    return { outcome: "error", error, latencyMs, latencyTripped, consecutiveFailures, countedAs };
  };

  /** A promise has no result yet, so it gives no verdict; its own end must not become an unhandled rejection. */
  refuseThenable(value: PromiseLike<unknown>): never {
    const { circuit } = this;
    if (circuit !== null) {
      const nowMs = this.#end();
      this.outcome = "ignored";
      settle(circuit, this, nowMs);
    }
    this.#release();
    Promise.resolve(value).catch(() => {});
    throw new TypeError(
      `Cannot call breaker "${circuit?.name}": fn must return a value at once, received a promise; use call`,
    );
  }

  /** Reads the clock at the end of the call. */
  #end(): number {
    const nowMs = this.circuit?.begin() ?? this.startMs;
    this.latencyMs = Math.max(0, nowMs - this.startMs);
    return nowMs;
  }

  /** Settles a success that decides nothing; false when the call has to be judged. */
  #calm(nowMs: number): boolean {
    const { circuit } = this;
    if (circuit === null) return false;
    const { classify, latencyTripMs } = circuit.settings;
    if (classify !== undefined || this.latencyMs > latencyTripMs) return false;
    this.outcome = "success";
    return settleCalm(circuit, this, nowMs);
  }

  /** Judges and settles the call. Never throws: the caller gets its own result whatever happens here. */
  #finish(ok: boolean, held: unknown, nowMs: number): CountedAs {
    const { circuit } = this;
    if (circuit === null) return "late";
    if (!ok) this.thrown = { value: held };
    judge(circuit, this, ok, held);
    return settle(circuit, this, nowMs);
  }

  /** Gives the record back; what its handlers still need they have copied. */
  #release(): void {
    this.circuit = null;
    this.slot = NO_SLOT;
    this.signal = undefined;
    this.context = undefined;
    this.thrown = null;
    this.permanent = false;
    this.retryAfterMs = null;
    if (free.length < FREE_LIMIT) free.push(this);
  }
}

const FREE_LIMIT = 256;
const free: GuardedCall[] = [];

function take(
  circuit: Circuit,
  slot: Slot,
  admittedMs: number,
  options: CheckedOptions | undefined,
) {
  const startMs = startOf(circuit, slot, admittedMs);
  const call = free.pop() ?? new GuardedCall();
  circuit.tally.begun++;
  call.circuit = circuit;
  call.slot = slot;
  call.startMs = startMs;
  if (!circuit.settings.admitsPlainly) followCall(circuit, call);
  if (options !== undefined) {
    call.signal = options.signal;
    call.context = options.context;
  }
  return call;
}

/** Lets a call count before it ends, where that is asked for. */
function followCall({ underWay: calls, period }: Circuit, call: GuardedCall): void {
  // A listener that was told of the admission may have changed the state.
  if (calls === null || call.slot !== period) return;
  call.underWay ??= new UnderWay();
  calls.begin(call.underWay, call.startMs);
}

/** Runs a call and passes its value or its error through untouched. */
export function guard<T>(
  circuit: Circuit,
  fn: Guarded<T>,
  options: CheckedOptions | undefined,
): Promise<T> {
  const nowMs = circuit.begin();
  if (options?.aborted === true) {
    return Promise.reject(cancelledBefore(circuit, options));
  }
  const slot = admit(circuit, nowMs);
  if (slot === null) {
    return rejectLater(refuse(circuit, nowMs, options?.context));
  }
  const call = take(circuit, slot, nowMs, options);
  return follow(bound(fn, options), call.onValue<T>, call.onThrow);
}

const settled = Promise.resolve();

/**
 * Rejects one microtask later: rejecting before the caller has attached a handler costs 700 ns of the engine's
 * bookkeeping, and throwing inside a handler 200 ns.
 */
function rejectLater(facts: RefusalFacts): Promise<never> {
  return new Promise((_, reject) => {
    settled.then(() => reject(refusalError(facts)));
  });
}

/** Runs a call and describes how it ended; never throws. */
export function guardResult<T>(
  circuit: Circuit,
  fn: Guarded<T>,
  options: CheckedOptions | undefined,
): Promise<ExecuteResult<T>> {
  const nowMs = circuit.begin();
  if (options?.aborted === true) {
    return Promise.resolve({
      outcome: "error",
      error: cancelledBefore(circuit, options),
      latencyMs: 0,
      latencyTripped: false,
      consecutiveFailures: circuit.consecutiveFailures,
      countedAs: "cancelled",
    });
  }
  const slot = admit(circuit, nowMs);
  if (slot === null) {
    const facts = refuse(circuit, nowMs, options?.context);
    return Promise.resolve(new RefusedResult(facts, circuit.consecutiveFailures));
  }
  const call = take(circuit, slot, nowMs, options);
  return follow(bound(fn, options), call.onResult<T>, call.onError);
}

/** Runs a function that returns its value at once. */
export function guardSync<T>(
  circuit: Circuit,
  fn: () => T,
  options: CheckedOptions | undefined,
): T {
  const nowMs = circuit.begin();
  if (options?.aborted === true) throw cancelledBefore(circuit, options);
  const slot = admit(circuit, nowMs);
  if (slot === null) throw refusalError(refuse(circuit, nowMs, options?.context));
  const call = take(circuit, slot, nowMs, options);
  let value: T;
  try {
    value = fn();
  } catch (thrown) {
    call.onThrow(thrown);
    throw thrown;
  }
  if (isThenable(value)) return call.refuseThenable(value);
  return call.onValue(value);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  try {
    return "then" in value && typeof value.then === "function";
  } catch {
    // Nothing that can be waited for; the value is the caller's.
    return false;
  }
}

/** The function with the signal it was given, if any. */
function bound<T>(fn: Guarded<T>, options: CheckedOptions | undefined): () => T | PromiseLike<T> {
  const signal = options?.signal;
  // The public overloads give `fn` a signal parameter only together with a signal of that very type.
  return signal === undefined ? fn : () => fn(signal as never);
}

function cancelledBefore(circuit: Circuit, { signal, context }: CheckedOptions): unknown {
  const reason = reasonOf(signal);
  settleCancelled(circuit, { ...unjudged("cancelled", 0, { value: reason }), context });
  return reason;
}

function reasonOf(signal: CancelSignal | undefined): unknown {
  try {
    return signal?.reason;
  } catch (unreadable) {
    return unreadable;
  }
}
