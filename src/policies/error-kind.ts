import type { CircuitOpenError } from "../core/circuit-open-error.ts";
import { isCircuitOpenError, reported } from "../core/circuit-open-error.ts";
import { isTimeout } from "../core/classification.ts";
import { isPermanent } from "./permanent.ts";
import { isTimeoutError } from "./timeout-error.ts";

/**
 * What an error says of another try.
 *
 * - `refused`: a breaker or a bulkhead refused the call; it did not run
 * - `unsent`: the request never reached the dependency, or was turned away unread
 * - `timeout`: a time limit ended it; it may have been done. What is permanent stays so when it is thrown after the limit,
 *   to a `timeout` that waits for its function
 * - `transient`: known to pass, such as a reset connection or HTTP 503; it may have been done
 * - `permanent`: marked so, or known to stay, such as HTTP 404
 * - `cancelled`: somebody ended it on purpose
 * - `unknown`: anything else
 */
export type ErrorKind =
  | "refused"
  | "unsent"
  | "timeout"
  | "transient"
  | "permanent"
  | "cancelled"
  | "unknown";

/** No connection was made, so nothing was sent. */
const UNSENT_CODES = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);
/**
 * The connection broke, or could not be made: which of the two, `syscall` says. Not `ERR_BAD_RESPONSE`, by which axios
 * means a body that broke off as well as one beyond its `maxContentLength`.
 */
const TRANSIENT_CODES = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETRESET",
  "ENETUNREACH",
  "EPIPE",
  "ESOCKETTIMEDOUT",
  "ETIMEDOUT",
  "ERR_HTTP_CONTENT_LENGTH_MISMATCH",
  "ERR_NETWORK",
  "ERR_STREAM_PREMATURE_CLOSE",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_SOCKET",
]);
/** A wrong address stays wrong. */
const INVALID_URL = "ERR_INVALID_URL";
/** What `fetch` throws when it has begun to ask: an address that is wrong then is one that the server redirected to. */
const ASKED = "fetch failed";
/** Wrong certificates stay wrong, too, for those who would try again at once. */
const UNTRUSTED_CODES = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Causes within causes, at the most. */
const DEEPEST = 6;

/** What an error says of another try. Never throws, whatever was thrown. */
export const errorKind = (error: unknown): ErrorKind => kindOf(error, "permanent");

/**
 * What an error says for one who stands in for the dependency: a certificate that nobody trusts is an outage of its
 * own, in which nothing was asked and nothing denied.
 */
export const outageKind = (error: unknown): ErrorKind => kindOf(error, "unsent");

function kindOf(error: unknown, untrusted: ErrorKind, depth = 0): ErrorKind {
  try {
    const about = reported(error);
    if (isPermanent(error) || isPermanent(about)) return "permanent";
    if (isCircuitOpenError(about)) return "refused";
    if (isTimeout(about)) {
      const late = depth < DEEPEST ? kindOf(thrownLate(about), untrusted, depth + 1) : undefined;
      return late === "permanent" ? late : "timeout";
    }
    if (typeof about !== "object" || about === null) return "unknown";
    if (textOf(about, "name") === "AbortError") return "cancelled";
    if (textOf(about, "code") === "ERR_CANCELED") return "cancelled"; // that of axios
    const status = statusOf(about);
    if (status === undefined) return kindOfCode(about, untrusted);
    if (status >= 400) return kindOfStatus(status);
    // An answer came and its body broke off, or where it redirected to is out of reach: the request was sent.
    const kind = kindOfCode(about, untrusted);
    return kind === "unsent" ? "transient" : kind;
  } catch {
    return "unknown";
  }
}

/** What the function threw after its limit, to a `timeout` that waited for it. Any other has not heard from it. */
const thrownLate = (error: unknown): unknown =>
  isTimeoutError(error) && !error.abandoned ? error.cause : undefined;

/** Whether an error was marked by `permanent`, or is the end of a time limit after which such an error was thrown. */
export function isMarked(error: unknown): boolean {
  try {
    let thrown = error;
    for (let depth = 0; depth < DEEPEST && thrown !== undefined; depth++) {
      const about = reported(thrown);
      if (isPermanent(thrown) || isPermanent(about)) return true;
      thrown = thrownLate(about);
    }
  } catch {
    // What cannot be read is not marked.
  }
  return false;
}

/**
 * Whether an error is known to pass by itself: refused, too slow, a broken connection, HTTP 408, 425, 429 and 5xx (not
 * 501 and 505). A `Response` of such a status is, too: `shouldRetryResult: isTransient`.
 */
export function isTransient(error: unknown): boolean {
  const kind = errorKind(error);
  return kind === "refused" || kind === "unsent" || kind === "timeout" || kind === "transient";
}

/**
 * The refusal of a breaker that an error is about: the error itself, or the cause of a retry that gave up.
 *
 * @example
 * const refusal = refusalOf(error);
 * if (refusal !== undefined) reply(503, { "Retry-After": Math.ceil((refusal.retryAfterMs ?? 1000) / 1000) });
 */
export function refusalOf(error: unknown): CircuitOpenError | undefined {
  const about = reported(error);
  return isCircuitOpenError(about) ? about : undefined;
}

/**
 * Of a status from 400 on: 408, 425 and 429 say that the request was not worked on.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15 and RFC 6585 (429), RFC 8470 (425)
 */
function kindOfStatus(status: number): ErrorKind {
  if (status === 408 || status === 425 || status === 429) return "unsent";
  if (status === 501 || status === 505) return "permanent";
  return status >= 500 ? "transient" : "permanent";
}

/** The HTTP status in the error of a client: `status`, `statusCode`, or those of its `response`. */
function statusOf(error: object): number | undefined {
  const own = numberOf(error, "status") ?? numberOf(error, "statusCode");
  if (own !== undefined) return own;
  const response: unknown = Reflect.get(error, "response");
  if (typeof response !== "object" || response === null) return undefined;
  return numberOf(response, "status") ?? numberOf(response, "statusCode");
}

/** `fetch` hides the network error in the cause of its `TypeError`, and several of them in an `AggregateError`. */
function kindOfCode(error: object, untrusted: ErrorKind): ErrorKind {
  let about: unknown = error;
  for (let depth = 0; depth < DEEPEST; depth++) {
    if (typeof about !== "object" || about === null) return "unknown";
    const code = textOf(about, "code");
    if (code !== undefined) {
      if (UNSENT_CODES.has(code)) return "unsent";
      if (TRANSIENT_CODES.has(code)) {
        return textOf(about, "syscall") === "connect" ? "unsent" : "transient";
      }
      if (UNTRUSTED_CODES.has(code)) return untrusted;
      if (code === INVALID_URL) {
        return textOf(error, "message") === ASKED ? "transient" : "permanent";
      }
    }
    const cause: unknown = Reflect.get(about, "cause");
    const errors: unknown = Reflect.get(about, "errors");
    about = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return "unknown";
}

function textOf(held: object, key: string): string | undefined {
  const value: unknown = Reflect.get(held, key);
  return typeof value === "string" ? value : undefined;
}

function numberOf(held: object, key: string): number | undefined {
  const value: unknown = Reflect.get(held, key);
  return typeof value === "number" && value >= 100 && value <= 599 ? value : undefined;
}
