import type { BusKind } from "./deliveries.ts";
import type { Answer } from "./judgement.ts";
import type { CooldownPlan, ProbeRatePlan, RampPlan, RulePlan } from "./rule-plans.ts";
import type { ThrowableName } from "./thrown.ts";

// What a run of the model does: options, listeners and steps, as plain data that shrinks and prints.

/** How a guarded function ends. */
export type Form =
  | "value"
  | "nothing"
  | "throw"
  | "resolved"
  | "rejected"
  | "thenable"
  /** Some steps later, or never. */
  | "later"
  | "thenable later";

/** What a function that has to return at once can do; a promise is refused. */
export const SYNC_FORMS = {
  value: "value",
  nothing: "nothing",
  throw: "throw",
  resolved: "resolved",
  rejected: "rejected",
  thenable: "thenable",
  later: "throw",
  "thenable later": "value",
} as const;

export interface CallPlan {
  readonly via: "call" | "execute" | "callSync";
  readonly form: Form;
  readonly throws: ThrowableName;
  readonly answer: Answer;
  readonly signal: "none" | "given" | "aborted before" | "aborted during" | "expired during";
  readonly context: boolean;
  /** How long it takes, for the forms that end at once. */
  readonly tookMs: Span;
}

/** A length of time: a number, or one that matters to the options of the run, and how far from it. */
export type Span =
  | number
  | {
      readonly to:
        | "due"
        | "lease"
        | "latency limit"
        | "overdue"
        | "idle step"
        | "blind end"
        | "healthy";
      readonly plus: -1 | 0 | 1;
    };

export type PermitMethod = "success" | "failure" | "ignore" | "cancel" | "release";

export type ControlPlan =
  | { readonly do: "force open"; readonly forMs: number | null; readonly note: boolean }
  | { readonly do: "reset"; readonly note: boolean }
  | { readonly do: "disable" }
  | { readonly do: "enable" }
  /** What a scrape does first. */
  | { readonly do: "catch up" };

export type RecordPlan = {
  readonly do: "record";
  readonly success: boolean;
  readonly throws: ThrowableName | null;
  readonly latencyMs: Span | null;
};

/** What a listener does when it is given an event. */
export type Reaction =
  | { readonly do: "nothing" }
  | { readonly do: "throw" }
  | { readonly do: "reject" }
  | { readonly do: "remove itself" }
  | { readonly do: "remove another"; readonly pick: number }
  | { readonly do: "add another" }
  | { readonly do: "take time"; readonly tookMs: number }
  | { readonly do: "call"; readonly call: CallPlan }
  | { readonly do: "admit"; readonly settle: PermitMethod | null }
  | ControlPlan
  | RecordPlan;

export interface ListenerPlan {
  readonly pattern: string;
  /** Subscribed at the bus, where the events of every breaker come. */
  readonly onBus: boolean;
  readonly once: boolean;
  readonly sink: string | undefined;
  readonly reaction: Reaction;
  /** How often it reacts. */
  readonly times: number;
}

export type Step = { readonly on: 0 | 1 } & (
  | { readonly do: "call"; readonly call: CallPlan }
  | { readonly do: "burst"; readonly calls: number; readonly throws: ThrowableName | null }
  | {
      readonly do: "finish";
      readonly pick: number;
      readonly throws: ThrowableName | null;
      readonly abort: boolean;
    }
  | { readonly do: "admit" }
  | {
      readonly do: "settle";
      readonly pick: number;
      readonly method: PermitMethod;
      readonly throws: ThrowableName | null;
      readonly latencyMs: Span | null;
    }
  | RecordPlan
  | ControlPlan
  | { readonly do: "wait"; readonly span: Span }
  | { readonly do: "step back"; readonly byMs: number; readonly thenMs: number }
  | { readonly do: "set wall clock"; readonly byMs: number }
  | { readonly do: "listen"; readonly listener: ListenerPlan }
  | { readonly do: "stop listening"; readonly pick: number }
);

export interface Setup {
  /** Null when the option is not given. */
  readonly failureThreshold: number | null;
  /** Empty when the option is not given. */
  readonly trip: readonly RulePlan[];
  readonly shadow: readonly RulePlan[];
  readonly cooldown: CooldownPlan;
  readonly degradation: readonly number[] | null;
  readonly rampUp: RampPlan | null;
  /** What the random source answers from call to call, in 64ths. */
  readonly chances: readonly number[];
  readonly latencyTripMs: number | null;
  readonly inFlight: boolean;
  readonly cooldownMs: number;
  readonly maxProbes: number;
  readonly successThreshold: number;
  /** Instead of `successThreshold`; null when the option is not given. */
  readonly probeRate: ProbeRatePlan | null;
  readonly leaseMs: number;
  readonly classifies: boolean;
  readonly random: "good" | "throws" | "too large";
  readonly attributes: boolean;
  readonly instance: boolean;
  readonly bus: BusKind;
  /** A second breaker on the same bus. */
  readonly second: boolean;
  /** Somebody listens to everything from the start, so that the whole stream can be checked. */
  readonly witness: boolean;
  /** Somebody listens to the failures of listeners. */
  readonly watchesBus: boolean;
}

export interface Schedule {
  readonly setup: Setup;
  readonly steps: readonly Step[];
}
