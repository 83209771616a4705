import { Check } from "../events/check.ts";
import { CountWindow, LARGEST_WINDOW } from "./count-window.ts";
import { RateMeter } from "./rate-meter.ts";
import type { RollingWindow } from "./rolling-window.ts";
import { TimeWindow } from "./time-window.ts";
import { consecutiveRule, type TripRule } from "./trip-rule.ts";

/** The stretch that a rate is taken over: the last calls, or the last time. */
export type RateWindow =
  | {
      /** The last so many verdicts, up to 1 000 000. */
      readonly calls: number;
    }
  | {
      /** The verdicts of the last so many milliseconds. */
      readonly durationMs: number;
    };

/** Options of {@link failureRate}. */
export interface FailureRateOptions {
  /** The share of failures that trips, above 0, at most 1. */
  readonly threshold: number;
  readonly window: RateWindow;
  /**
   * Verdicts the window must hold before the rate counts, so that the first failure of a quiet hour is not a rate of
   * 100 %. At most the window's calls.
   * @default 10
   */
  readonly minimumCalls?: number;
}

/** Options of {@link slowRate}. */
export interface SlowRateOptions extends FailureRateOptions {
  /** A call that took longer, or that a time limit ended, is slow. Milliseconds. */
  readonly latencyMs: number;
}

const DEFAULT_MINIMUM_CALLS = 10;

/**
 * Trips at `n` failures in a row.
 * @throws {TypeError|RangeError} when `n` is not a positive integer
 * @example
 * const breaker = new CircuitBreaker("payments", { trip: consecutive(5) });
 */
export function consecutive(n: number): TripRule {
  return consecutiveRule(new Check("make the trip rule consecutive").positiveInteger("n", n));
}

/**
 * Trips at a failure when the share of failures, errors and slow calls together, reaches the threshold. Beside `consecutive` it
 * catches the partial outage that never fails often enough in a row.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const trip = [consecutive(5), failureRate({ threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 20 })];
 */
export function failureRate(options: FailureRateOptions): TripRule {
  const check = new Check("make the trip rule failureRate");
  const { threshold, minimumCalls, makeWindow } = checkedRate(check, options, RATE_OPTIONS);
  return {
    name: "failureRate",
    threshold,
    hears: "calls" in options.window ? "successes" : "moments",
    begin: (previous) => new RateMeter(makeWindow(), threshold, minimumCalls).after(previous),
  };
}

/**
 * Trips when the share of slow calls reaches the threshold. It has a limit of its own: a call may count as a success
 * and still be slow here.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const trip = slowRate({ latencyMs: 2_000, threshold: 0.5, window: { calls: 100 } });
 */
export function slowRate(options: SlowRateOptions): TripRule {
  const check = new Check("make the trip rule slowRate");
  const { threshold, minimumCalls, makeWindow } = checkedRate(check, options, SLOW_RATE_OPTIONS);
  const limitMs = check.positiveMs("latencyMs", options.latencyMs);
  return {
    name: "slowRate",
    threshold,
    hears: "latencies",
    latencyMs: limitMs,
    begin: (previous) =>
      new RateMeter(makeWindow(), threshold, minimumCalls, limitMs).after(previous),
  };
}

const RATE_OPTIONS = ["threshold", "window", "minimumCalls"];
const SLOW_RATE_OPTIONS = [...RATE_OPTIONS, "latencyMs"];

function checkedRate(check: Check, options: FailureRateOptions, known: readonly string[]) {
  check.object("options", options);
  check.keys(options, known);
  const threshold = check.share("threshold", options.threshold);
  const makeWindow = checkedWindow(check, options.window);
  const { minimumCalls = DEFAULT_MINIMUM_CALLS } = options;
  check.positiveInteger("minimumCalls", minimumCalls);
  const { window } = options;
  if (!("calls" in window)) return { threshold, makeWindow, minimumCalls };
  if (options.minimumCalls === undefined) {
    return { threshold, makeWindow, minimumCalls: Math.min(minimumCalls, window.calls) };
  }
  if (minimumCalls > window.calls) {
    check.range("minimumCalls", `at most window.calls (${window.calls})`, minimumCalls);
  }
  return { threshold, makeWindow, minimumCalls };
}

function checkedWindow(check: Check, window: RateWindow): () => RollingWindow {
  check.object("window", window);
  check.keys(window, ["calls", "durationMs"], "window.");
  if ("calls" in window === "durationMs" in window) {
    check.type("window", "{ calls } or { durationMs }", window);
  }
  if ("calls" in window) {
    const size = check.positiveInteger("window.calls", window.calls);
    if (size > LARGEST_WINDOW) check.range("window.calls", `at most ${LARGEST_WINDOW}`, size);
    return () => new CountWindow(size);
  }
  const durationMs = check.positiveMs("window.durationMs", window.durationMs);
  return () => new TimeWindow(durationMs);
}
