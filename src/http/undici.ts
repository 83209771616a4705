import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { Check } from "../events/check.ts";
import type { HostSignal } from "../platform.ts";
import {
  type DispatchHandler,
  failUnsent,
  GuardedHandler,
  GuardedOldHandler,
  isOldHandler,
  type OldDispatchHandler,
} from "./dispatch-handlers.ts";
import { DispatchedBody } from "./dispatched-body.ts";
import { DispatchedCall } from "./dispatched-call.ts";
import { checkedHttpGuard, HTTP_GUARD_OPTIONS, type HttpGuardOptions } from "./guard-options.ts";
import { HttpCall } from "./http-call.ts";
import { HttpGuard } from "./http-guard.ts";
import type { RequestTarget } from "./route-names.ts";

export type { DispatchHandler, OldDispatchHandler } from "./dispatch-handlers.ts";

/** What is used of the options of a dispatch. */
export interface DispatchRequest {
  readonly origin?: string | URL | undefined;
  readonly path: string;
  readonly method: string;
  readonly body?: unknown;
}

/** An interceptor of undici, for `compose`. */
export interface UndiciInterceptor {
  <O extends DispatchRequest, H extends DispatchHandler | OldDispatchHandler>(
    dispatch: (options: O, handler: H) => boolean,
  ): (options: O, handler: H) => boolean;
  /** Its breakers so far. */
  readonly breakers: Iterable<CircuitBreaker>;
}

/** Options of {@link breakerInterceptor}. Unknown keys are refused. */
export interface BreakerInterceptorOptions extends HttpGuardOptions {
  /**
   * Where requests go that do not say it themselves: those of a `Client` or `Pool` of undici 6 and 7, and of undici 8
   * before 8.12, which are bound to one origin. They fail when neither this nor `breaker` is given, nor `nameOf` names
   * them.
   * @default none
   */
  readonly origin?: string | URL;
}

/** What `nameOf` is shown where nobody knows the origin. */
const NO_ORIGIN = "http://origin.invalid";
const INTERCEPTOR_OPTIONS = [
  ...HTTP_GUARD_OPTIONS,
  "origin",
] as const satisfies readonly (keyof BreakerInterceptorOptions)[];

/**
 * An interceptor of undici that puts a breaker in front of a dispatcher, one for each host or route, with the rules of
 * `guardFetch`: for everything that uses the dispatcher. A refused request fails with a `CircuitOpenError`. What the
 * caller aborts, in its `fetch` or because it cannot write what it reads, is cancelled, and so is a request whose body
 * cannot be read from where it comes.
 *
 * It works with undici 6, 7 and 8. With a dispatcher of undici 8, the `fetch` of a Node that has an older undici within
 * (`process.versions.undici`) fails, guarded or not: use undici's own `fetch`, or `new Dispatcher1Wrapper(dispatcher)`.
 *
 * In `compose`, the interceptors before it are inside of it. `redirect` and `retry` before it make one call of what they
 * repeat; `responseError` may stand on either side, because the status counts that is in its error.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const agent = new Agent().compose(breakerInterceptor({ registry }));
 * const { body } = await request("http://127.0.0.1:8080/orders", { dispatcher: agent });
 */
export function breakerInterceptor(options: BreakerInterceptorOptions = {}): UndiciInterceptor {
  const check = new Check("make interceptor");
  check.keys(check.object("options", options), INTERCEPTOR_OPTIONS);
  const guard = new HttpGuard(checkedHttpGuard(check, options));
  const origin = checkedOrigin(check, options.origin);
  const intercept =
    <O extends DispatchRequest, H extends DispatchHandler | OldDispatchHandler>(
      dispatch: (given: O, handler: H) => boolean,
    ) =>
    (given: O, handler: H): boolean => {
      const target = targetOf(given, origin);
      // What undici refuses, it refuses itself.
      if (target === null || !isHandler(handler)) return dispatch(given, handler);
      const call = guard.begin({ ...target, signal: signalOf(given), context: undefined });
      if (call instanceof HttpCall) return sent(call, { guard, given, target, handler, dispatch });
      if (call === null && target.host !== "") return dispatch(given, handler);
      failUnsent(handler, call ?? unknownOrigin(target.method, given.path));
      return true;
    };
  return Object.assign(intercept, { breakers: guard.breakers });
}

/** A request that was admitted, and who is to do it. */
interface Admitted<O, H> {
  readonly guard: HttpGuard;
  readonly given: O;
  readonly target: RequestTarget;
  readonly handler: H;
  readonly dispatch: (given: O, handler: H) => boolean;
}

function sent<O extends DispatchRequest, H extends DispatchHandler | OldDispatchHandler>(
  call: HttpCall,
  { guard, given, target: { method }, handler, dispatch }: Admitted<O, H>,
): boolean {
  const upload = new DispatchedBody(given.body);
  const told = new DispatchedCall(call, { guard, method, upload });
  const guarded: DispatchHandler | OldDispatchHandler = isOldHandler(handler)
    ? new GuardedOldHandler(handler, told)
    : new GuardedHandler(handler, told);
  try {
    const asked = upload.body === given.body ? given : { ...given, body: upload.body };
    // It has every method that a handler of its shape may have.
    return dispatch(asked, guarded as H);
  } catch (error) {
    call.threw(error);
    throw error;
  }
}

function checkedOrigin(check: Check, origin: unknown): string | undefined {
  if (origin === undefined) return undefined;
  const allowed = "an origin, such as http://127.0.0.1:8080";
  if (typeof origin !== "string" && !(origin instanceof URL)) {
    return check.type("origin", allowed, origin);
  }
  const text = String(origin);
  const isOrigin = /^https?:\/\//i.test(text) && URL.canParse(text);
  return isOrigin ? new URL(text).origin : check.range("origin", allowed, text);
}

const unknownOrigin = (method: string, path: string): TypeError =>
  new TypeError(
    `Cannot guard ${method} ${path}: the client is bound to an origin that its requests do not say; give origin, breaker or nameOf to breakerInterceptor`,
  );

const isHandler = (handler: unknown): boolean => typeof handler === "object" && handler !== null;

/** Where a request goes; null when that is nowhere, which undici says itself. Without a host when nobody knows it. */
function targetOf(
  { origin: asked, path, method }: DispatchRequest,
  bound: string | undefined,
): RequestTarget | null {
  try {
    const to = { method: method.toUpperCase() };
    const known = asked ?? bound;
    const { origin: start, host: there } = new URL(known ?? NO_ORIGIN);
    const host = known === undefined ? "" : there;
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
