import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import type { CircuitOpenError } from "../core/circuit-open-error.ts";
import { Check } from "../events/check.ts";
import type { HostSignal } from "../platform.ts";
import { errorKind } from "../policies/error-kind.ts";
import { permanent, unmarked } from "../policies/permanent.ts";
import { Policy } from "../policies/policy.ts";
import { cancelUnread } from "../policies/unread-body.ts";
import {
  bodyOf,
  copied,
  type FetchRequest,
  passedOn,
  readRequest,
  withBody,
} from "./fetch-request.ts";
import {
  checkedHttpGuard,
  HTTP_GUARD_OPTIONS,
  type HttpGuardOptions,
  type RequestContext,
} from "./guard-options.ts";
import { guardBody } from "./guarded-body.ts";
import { HttpCall } from "./http-call.ts";
import { HttpGuard } from "./http-guard.ts";
import { isWrongArgument, mayHaveBody } from "./http-outcome.ts";
import { isOwnFault, type Sent } from "./own-faults.ts";
import { answerRefusal } from "./refusal-answer.ts";
import { hasBroken, Upload } from "./upload.ts";

/** What is used of a response: that of any `fetch` fits. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: object | null;
}

/** What the `init` of one request may have besides. */
export interface GuardedInit {
  /** Put on the events of the request as `context`, for example a delivery id. Not given to `fetch`. */
  readonly context?: RequestContext | undefined;
}

/** Options of {@link guardFetch}. Unknown keys are refused. */
export interface GuardFetchOptions extends HttpGuardOptions {
  /**
   * What stands around each request, such as a `retry`, a `timeout` or a pipeline of them. It is told that only GET,
   * HEAD, OPTIONS, TRACE, PUT and DELETE may be made twice, so that a retry repeats others only when they were surely
   * not done; a body that is a stream is sent once. Each attempt asks the breaker. Answers are values: give the retry
   * `shouldRetryResult: isTransient` to repeat those of 5xx, 408, 425 and 429.
   * @default none
   */
  readonly policy?: Policy<never, unknown, readonly unknown[]>;
  /**
   * What becomes of a refused request: it rejects with a {@link CircuitOpenError}, or is answered by a `Response` of
   * status 503 with `Retry-After` and a problem+json body, for code that knows statuses only. The body names the breaker,
   * the reason and the incident. Where the answer goes on to strangers, as from a proxy, leave it at `"throw"` and answer
   * with {@link refusalResponse}, which names them only with `expose`.
   * @default "throw"
   */
  readonly refusal?: "throw" | "response";
}

/** A guarded `fetch`. */
export interface GuardedFetch<I, O, R> {
  (input: I, init?: O & GuardedInit): Promise<R>;
  /** Its breakers so far: for health checks and exporters. Empty with a registry that cannot be gone through. */
  readonly breakers: Iterable<CircuitBreaker>;
}

const KEYS = [...HTTP_GUARD_OPTIONS, "policy", "refusal"];
/** What may be sent twice. RFC 9110, section 9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
/** The answer is for the caller's own code, which may know what it asks. */
const ANSWER = { expose: true, unknownRetryMs: 10_000, type: "about:blank" };

/** One guarded `fetch`. */
class Guard<I, O extends object, R extends FetchResponse> {
  readonly #fetch: (input: I, init?: O) => Promise<R>;
  readonly #guard: HttpGuard;
  readonly #policy: GuardFetchOptions["policy"];
  readonly #answers: boolean;

  constructor(fetch: (input: I, init?: O) => Promise<R>, options: GuardFetchOptions) {
    const check = new Check("guard fetch");
    check.function("fetch", fetch);
    check.keys(check.object("options", options), KEYS);
    const { policy, refusal = "throw" } = options;
    if (policy !== undefined && !(policy instanceof Policy)) {
      check.type("policy", "a policy or a pipeline", policy);
    }
    if (refusal !== "throw" && refusal !== "response") {
      check.range("refusal", '"throw" or "response"', refusal);
    }
    this.#fetch = fetch;
    this.#guard = new HttpGuard(checkedHttpGuard(check, options));
    this.#policy = policy;
    this.#answers = refusal === "response";
  }

  get breakers(): Iterable<CircuitBreaker> {
    return this.#guard.breakers;
  }

  readonly run = (input: I, init?: O & GuardedInit): Promise<R> => {
    let answered: Promise<R>;
    try {
      answered = this.#guarded(input, init);
    } catch (thrown) {
      // By a getter of the `init`, before anybody was asked.
      return Promise.reject(thrown);
    }
    return this.#answers ? answered.then(undefined, answerOf<R>) : answered;
  };

