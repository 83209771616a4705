import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

test.each([
  { entry: "http", file: "guard-fetch" },
  { entry: "state", file: "file-store" },
  { entry: "workers", file: "connect-owner" },
])(
  "telltale/$entry bundles for a host without Node, and imports no package",
  async ({ entry, file }) => {
    const { metafile } = await build({
      entryPoints: [fileURLToPath(new URL(`../../dist/${entry}/index.js`, import.meta.url))],
      bundle: true,
      format: "esm",
      // Neutral: an import of node: or of a package would fail the build.
      platform: "neutral",
      metafile: true,
      write: false,
    });
    const paths = Object.keys(metafile.inputs);
    expect(paths.filter((path) => path.includes("node_modules"))).toEqual([]);
    expect(paths.some((path) => path.endsWith(`${entry}/${file}.js`))).toBe(true);
  },
);
