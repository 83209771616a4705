import type { RefusalFacts } from "../core/circuit-open-error.ts";
import type { SkipReason } from "../events/vocabulary.ts";
import type { BreakerVerdict, OwnerAnswer } from "./owner-answer.ts";

/** What a call is about, as far as it decides whether it may run. */
export interface Wanted {
  readonly breaker: string;
  readonly provider: string;
  /** Undefined when no budget is asked. */
  readonly model: string | undefined;
}

/** What an isolate decides by what its owner has said. */
export type Decision =
  /** `generation` is null when the owner has said nothing. */
  | {
      readonly kind: "run";
      readonly generation: number | null;
      readonly latencyTripMs: number;
      readonly consecutiveFailures: number;
    }
  /** Only the owner knows whether a slot is free. */
  | { readonly kind: "probe"; readonly verdict: BreakerVerdict }
  | {
      readonly kind: "refuse";
      readonly facts: RefusalFacts;
      readonly consecutiveFailures: number;
    };

/** The last answer of an owner, and how it reads as time passes. */
export class IsolateView {
  #answer: OwnerAnswer | null = null;
  /** The moment that the answer's lengths of time are counted from, on the monotonic clock. */
  #baseMs = 0;
  /** When it came. */
  #takenMs = Number.NEGATIVE_INFINITY;
  /** Calls refused here since then, by breaker. */
  readonly #refused = new Map<string, number>();

  /**
   * Takes an answer in that was asked for at `sentMs`. Of two that were under way together the later one holds; of any
   * others the one that comes later, since the owner's wall clock may have been set back, or be another one's by now.
   */
  take(
    answer: OwnerAnswer,
    nowMs: number,
    { sentMs, ageMs = 0 }: { readonly sentMs: number; readonly ageMs?: number },
  ): void {
    const overtook = sentMs < this.#takenMs;
    if (overtook && answer.takenAtMs < (this.#answer?.takenAtMs ?? 0)) return;
    this.#answer = answer;
    this.#baseMs = nowMs - ageMs;
    this.#takenMs = nowMs;
    this.#refused.clear();
  }

  get isEmpty(): boolean {
    return this.#answer === null;
  }

  /** How old what it says is; null when it says nothing. */
  ageMs(nowMs: number): number | null {
    return this.#answer === null ? null : Math.max(0, nowMs - this.#baseMs);
  }

  /** Whether it was taken in within so many milliseconds. */
  isFresh(nowMs: number, cacheMs: number): boolean {
    return nowMs - this.#takenMs < cacheMs;
  }

  /** Whether a breaker is open, and stays so for a while that is known. */
  holdsOpen(breaker: string, nowMs: number): boolean {
    const verdict = this.#answer?.breakers[breaker];
    if (verdict?.state !== "open" && verdict?.state !== "forced_open") return false;
    return (this.#leftMs(verdict.retryAfterMs, nowMs) ?? 0) > 0;
  }

  /** Undefined when the owner has no such breaker. */
  decide(wanted: Wanted, nowMs: number, random: () => number): Decision | undefined {
    const answer = this.#answer;
    if (answer === null) return RUN_UNKNOWN;
    const verdict = Object.hasOwn(answer.breakers, wanted.breaker)
      ? answer.breakers[wanted.breaker]
      : undefined;
    if (verdict === undefined) return undefined;
    const { state } = verdict;
    const run = runOf(verdict, verdict.generation);
    if (state === "disabled") return run;
    const refusal = (reason: SkipReason, retryAfterMs: number | null, cause?: unknown): Decision =>
      this.#refuse(wanted.breaker, verdict, { reason, retryAfterMs, cause, nowMs });
    const leftMs = this.#leftMs(verdict.retryAfterMs, nowMs);
    if (state !== "closed" && leftMs !== 0) return refusal(state, leftMs);
    // A closed breaker would take the call: it is the breaker's own option `quota` that waits.
    if (state === "closed" && leftMs !== 0) return refusal("quota", leftMs);
    const spent = this.#usedUp(answer, wanted, nowMs);
    if (spent !== null) return refusal("quota", spent.retryAfterMs, spent.cause);
    if (state !== "closed") return { kind: "probe", verdict };
    const { trafficShare, shedAs } = verdict;
    return trafficShare < 1 && random() >= trafficShare ? refusal(shedAs, 0) : run;
  }

  /** The refusal of a probe that found no free slot. */
  refuseProbe(
    breaker: string,
    verdict: BreakerVerdict,
    nowMs: number,
  ): Extract<Decision, { kind: "refuse" }> {
    const reason = verdict.state === "forced_open" ? "forced_open" : "half_open";
    return this.#refuse(breaker, verdict, { reason, retryAfterMs: null, cause: undefined, nowMs });
  }

  /** What is left of a length of time that an answer gave. */
  #leftMs(lengthMs: number | null, nowMs: number): number | null {
    return lengthMs === null ? null : Math.max(0, lengthMs - (nowMs - this.#baseMs));
  }

  /** Why a call that the breaker would take has nothing left to run on. */
  #usedUp(
    answer: OwnerAnswer,
    { provider, model }: Wanted,
    nowMs: number,
  ): { readonly retryAfterMs: number | null; readonly cause: unknown } | null {
    for (const mark of answer.exhausted) {
      const leftMs = this.#leftMs(mark.forMs, nowMs) ?? 0;
      if (mark.provider === provider && leftMs > 0) return { retryAfterMs: leftMs, cause: mark };
    }
    for (const denied of answer.denied) {
      if (denied.provider !== provider || denied.model !== model) continue;
      const leftMs = this.#leftMs(denied.retryAfterMs, nowMs);
      if (leftMs !== 0) return { retryAfterMs: leftMs, cause: denied };
    }
    return null;
  }

  #refuse(
    breaker: string,
    verdict: BreakerVerdict,
    refused: Pick<RefusalFacts, "reason" | "retryAfterMs" | "cause"> & { readonly nowMs: number },
  ): Extract<Decision, { kind: "refuse" }> {
    const { reason, retryAfterMs, cause, nowMs } = refused;
    const { state, incidentId, consecutiveFailures } = verdict;
    const here = (this.#refused.get(breaker) ?? 0) + 1;
    this.#refused.set(breaker, here);
    const isOpen = state !== "closed" && state !== "disabled";
    const facts: RefusalFacts = {
      breaker,
      state,
      reason,
      retryAfterMs,
      openMs: isOpen ? verdict.openMs + (nowMs - this.#baseMs) : 0,
      skipsSinceOpened: verdict.skipsSinceOpened + here,
      incidentId: incidentId ?? undefined,
      cause,
    };
    return { kind: "refuse", facts, consecutiveFailures };
  }
}

/** The decision to run a call that is judged by these numbers. */
export const runOf = (
  { latencyTripMs, consecutiveFailures }: BreakerVerdict,
  generation: number | null,
): Extract<Decision, { kind: "run" }> => ({
  kind: "run",
  generation,
  latencyTripMs: latencyTripMs ?? Number.POSITIVE_INFINITY,
  consecutiveFailures,
});

const RUN_UNKNOWN: Decision = Object.freeze({
  kind: "run",
  generation: null,
  latencyTripMs: Number.POSITIVE_INFINITY,
  consecutiveFailures: 0,
});
