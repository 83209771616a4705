import type { Check } from "../events/check.ts";
import { urlOf } from "./hosts.ts";

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
interface Route {
  /** Null for any. */
  readonly method: string | null;
  readonly template: string;
  readonly segments: readonly string[];
  /** Whether it ends in `*`, which stands for the rest of the path. */
  readonly open: boolean;
}

const LONGEST_TEMPLATE = 160;
const TEMPLATE = /^(?:([A-Z]+) )?(\/[^\s?#]*)$/;
const LONGEST_NAME = 256;

/** The names of breakers by host and route, so that no part of a path that a user chose becomes one. */
export class RouteNames {
  readonly #routes: readonly Route[];

  constructor(check: Check, templates: readonly string[]) {
    if (!Array.isArray(templates)) check.type("routes", "an array", templates);
    this.#routes = templates.map((template, index) => routeOf(check, template, index));
  }

  nameOf({ address, host, method }: RequestTarget): string {
    if (this.#routes.length === 0) return host;
    const path = urlOf(address).pathname.split("/").slice(1);
    const route = this.#routes.find((candidate) => matches(candidate, method, path));
    return `${host} ${route?.template ?? "(other)"}`.slice(-LONGEST_NAME);
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
  const open = segments.at(-1) === "*";
  if (open) segments.pop();
  return { method: method ?? null, template: text, segments, open };
}

function matches({ method, segments, open }: Route, asked: string, path: readonly string[]) {
  if (method !== null && method !== asked) return false;
  if (open ? path.length < segments.length : path.length !== segments.length) return false;
  return segments.every((segment, at) => {
    const given = path[at];
    return segment.startsWith(":") ? given !== "" : segment === given;
  });
}
