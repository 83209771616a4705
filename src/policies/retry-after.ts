import { reported } from "../core/circuit-open-error.ts";
import { platformDate } from "../platform.ts";

/** What a recipient takes for longer waits, by RFC 9111, section 1.2.2: 2 ** 31 seconds. */
const LONGEST_MS = 2 ** 31 * 1000;

/** The three forms of a date in HTTP; the last has no zone and means GMT. */
const DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]+, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/**
 * How long the dependency asks to wait, in milliseconds; undefined when it does not. Read from a `retryAfterMs`
 * property, else from the `retry-after-ms` or `Retry-After` header (seconds or a date, in the past 0) of the value's
 * own `headers` or those of its `response`. The value may be an error, or a response that was returned; of a `RetryError`
 * its cause is read. More than 2 ** 31 seconds (68 years) are those.
 *
 * @param nowAtMs the present moment in epoch milliseconds, for dates
 * @example
 * const classify: Classify = (call) =>
 *   call.ok ? undefined : { outcome: "error", retryAfterMs: readRetryAfter(call.error, Date.now()) ?? 0 };
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 and https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2
 */
export function readRetryAfter(value: unknown, nowAtMs: number): number | undefined {
  const askedMs = find(reported(value), nowAtMs);
  return askedMs === undefined ? undefined : Math.min(askedMs, LONGEST_MS);
}

function find(value: unknown, nowAtMs: number): number | undefined {
  try {
    if (typeof value !== "object" || value === null) return undefined;
    const own: unknown = Reflect.get(value, "retryAfterMs");
    if (typeof own === "number" && own >= 0 && Number.isFinite(own)) return own;
    const headers: unknown = Reflect.get(value, "headers");
    const asked = ofHeaders(headers, nowAtMs);
    if (asked !== undefined) return asked;
    const response: unknown = Reflect.get(value, "response");
    if (typeof response !== "object" || response === null) return undefined;
    return ofHeaders(Reflect.get(response, "headers"), nowAtMs);
  } catch {
    return undefined;
  }
}

function ofHeaders(headers: unknown, nowAtMs: number): number | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  const millis = header(headers, "retry-after-ms", "Retry-After-Ms")?.split(",")[0];
  if (millis !== undefined && /^\d+(\.\d+)?$/.test(millis)) return Number(millis);
  const asked = header(headers, "retry-after", "Retry-After");
  return asked === undefined ? undefined : parseRetryAfter(asked, nowAtMs);
}

/** Where a further value of the header begins; a date has a comma of its own. */
const NEXT_VALUE = /,(?=\s*(?:\d+\s*(?:,|$)|[A-Z][a-z]+,))/;

/** The longest that the values ask for, of which a proxy may have added one; undefined when all ask for nothing. */
function parseRetryAfter(text: string, nowAtMs: number): number | undefined {
  let longestMs: number | undefined;
  for (const value of text.split(NEXT_VALUE)) {
    const askedMs = parseValue(value, nowAtMs);
    if (askedMs !== undefined) longestMs = Math.max(longestMs ?? 0, askedMs);
  }
  return longestMs;
}

/** One value in milliseconds from now; undefined when it is neither seconds nor a date. */
function parseValue(text: string, nowAtMs: number): number | undefined {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed) * 1000;
  const form = DATES.findIndex((date) => date.test(trimmed));
  if (form < 0) return undefined;
  const atMs = platformDate(form === 2 ? `${trimmed} GMT` : trimmed);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowAtMs);
}

/** One header of a `Headers`, or of the plain objects that Node and clients make. */
function header(headers: object, ...names: readonly string[]): string | undefined {
  const get: unknown = Reflect.get(headers, "get");
  for (const name of names) {
    const value: unknown =
      typeof get === "function" ? Reflect.apply(get, headers, [name]) : Reflect.get(headers, name);
    if (Array.isArray(value)) return value.join(", ");
    if (typeof value === "string") return value;
    if (typeof value === "number") return String(value);
  }
  return undefined;
}
