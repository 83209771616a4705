import { hostname, userInfo } from "node:os";
import process from "node:process";
import { LONGEST_NAMESPACE } from "../../cluster/cluster-options.ts";
import { LONGEST_OPEN_MS } from "../../cluster/store-rules.ts";
import { LONGEST_NOTE, LONGEST_TASK } from "../../cluster/wire.ts";
import { hint } from "../../events/nearest.ts";
import type { Given } from "../command-line.ts";
import { durationMs } from "../duration.ts";
import { textOf } from "../text-option.ts";
import { UsageError } from "../usage-error.ts";

const VERBS = ["status", "force-open", "reset", "audit"] as const;
/** What an operator asks for. */
type Verb = (typeof VERBS)[number];

/** Where the cluster is. */
export interface Place {
  readonly urls: readonly string[];
  readonly namespace: string;
  readonly prefix: string;
  readonly secret: string | undefined;
}

/** What the command line asked for, checked. */
export interface GivenOperation {
  readonly verb: Verb;
  readonly names: readonly string[];
  readonly place: Place;
  readonly by: string;
  readonly why: string;
  /** 0 when it has no end. */
  readonly forMs: number;
  readonly limit: number;
  readonly format: "text" | "json";
}

const LONGEST_NAME = 256;
const MOST_ENTRIES = 1_000;
const DEFAULT_URL = "redis://127.0.0.1:6379";
/** Which verbs an option has a use for. */
const ONLY: Readonly<Record<string, readonly Verb[]>> = {
  why: ["force-open", "reset"],
  by: ["force-open", "reset"],
  for: ["force-open"],
  limit: ["audit"],
};

/** @throws {UsageError} when something cannot be used */
export function givenOperation(given: Given, operands: readonly string[]): GivenOperation {
  const [first, ...names] = operands;
  const verb = verbOf(first);
  for (const [option, verbs] of Object.entries(ONLY)) {
    if (given[option] !== undefined && !verbs.includes(verb)) {
      throw new UsageError(`Cannot run cluster ${verb}: --${option} has no use with it`);
    }
  }
  const changes = verb === "force-open" || verb === "reset";
  if (changes && names.length === 0) {
    throw new UsageError(`Cannot run cluster ${verb}: the name of a breaker must follow`);
  }
  for (const name of names) text(verb, "the name of a breaker", name, LONGEST_NAME);
  if (changes && given["why"] === undefined) {
    throw new UsageError(`Cannot run cluster ${verb}: --why must say the reason`);
  }
  return {
    verb,
    names: [...new Set(names)],
    place: placeOf(verb, given),
    by: text(verb, "--by", textOf(given, "by") ?? whoever(), LONGEST_TASK),
    why: text(verb, "--why", textOf(given, "why") ?? "-", LONGEST_NOTE),
    forMs: forMsOf(verb, given),
    limit: limitOf(verb, given),
    format: formatOf(verb, given),
  };
}

function verbOf(given: string | undefined): Verb {
  const verb = VERBS.find((known) => known === given);
  if (verb !== undefined) return verb;
  if (given === undefined) {
    throw new UsageError(`Cannot run cluster: one of ${VERBS.join(", ")} must follow`);
  }
  throw new UsageError(`Cannot run cluster: it cannot "${given}", ${hint(given, VERBS)}`);
}

function text(verb: Verb, field: string, value: string, limit: number): string {
  if (value.length > 0 && value.length <= limit) return value;
  throw new UsageError(
    `Cannot run cluster ${verb}: ${field} must have 1 to ${limit} characters, received ${value.length}`,
  );
}

function placeOf(verb: Verb, given: Given): Place {
  const { REDIS_URL, TELLTALE_CLUSTER_SECRET: secret } = process.env;
  const urls = (textOf(given, "redis") ?? REDIS_URL ?? DEFAULT_URL).split(",");
  for (const url of urls) {
    // Not the text itself: it may hold a password.
    if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
      throw new UsageError(
        `Cannot run cluster ${verb}: --redis must be a URL that begins with redis:// or rediss://`,
      );
    }
  }
  const prefix = textOf(given, "prefix") ?? "telltale";
  if (!/^[\w.:/-]{1,64}$/.test(prefix)) {
    throw new UsageError(
      `Cannot run cluster ${verb}: --prefix must be letters, digits and . : / - _, received "${prefix}"`,
    );
  }
  const namespace = text(
    verb,
    "--namespace",
    textOf(given, "namespace") ?? "default",
    LONGEST_NAMESPACE,
  );
  return { urls, namespace, prefix, secret: secret === "" ? undefined : secret };
}

/** Who is at the keyboard; a process in a container may have no user of a name. */
function whoever(): string {
  let user = "operator";
  try {
    user = userInfo().username;
  } catch {
    // The number of the user is in no list of names.
  }
  return `${user}@${hostname()}`.slice(0, LONGEST_TASK);
}

function forMsOf(verb: Verb, given: Given): number {
  const value = textOf(given, "for");
  if (value === undefined) return 0;
  const ms = durationMs(value);
  if (ms !== null && ms > 0 && ms <= LONGEST_OPEN_MS) return ms;
  throw new UsageError(
    `Cannot run cluster ${verb}: --for must be a time such as 90s, 10m or 1h30m, of 24h at most, received "${value}"`,
  );
}

function limitOf(verb: Verb, given: Given): number {
  const value = textOf(given, "limit");
  if (value === undefined) return 20;
  const limit = Number(value);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST_ENTRIES) return limit;
  throw new UsageError(
    `Cannot run cluster ${verb}: --limit must be a whole number from 1 to ${MOST_ENTRIES}, received "${value}"`,
  );
}

function formatOf(verb: Verb, given: Given): "text" | "json" {
  const format = textOf(given, "format") ?? "text";
  if (format === "text" || format === "json") return format;
  throw new UsageError(
    `Cannot run cluster ${verb}: --format must be text or json, received "${format}"`,
  );
}
