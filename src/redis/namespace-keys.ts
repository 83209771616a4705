import { PROTOCOL_MAJOR } from "../cluster/message.ts";

/** The names that a namespace has in Redis: one hash tag, hence one slot of a Redis Cluster. */
export interface NamespaceKeys {
  /** A hash: a record as JSON by key. */
  readonly records: string;
  /** A hash: the position in the history of the namespace. */
  readonly meta: string;
  /** A hash: the votes of a quorum as JSON by key. */
  readonly votes: string;
  /** A stream: who forced or reset what, and why. */
  readonly audit: string;
  readonly channel: string;
}

/** The names of a namespace, which all begin with `<prefix>:<protocol major>:{<namespace>}:`. */
export function namespaceKeys(prefix: string, namespace: string): NamespaceKeys {
  const root = `${prefix}:${PROTOCOL_MAJOR}:{${escaped(namespace)}}:`;
  return {
    records: `${root}records`,
    meta: `${root}meta`,
    votes: `${root}votes`,
    audit: `${root}audit`,
    channel: `${root}channel`,
  };
}

/** Braces would end the hash tag, stars and the like would mean something in the pattern of an ACL. */
export function escaped(text: string): string {
  return text.replace(/[^\w.-]/gu, (sign) => `%${(sign.codePointAt(0) ?? 0).toString(16)};`);
}
