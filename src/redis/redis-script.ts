import { createHash } from "node:crypto";

/** A Lua script, called by its hash; the text is sent to a server that does not know it yet. */
export class RedisScript {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha = createHash("sha1").update(text).digest("hex");
  }

  /** Runs it as one atomic step on the server that has the keys. */
  async run(
    command: (key: string, args: readonly string[]) => Promise<unknown>,
    { keys, args }: { readonly keys: readonly string[]; readonly args: readonly string[] },
  ): Promise<unknown> {
    const [first = ""] = keys;
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await command(first, ["EVALSHA", this.#sha, ...rest]);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return command(first, ["EVAL", this.#text, ...rest]);
    }
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
