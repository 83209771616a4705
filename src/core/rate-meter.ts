import type { RollingWindow } from "./rolling-window.ts";
import { recordOf } from "./saved-data.ts";
import { JOINT, type JointMeter } from "./trip-meters.ts";
import type { Situation, TripMeter, Verdict } from "./trip-rule.ts";

/** What a rate has counted, as plain data. */
export interface SavedRate {
  /** The limit of a slow call; null when all failures count. */
  readonly limitMs: number | null;
  readonly window: unknown;
}

/** Holds a share of the window against the threshold: all failures, or with a limit the slow calls alone. */
export class RateMeter implements JointMeter {
  readonly [JOINT] = true;
  readonly #window: RollingWindow;
  readonly #threshold: number;
  readonly #minimumCalls: number;
  readonly #limitMs: number | undefined;

  constructor(window: RollingWindow, threshold: number, minimumCalls: number, limitMs?: number) {
    this.#window = window;
    this.#threshold = threshold;
    this.#minimumCalls = minimumCalls;
    this.#limitMs = limitMs;
  }

  /** Goes on with the verdicts of the meter in whose place it comes, if that judged calls by the same limit. */
  after(previous: TripMeter | undefined): this {
    if (previous instanceof RateMeter && previous.#limitMs === this.#limitMs) {
      this.#window.takeOver(previous.#window);
    }
    return this;
  }

  record(verdict: Verdict, latencyMs: number | null, nowMs: number): void {
    if (this.#limitMs === undefined) this.#window.add(verdict, nowMs);
    else {
      const slow = verdict === "latency" || (latencyMs !== null && latencyMs > this.#limitMs);
      this.#window.add(slow ? "latency" : null, nowMs);
    }
  }

  recordSuccesses(count: number, nowMs: number): void {
    this.#window.addSuccesses(count, nowMs);
  }

  get sameUntilMs(): number {
    return this.#window.sameUntilMs;
  }

  read(situation: Situation) {
    const { calls, failures } = this.#counts(situation);
    // Divided in this order a share of exactly the threshold gives exactly 1.
    const rate = failures / Math.max(calls, this.#minimumCalls) / this.#threshold;
    // Both must be reached, so the one that is further away is the distance.
    return { ratio: Math.min(calls / this.#minimumCalls, rate) };
  }

  explain(situation: Situation) {
    const { calls, failures, errors, firstFailureMs } = this.#counts(situation);
    const rate = calls === 0 ? 0 : failures / calls;
    return {
      window: { calls, failures, rate, minimumCalls: this.#minimumCalls },
      failuresByReason: { error: errors, latency: failures - errors },
      firstFailureMs,
    };
  }

  save(nowMs: number): SavedRate {
    return { limitMs: this.#limitMs ?? null, window: this.#window.save(nowMs) };
  }

  /** Of a rate that judged calls by another limit nothing can be used: it begins anew. */
  load(saved: unknown, savedMs: number): void {
    const { limitMs, window } = recordOf(saved);
    if (limitMs === (this.#limitMs ?? null)) this.#window.load(window, savedMs);
  }

  /** A call that hangs leaves the window as its failure would. */
  overdueFromMs(nowMs: number): number {
    return this.#window.beganMs(nowMs);
  }

  /** The window, and the overdue calls as if each had failed. */
  #counts({ nowMs, overdue }: Situation) {
    const { calls, errors, latencies, firstFailureMs } = this.#window.counts(nowMs);
    const failures = errors + latencies + overdue;
    return { calls: calls + overdue, failures, errors, firstFailureMs };
  }
}
