/** An address up to its path, and the host in it. */
interface Origin {
  readonly text: string;
  readonly host: string;
}

/** Those seen before: to parse one costs as much as to ask its breaker. */
const known = new Map<string, Origin>();
const MOST_KNOWN = 1_000;
/** A name has 253 letters at the most, before it a scheme and behind it a port. */
const LONGEST_KNOWN = 300;
/** A part of a longer address is copied before it is kept, because it would keep the whole alive. */
const LONGEST_KEPT = 1_024;
/** The last of them: the next request mostly goes there, too. */
let lastOrigin = "";
let lastHost = "";
const SLASH = 0x2f;
const DOT = 0x2e;
const QUESTION_MARK = 0x3f;
const HASH = 0x23;
const UNDERSCORE = 0x5f;
const TILDE = 0x7e;

/** The URL of an address, which begins at that of the page in browsers. */
export function urlOf(address: URL | string): URL {
  return address instanceof URL ? address : new URL(address, base());
}

/** Where a path stands in a text. */
export interface PathPlace {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/**
 * The path of an address whose host is known, in the address itself when it stands there as it is.
 * @throws {TypeError} when it is no address
 */
export function pathOf(address: URL | string): PathPlace {
  if (typeof address === "string") {
    const from = isOfLast(address) ? lastOrigin.length : originEnd(address);
    const to = from === 0 ? 0 : plainPathEnd(address, from);
    if (to > from) return { text: address, from, to };
  }
  const { pathname } = urlOf(address);
  return { text: pathname, from: 0, to: pathname.length };
}

/**
 * The host and port of an address; empty for one that has none, as `data:` and `blob:`. The port of the scheme is left
 * out, so that `http://a.example` and `https://a.example` are one host.
 * @throws {TypeError} when it is no address
 */
export function hostOf(address: URL | string): string {
  if (typeof address !== "string") return kept(address.host, address.href);
  if (isOfLast(address)) return lastHost;
  const end = originEnd(address);
  if (end === 0 || end > LONGEST_KNOWN) return kept(urlOf(address).host, address);
  const origin = address.slice(0, end);
  let found = known.get(origin);
  if (found === undefined) {
    found = { text: kept(origin, address), host: new URL(origin).host };
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(found.text, found);
  }
  lastOrigin = found.text;
  lastHost = found.host;
  return found.host;
}

/** A part of a text, without the rest of it. */
const kept = (part: string, whole: string): string =>
  whole.length > LONGEST_KEPT ? Array.from(part).join("") : part;

const isOfLast = (address: string): boolean =>
  lastOrigin !== "" &&
  address.startsWith(lastOrigin) &&
  address.charCodeAt(lastOrigin.length) === SLASH;

/**
 * Where the path of an address begins, when nothing before it needs a closer look: small letters, digits, dots, hyphens
 * and a port, so that no name or password of a user is kept. 0 for any other.
 */
function originEnd(address: string): number {
  const start = address.startsWith("http://") ? 7 : address.startsWith("https://") ? 8 : 0;
  if (start === 0) return 0;
  let end = start;
  for (; end < address.length; end++) {
    const code = address.charCodeAt(end);
    if (code === SLASH) break;
    // From "-" to ":" there are, besides the slash, the dot and the digits.
    if (!((code >= 0x61 && code <= 0x7a) || (code >= 0x2d && code <= 0x3a))) return 0;
  }
  return end === start ? 0 : end;
}

/**
 * Where a path ends that stays what it is when it is parsed: letters, digits and signs that nothing encodes, and no
 * segment that begins with a dot. 0 for any other.
 */
function plainPathEnd(address: string, from: number): number {
  let end = from;
  for (; end < address.length; end++) {
    const code = address.charCodeAt(end);
    if (code === QUESTION_MARK || code === HASH) break;
    const plain =
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x41 && code <= 0x5a) ||
      // From "-" to "9" there are, besides the digits, the dot and the slash.
      (code >= 0x2d && code <= 0x39) ||
      code === UNDERSCORE ||
      code === TILDE;
    if (!plain || (code === DOT && address.charCodeAt(end - 1) === SLASH)) return 0;
  }
  return end;
}

/** Where relative addresses begin, in browsers. */
function base(): string | undefined {
  const { location }: { readonly location?: { readonly href?: unknown } } = globalThis as object;
  return typeof location?.href === "string" ? location.href : undefined;
}
