import type { Scalar } from "../events/field.ts";
import type { Outcome } from "../events/vocabulary.ts";
import type { Slot } from "./period.ts";
import type { UnderWay } from "./under-way.ts";

/** An admitted call and, when it has finished, its result: what settlement works on. */
export interface Call {
  readonly slot: Slot;
  /** What follows it while it runs; null when nothing did. */
  readonly underWay: UnderWay | null;
  readonly outcome: Outcome;
  /** Counts as error and forces the breaker open. */
  readonly permanent: boolean;
  /** Null when nothing needed the time when the call was admitted. */
  readonly latencyMs: number | null;
  /** How long the result was known before it was told: 0 but for a success that nobody waited for any longer. */
  readonly staleMs: number;
  /** What the call threw; a thrown undefined is a value too, hence the box. */
  readonly thrown: { readonly value: unknown } | null;
  /** When the dependency wants to be called again, as the classifier read it. */
  readonly retryAfterMs: number | null;
  readonly context: Readonly<Record<string, Scalar>> | undefined;
}

/** A finished call that no classifier has judged: what the breaker does not know of it is left empty. */
export function unjudged(
  outcome: Outcome,
  latencyMs: number | null,
  thrown: Call["thrown"],
): Omit<Call, "slot"> {
  return {
    outcome,
    underWay: null,
    permanent: false,
    latencyMs,
    staleMs: 0,
    thrown,
    retryAfterMs: null,
    context: undefined,
  };
}
