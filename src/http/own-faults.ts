import { type FetchRequest, remade } from "./fetch-request.ts";

/** What a `fetch` was called with. */
export interface Sent {
  readonly request: FetchRequest;
  readonly input: unknown;
  readonly init: unknown;
}

/** What undici says of an address that it asks nobody for. */
const BAD_PORT = "bad port";
const UNKNOWN_SCHEME = "unknown scheme";

/**
 * Whether `fetch` refused a request by itself: for a wrong header, a body where there may be none, or the like. Such
 * errors are `TypeError`s as those of the network are, with no cause in Node and with none at all in browsers, so that
 * a request is made of the same once more, with nothing of its body. Only asked when it failed.
 */
export function isOwnFault(error: unknown, sent: Sent, isSpent: boolean): boolean {
  try {
    if (!(error instanceof TypeError)) return false;
    const { cause } = error;
    if (cause !== undefined) return isRefusedAddress(cause, sent.request);
    if (isSpent) return true;
    if (typeof Request === "function") return !canBeMade(sent);
  } catch {
    // What cannot be read says nothing.
  }
  return false;
}

/** A redirect never leads to an unknown scheme, and to a bad port from one that need not be named only by the server. */
function isRefusedAddress(cause: unknown, { address }: FetchRequest): boolean {
  if (!(cause instanceof Error)) return false;
  if (cause.message === UNKNOWN_SCHEME) return true;
  return cause.message === BAD_PORT && new URL(address).port !== "";
}

function canBeMade({ request, input, init }: Sent): boolean {
  try {
    remade(input, init, standIn(request, init) ?? standIn(request, input));
    return true;
  } catch {
    return false;
  }
}

/** A body of the same kind as far as `fetch` cares before it sends it: none, a stream, or one that is there. */
function standIn({ stream }: FetchRequest, holder: unknown): object | string | undefined {
  if (stream !== null) return new ReadableStream();
  if (typeof holder !== "object" || holder === null) return undefined;
  const body: unknown = Reflect.get(holder, "body");
  return body === undefined || body === null ? undefined : "";
}
