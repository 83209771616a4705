import { hasBrand } from "../events/brand.ts";
import type { CircuitState, SkipReason } from "../events/vocabulary.ts";
import { stackless } from "./stackless.ts";

const BRAND = Symbol.for("telltale.CircuitOpenError");

/** What a refusal knows when it happens. */
export interface RefusalFacts {
  readonly breaker: string;
  readonly state: CircuitState;
  readonly reason: SkipReason;
  readonly retryAfterMs: number | null;
  readonly openMs: number;
  readonly skipsSinceOpened: number;
  readonly incidentId: string | undefined;
  readonly cause: unknown;
}

/**
 * The call was refused by the breaker and did not run. Carries no stack: where it was thrown says nothing, and
 * capturing one costs more than the refusal.
 *
 * @example
 * try {
 *   await breaker.call(fetchQuote);
 * } catch (error) {
 *   if (isCircuitOpenError(error)) return reply(503, { "Retry-After": Math.ceil((error.retryAfterMs ?? 1000) / 1000) });
 *   throw error;
 * }
 */
export class CircuitOpenError extends Error {
  declare readonly name: "CircuitOpenError";
  declare readonly code: "ERR_CIRCUIT_OPEN";
  /** The breaker's name. */
  readonly breaker: string;
  /** The state that refused. */
  readonly state: CircuitState;
  /** Why it refused. */
  readonly reason: SkipReason;
  /** When to try again; null when that is unknown (forced without an end, probes full). */
  readonly retryAfterMs: number | null;
  /** Time since the last open; 0 when closed. */
  readonly openMs: number;
  /** Calls refused since the last open, this one included. */
  readonly skipsSinceOpened: number;
  /** The incident that the refusal belongs to. */
  readonly incidentId: string | undefined;
  /** What the last failed call threw; undefined when the breaker was forced open without a failure. */
  declare readonly cause: unknown;
  readonly #cause: unknown;

  /** Made by breakers; a refusal of your own is rarely what you want. */
  constructor(facts: RefusalFacts) {
    // An own property, as of any error: structuredClone and worker messages carry no other.
    super(messageOf(facts));
    this.breaker = facts.breaker;
    this.state = facts.state;
    this.reason = facts.reason;
    this.retryAfterMs = facts.retryAfterMs;
    this.openMs = facts.openMs;
    this.skipsSinceOpened = facts.skipsSinceOpened;
    this.incidentId = facts.incidentId;
    this.#cause = facts.cause;
  }

  static {
    // On the prototype, as the language's own errors have it: constant, and no cost per error.
    const prototype: object = CircuitOpenError.prototype;
    const constant = (value: unknown) => ({ value, writable: true, configurable: true });
    Object.defineProperty(prototype, "name", constant("CircuitOpenError"));
    Object.defineProperty(prototype, "code", constant("ERR_CIRCUIT_OPEN"));
    Object.defineProperty(prototype, BRAND, { value: true });
    // Not enumerable, as the language has it; an own property that is not enumerable costs 100 ns.
    Object.defineProperty(prototype, "cause", {
      get(this: CircuitOpenError) {
        return #cause in this ? this.#cause : undefined;
      },
      configurable: true,
    });
  }
}

/** To a tenth; `toFixed` would cost as much as the rest of the refusal. */
function seconds(durationMs: number): string {
  const tenths = Math.round(durationMs / 100);
  return `${Math.floor(tenths / 10)}.${tenths % 10} s`;
}

function messageOf({
  breaker,
  reason,
  retryAfterMs,
  openMs,
  skipsSinceOpened,
}: RefusalFacts): string {
  const why = {
    open: `open since ${seconds(openMs)}`,
    half_open: "half open and its probes are under way",
    forced_open: `forced open since ${seconds(openMs)}`,
    degraded: "shedding part of the traffic",
    ramping: "ramping up after a recovery",
    quota: "out of quota",
    bulkhead: "at its limit of concurrent calls",
  }[reason];
  const when = whenToRetry(retryAfterMs);
  const refused = skipsSinceOpened === 0 ? "" : `, ${skipsSinceOpened} refused since it opened`;
  return `Circuit breaker "${breaker}" is ${why}: ${when}${refused}`;
}

function whenToRetry(retryAfterMs: number | null): string {
  if (retryAfterMs === null) return "no known retry time";
  return retryAfterMs === 0 ? "may be tried again at once" : `retry in ${seconds(retryAfterMs)}`;
}

const made = (facts: RefusalFacts): CircuitOpenError => new CircuitOpenError(facts);

/** Makes the error without capturing a stack, on engines that let us. */
export const refusalError = (facts: RefusalFacts): CircuitOpenError => stackless(made, facts);

/**
 * Whether a value is a {@link CircuitOpenError}, also one of another copy of telltale or another realm.
 *
 * @example
 * if (isCircuitOpenError(error)) console.log(error.breaker, error.retryAfterMs);
 */
export function isCircuitOpenError(value: unknown): value is CircuitOpenError {
  return isRefusal(value);
}

const REPORT_BRAND = Symbol.for("telltale.RetryError");

interface Reporting {
  readonly [REPORT_BRAND]?: unknown;
  readonly name?: unknown;
  readonly cause?: unknown;
}

/** Retries around retries, at the most. */
const DEEPEST_REPORT = 8;

/**
 * What an error is about: one that only reports another, as that of a retry that gave up, is about its cause; and so is
 * the `TypeError` of a `fetch` whose dispatcher a breaker refused.
 */
export function reported(error: unknown): unknown {
  try {
    let about = error;
    for (let depth = 0; depth < DEEPEST_REPORT; depth++) {
      if (typeof about !== "object" || about === null) return about;
      const { [REPORT_BRAND]: brand, name, cause }: Reporting = about;
      if (brand !== true && !(name === "TypeError" && isRefusal(cause))) return about;
      about = cause;
    }
    return about;
  } catch {
    return error;
  }
}

/** Why something beside the breaker refuses a call on its behalf. */
export interface Beside {
  readonly reason: Extract<SkipReason, "bulkhead" | "quota">;
  /** When it may be tried again, in milliseconds: Infinity for never as far as it is known; missing when it is unknown. */
  readonly waitMs?: number;
}

/**
 * The refusal, if a call of this breaker ended with one that was made on its behalf: the breaker told it as a skip, and
 * tells no call once more.
 */
export function toldRefusal(breaker: string | undefined, thrown: unknown): CircuitOpenError | null {
  const refusal = reported(thrown);
  try {
    if (!isCircuitOpenError(refusal) || refusal.breaker !== breaker) return null;
    return refusal.reason === "bulkhead" || refusal.reason === "quota" ? refusal : null;
  } catch {
    return null;
  }
}

/** Whether a thrown value says that the call was refused inside this process. */
export function isRefusal(value: unknown): boolean {
  return hasBrand(value, BRAND);
}
