import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The Node that the repo pins, and the machine's own: Debian and the CI image have an older one. */
export const NODES: readonly string[] = [process.execPath, "/usr/bin/node"].filter(existsSync);

/** Writes a script with what it imports, paths being those from src, into one file that every Node can run. */
export async function bundleScript(file: string, script: string): Promise<void> {
  const resolveDir = fileURLToPath(new URL("../../src", import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    write: false,
    logLevel: "silent",
  });
  await writeFile(file, outputFiles[0]?.text ?? "");
}