  #guarded(input: I, init: (O & GuardedInit) | undefined): Promise<R> {
    let request: FetchRequest;
    try {
      request = readRequest(input, init);
    } catch {
      // Nothing that could be asked for: `fetch` says so.
      return this.#send(input, passedOn(init, undefined));
    }
    // What was read before cannot be sent, nor copied for an attempt.
    return this.#policy === undefined || request.spent
      ? this.#attempt(request, input, passedOn(init, undefined))
      : this.#repeat(this.#policy, request, { input, init });
  }

  /** Runs the attempts of a request under the policy. */
  #repeat(
    policy: Policy<never, unknown, readonly unknown[]>,
    request: FetchRequest,
    { input, init }: { readonly input: I; readonly init: (O & GuardedInit) | undefined },
  ): Promise<R> {
    const { signal, context, method } = request;
    const once = request.stream !== null;
    let last: R | undefined;
    let final: object | undefined;
    const attempt = async (given?: HostSignal): Promise<R> => {
      // What was sent cannot be sent again: the answer stands.
      if (once && last !== undefined) return last;
      cancelUnread(last);
      const ending = lasting(signal, given);
      const now = ending === signal ? request : { ...request, signal: ending };
      try {
        const own = ending === signal ? undefined : ending;
        last = await this.#attempt(now, copied(input), passedOn(init, own));
        if (once) final = permanent(last);
        return last;
      } catch (error) {
        // A retry makes a request again that was surely not done, but this one's body may be half read by now.
        if (once && errorKind(error) === "unsent") final = permanent(error as object);
        throw error;
      }
    };
    const idempotent = IDEMPOTENT.has(method) && !once;
    // A policy of any kind calls its function with a signal, or with nothing.
    const run = attempt as (...args: readonly unknown[]) => Promise<R>;
    return policy.call(run, { signal, context, idempotent }).finally(() => {
      // Whoever is given it may well make the request anew.
      if (final !== undefined) unmarked(final);
    });
  }

  #attempt(request: FetchRequest, input: I, init: O | undefined): Promise<R> {
    let call: HttpCall | CircuitOpenError | null;
    try {
      call = this.#guard.begin(request);
    } catch (refused) {
      return Promise.reject(refused);
    }
    if (call === null) return this.#send(input, init);
    if (!(call instanceof HttpCall)) return Promise.reject(call);
    const begun = call;
    let watched: O | undefined;
    try {
      watched = this.#uploading(begun, request.stream, init);
    } catch (thrown) {
      begun.refusedHere(thrown);
      return Promise.reject(permanent(thrown));
    }
    return this.#send(input, watched).then(
      (response) => {
        this.#answered(begun, response, request.method);
        return response;
      },
      (error: unknown) => failed(begun, error, { request, input, init }),
    );
  }

  /** The `init` of a request whose call learns whether its body breaks by itself. */
  #uploading(call: HttpCall, stream: object | null, init: O | undefined): O | undefined {
    if (stream === null) return init;
    const upload = new Upload(stream);
    call.upload = upload;
    return upload.watched === null ? init : withBody(init, upload.watched);
  }

  #send(input: I, init: O | undefined): Promise<R> {
    try {
      return Promise.resolve(this.#fetch.call(undefined, input, init));
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  #answered(call: HttpCall, response: R, method: string): void {
    try {
      const { status } = response;
      if (status === REFUSED && refusals.has(response)) {
        call.refusedHere(refusals.get(response));
        return;
      }
      const body = mayHaveBody(method, status) && hasBody(response);
      if (!call.answered(status, response, body)) return;
      if (guardBody(response, call)) {
        this.#guard.await(call);
        return;
      }
    } catch {
      // It is no response, which is for the caller to find.
    }
    call.ended();
  }
}

/** Tells the call why there is no answer, and throws that. */
function failed(call: HttpCall, error: unknown, sent: Sent): Promise<never> {
  if (isOwnFault(error, sent, call.upload?.spent ?? sent.request.spent)) {
    call.refusedHere(error);
    // It stays wrong.
    return Promise.reject(permanent(error as object));
  }
  const body = bodyOf(sent.input, sent.init);
  if (body === null) {
    call.threw(error);
    return Promise.reject(isWrongArgument(error) ? permanent(error as object) : error);
  }
  return hasBroken(body).then((broke) => {
    call.upload = { brokeBy: () => broke, spent: false };
    call.threw(error);
    throw isWrongArgument(error) ? permanent(error as object) : error;
  });
}

/**
 * The signal of one attempt. What a policy gives follows the caller's only until the head is here, and the caller may
 * leave in the middle of the body.
 */
function lasting(
  signal: HostSignal | undefined,
  given: HostSignal | undefined,
): HostSignal | undefined {
  if (signal === undefined || given === undefined || given === signal) return given ?? signal;
  return AbortSignal.any([signal, given]);
}

const hasBody = (response: FetchResponse): boolean =>
  response.body !== null && response.headers.get("content-length") !== "0";

const REFUSED = 503;
/** The answers that stand in for refused requests, with what refused: a guard around takes them for what they are. */
const refusals = new WeakMap<object, unknown>();

/** The answer that stands in for a refused request; whatever else was thrown stays thrown. */
function answerOf<R>(error: unknown): R {
  const answer = answerRefusal(error, ANSWER);
  if (answer === undefined) throw error;
  const { body, status, headers } = answer;
  const response = new Response(body, { status, headers });
  refusals.set(response, error);
  // The host's `Response` is what its `fetch` gives.
  return response as unknown as R;
}

/**
 * Puts a breaker in front of a `fetch`, one for each host or route. A request counts as a failure when it is answered
 * with 5xx or 429, when no answer comes, or when its body breaks in the middle; the caller gets what `fetch` gave.
 *
 * A success is told when the body has been read to its end. A body that is cancelled in the middle gives no verdict; one
 * that nobody has begun to read counts by its head, when it is cancelled or after a second. The breaker is that of the
 * address asked for, wherever redirects lead.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const guarded = guardFetch(fetch, {
 *   defaults: { latencyTripMs: 2_000 },
 *   policy: retry("api", { attempts: 3, shouldRetryResult: isTransient }),
 * });
 * const response = await guarded("http://127.0.0.1:8080/users/7", { context: { delivery: "d-1" } });
 */
export function guardFetch<I, O extends object, R extends FetchResponse>(
  fetch: (input: I, init?: O) => Promise<R>,
  options: GuardFetchOptions = {},
): GuardedFetch<I, O, R> {
  const guard = new Guard(fetch, options);
  const { breakers } = guard;
  return Object.assign(guard.run, { breakers });
}
