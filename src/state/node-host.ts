import type files from "node:fs/promises";
import type paths from "node:path";
import { Check } from "../events/check.ts";

/** What a store of files needs of its host. */
export interface NodeHost {
  readonly files: typeof files;
  readonly paths: typeof paths;
  readonly crc32: (data: Uint8Array, value: number) => number;
  /** Whether a folder can be opened to make its entries durable: not on Windows. */
  readonly syncsFolders: boolean;
}

/**
 * The modules of Node, asked for when they are needed: an import of `node:` would keep what shares a package entry with
 * it from hosts without files.
 * @throws {TypeError} on such a host
 */
export function nodeHost(): NodeHost {
  const { process } = globalThis as { readonly process?: NodeJS.Process };
  if (typeof process?.getBuiltinModule !== "function") {
    return new Check("create file store").type("the host", "Node, Deno or Bun", undefined);
  }
  return {
    files: process.getBuiltinModule("node:fs/promises"),
    paths: process.getBuiltinModule("node:path"),
    crc32: process.getBuiltinModule("node:zlib").crc32,
    syncsFolders: process.platform !== "win32",
  };
}
