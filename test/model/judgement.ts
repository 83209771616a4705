import type { Outcome } from "../../src/index.ts";
import { ANYTHING } from "./difference.ts";
import type { Rules } from "./history.ts";
import type { ControlPlan } from "./plans.ts";
import { THROWABLES, type ThrowableName } from "./thrown.ts";

// What a finished call counts as, by contract.md section 1 and the option `classify`.

/** How the classifier of the model answers for one call. */
export type Answer =
  | { readonly kind: "default" }
  | { readonly kind: "word"; readonly word: Outcome | "permanent" }
  | {
      readonly kind: "full";
      readonly word: Outcome | "permanent";
      readonly retryAfterMs: number | null | undefined;
    }
  | { readonly kind: "throws" }
  /** Calls the breaker that asks, and leaves the decision to the default. */
  | { readonly kind: "controls"; readonly control: ControlPlan }
  | { readonly kind: "invalid"; readonly answer: InvalidAnswer };

/** Answers that no classifier may give. */
export const INVALID_ANSWERS = {
  nonsense: "nonsense",
  late: { outcome: "late" },
  negative: { outcome: "error", retryAfterMs: -1 },
  endless: { outcome: "success", retryAfterMs: Number.POSITIVE_INFINITY },
  number: 42,
  nothing: null,
  promise: "a promise that rejects",
  empty: {},
} as const;
export type InvalidAnswer = keyof typeof INVALID_ANSWERS;

/** What the classifier throws. */
export const CLASSIFIER_ERROR = new Error("the classifier failed");

export interface Finished {
  /** What it threw; null when it returned. */
  readonly threw: ThrowableName | null;
  /** Its own signal was aborted by then. */
  readonly aborted: boolean;
  /** A time limit did so. */
  readonly expired: boolean;
  /** Null when it was not measured. */
  readonly latencyMs: number | null;
  readonly answer: Answer;
}

export interface Judgement {
  readonly as: Outcome;
  readonly permanent: boolean;
  readonly retryAfterMs: number | null;
  readonly asked: boolean;
  readonly callbackFailed: object | null;
}

/** A promise given to `callSync` says nothing of the dependency. */
export const NO_RESULT: Judgement = {
  as: "ignored",
  permanent: false,
  retryAfterMs: null,
  asked: false,
  callbackFailed: null,
};

export function judge(
  rules: Rules,
  { threw, aborted, expired, latencyMs, answer }: Finished,
): Judgement {
  const own = threw === null ? "success" : THROWABLES[threw].as;
  // Whatever a client throws when a time limit ends it.
  const byDefault = own === "error" && expired ? "latency" : own;
  // A refusal inside the process says nothing, and neither does a call that its own signal cancelled.
  const unreached = byDefault === "unreached";
  const cancelled = byDefault === "error" && aborted;
  const asked = rules.classifies && !unreached && !cancelled;
  const said = asked ? heard(answer) : null;
  const as = said?.as ?? (cancelled ? "cancelled" : byDefault);
  const slow = latencyMs !== null && latencyMs > (rules.latencyTripMs ?? Number.POSITIVE_INFINITY);
  return {
    as: slow && (as === "success" || as === "error") ? "latency" : as,
    permanent: said?.permanent ?? false,
    retryAfterMs: said?.retryAfterMs ?? null,
    asked,
    callbackFailed: asked ? failureOf(answer) : null,
  };
}

/** What a valid answer says; null leaves the decision to the default. */
function heard(answer: Answer) {
  if (answer.kind !== "word" && answer.kind !== "full") return null;
  const permanent = answer.word === "permanent";
  return {
    as: answer.word === "permanent" ? ("error" as const) : answer.word,
    permanent,
    retryAfterMs: answer.kind === "full" ? (answer.retryAfterMs ?? null) : null,
  };
}

/** What `circuit.callback_failed` says of the answer; null when it was a valid one. */
function failureOf(answer: Answer): object | null {
  if (answer.kind === "throws") return { name: "Error", message: CLASSIFIER_ERROR.message };
  return answer.kind === "invalid" ? { name: "TypeError", message: ANYTHING } : null;
}

/** Answers as `classify` would. */
export function giveAnswer(answer: Answer): unknown {
  switch (answer.kind) {
    case "default":
    case "controls":
      return undefined;
    case "word":
      return answer.word;
    case "full":
      return answer.retryAfterMs === undefined
        ? { outcome: answer.word }
        : { outcome: answer.word, retryAfterMs: answer.retryAfterMs };
    case "throws":
      throw CLASSIFIER_ERROR;
    case "invalid":
      // Nobody else handles its rejection.
      if (answer.answer === "promise") return Promise.reject(CLASSIFIER_ERROR);
      return INVALID_ANSWERS[answer.answer];
  }
}
