import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

const entry = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/** The files of the built package that a bundle of some of its exports holds anything of. */
async function filesOf(exported: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents: `export { ${exported} } from ${JSON.stringify(entry)};`, resolveDir: "/" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    metafile: true,
    write: false,
  });
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path.replace(/^.*dist\//, "")),
  );
}

test("a bundle of { CircuitBreaker } holds no policy", async () => {
  const files = await filesOf("CircuitBreaker");
  expect(files).toContain("core/circuit-breaker.js");
  expect(files.filter((path) => path.startsWith("policies/"))).toEqual([]);
});

test("a bundle of { retry } holds no breaker and no other policy", async () => {
  const files = await filesOf("retry");
  expect(files).toContain("policies/retry.js");
  expect(files).not.toContain("core/circuit.js");
  for (const other of ["bulkhead", "fallback", "pipeline", "timeout"]) {
    expect(files).not.toContain(`policies/${other}.js`);
  }
});
