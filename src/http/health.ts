import type { BreakerView } from "../core/breaker-view.ts";
import { Check } from "../events/check.ts";
import type { CircuitState } from "../events/vocabulary.ts";
import type { NodeAnswer } from "./answer-refusals.ts";

/**
 * Breakers to report: one, several, a `BreakerRegistry`, or the `breakers` of a guarded `fetch`. It is gone through for
 * each report: an iterator, such as `map.values()`, which could be gone through once, is refused.
 */
export type HealthSource = BreakerView | Iterable<BreakerView>;

/** Options of {@link healthChecks}. Unknown keys are refused. */
export interface HealthOptions {
  /**
   * Names of breakers without whose dependency this instance cannot serve at all: while one of them is open, readiness
   * answers 503 and the instance is given no traffic. All instances share their dependencies, so that this takes all
   * of them out at once: name what only this instance depends on, such as its own sidecar.
   * @default none: readiness reports, and stays 200
   */
  readonly required?: readonly string[];
}

/** One breaker in a report. */
export interface BreakerHealth {
  readonly name: string;
  /** The effective state. */
  readonly state: CircuitState;
  /** The share of calls that pass, 0 to 1. */
  readonly trafficShare: number;
  /** When the present incident began, in epoch milliseconds; null when there is none. */
  readonly openedAtMs: number | null;
}

/** What a health check answers, as JSON. */
export interface HealthReport {
  /** `degraded` when a breaker is not closed, `unavailable` when that is one of `required`. */
  readonly status: "ok" | "degraded" | "unavailable";
  /** Those that are not closed first. */
  readonly breakers: readonly BreakerHealth[];
}

/** One check, for any server. Its functions may be passed on as they are. */
export interface HealthCheck<R> {
  /** What it says now. */
  readonly report: () => R;
  /** Answers a request of Node's http server, or of a framework on it. */
  readonly handle: (request: unknown, response: NodeAnswer) => void;
  /** Answers a request of a fetch-style server. */
  readonly respond: () => Response;
}

/** What {@link healthChecks} makes. */
export interface HealthChecks {
  /** Whether the process works: always 200, and it asks no breaker. */
  readonly liveness: HealthCheck<{ readonly status: "ok" }>;
  /** What the breakers say: 200, but 503 when a breaker that is `required` is open. */
  readonly readiness: HealthCheck<HealthReport>;
}

const HEADERS = { "content-type": "application/json", "cache-control": "no-store" };
const LONGEST_NAME = 256;
const ALIVE = { status: "ok" } as const;

/**
 * Health checks that report breakers without taking the instance down. A dependency that fails is no reason to restart
 * a process, so liveness never looks at breakers; nor to send its traffic elsewhere, where the same dependency fails, so
 * readiness reports them and stays 200. A report commits what time alone has brought about, as a scrape does: calls that
 * hang open a breaker with `inFlight` here, too, and its events are told.
 *
 * @throws {TypeError} when an argument is of the wrong type
 * @example
 * const { liveness, readiness } = healthChecks(registry);
 * app.get("/livez", liveness.handle);
 * app.get("/readyz", readiness.handle);
 */
export function healthChecks(source: HealthSource, options: HealthOptions = {}): HealthChecks {
  const check = new Check("make health checks");
  const isMany =
    Symbol.iterator in (Array.isArray(source) ? source : check.object("source", source));
  if (!isMany) check.text("source.name", Reflect.get(source, "name"), LONGEST_NAME);
  else if (isIterator(source)) {
    check.type("source", "what can be gone through again, such as [...source]", source);
  }
  const { required = [] } = check.keys(check.object("options", options), ["required"]);
  if (!Array.isArray(required)) check.type("required", "an array of names", required);
  const needed = new Set(
    (required as readonly unknown[]).map((name) => check.text("required", name, LONGEST_NAME)),
  );
  // What can be gone through is many breakers, anything else is one.
  const all = (): Iterable<BreakerView> =>
    isMany ? (source as Iterable<BreakerView>) : [source as BreakerView];
  const report = () => reportOf([...all()], needed);
  return {
    liveness: healthCheck(() => ALIVE),
    readiness: healthCheck(report),
  };
}

const isIterator = (source: object): boolean => typeof Reflect.get(source, "next") === "function";

function reportOf(breakers: readonly BreakerView[], required: ReadonlySet<string>): HealthReport {
  const rows = breakers.map((breaker) => {
    // As at a scrape: what time alone has brought about is committed, and told, so that all that is said is of one moment.
    breaker.catchUp?.();
    const { name, state, trafficShare, openedAtMs } = breaker;
    return { name, state, trafficShare, openedAtMs };
  });
  const isWell = ({ state }: BreakerHealth): boolean => state === "closed" || state === "disabled";
  const isOpen = ({ state }: BreakerHealth): boolean => state === "open" || state === "forced_open";
  const unwell = rows.filter((row) => !isWell(row));
  const isUnavailable = unwell.some((row) => required.has(row.name) && isOpen(row));
  return {
    status: isUnavailable ? "unavailable" : unwell.length > 0 ? "degraded" : "ok",
    breakers: [...unwell, ...rows.filter(isWell)],
  };
}

function healthCheck<R extends { readonly status: HealthReport["status"] }>(
  report: () => R,
): HealthCheck<R> {
  const answer = () => {
    const body = report();
    return { code: body.status === "unavailable" ? 503 : 200, text: JSON.stringify(body) };
  };
  return {
    report,
    handle: (_, response) => {
      const { code, text } = answer();
      response.writeHead(code, { ...HEADERS }).end(text);
    },
    respond: () => {
      const { code, text } = answer();
      return new Response(text, { status: code, headers: HEADERS });
    },
  };
}
