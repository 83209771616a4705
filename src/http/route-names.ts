import type { Check } from "../events/check.ts";
import { type PathPlace, pathOf } from "./hosts.ts";

/** What a request is known by before it is made. */
export interface RequestFacts {
  readonly url: URL;
  /** In capitals. */
  readonly method: string;
}

/** Where a request goes. */
export interface RequestTarget {
  readonly address: URL | string;
  /** The host in the address; empty when it has none. */
  readonly host: string;
  /** In capitals. */
  readonly method: string;
}

/** A template, cut at its slashes. */
class Route {
  /** Null for any. */
  readonly method: string | null;
  /** Null for what one segment may be, as long as it is not empty. */
  readonly segments: readonly (string | null)[];
  /** Whether it ends in `*`, which stands for the rest of the path. */
  readonly open: boolean;
  readonly #label: string;
  /** Requests mostly go where the last one went: a name is put together once then. */
  #lastHost: string | null = null;
  #lastName = "";

  constructor(label: string, method: string | null, path: string) {
    // Paths come as `URL` writes them: "ö" as "%C3%B6".
    const written = new URL(`http://host${path}`).pathname.split("/").slice(1);
    const segments = path.split("/").slice(1);
    this.open = segments.at(-1) === "*";
    if (this.open) segments.pop();
    this.segments = segments.map((segment, at) =>
      segment.startsWith(":") ? null : (written[at] ?? segment),
    );
    this.method = method;
    this.#label = label;
  }

  nameAt(host: string): string {
    if (host !== this.#lastHost) {
      this.#lastHost = host;
      this.#lastName = cut(`${host} ${this.#label}`);
    }
    return this.#lastName;
  }

  matches(method: string, { text, from, to }: PathPlace): boolean {
    if (this.method !== null && this.method !== method) return false;
    // Each segment begins behind a slash and ends before the next, or with the path.
    let at = from;
    for (const segment of this.segments) {
      if (at >= to) return false;
      const start = at + 1;
      const slash = text.indexOf("/", start);
      at = slash < 0 || slash > to ? to : slash;
      if (segment === null) {
        if (at === start) return false;
      } else if (segment.length !== at - start || !text.startsWith(segment, start)) return false;
    }
    return at === to || this.open;
  }
}

const LONGEST_TEMPLATE = 160;
const TEMPLATE = /^(?:([A-Z]+) )?(\/[^\s?#]*)$/;
const LONGEST_NAME = 256;
const cut = (name: string): string => name.slice(-LONGEST_NAME);
/** What a segment of a path never is, as `URL` writes it. */
const DOTS = /^(?:\.|%2e){1,2}$/i;
const PARAMETER = /^:[\p{L}\p{N}_-]+$/u;
/** As in "/@:user", where the name would stand for itself; "/models:list" says what it means. */
const SIGNED_PARAMETER = /^[^\p{L}\p{N}:]+:[\p{L}\p{N}_-]/u;
/** A path may have such a sign, but at an end it is meant for the rest of a name. */
const WILDCARD = /^\*|\*$/;

/** The names of breakers by host and route, so that no part of a path that a user chose becomes one. */
export class RouteNames {
  readonly #routes: readonly Route[];
  readonly #other = new Route("(other)", null, "/*");

  constructor(check: Check, templates: readonly string[]) {
    if (!Array.isArray(templates)) check.type("routes", "an array", templates);
    this.#routes = templates.map((template, index) => routeOf(check, template, index));
  }

  nameOf({ address, host, method }: RequestTarget): string {
    if (this.#routes.length === 0) return host.length > LONGEST_NAME ? cut(host) : host;
    const path = pathOf(address);
    for (const route of this.#routes) {
      if (route.matches(method, path)) return route.nameAt(host);
    }
    return this.#other.nameAt(host);
  }
}

function routeOf(check: Check, template: unknown, index: number): Route {
  const field = `routes[${index}]`;
  const text = check.text(field, template, LONGEST_TEMPLATE);
  const [, method, path] = TEMPLATE.exec(text) ?? [];
  if (path === undefined) {
    return check.range(field, 'a template such as "/users/:id" or "GET /users/*"', template);
  }
  const segments = path.split("/").slice(1);
  for (const [at, segment] of segments.entries()) {
    const allowed = allowedFor(segment, at === segments.length - 1);
    if (allowed !== undefined) return check.range(field, allowed, template);
  }
  return new Route(text, method ?? null, path);
}

/** What a template must be that has such a segment; undefined when it may have it. Else it would never fit, and say nothing. */
function allowedFor(segment: string, isLast: boolean): string | undefined {
  if (WILDCARD.test(segment) && !(isLast && segment === "*")) {
    return 'a template with "*" as nothing but its last segment';
  }
  if (/[{}]/.test(segment)) return 'a template with ":id" for "{id}"';
  if (SIGNED_PARAMETER.test(segment) || (segment.startsWith(":") && !PARAMETER.test(segment))) {
    return 'a template whose parameters are whole segments, such as ":id"';
  }
  if (DOTS.test(segment) || segment.includes("\\")) {
    return 'a template without "." and ".." as segments, and without backslashes';
  }
  return undefined;
}
