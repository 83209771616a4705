import { fileURLToPath } from "node:url";

/** What a browser is given. */
export interface BrowserBundle {
  readonly script: string;
  /** Empty when nothing was written in CSS. */
  readonly style: string;
  /** The files that went into it, from the root of the repository. */
  readonly inputs: readonly string[];
}

/** Bundles what runs in a browser, from files of its source. Not part of the package. */
export async function bundleForBrowser(files: readonly URL[]): Promise<BrowserBundle> {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(new URL("../..", import.meta.url)),
    entryPoints: files.map((file) => fileURLToPath(file)),
    outdir: "dist",
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    charset: "ascii",
    legalComments: "none",
    logLevel: "warning",
  });
  const textOf = (extension: string): string =>
    outputFiles.find(({ path }) => path.endsWith(extension))?.text ?? "";
  return {
    script: textOf(".js"),
    style: textOf(".css"),
    inputs: Object.keys(metafile.inputs),
  };
}
