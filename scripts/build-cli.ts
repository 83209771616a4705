import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildPageScript } from "../src/cli/report/page-script.ts";
import { version } from "../src/cli/version.ts";
import { buildPage } from "../src/dashboard/build-page.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = resolve(process.argv[2] ?? join(root, "dist/cli/main.js"));

// Libraries in CommonJS expect these three of their module; an ES module has none of them.
const banner = `import { createRequire as telltaleCreateRequire } from "node:module";
import { fileURLToPath as telltaleFileURLToPath } from "node:url";
const require = telltaleCreateRequire(import.meta.url);
const __filename = telltaleFileURLToPath(import.meta.url);
const __dirname = telltaleFileURLToPath(new URL(".", import.meta.url));`;

// What runs in the browser is text for the command line.
const page = await buildPageScript();
const live = await buildPage();

// The libraries that the command line uses are no dependencies of the package: they are part of this one file.
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [join(root, "src/cli/main.ts")],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  banner: { js: banner },
  define: {
    TELLTALE_VERSION: JSON.stringify(await version()),
    TELLTALE_REPORT_SCRIPT: JSON.stringify(page.script),
    TELLTALE_LIVE_PAGE: JSON.stringify(JSON.stringify(live.page)),
  },
  external: ["esbuild"],
  metafile: true,
  logLevel: "warning",
});
// npm does this for the bin of an installed package; here it is for running the file in place.
await chmod(outfile, 0o755);
await writeFile(
  join(dirname(outfile), "THIRD-PARTY-LICENSES.txt"),
  await licences([...Object.keys(metafile.inputs), ...page.inputs, ...live.inputs]),
);
if (process.argv[2] === undefined) await putLivePage(join(root, "dist/dashboard"));

/** In the package, where there is no esbuild, the live page stands in the place of what builds it. */
async function putLivePage(folder: string): Promise<void> {
  const source = `const page = Object.freeze(${JSON.stringify(live.page)});\nexport const pageAsset = async () => page;\n`;
  await writeFile(join(folder, "page-asset.js"), source);
  const built = ["build-page", "browser-bundle"].flatMap((name) =>
    [".js", ".js.map", ".d.ts", ".d.ts.map"].map((ending) => name + ending),
  );
  for (const file of [...built, "page-asset.js.map"]) await rm(join(folder, file), { force: true });
  await writeFile(join(folder, "THIRD-PARTY-LICENSES.txt"), await licences(live.inputs));
}

/** The licences of the packages that these files belong to: whoever copies their code has to pass them on. */
async function licences(inputs: readonly string[]): Promise<string> {
  const packages = new Set<string>();
  for (const input of inputs) {
    const [directory] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? [];
    if (directory !== undefined) packages.add(directory);
  }
  const texts = new Set<string>();
  for (const directory of [...packages].sort()) {
    const at = join(root, directory);
    const name = directory.slice(directory.lastIndexOf("node_modules/") + "node_modules/".length);
    const file = (await readdir(at)).find((found) => /^licen[cs]e/i.test(found));
    const licence = file === undefined ? kept(name) : join(at, file);
    texts.add(`${name}\n\n${(await readFile(licence, "utf8")).trim()}\n`);
  }
  return [...texts].join(`\n${"-".repeat(80)}\n\n`);
}

/** The licence of a package whose files on npm are without it, as its repository has it. */
function kept(name: string): string {
  if (/^(?:redis|@redis\/[a-z-]+)$/.test(name))
    return join(root, "scripts/licences/node-redis.txt");
  throw new Error(`Cannot bundle ${name}: it has no licence file`);
}
