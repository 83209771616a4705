import { Check } from "../events/check.ts";
import { checkedTimerMs } from "./policy-host.ts";

/**
 * The wait before a retry, in milliseconds. `retry` is 1 before the second attempt; `random` gives a number in [0, 1);
 * `previousMs` is what it gave before, 0 at first.
 */
export type Backoff = (retry: number, random: () => number, previousMs: number) => number;

const JITTERS = ["full", "equal", "decorrelated", "none"] as const;
/** How chance spreads the waits of callers that failed together. */
export type Jitter = (typeof JITTERS)[number];

/** Options of {@link exponentialBackoff}. */
export interface ExponentialBackoffOptions {
  /**
   * The wait before the first retry, before chance has its part, in milliseconds.
   * @default 100
   */
  readonly initialMs?: number;
  /**
   * The longest wait, in milliseconds; at most 2 147 483 646.
   * @default 20_000
   */
  readonly maxMs?: number;
  /**
   * What each further retry multiplies it by, 1 or more; `decorrelated` does not use it.
   * @default 2
   */
  readonly factor?: number;
  /**
   * With `w = min(maxMs, initialMs * factor ** (retry - 1))`: `full` waits from 0 to `w`, `equal` from `w / 2` to `w`,
   * `none` exactly `w`. `decorrelated` waits from `initialMs` to three times the wait before, at most `maxMs`.
   * @default "full"
   */
  readonly jitter?: Jitter;
}

const KEYS = ["initialMs", "maxMs", "factor", "jitter"];

/**
 * Waits that grow with each retry, spread by chance so that callers which failed together do not come back together.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const patient = retry("payments", { backoff: exponentialBackoff({ initialMs: 50, jitter: "decorrelated" }) });
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ for the formulas
 */
export function exponentialBackoff(options?: ExponentialBackoffOptions): Backoff {
  return backoffOf(new Check("make an exponential backoff"), options, undefined);
}

/** The same for options that are part of others, whose `field` they are. */
export function backoffOf(
  check: Check,
  options: ExponentialBackoffOptions = {},
  field: string | undefined,
): Backoff {
  const { initialMs, maxMs, factor, jitter } = checked(check, options, field);
  const grown = (retry: number): number => Math.min(maxMs, initialMs * factor ** (retry - 1));
  switch (jitter) {
    case "full":
      return (retry, random) => random() * grown(retry);
    case "equal":
      return (retry, random) => (grown(retry) / 2) * (1 + random());
    case "decorrelated":
      return (_, random, previousMs) => {
        const mostMs = 3 * Math.max(initialMs, previousMs);
        return Math.min(maxMs, initialMs + random() * (mostMs - initialMs));
      };
    case "none":
      return grown;
  }
}

const DEFAULT_INITIAL_MS = 100;
const DEFAULT_MAX_MS = 20_000;

function checked(
  check: Check,
  options: ExponentialBackoffOptions,
  field: string | undefined,
): Required<ExponentialBackoffOptions> {
  const prefix = field === undefined ? "" : `${field}.`;
  check.object(field ?? "options", options);
  check.keys(options, KEYS, prefix);
  const { initialMs = DEFAULT_INITIAL_MS, maxMs = DEFAULT_MAX_MS, factor = 2 } = options;
  const { jitter = "full" } = options;
  check.positiveMs(`${prefix}initialMs`, initialMs);
  checkedTimerMs(check, `${prefix}maxMs`, maxMs);
  if (maxMs < initialMs) {
    // The one that was given is to blame.
    if (options.maxMs === undefined) {
      check.range(`${prefix}initialMs`, `at most maxMs (${maxMs})`, initialMs);
    }
    check.range(`${prefix}maxMs`, `at least initialMs (${initialMs})`, maxMs);
  }
  const allowed = "a number, 1 or more";
  if (typeof factor !== "number") check.type(`${prefix}factor`, allowed, factor);
  if (!(factor >= 1 && Number.isFinite(factor))) check.range(`${prefix}factor`, allowed, factor);
  if (!JITTERS.includes(jitter)) {
    check.range(`${prefix}jitter`, `one of ${JITTERS.join(", ")}`, jitter);
  }
  return { initialMs, maxMs, factor, jitter };
}
