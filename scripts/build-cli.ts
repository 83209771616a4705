import { chmod } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

// The libraries that the command line uses are no dependencies of the package: they are part of this one file.
const outfile = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

// Libraries in CommonJS expect these three of their module; an ES module has none of them.
const banner = `import { createRequire as telltaleCreateRequire } from "node:module";
import { fileURLToPath as telltaleFileURLToPath } from "node:url";
const require = telltaleCreateRequire(import.meta.url);
const __filename = telltaleFileURLToPath(import.meta.url);
const __dirname = telltaleFileURLToPath(new URL(".", import.meta.url));`;

await build({
  entryPoints: [fileURLToPath(new URL("../src/cli/main.ts", import.meta.url))],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  banner: { js: banner },
  legalComments: "linked",
  logLevel: "warning",
});
// npm does this for the bin of an installed package; here it is for running the file in place.
await chmod(outfile, 0o755);
