import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

/** The Worker as one module, as `wrangler deploy` makes it. */
export async function bundleGateway(plugins: Plugin[] = []): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    external: ["cloudflare:workers"],
    plugins,
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}
