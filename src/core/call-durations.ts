import type { FailureReason, Outcome } from "../events/vocabulary.ts";
import type { Call } from "./call.ts";
import type { Circuit } from "./circuit.ts";

/**
 * Takes the length of one call, in milliseconds, with what the call counted as.
 *
 * @example
 * const slowest = { success: 0, error: 0, latency: 0 };
 * breaker.onDuration((outcome, latencyMs) => {
 *   slowest[outcome] = Math.max(slowest[outcome], latencyMs);
 * });
 */
export type DurationListener = (outcome: TimedOutcome, latencyMs: number) => void;

/** The outcomes whose length says something of the dependency. */
type TimedOutcome = "success" | FailureReason;

/** One that takes durations, and the name under which its failures are reported. */
export interface DurationSubscription {
  readonly listener: DurationListener;
  readonly sink: string;
}

/** Hands over the length of every call from now on; returns a function that ends it. */
export function listenToDurations(
  circuit: Circuit,
  subscription: DurationSubscription,
): () => void {
  circuit.durations = [...(circuit.durations ?? []), subscription];
  circuit.choosePathAgain();
  return () => {
    const left = circuit.durations?.filter((other) => other !== subscription) ?? [];
    circuit.durations = left.length === 0 ? null : left;
    circuit.choosePathAgain();
  };
}

/** Ends a step: who listens to durations is told that of its call. A failure harms nobody and is reported. */
export function tellDuration(circuit: Circuit, { outcome, latencyMs }: Call): void {
  const { durations } = circuit;
  if (durations === null || latencyMs === null || !isTimed(outcome)) return;
  for (const { listener, sink } of durations) {
    try {
      listener(outcome, latencyMs);
    } catch (thrown) {
      const failedType = outcome === "success" ? "circuit.success" : "circuit.failure";
      circuit.journal?.listenerFailed(sink, failedType, thrown);
      circuit.deliver();
    }
  }
}

const isTimed = (outcome: Outcome): outcome is TimedOutcome =>
  outcome === "success" || outcome === "error" || outcome === "latency";
