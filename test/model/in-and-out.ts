import type { CircuitEventType, CircuitState, Outcome, SkipReason } from "../../src/index.ts";

// What goes into the reference, and what comes out of it.

/** An event as the reference expects it; incidents are numbered instead of named. */
export type Told = { readonly type: CircuitEventType } & Readonly<Record<string, unknown>>;

/** A finished call after judgement. */
export interface Ending {
  readonly as: Outcome;
  readonly permanent: boolean;
  readonly retryAfterMs: number | null;
  /** Null when it was not measured. */
  readonly latencyMs: number | null;
  readonly thrown: { readonly value: unknown } | null;
  readonly context: object | undefined;
  /** What the classifier did wrong. */
  readonly callbackFailed: object | null;
}

/** What a refused caller is told. */
export interface Refused {
  readonly state: CircuitState;
  readonly reason: SkipReason;
  readonly retryAfterMs: number | null;
  readonly openMs: number;
  readonly skipsSinceOpened: number;
  readonly incident: string | undefined;
  readonly cause: unknown;
}

/** The answer to a call that asks to run: the number of its permit, or the refusal. */
export type Admission = number | Refused;

/** What the reference has of the world: where it tells its events, and chance. */
export interface Audience {
  /** The present chance, a multiple of 1/64. */
  readonly chance: number;
  /** An admission is about to ask for it: the answer must be exact. */
  draws(): void;
  hears(type: CircuitEventType): boolean;
  tell(event: Told): void;
  /** A step is over: what it told is delivered now. */
  deliver(): void;
}
