import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { Check } from "../events/check.ts";
import type { HostSignal } from "../platform.ts";
import { checkedHttpGuard, HTTP_GUARD_OPTIONS, type HttpGuardOptions } from "./guard-options.ts";
import { HttpCall } from "./http-call.ts";
import { HttpGuard } from "./http-guard.ts";
import { mayHaveBody } from "./http-outcome.ts";
import type { RequestTarget } from "./route-names.ts";

/** What is used of the options of a dispatch. */
export interface DispatchRequest {
  readonly origin?: string | URL | undefined;
  readonly path: string;
  readonly method: string;
}

/** What is used of a handler; every method is passed on, and gets what it is called with. */
export interface DispatchHandler {
  onRequestStart?(controller: never, context: never): void;
  onRequestUpgrade?(controller: never, status: number, headers: never, socket: never): void;
  onResponseStart?(controller: never, status: number, headers: never, message?: string): void;
  onResponseData?(controller: never, chunk: never): void;
  onResponseEnd?(controller: never, trailers: never): void;
  onResponseError?(controller: never, error: Error): void;
  onResponseStarted?(): void;
  onBodySent?(chunk: never): void;
  onRequestSent?(): void;
}

/** An interceptor of undici, for `compose`. */
export interface UndiciInterceptor {
  <O extends DispatchRequest, H extends DispatchHandler>(
    dispatch: (options: O, handler: H) => boolean,
  ): (options: O, handler: H) => boolean;
  /** Its breakers so far. */
  readonly breakers: Iterable<CircuitBreaker>;
}

/** Of clients that are bound to one origin and do not say which. */
const NO_ORIGIN = "http://origin.invalid";
const FIRST_FINAL_STATUS = 200;

/** Tells the call what the handler is told, and then the handler. */
class GuardedHandler implements DispatchHandler {
  readonly #handler: DispatchHandler;
  readonly #call: HttpCall;
  readonly #guard: HttpGuard;
  readonly #method: string;

  constructor(
    handler: DispatchHandler,
    call: HttpCall,
    from: { guard: HttpGuard; method: string },
  ) {
    this.#handler = handler;
    this.#call = call;
    this.#guard = from.guard;
    this.#method = from.method;
  }

  onRequestStart(controller: never, context: never): void {
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(controller: never, status: number, ...rest: [headers: never, socket: never]) {
    this.#call.ended();
    this.#handler.onRequestUpgrade?.(controller, status, ...rest);
  }

  onResponseStart(controller: never, status: number, ...rest: [headers: never, message?: string]) {
    if (status >= FIRST_FINAL_STATUS) {
      const answer = { status, headers: rest[0] };
      if (this.#call.answered(status, answer, mayHaveBody(this.#method, status))) {
        // Undici hands the body over as it comes, read or not.
        this.#call.reads();
        this.#guard.await(this.#call);
      }
    }
    this.#handler.onResponseStart?.(controller, status, ...rest);
  }

  onResponseData(controller: never, chunk: never): void {
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: never, trailers: never): void {
    this.#call.ended();
    this.#handler.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: never, error: Error): void {
    this.#call.broke(error);
    this.#handler.onResponseError?.(controller, error);
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onBodySent(chunk: never): void {
    this.#handler.onBodySent?.(chunk);
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.();
  }
}

/**
 * An interceptor of undici that puts a breaker in front of a dispatcher, one for each host or route, with the rules of
 * `guardFetch`: for everything that uses the dispatcher, the global `fetch` of Node included. A refused request fails
 * with a `CircuitOpenError`. Clients made for one origin that leave it out of their requests need `breaker` or `nameOf`.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const agent = new Agent().compose(breakerInterceptor({ registry }));
 * const { body } = await request("http://127.0.0.1:8080/orders", { dispatcher: agent });
 */
export function breakerInterceptor(options: HttpGuardOptions = {}): UndiciInterceptor {
  const check = new Check("make interceptor");
  check.keys(check.object("options", options), HTTP_GUARD_OPTIONS);
  const guard = new HttpGuard(checkedHttpGuard(check, options));
  const intercept =
    <O extends DispatchRequest, H extends DispatchHandler>(
      dispatch: (given: O, handler: H) => boolean,
    ) =>
    (given: O, handler: H): boolean => {
      const target = targetOf(given);
      if (target === null) return dispatch(given, handler);
      const call = guard.begin({ ...target, signal: signalOf(given), context: undefined });
      if (call === null) return dispatch(given, handler);
      if (!(call instanceof HttpCall)) {
        // Nothing was begun that a controller could pause or abort.
        handler.onResponseError?.(null as never, call);
        return true;
      }
      // It has every method that a handler may have.
      const guarded: DispatchHandler = new GuardedHandler(handler, call, {
        guard,
        method: target.method,
      });
      try {
        return dispatch(given, guarded as H);
      } catch (error) {
        call.threw(error);
        throw error;
      }
    };
  return Object.assign(intercept, { breakers: guard.breakers });
}

/** Where a request goes; null when that is nowhere, which undici says itself. */
function targetOf({ origin = NO_ORIGIN, path, method }: DispatchRequest): RequestTarget | null {
  try {
    const to = { method: method.toUpperCase() };
    const { origin: start, host } = new URL(origin);
    if (to.method === "CONNECT") return { ...to, address: start, host };
    // A path may begin with two slashes, after which a host would stand if it were an address by itself.
    if (path.startsWith("/")) return { ...to, address: start + path, host };
    const address = new URL(path);
    return { ...to, address, host: address.host };
  } catch {
    return null;
  }
}

function signalOf(request: object): HostSignal | undefined {
  const signal: unknown = Reflect.get(request, "signal");
  // What undici takes for a signal: one of these, or an emitter, which is not asked.
  return signal instanceof AbortSignal ? signal : undefined;
}
