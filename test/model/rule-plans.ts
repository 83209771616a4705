// The options of this part of the breaker as plain data that shrinks and prints.

/** A trip rule. */
export type RulePlan =
  | { readonly kind: "consecutive"; readonly n: number }
  | {
      readonly kind: "rate";
      /** Above it a call is slow, and slow calls are counted; null counts failures. */
      readonly slowMs: number | null;
      readonly threshold: number;
      readonly window: { readonly calls: number } | { readonly durationMs: number };
      readonly minimumCalls: number;
    };

/** `cooldownMs`: the number, or a function that grows with the attempt, that asks chance as well, or that fails. */
export type CooldownPlan = "fixed" | "grows" | "jitters" | "throws" | "negative";

/** The failure rate that decides over the probes. */
export interface ProbeRatePlan {
  readonly threshold: number;
  readonly minimumCalls: number;
}

export interface RampPlan {
  readonly durationMs: number;
  readonly from: number;
}

/** What a cooldown function of the model answers. */
export const cooldownOf = {
  grows: (attempt: number): number => 30 * attempt,
  // Chances are 64ths and a trace more.
  jitters: (attempt: number, chance: number): number => 30 * attempt + Math.floor(chance * 64),
} as const;

/** Cannot be told from the default in contract.md. */
export const DEFAULT_COOLDOWN_MS = 60_000;
