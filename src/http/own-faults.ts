import { type FetchRequest, isHeldElsewhere, remade } from "./fetch-request.ts";

/** What a `fetch` was called with. */
export interface Sent {
  readonly request: FetchRequest;
  readonly input: unknown;
  readonly init: unknown;
}

/** What undici says of an address that it asks nobody for. */
const BAD_PORT = "bad port";
const UNKNOWN_SCHEME = "unknown scheme";
/** @see https://fetch.spec.whatwg.org/#port-blocking */
const BLOCKED_PORTS =
  " 0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 " +
  "137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 " +
  "1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080 ";

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
    if (isSpent || isHeldElsewhere(sent.input, sent.init)) return true;
    if (typeof Request === "function") return !canBeMade(sent);
  } catch {
    // What cannot be read says nothing.
  }
  return false;
}

/** Of a redirect `fetch` says another thing when its scheme is unknown, but the same when its port is blocked. */
function isRefusedAddress(cause: unknown, { address }: FetchRequest): boolean {
  if (!(cause instanceof Error)) return false;
  if (cause.message === UNKNOWN_SCHEME) return true;
  return cause.message === BAD_PORT && BLOCKED_PORTS.includes(` ${new URL(address).port} `);
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
