/** Addresses up to their path, and the hosts in them: to parse one costs as much as to ask its breaker. */
const known = new Map<string, string>();
const MOST_KNOWN = 1_000;
const SLASH = 0x2f;

/** The URL of an address, which begins at that of the page in browsers. */
export function urlOf(address: URL | string): URL {
  return address instanceof URL ? address : new URL(address, base());
}

/**
 * The host and port of an address; empty for one that has none, as `data:` and `blob:`.
 * @throws {TypeError} when it is no address
 */
export function hostOf(address: URL | string): string {
  if (typeof address !== "string") return address.host;
  const end = originEnd(address);
  if (end === 0) return urlOf(address).host;
  const origin = address.slice(0, end);
  let host = known.get(origin);
  if (host === undefined) {
    ({ host } = new URL(origin));
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(origin, host);
  }
  return host;
}

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

/** Where relative addresses begin, in browsers. */
function base(): string | undefined {
  const { location }: { readonly location?: { readonly href?: unknown } } = globalThis as object;
  return typeof location?.href === "string" ? location.href : undefined;
}
