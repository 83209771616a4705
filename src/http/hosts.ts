/** Addresses up to their path, and the hosts in them: to parse one costs as much as to ask its breaker. */
const known = new Map<string, string>();
const MOST_KNOWN = 1_000;

/** What may stand between the scheme and the path of an address for its host to be kept: no user, and no password. */
const PLAIN = /^https?:\/\/([\w.:[\]-]+)(?=[/?#]|$)/;

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
  const [origin] = PLAIN.exec(address) ?? [];
  if (origin === undefined) return urlOf(address).host;
  let host = known.get(origin);
  if (host === undefined) {
    ({ host } = new URL(origin));
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(origin, host);
  }
  return host;
}

/** Where relative addresses begin, in browsers. */
function base(): string | undefined {
  const { location }: { readonly location?: { readonly href?: unknown } } = globalThis as object;
  return typeof location?.href === "string" ? location.href : undefined;
}
