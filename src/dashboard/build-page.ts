import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { LivePage } from "./live-page.ts";

const inPage = (file: string): string => fileURLToPath(new URL(`page/${file}`, import.meta.url));

/** Builds the live page from its source; `inputs` are the files that went into it. Not part of the package. */
export async function buildPage(): Promise<{
  readonly page: LivePage;
  readonly inputs: readonly string[];
}> {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(new URL("../..", import.meta.url)),
    entryPoints: [inPage("main.tsx"), inPage("style.css")],
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
    (outputFiles.find(({ path }) => path.endsWith(extension))?.text ?? "").trim();
  const script = textOf(".js").replaceAll("</script", "<\\/script");
  const style = textOf(".css");
  return {
    page: { html: htmlOf(script, style), scriptHash: hashOf(script), styleHash: hashOf(style) },
    inputs: Object.keys(metafile.inputs),
  };
}

const htmlOf = (script: string, style: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Breakers</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<div id="app"></div>
<noscript>This page needs its script, which is part of it.</noscript>
<script>${script}</script>
</body>
</html>
`;

const hashOf = (text: string): string =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
