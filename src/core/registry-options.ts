import type { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { LaidOver } from "./option-layers.ts";
import type { CircuitBreakerOptions } from "./options.ts";

/** Options of one breaker of a registry, laid over the defaults; null goes back to the library's default. */
export type BreakerOverrides = LaidOver<Exclude<keyof CircuitBreakerOptions, "bus">>;

/**
 * Options of a {@link BreakerRegistry}. Unknown keys are refused. What a breaker is made with is laid in this order,
 * the later on top: `defaults`, what `optionsFor` answers, `overrides` of its name, what `get` is given, what
 * `reconfigure` was given for its name. Of `halfOpen`, `rampUp` and `attributes` each part is laid on its own.
 */
export interface BreakerRegistryOptions {
  /** What every breaker has. */
  readonly defaults?: Omit<CircuitBreakerOptions, "bus">;
  /** What the breakers of certain names have besides. */
  readonly overrides?: Readonly<Record<string, BreakerOverrides>>;
  /**
   * What a breaker has besides, by its name; asked once, when the breaker is made. If it throws or its answer is not
   * valid, the breaker is made without it and `circuit.callback_failed` says so.
   */
  readonly optionsFor?: (name: string) => BreakerOverrides | undefined;
  /**
   * The most breakers that it holds. A new name beyond it takes the place of the breaker that was used least recently.
   * @default 1000
   */
  readonly limit?: number;
  /**
   * How long a breaker that is failing, open or half open is spared from making room, in milliseconds: after its last
   * failure, after the end of its cooldown. Without an end the names that failed once and never came back would fill
   * the registry.
   * @default 3_600_000
   */
  readonly spareMs?: number;
  /**
   * The bus that carries the events of all its breakers.
   * @default a bus of its own
   */
  readonly bus?: EventBus;
  /** Which process this is, put on every event. A bus that is given has its own. */
  readonly instance?: string;
}

/** The options that no layer is made of, checked and complete. */
export interface RegistryBounds {
  readonly limit: number;
  readonly spareMs: number;
}

const KEYS = [
  "defaults",
  "overrides",
  "optionsFor",
  "limit",
  "spareMs",
  "bus",
  "instance",
] as const satisfies readonly (keyof BreakerRegistryOptions)[];
const DEFAULT_LIMIT = 1000;
const DEFAULT_SPARE_MS = 3_600_000;

/** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range */
export function registryBounds(check: Check, options: unknown): RegistryBounds {
  const given: BreakerRegistryOptions = check.object("options", options);
  check.keys(given, KEYS);
  const { limit, spareMs, bus, instance } = given;
  if (bus !== undefined && instance !== undefined) {
    check.type("instance", "left out beside a bus, which has its own", instance);
  }
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : check.positiveInteger("limit", limit),
    spareMs: spareMs === undefined ? DEFAULT_SPARE_MS : check.positiveMs("spareMs", spareMs),
  };
}
