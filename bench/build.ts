import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What came of compiling the package. */
export interface Build {
  readonly buildDir: string;
  /** What the compiler complained of; it emits all the same. */
  readonly complaints: string;
}

/**
 * Compiles the package as it is published, always anew.
 * @throws {Error} when nothing usable came out
 */
export function buildPackage(root: string): Build {
  const buildDir = join(root, "bench", ".build", "package");
  rmSync(buildDir, { recursive: true, force: true });
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(dirname(typescript), "bin", "tsc"), "-p", "tsconfig.build.json", "--outDir", buildDir],
    { cwd: root, encoding: "utf8" },
  );
  const complaints = `${stdout}${stderr}`.trim();
  if (!existsSync(join(buildDir, "index.js"))) {
    throw new Error(`Cannot build the package: tsc made no index.js\n${complaints}`);
  }
  return { buildDir, complaints };
}
