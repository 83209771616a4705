import { createHash } from "node:crypto";
import { bundleForBrowser } from "./browser-bundle.ts";
import type { LivePage } from "./live-page.ts";

/** Builds the live page from its source; `inputs` are the files that went into it. Not part of the package. */
export async function buildPage(): Promise<{
  readonly page: LivePage;
  readonly inputs: readonly string[];
}> {
  const files = ["main.tsx", "style.css"].map((file) => new URL(`page/${file}`, import.meta.url));
  const bundle = await bundleForBrowser(files);
  const script = bundle.script.trim().replaceAll("</script", "<\\/script");
  const style = bundle.style.trim();
  return {
    page: { html: htmlOf(script, style), scriptHash: hashOf(script), styleHash: hashOf(style) },
    inputs: bundle.inputs,
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
