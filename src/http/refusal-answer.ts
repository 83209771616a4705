import type { Check } from "../events/check.ts";
import { refusalOf } from "../policies/error-kind.ts";

/** How a refusal is told to clients. */
export interface RefusalOptions {
  /**
   * Whether the answer names the breaker, the reason and the incident, and says how long the breaker has been open. That
   * tells strangers what a service depends on, and how it is; else they are told that something is unavailable, and when to
   * try again.
   * @default false
   */
  readonly expose?: boolean;
  /**
   * What `Retry-After` says when nobody knows when to try again (a breaker forced open, a full bulkhead), in
   * milliseconds, more than 0.
   * @default 10_000
   */
  readonly unknownRetryMs?: number;
  /**
   * The `type` of the problem, a URI of your documentation.
   * @default "about:blank", which says no more than the status does
   * @see https://www.rfc-editor.org/rfc/rfc9457#section-4.2.1
   */
  readonly type?: string;
}

/** The options with their defaults. */
export interface RefusalSettings {
  readonly expose: boolean;
  readonly unknownRetryMs: number;
  readonly type: string;
}

/** An answer to a client, for any server. */
export interface RefusalAnswer {
  readonly status: 503;
  /** In small letters. */
  readonly headers: Readonly<Record<"content-type" | "retry-after" | "cache-control", string>>;
  /** JSON. */
  readonly body: string;
}

/**
 * Headers that tell of a body, and not of the answer as a whole: those that a route had set before it was refused are
 * about the body that it never sent, and would break this one or have it kept for it.
 */
export const HEADERS_OF_BODY = [
  "accept-ranges",
  "content-digest",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-md5",
  "content-range",
  "digest",
  "etag",
  "last-modified",
  "repr-digest",
  "trailer",
  "transfer-encoding",
] as const;

/** The names of the options. */
const REFUSAL_OPTIONS = ["expose", "unknownRetryMs", "type"];
const DEFAULT_UNKNOWN_RETRY_MS = 10_000;
const LONGEST_TYPE = 2048;

/** Checks how refusals are to be told. */
export function checkedRefusal(check: Check, options: RefusalOptions): RefusalSettings {
  check.keys(check.object("options", options), REFUSAL_OPTIONS);
  const { expose = false, unknownRetryMs = DEFAULT_UNKNOWN_RETRY_MS } = options;
  const { type = "about:blank" } = options;
  if (typeof expose !== "boolean") check.type("expose", "true or false", expose);
  return {
    expose,
    unknownRetryMs: check.positiveMs("unknownRetryMs", unknownRetryMs),
    type: check.text("type", type, LONGEST_TYPE),
  };
}

/**
 * The answer for an error that is about a breaker's refusal, or a retry's that gave up on one; undefined for any other.
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export function answerRefusal(
  error: unknown,
  settings: RefusalSettings,
): RefusalAnswer | undefined {
  const refusal = refusalOf(error);
  if (refusal === undefined) return undefined;
  const { expose, unknownRetryMs, type } = settings;
  const { breaker, reason, retryAfterMs, incidentId } = refusal;
  const retryAfter = Math.max(1, Math.ceil((retryAfterMs ?? unknownRetryMs) / 1000));
  const problem = {
    type,
    title: "Service Unavailable",
    status: 503,
    detail: expose
      ? refusal.message
      : `Something this service depends on is unavailable; try again in ${retryAfter} s`,
    retryAfter,
    ...(expose ? { breaker, reason, incidentId } : {}),
  };
  return {
    status: 503,
    headers: {
      "content-type": "application/problem+json",
      "retry-after": String(retryAfter),
      "cache-control": "no-store",
    },
    body: JSON.stringify(problem),
  };
}
