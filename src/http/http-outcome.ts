import type { CancelSignal } from "../core/call-options.ts";
import { type Classify, outcomeOfAbort, outcomeOfThrown } from "../core/classification.ts";
import type { Clock } from "../core/clock.ts";
import type { Outcome } from "../events/vocabulary.ts";
import { platformClock } from "../platform.ts";
import { errorKind } from "../policies/error-kind.ts";
import { readRetryAfter } from "../policies/retry-after.ts";
import { HttpStatusError } from "./http-status-error.ts";

/** What is read of an answer. */
export interface HttpAnswer {
  readonly status: number;
  /** A `Headers`, or the plain object that Node makes. */
  readonly headers: object;
}

/** What became of a request, for a classifier. */
export type FinishedRequest =
  | { readonly ok: true; readonly response: HttpAnswer; readonly latencyMs: number }
  | { readonly ok: false; readonly error: unknown; readonly latencyMs: number };

/**
 * Decides what a request counts as: one of the words of a breaker's `classify`, such as `"error"` or `"ignored"`.
 * Undefined leaves it to the defaults. It is not asked about refusals and cancelled requests.
 */
export type ClassifyRequest = (request: FinishedRequest) => Outcome | undefined;

/** What a request counts as. */
export interface Judged {
  readonly outcome: Outcome;
  readonly thrown: { readonly value: unknown } | null;
  /** How long the dependency asks to be left alone; null when it does not. */
  readonly retryAfterMs: number | null;
  /** How long it was known before it is told. */
  readonly staleMs: number;
}

const TOO_MANY_REQUESTS = 429;
const FIRST_REDIRECT = 300;
const FIRST_CLIENT_ERROR = 400;
const FIRST_SERVER_ERROR = 500;
/** The longest that a dependency may ask to be left alone, unless the user says otherwise. */
export const DEFAULT_MAX_RETRY_AFTER_MS = 300_000;

/**
 * The answer of a dependency that is well is a success, whatever it says to this caller: 4xx are, but for 429.
 */
export function outcomeOfStatus(status: number): Outcome {
  return status >= FIRST_SERVER_ERROR || status === TOO_MANY_REQUESTS ? "error" : "success";
}

const BODILESS_STATUS = new Set([204, 205, 304]);

/** Whether an answer to a request of this method, in capitals, may have a body. */
export const mayHaveBody = (method: string, status: number): boolean =>
  method !== "HEAD" && !BODILESS_STATUS.has(status);

/** What an answer counts as, by the outcome that was decided for it. */
export function judgedAnswer(answer: HttpAnswer, outcome: Outcome, clock: Clock): Judged {
  if (outcome !== "error" && outcome !== "latency") {
    return { outcome, thrown: null, retryAfterMs: null, staleMs: 0 };
  }
  return {
    outcome,
    thrown: { value: new HttpStatusError(answer.status) },
    retryAfterMs: askedOf(answer, clock.epochMs()),
    staleMs: 0,
  };
}

/**
 * How long an answer asks to be left alone; null when it does not. No time at all, such as a date that has passed by our
 * clock, would leave the breaker open for nobody: then its own cooldown holds.
 */
function askedOf(answer: unknown, nowAtMs: number): number | null {
  const askedMs = readRetryAfter(answer, nowAtMs);
  return askedMs === undefined || askedMs === 0 ? null : askedMs;
}

/** What an error of a request counts as, by default. `isAsked` when its address had been parsed, and was asked. */
export function outcomeOfError(
  error: unknown,
  signal: CancelSignal | undefined,
  isAsked: boolean,
): Outcome {
  const outcome = outcomeOfThrown(error);
  if (outcome !== "error") return outcome;
  const aborted = outcomeOfAbort(signal);
  if (aborted !== undefined) return aborted;
  if (errorKind(error) === "cancelled") return "cancelled";
  return wasRefusedHere(error, isAsked) ? "unreached" : outcome;
}

/** A wrong argument: of the caller, or, once somebody was asked, a redirect that cannot be followed. */
const INVALID_ARGUMENT = "UND_ERR_INVALID_ARG";
/** What undici says of a request that it does not make: a wrong header, such as a length that is not the body's. */
const WRONG_ARGUMENT = new Set([
  INVALID_ARGUMENT,
  "UND_ERR_NOT_SUPPORTED",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
]);
/** A wrong argument, and a dispatcher of undici that was closed: nobody was asked for anything. */
const REFUSED_HERE = new Set(["UND_ERR_CLOSED", "UND_ERR_DESTROYED", ...WRONG_ARGUMENT]);
/** A wrong address: that of the caller, or the one that an answer redirects to. */
const INVALID_URL = "ERR_INVALID_URL";
/** What Node's `fetch` says of a request that it has begun. */
const FETCH_FAILED = "fetch failed";

