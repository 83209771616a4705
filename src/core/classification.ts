import { OUTCOMES, type Outcome } from "../events/vocabulary.ts";
import type { CancelSignal } from "./call-options.ts";
import { isRefusal, reported } from "./circuit-open-error.ts";

/** A finished call as a classifier sees it. */
export type FinishedCall =
  | { readonly ok: true; readonly value: unknown; readonly latencyMs: number }
  | { readonly ok: false; readonly error: unknown; readonly latencyMs: number };

/** A classifier's answer that also says when the dependency wants to be called again. */
export interface Classification {
  /** What the call counts as; `"permanent"` counts as error and forces the breaker open. */
  readonly outcome: Outcome | "permanent";
  /**
   * If the call trips the breaker or fails a probe, the cooldown that follows: it wins over `cooldownMs`.
   * Milliseconds, 0 or more.
   */
  readonly retryAfterMs?: number;
}

/**
 * Decides what a finished call counts as. Undefined leaves the decision to the defaults: a value is a `success`, a
 * thrown `TimeoutError` is `latency`, and so is a throw after a time limit aborted the call's signal; anything else
 * thrown is `error`. A verdict slower than `latencyTripMs` is `latency` whatever the classifier says. A refusal by another
 * breaker (`unreached`) and a call that its own signal cancelled (`cancelled`) say nothing of the dependency: the
 * classifier is not asked.
 *
 * @example
 * // A returned HTTP 500 is a failure.
 * const classify: Classify = (call) =>
 *   call.ok && call.value instanceof Response && call.value.status >= 500 ? "error" : undefined;
 */
export type Classify = (call: FinishedCall) => Outcome | "permanent" | Classification | undefined;

/** A checked answer. */
interface Classified {
  readonly outcome: Outcome;
  readonly permanent: boolean;
  readonly retryAfterMs: number | null;
}

const WORDS: readonly string[] = [...OUTCOMES, "permanent"];

/**
 * Checks what a classifier answered.
 * @throws {TypeError} when it is neither a word, nor a classification, nor undefined
 */
function checkAnswer(answer: unknown): Classified | undefined {
  if (answer === undefined) return undefined;
  let word: unknown = answer;
  let retryAfterMs: number | null = null;
  if (answer instanceof Promise) {
    // Its rejection, if any, is nobody else's to handle.
    answer.catch(() => {});
  } else if (typeof answer === "object" && answer !== null) {
    word = Reflect.get(answer, "outcome");
    const asked: unknown = Reflect.get(answer, "retryAfterMs");
    if (asked !== undefined && asked !== null) {
      if (typeof asked !== "number" || !Number.isFinite(asked) || asked < 0) {
        throw new TypeError(
          `retryAfterMs must be a non-negative number of milliseconds, received ${String(asked)}`,
        );
      }
      retryAfterMs = asked;
    }
  }
  if (typeof word !== "string" || !WORDS.includes(word)) {
    throw new TypeError(
      `classify must answer one of ${WORDS.join(", ")}, received ${String(word)}`,
    );
  }
  if (word === "permanent") return { outcome: "error", permanent: true, retryAfterMs };
  // The word is in WORDS and is not "permanent", so it is an Outcome.
  return { outcome: word as Outcome, permanent: false, retryAfterMs };
}

/** Whether an error says that a time limit ended the call: ours, `AbortSignal.timeout`'s, most libraries'. */
export function isTimeout(error: unknown): boolean {
  try {
    if (typeof error !== "object" || error === null) return false;
    const { name }: { readonly name?: unknown } = error;
    return name === "TimeoutError";
  } catch {
    return false;
  }
}

/** What a thrown value counts as when no classifier decides. */
export function outcomeOfThrown(error: unknown): Outcome {
  const about = reported(error);
  if (isTimeout(about)) return "latency";
  return isRefusal(about) ? "unreached" : "error";
}

/**
 * What the abort of its signal makes of a call that threw; undefined when there was none. A signal that a time limit
 * aborted says that the call was too slow, whatever the client made of it: many throw an `AbortError` of their own.
 */
export function outcomeOfAbort(signal: CancelSignal | undefined): Outcome | undefined {
  let outcome: Outcome | undefined;
  try {
    if (signal?.aborted === true) {
      outcome = "cancelled";
      if (isTimeout(signal.reason)) outcome = "latency";
    }
  } catch {
    // A signal that can no longer be read must not cost the caller its result.
  }
  return outcome;
}

/** What judging needs of the circuit. */
interface Judging {
  readonly settings: { readonly classify: Classify | undefined; readonly latencyTripMs: number };
  callbackFailed(callback: string, thrown: unknown): void;
}

/** What judging a finished call decides. */
interface Judged {
  outcome: Outcome;
  permanent: boolean;
  retryAfterMs: number | null;
  readonly latencyMs: number;
  readonly signal: CancelSignal | undefined;
}

/** Decides what a finished call counts as. `held` is its value, or what it threw. */
export function judge(circuit: Judging, call: Judged, ok: boolean, held: unknown): void {
  const { classify, latencyTripMs } = circuit.settings;
  let outcome: Outcome = ok ? "success" : outcomeOfThrown(held);
  if (outcome === "error") outcome = outcomeOfAbort(call.signal) ?? outcome;
  if (classify !== undefined && outcome !== "unreached" && outcome !== "cancelled") {
    const { latencyMs } = call;
    const finished: FinishedCall = ok
      ? { ok, value: held, latencyMs }
      : { ok, error: held, latencyMs };
    const answer = ask(circuit, classify, finished);
    if (answer !== undefined) {
      outcome = answer.outcome;
      call.permanent = answer.permanent;
      call.retryAfterMs = answer.retryAfterMs;
    }
  }
  call.outcome = slowed(outcome, call.latencyMs, latencyTripMs);
}

/** A verdict slower than the limit is `latency`, whatever it was otherwise. */
export function slowed(outcome: Outcome, latencyMs: number | null, latencyTripMs: number): Outcome {
  const verdict = outcome === "success" || outcome === "error";
  return verdict && latencyMs !== null && latencyMs > latencyTripMs ? "latency" : outcome;
}

function ask(circuit: Judging, classify: Classify, call: FinishedCall): Classified | undefined {
  try {
    return checkAnswer(classify(call));
  } catch (thrown) {
    circuit.callbackFailed("classify", thrown);
    return undefined;
  }
}
