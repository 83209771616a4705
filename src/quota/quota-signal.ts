import { platformDate } from "../platform.ts";
import { isQuotaExceededError } from "./quota-exceeded-error.ts";

/** What an error says of a quota. */
export interface QuotaSignal {
  /** How long until it is back; undefined when it does not say. */
  readonly retryAfterMs: number | undefined;
  readonly source: "error" | "header" | "default";
}

const DETAILS = [
  ["details"],
  ["errorDetails"],
  ["error", "details"],
  ["error", "error", "details"],
  ["response", "data", "error", "details"],
] as const;
const STATUS = [
  ["status"],
  ["statusCode"],
  ["code"],
  ["response", "status"],
  ["response", "statusCode"],
  ["$metadata", "httpStatusCode"],
] as const;
const HEADERS = [["headers"], ["response", "headers"], ["$response", "headers"]] as const;
/** Most of what is looked at of a list of details. */
const MOST_DETAILS = 32;

/**
 * Reads what an error, or a response, says of a quota; null when it says nothing of one: it is neither a
 * `QuotaExceededError` nor a 429. Reads `Retry-After` and `retry-after-ms`, the reset headers of Anthropic, OpenAI and
 * Azure, `RateLimit-Reset`, the `RetryInfo` of Google and the throttling mark of AWS. Never throws.
 *
 * @param nowMs the present moment in epoch milliseconds, for dates
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 * @see https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
 * @see https://docs.anthropic.com/en/api/rate-limits#response-headers
 * @see https://cloud.google.com/apis/design/errors#error_details
 */
export function quotaSignal(value: unknown, nowMs: number): QuotaSignal | null {
  try {
    if (typeof value !== "object" || value === null) return null;
    const throttled = at(value, ["$retryable", "throttling"]) === true;
    const is429 = STATUS.some((path) => at(value, path) === 429);
    if (!isQuotaExceededError(value) && !is429 && !throttled) return null;
    const own = at(value, ["retryAfterMs"]);
    if (isLength(own)) return { retryAfterMs: own, source: "error" };
    for (const path of HEADERS) {
      const headers = at(value, path);
      if (typeof headers !== "object" || headers === null) continue;
      const retryAfterMs = ofHeaders(headers, nowMs);
      if (retryAfterMs !== undefined) return { retryAfterMs, source: "header" };
    }
    for (const path of DETAILS) {
      const retryAfterMs = retryInfo(at(value, path));
      if (retryAfterMs !== undefined) return { retryAfterMs, source: "error" };
    }
    return { retryAfterMs: undefined, source: "default" };
  } catch {
    return null;
  }
}

function at(value: unknown, path: readonly string[]): unknown {
  let held = value;
  for (const key of path) {
    if (typeof held !== "object" || held === null) return undefined;
    held = Reflect.get(held, key);
  }
  return held;
}

const isLength = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

function ofHeaders(headers: object, nowMs: number): number | undefined {
  const millis = header(headers, "retry-after-ms");
  if (millis !== undefined && /^\d+(?:\.\d+)?$/.test(millis)) return Number(millis);
  const asked = header(headers, "retry-after");
  const waitMs = asked === undefined ? undefined : (duration(asked) ?? untilDate(asked, nowMs));
  return waitMs ?? ofResets(headers, nowMs);
}

/** What may be reset: the header of the end and the one of what is left. */
const RESETS: readonly (readonly [reset: string, remaining: string])[] = [
  ...["requests", "tokens", "input-tokens", "output-tokens"].map(
    (what) =>
      [`anthropic-ratelimit-${what}-reset`, `anthropic-ratelimit-${what}-remaining`] as const,
  ),
  ["x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"],
  ["x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"],
  ["x-ratelimit-reset", "x-ratelimit-remaining"],
  ["ratelimit-reset", "ratelimit-remaining"],
];

/** The last of the resets of what is used up; where nothing is told to be, the last of all. */
function ofResets(headers: object, nowMs: number): number | undefined {
  const waits = RESETS.flatMap(([reset, remaining]) => {
    const text = header(headers, reset);
    const waitMs = text === undefined ? undefined : untilReset(text, nowMs);
    return waitMs === undefined ? [] : [{ waitMs, usedUp: header(headers, remaining) === "0" }];
  });
  const usedUp = waits.filter((wait) => wait.usedUp);
  const counted = usedUp.length > 0 ? usedUp : waits;
  return counted.length === 0 ? undefined : Math.max(...counted.map(({ waitMs }) => waitMs));
}

/** Seconds above this are a moment: GitHub and others write the epoch second of the end. */
const FIRST_MOMENT_SECONDS = 1_000_000_000;

function untilReset(text: string, nowMs: number): number | undefined {
  if (!/^\d+(?:\.\d+)?$/.test(text)) return duration(text) ?? untilDate(text, nowMs);
  const seconds = Number(text);
  if (seconds < FIRST_MOMENT_SECONDS) return seconds * 1000;
  const endMs = seconds < FIRST_MOMENT_SECONDS * 1000 ? seconds * 1000 : seconds;
  return Math.max(0, endMs - nowMs);
}

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;

/** Seconds, or a length of time as Go and Google write it: `6m0s`, `12ms`, `34.07s`. In milliseconds. */
function duration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+(?:\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1000;
  const parts = DURATION.exec(trimmed);
  if (trimmed === "" || parts === null) return undefined;
  const [, hours = 0, minutes = 0, seconds = 0, millis = 0] = parts;
  return (
    Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000 + Number(millis)
  );
}

const DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/,
];

/** How long until a date of HTTP or of RFC 3339; 0 when it is over. */
function untilDate(text: string, nowMs: number): number | undefined {
  const trimmed = text.trim();
  if (!DATES.some((form) => form.test(trimmed))) return undefined;
  const endMs = platformDate(trimmed);
  return Number.isNaN(endMs) ? undefined : Math.max(0, endMs - nowMs);
}

/** The `retryDelay` of a `google.rpc.RetryInfo` among the details of an error. */
function retryInfo(details: unknown): number | undefined {
  if (!Array.isArray(details)) return undefined;
  for (const detail of details.slice(0, MOST_DETAILS)) {
    const type = at(detail, ["@type"]);
    if (typeof type !== "string" || !type.endsWith("google.rpc.RetryInfo")) continue;
    const delay = at(detail, ["retryDelay"]);
    if (typeof delay === "string") return duration(delay);
  }
  return undefined;
}

/** One header of a `Headers`, or of the plain objects that Node and clients make, in any case. */
function header(headers: object, name: string): string | undefined {
  const get: unknown = Reflect.get(headers, "get");
  if (typeof get === "function") return firstOf(Reflect.apply(get, headers, [name]));
  const direct = firstOf(Reflect.get(headers, name));
  if (direct !== undefined) return direct;
  const key = Object.keys(headers).find((other) => other.toLowerCase() === name);
  return key === undefined ? undefined : firstOf(Reflect.get(headers, key));
}

function firstOf(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" || typeof first === "number" ? String(first) : undefined;
}
