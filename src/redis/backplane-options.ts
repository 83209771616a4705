import type { Check } from "../events/check.ts";

/** Options of {@link redisBackplane}. Unknown keys are refused. */
export interface RedisBackplaneOptions {
  /**
   * Every key and channel begins with it, then the major version of the protocol and the namespace of the cluster:
   * `telltale:1:{default}:`.
   * @default "telltale"
   */
  readonly prefix?: string;
  /**
   * Signs the messages between the tasks, at least 16 characters, the same for all of them. What is not signed with it
   * is dropped and counted. It does not sign what is read from the store.
   * @default messages are not signed
   */
  readonly secret?: string;
  /**
   * After so many milliseconds an attempt to connect has failed.
   * @default 5_000
   */
  readonly connectMs?: number;
}

/** The options after the check. */
export interface BackplaneSettings {
  readonly prefix: string;
  readonly secret: string | null;
  readonly connectMs: number;
}

const KEYS = [
  "prefix",
  "secret",
  "connectMs",
] as const satisfies readonly (keyof RedisBackplaneOptions)[];
const LONGEST_PREFIX = 64;
const LONGEST_SECRET = 1_024;
const SHORTEST_SECRET = 16;

/** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range */
export function backplaneSettings(check: Check, options: unknown): BackplaneSettings {
  const given: RedisBackplaneOptions = check.object("options", options);
  check.keys(given, KEYS);
  const { prefix = "telltale", secret, connectMs = 5_000 } = given;
  return {
    prefix: prefixOf(check, prefix),
    secret: secret === undefined ? null : secretOf(check, secret),
    connectMs: check.positiveMs("connectMs", connectMs),
  };
}

/** What begins every name in Redis; what means something in a hash tag or in the pattern of an ACL is refused. */
export function prefixOf(check: Check, given: unknown): string {
  const prefix = check.text("prefix", given, LONGEST_PREFIX);
  if (/^[\w.:/-]+$/.test(prefix)) return prefix;
  return check.range("prefix", "letters, digits and . : / - _", prefix);
}

function secretOf(check: Check, given: unknown): string {
  const secret = check.text("secret", given, LONGEST_SECRET);
  if (secret.length >= SHORTEST_SECRET) return secret;
  // Not the value: it may be a real one with a typing slip.
  return check.range("secret", `at least ${SHORTEST_SECRET} characters`, "*".repeat(secret.length));
}
