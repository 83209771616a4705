import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Cell, Question } from "./question.ts";

/** Bundles what an application would import, and returns what it adds to a download. */
async function gzipped(source: string, resolveDir: string): Promise<number> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir },
    bundle: true,
    minify: true,
    treeShaking: true,
    format: "esm",
    platform: "neutral",
    // opossum needs the `events` of Node or of a polyfill, which is not its own weight.
    external: ["events"],
    mainFields: ["module", "main"],
    target: "es2023",
    write: false,
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error("esbuild made no bundle");
  return gzipSync(bundle.contents, { level: 9 }).length;
}

const peers: readonly Cell[] = Object.entries({
  "cockatiel { circuitBreaker, ConsecutiveBreaker, handleAll }":
    'export { circuitBreaker, ConsecutiveBreaker, handleAll } from "cockatiel";',
  "opossum (default export)": 'export { default } from "opossum";',
  "mollitia { Circuit, SlidingCountBreaker }":
    'export { Circuit, SlidingCountBreaker } from "mollitia";',
}).map(([label, source]) => ({
  id: `bundle/${label.slice(0, label.indexOf(" "))}`,
  label,
  measure: () => gzipped(source, import.meta.dirname),
}));

/** What the breaker adds to an application's bundle. */
export const bundleSize: Question = {
  title: "Bundle, tree-shaken, minified, gzipped",
  unit: "bytes",
  roundsEnough: 1,
  cells: [
    {
      id: "bundle/ours",
      label: "telltale { CircuitBreaker }",
      targets: [{ kind: "absolute", atMost: 8000 }],
      measure: ({ buildDir }) =>
        gzipped(
          `export { CircuitBreaker } from ${JSON.stringify(join(buildDir, "index.js"))};`,
          buildDir,
        ),
    },
    ...peers,
  ],
};
