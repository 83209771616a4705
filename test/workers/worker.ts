import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare, type MiniflareOptions, type WorkerOptions } from "miniflare";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The date whose behaviour of Workers the tests run with, as that of the example. */
const COMPATIBILITY_DATE = "2026-07-01";

/** One module with what it imports; paths are those from the root of the repository. */
export async function bundleWorker(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["cloudflare:workers"],
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

/** What all of our Workers have in common. */
export const workerOptions = (name: string, script: string): WorkerOptions => ({
  name,
  modules: true,
  script,
  compatibilityDate: COMPATIBILITY_DATE,
});

/** The real workerd, which looks nothing up in the network. */
export async function startWorkers(options: MiniflareOptions): Promise<Miniflare> {
  const miniflare = new Miniflare({ ...options, cf: false, host: "127.0.0.1", port: 0 });
  await miniflare.ready;
  return miniflare;
}