/** Whether undici refused a request for what it is, which no further try changes. Never throws. */
export function isWrongArgument(error: unknown): boolean {
  try {
    const code = propertyOf(error, "code");
    if (typeof code === "string" && WRONG_ARGUMENT.has(code)) return true;
    const cause = propertyOf(error, "cause");
    return cause !== undefined && isWrongArgument(cause);
  } catch {
    return false;
  }
}

/** `isParsed` when an address is that of an answer, because the one of the caller was read. */
function wasRefusedHere(error: unknown, isAsked: boolean, isParsed = isAsked): boolean {
  try {
    if (typeof error !== "object" || error === null) return false;
    const { code, cause, message } = error as Readonly<Record<string, unknown>>;
    if (code === INVALID_URL) return !isParsed;
    if (code === INVALID_ARGUMENT) return !isAsked;
    if (typeof code === "string" && REFUSED_HERE.has(code)) return true;
    if (cause === undefined) return false;
    return wasRefusedHere(cause, isAsked, isParsed || message === FETCH_FAILED);
  } catch {
    return false;
  }
}

/**
 * The `classify` of a breaker around a client of HTTP that is no `fetch` (axios, got, an SDK): by the status in what it
 * returned or threw (`status`, `statusCode`, or those of its `response`), with the rules of `guardFetch` and its
 * `Retry-After`, of which it takes at most 300 s. A time limit of the client's own is `latency`, what its own signal ended is
 * `cancelled`, and a body that broke off behind a good status is an error. What has no status is left to the defaults.
 *
 * @example
 * const breaker = new CircuitBreaker("orders", { classify: classifyHttp });
 * const { data } = await breaker.call(() => axios.get("http://127.0.0.1:8080/orders"));
 */
export const classifyHttp: Classify = (call) => {
  const held = call.ok ? call.value : call.error;
  const ended = call.ok ? undefined : outcomeOfEnd(held);
  if (ended !== undefined) return ended;
  const status = statusOf(held) ?? statusOf(propertyOf(held, "response"));
  if (status === undefined) return undefined;
  const outcome = outcomeOfStatus(status);
  if (outcome === "success") return !call.ok && brokeOff(held, status) ? undefined : outcome;
  const askedMs = askedOf(held, platformClock.epochMs());
  if (askedMs === null) return outcome;
  return { outcome, retryAfterMs: Math.min(askedMs, DEFAULT_MAX_RETRY_AFTER_MS) };
};

/** What a call counts as that the client ended by itself; undefined when it did not. */
function outcomeOfEnd(error: unknown): Outcome | undefined {
  const kind = errorKind(error);
  if (kind === "timeout" || isTimeoutOfAxios(error)) return "latency";
  if (kind !== "cancelled") return undefined;
  const signal =
    propertyOf(propertyOf(error, "config"), "signal") ??
    propertyOf(propertyOf(error, "options"), "signal");
  // That of axios, or of got: it is read as one that may be none.
  return outcomeOfAbort(signal as CancelSignal | undefined) ?? "cancelled";
}

/** Its time limit has the codes of broken connections, too, and a text that may be the user's. */
function isTimeoutOfAxios(error: unknown): boolean {
  if (propertyOf(error, "name") !== "AxiosError") return false;
  const code = propertyOf(error, "code");
  if (code !== "ECONNABORTED" && code !== "ETIMEDOUT") return false;
  const message = String(propertyOf(error, "message"));
  const own = propertyOf(propertyOf(error, "config"), "timeoutErrorMessage");
  return message === own || /^timeout (of \d+ms )?exceeded$/.test(message);
}

/**
 * Whether the connection broke after a good status, in the middle of the body or of redirects. Whatever else is thrown
 * with such a status is the caller's own: it was not the status that it wanted, or not the answer.
 */
function brokeOff(error: unknown, status: number): boolean {
  if (!(error instanceof Error) || status >= FIRST_CLIENT_ERROR) return false;
  if (errorKind(error) === "transient") return true;
  return status >= FIRST_REDIRECT ? error.name === "MaxRedirectsError" : isBrokenBody(error);
}

/** What zlib and the parser of Node say of a body. */
const MALFORMED = /^(?:Z|HPE)_/;

/** A body that broke off or is no such encoding, in the words of got, of axios and of Node. */
function isBrokenBody(error: Error): boolean {
  if (error.name === "ReadError") return true;
  const code = propertyOf(error, "code");
  if (code === "ERR_BAD_RESPONSE") return /\baborted$/.test(error.message);
  return typeof code === "string" && MALFORMED.test(code);
}

function statusOf(held: unknown): number | undefined {
  const status = propertyOf(held, "status") ?? propertyOf(held, "statusCode");
  return typeof status === "number" && status >= 100 && status <= 599 ? status : undefined;
}

const propertyOf = (held: unknown, key: string): unknown =>
  typeof held === "object" && held !== null ? Reflect.get(held, key) : undefined;
