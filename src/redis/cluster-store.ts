import type { Operation } from "../cluster/operation.ts";
import { CLUSTER_SCRIPT } from "./cluster-script.ts";
import type { NamespaceKeys } from "./namespace-keys.ts";
import { RedisScript } from "./redis-script.ts";

type Command = (key: string, args: readonly string[]) => Promise<unknown>;

/** What an operation on Redis brought. */
export interface StoreReply {
  /** The answer as it came: the cluster checks it. */
  readonly answer: unknown;
  /** Messages that the script has left to its caller to publish. */
  readonly messages: readonly string[];
}

const SCRIPT = new RedisScript(CLUSTER_SCRIPT);
/** Halves of a pair of UTF-16 that stand alone: no UTF-8 has them, and Lua's cjson refuses a text with one. */
const LONE_SURROGATES = /[\ud800-\udfff]/gu;

/** Runs the operations of the cluster on Redis, one script call each. */
export class ClusterStore {
  readonly #keys: NamespaceKeys;
  readonly #mode: "publish" | "return";

  /** With the mode `return` the script publishes nothing and gives its messages back. */
  constructor(keys: NamespaceKeys, mode: "publish" | "return") {
    this.#keys = keys;
    this.#mode = mode;
  }

  /** Whether the server has channels by slot, in which case the script publishes on one. */
  async isSharded(command: Command): Promise<boolean> {
    const [header] = asList(await this.#call(command, { do: "hello" }));
    return fieldOf(parsed(header), "sharded") === true;
  }

  async run(command: Command, operation: Operation): Promise<StoreReply> {
    const [header, flat, messages] = asList(await this.#call(command, operation));
    const answer = parsed(header);
    if (fieldOf(answer, "listed") !== true) return { answer, messages: texts(messages) };
    const entries: [unknown, unknown][] = [];
    const rows = asList(flat);
    // One field that holds nonsense must not keep the others from the task, which counts what it drops.
    for (let n = 0; n < rows.length; n += 2) entries.push([rows[n], parsed(rows[n + 1])]);
    // A header with fields is an object.
    return { answer: { ...(answer as object), entries }, messages: texts(messages) };
  }

  #call(command: Command, operation: Operation | { do: "hello" }): Promise<unknown> {
    const { records, meta, votes, audit, channel } = this.#keys;
    const text = JSON.stringify(operation, (_key, value: unknown) =>
      typeof value === "string" ? value.replace(LONE_SURROGATES, "\ufffd") : value,
    );
    const keys = [records, meta, votes, audit];
    return SCRIPT.run(command, { keys, args: [channel, text, this.#mode] });
  }
}

function parsed(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: unknown): readonly string[] {
  return asList(value).filter((one) => typeof one === "string");
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}
