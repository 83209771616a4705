import { BreakerRegistry } from "../core/breaker-registry.ts";
import { CircuitBreaker } from "../core/circuit-breaker.ts";
import type { Clock } from "../core/clock.ts";
import type { CircuitBreakerOptions } from "../core/options.ts";
import { SteadyClock } from "../core/steady-clock.ts";
import type { Check } from "../events/check.ts";
import type { Scalar } from "../events/field.ts";
import { platformClock } from "../platform.ts";
import type { BreakerSource } from "./breaker-source.ts";
import type { HttpCallSettings } from "./http-call.ts";
import { type ClassifyRequest, DEFAULT_MAX_RETRY_AFTER_MS } from "./http-outcome.ts";
import { type RequestFacts, RouteNames } from "./route-names.ts";

/** What goes on the events of one request as `context`. */
export type RequestContext = Readonly<Record<string, Scalar | undefined>>;

/** Options of what guards requests. Unknown keys are refused. */
export interface HttpGuardOptions {
  /**
   * One breaker for all requests, without `routes` and `nameOf`. At most one of `breaker`, `registry` and `defaults` may
   * be given.
   */
  readonly breaker?: CircuitBreaker;
  /**
   * Where the breakers come from, by name: a `BreakerRegistry`, shared with exporters and health checks.
   * @default one of its own, with its defaults
   */
  readonly registry?: BreakerSource;
  /**
   * Options of the breakers, when they are its own. `classify` is not among them: nothing of a breaker is asked about a
   * request but its limits.
   */
  readonly defaults?: Omit<CircuitBreakerOptions, "classify">;
  /**
   * Templates of paths, each with a breaker of its own per host: `"/users/:id"`, `"GET /files/*"`, the first that fits.
   * Every other path of a host shares the breaker `"<host> (other)"`. A parameter is a whole segment, `*` the last one;
   * what could never fit is refused.
   * @default one breaker per host, whose port is part of it unless it is that of the scheme: http and https share one
   */
  readonly routes?: readonly string[];
  /**
   * The name of a request's breaker; undefined leaves it to `routes`. Never make it of what users send: each name is a
   * breaker. When it fails, the default holds and `circuit.callback_failed` says so.
   */
  readonly nameOf?: (request: RequestFacts) => string | undefined;
  /**
   * Decides what a request counts as; see {@link ClassifyRequest}. When it fails, the default holds and
   * `circuit.callback_failed` says so.
   * @default 5xx, 429 and network errors are errors, a `TimeoutError` is latency, what the caller aborted and an upload
   * that broke by itself is cancelled, what `fetch` refused by itself is unreached, and everything else is a success
   */
  readonly classify?: ClassifyRequest;
  /**
   * How long the end of a body is waited for that is being read, in milliseconds, before the request counts by its head:
   * what breaks later is told as a failure of its own. One that nobody has begun to read is waited for a second at most.
   * @default 10_000
   */
  readonly bodyLeaseMs?: number;
  /**
   * The longest cooldown that a `Retry-After` may ask for, in milliseconds, 0 or more.
   * @default 300_000
   */
  readonly maxRetryAfterMs?: number;
  /**
   * Where the time of `bodyLeaseMs` and of dates in `Retry-After` comes from; own breakers are given it, too.
   * @default the platform's clocks
   */
  readonly clock?: Clock;
}

/** The options after the check. */
export interface HttpGuardSettings extends HttpCallSettings {
  /** The one for all requests; undefined when `breakers` has them by name. */
  readonly breaker: CircuitBreaker | undefined;
  readonly breakers: BreakerSource & Iterable<CircuitBreaker>;
  /** By what other guards have the same breakers: the breaker or the registry that was given. */
  readonly shared: object;
  readonly routes: RouteNames;
  readonly nameOf: HttpGuardOptions["nameOf"];
  readonly bodyLeaseMs: number;
}

/** The names of the options. */
export const HTTP_GUARD_OPTIONS = [
  "breaker",
  "registry",
  "defaults",
  "routes",
  "nameOf",
  "classify",
  "bodyLeaseMs",
  "maxRetryAfterMs",
  "clock",
] as const satisfies readonly (keyof HttpGuardOptions)[];

const DEFAULT_BODY_LEASE_MS = 10_000;

/** Guards with one clock see one time, by which they know that they can share the list of their bodies. */
const steadyClocks = new WeakMap<Clock, SteadyClock>();

function steady(clock: Clock): SteadyClock {
  const known = steadyClocks.get(clock) ?? new SteadyClock(clock, () => {});
  steadyClocks.set(clock, known);
  return known;
}

/** Checks the options that guards of requests share. */
export function checkedHttpGuard(check: Check, options: HttpGuardOptions): HttpGuardSettings {
  const { breaker, routes = [], nameOf, classify, bodyLeaseMs, maxRetryAfterMs } = options;
  const { clock = platformClock } = options;
  if (nameOf !== undefined) check.function("nameOf", nameOf);
  if (breaker !== undefined) {
    if (options.routes !== undefined)
      check.type("routes", "left out where breaker is given", routes);
    if (nameOf !== undefined) check.type("nameOf", "left out where breaker is given", nameOf);
  }
  if (classify !== undefined) check.function("classify", classify);
  const breakers = checkedBreakers(check, options);
  check.object("clock", clock);
  check.function("clock.monotonicMs", clock.monotonicMs);
  check.function("clock.epochMs", clock.epochMs);
  return {
    breaker,
    breakers,
    shared: breaker ?? options.registry ?? breakers,
    routes: new RouteNames(check, routes),
    nameOf,
    classify,
    bodyLeaseMs:
      bodyLeaseMs === undefined
        ? DEFAULT_BODY_LEASE_MS
        : check.durationMs("bodyLeaseMs", bodyLeaseMs),
    maxRetryAfterMs:
      maxRetryAfterMs === undefined
        ? DEFAULT_MAX_RETRY_AFTER_MS
        : check.durationMs("maxRetryAfterMs", maxRetryAfterMs),
    // What fails or goes backwards is told by the breakers that have the same clock.
    clock: clock === platformClock ? clock : steady(clock),
  };
}

function checkedBreakers(check: Check, options: HttpGuardOptions): HttpGuardSettings["breakers"] {
  const { breaker, registry, defaults, clock } = options;
  const given = [breaker, registry, defaults].filter((source) => source !== undefined);
  if (given.length > 1) check.type("breaker", "the only one of breaker, registry, defaults", given);
  if (breaker !== undefined) {
    if (!(breaker instanceof CircuitBreaker)) check.type("breaker", "a CircuitBreaker", breaker);
    return { get: () => breaker, [Symbol.iterator]: () => [breaker].values() };
  }
  if (registry !== undefined) {
    check.object("registry", registry);
    check.function("registry.get", registry.get);
    return {
      get: (name) => registry.get(name),
      [Symbol.iterator]: () => (isIterable(registry) ? registry[Symbol.iterator]() : [].values()),
    };
  }
  if (defaults !== undefined) {
    check.object("defaults", defaults);
    if ("classify" in defaults) check.type("defaults.classify", "left out: use classify", defaults);
  }
  const { bus, ...own } = defaults ?? {};
  return new BreakerRegistry({
    defaults: clock === undefined ? own : { clock, ...own },
    ...(bus === undefined ? {} : { bus }),
  });
}

function isIterable(source: object): source is Iterable<CircuitBreaker> {
  return Symbol.iterator in source;
}
