import type { HostSignal } from "../platform.ts";
import type { RequestContext } from "./guard-options.ts";
import { hostOf } from "./hosts.ts";
import type { RequestGiven } from "./http-guard.ts";

/** What a `fetch` was called with, read. */
export interface FetchRequest extends RequestGiven {
  readonly signal: HostSignal | undefined;
  /** Its body when that is a stream, which can be sent once. */
  readonly stream: object | null;
  /** Whether its body was read before, so that there is nothing to send. */
  readonly spent: boolean;
}

interface Named {
  readonly url?: unknown;
  readonly method?: unknown;
  readonly signal?: unknown;
  readonly body?: unknown;
  readonly bodyUsed?: unknown;
  readonly context?: unknown;
}

const NOTHING: Named = {};
const isNamed = (value: unknown): value is Named => typeof value === "object" && value !== null;

/**
 * Reads what there is to know of a request.
 * @throws {TypeError} when its address is none
 */
export function readRequest(input: unknown, init: unknown): FetchRequest {
  if (typeof input === "string" && init === undefined) {
    return {
      address: input,
      host: hostOf(input),
      method: "GET",
      signal: undefined,
      context: undefined,
      stream: null,
      spent: false,
    };
  }
  const asked = isNamed(input) && !(input instanceof URL) ? input : NOTHING;
  const over = isNamed(init) ? init : NOTHING;
  const method = over.method ?? asked.method;
  const address = input instanceof URL ? input : String(asked.url ?? input);
  const { body } = over;
  const signal = over.signal === null ? undefined : (over.signal ?? asked.signal);
  return {
    address,
    host: hostOf(address),
    method: method === undefined ? "GET" : String(method).toUpperCase(),
    // What `fetch` takes for a signal is one; anything else it refuses.
    signal: isSignal(signal) ? (signal as HostSignal) : undefined,
    // Checked where it is used.
    context: over.context as RequestContext | undefined,
    stream: isStream(body) ? body : null,
    spent: over.bodyUsed === true || (isNamed(body) ? isLocked(body) : isUsed(asked, body)),
  };
}

function isSignal(value: unknown): boolean {
  return isNamed(value) && typeof Reflect.get(value, "aborted") === "boolean";
}

/** One that has another body to send may have been read. */
const isUsed = (asked: Named, body: unknown): boolean =>
  (body === undefined || body === null) && asked.bodyUsed === true;

const isLocked = (body: object): boolean => Reflect.get(body, "locked") === true;

function isStream(body: unknown): body is object {
  if (!isNamed(body)) return false;
  return (
    (typeof ReadableStream === "function" && body instanceof ReadableStream) ||
    Symbol.asyncIterator in body
  );
}

/**
 * The input of one attempt: a `Request` can be sent once, so that each attempt sends a copy. One that was read before
 * cannot be copied: it has another body to send, or is refused by `fetch`.
 */
export function copied<I>(input: I): I {
  if (!isNamed(input) || input instanceof URL) return input;
  const clone: unknown = Reflect.get(input, "clone");
  if (typeof clone !== "function") return input;
  try {
    // A `Request` makes a copy of its own kind.
    return Reflect.apply(clone, input, []) as I;
  } catch {
    return input;
  }
}

/** What `fetch` may read of its `init`: that of the standard, of undici, and of Deno, Bun, Workers and Next. */
const MEMBERS = [
  ...["method", "headers", "body", "duplex", "signal", "redirect", "integrity", "keepalive"],
  ...["mode", "credentials", "cache", "referrer", "referrerPolicy", "priority", "window"],
  ...["dispatcher", "client", "proxy", "tls", "unix", "decompress", "cf", "next"],
];

/** The `init` for `fetch`: without what only the guard reads, with the signal of this attempt when it has one. */
export function passedOn<O extends object>(
  init: (O & { readonly context?: unknown }) | undefined,
  signal: HostSignal | undefined,
): O | undefined {
  if (signal === undefined && init?.context === undefined) return init;
  const { context: _, ...rest }: Named = membersOf(init);
  // What is left of `O & { context }` is an O, and each `fetch` takes a signal.
  return (signal === undefined ? rest : { ...rest, signal }) as object as O;
}

/** The same `init` with another body. */
export function withBody<O extends object>(init: O | undefined, body: ReadableStream): O {
  // Each `fetch` takes a stream where it took one.
  return { ...membersOf(init), body } as object as O;
}

/** The body of a `Request` that is sent, which is a stream whatever it was made of; null when another one is sent. */
export function bodyOf(input: unknown, init: unknown): object | null {
  const other: unknown = isNamed(init) ? init.body : undefined;
  if (other !== undefined && other !== null) return null;
  const body: unknown = isNamed(input) && !(input instanceof URL) ? input.body : null;
  return isNamed(body) ? body : null;
}

/** Whether somebody else holds the body of a `Request` that was to be sent: one that `fetch` has taken counts as used. */
export function isHeldElsewhere(input: unknown, init: unknown): boolean {
  const body = bodyOf(input, init);
  return body !== null && isLocked(body) && isNamed(input) && input.bodyUsed !== true;
}

/** The request as `fetch` would make it, if it did: what its address, method and members are, with another body. */
export function remade(input: unknown, init: unknown, body: object | string | undefined): Request {
  const asked = isNamed(input) && !(input instanceof URL) ? input : NOTHING;
  const { context: _, signal, ...rest }: Named = membersOf(isNamed(init) ? init : undefined);
  const made = { ...rest, method: rest.method ?? asked.method ?? "GET", body };
  // One that is no signal is refused; one that is would be listened to.
  const wrong = signal instanceof AbortSignal ? {} : { signal };
  // Whether it is one, is asked.
  return new Request(String(asked.url ?? input), { ...made, ...wrong } as RequestInit);
}

/** What an `init` has, also from its class: one may be a `Request`, whose getters answer for itself alone. */
function membersOf(init: object | undefined): Record<string, unknown> {
  const members: Record<string, unknown> = { ...init };
  if (init === undefined || isPlain(Object.getPrototypeOf(init))) return members;
  for (const name of MEMBERS) if (name in init) members[name] = Reflect.get(init, name);
  return members;
}

const isPlain = (prototype: unknown): boolean =>
  prototype === null || prototype === Object.prototype;
