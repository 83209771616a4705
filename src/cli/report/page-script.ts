import { fileURLToPath } from "node:url";

/** Set where this file is bundled: the script as it is built by `buildPageScript`. */
declare const TELLTALE_REPORT_SCRIPT: string | undefined;

/**
 * The script of the report's page, with the charts' library in it. In the bundle it is a text; from source it is built
 * when it is needed, by what also bundles it.
 */
export async function pageScript(): Promise<string> {
  if (typeof TELLTALE_REPORT_SCRIPT === "string") return TELLTALE_REPORT_SCRIPT;
  return (await buildPageScript()).script;
}

/** Builds the script; `inputs` are the files that went into it. */
export async function buildPageScript(): Promise<{
  readonly script: string;
  readonly inputs: readonly string[];
}> {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(new URL("../../..", import.meta.url)),
    entryPoints: [fileURLToPath(new URL("page/main.ts", import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    charset: "ascii",
    legalComments: "none",
    logLevel: "warning",
  });
  return { script: outputFiles[0]?.text ?? "", inputs: Object.keys(metafile.inputs) };
}
