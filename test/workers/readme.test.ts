import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { startWorkers, workerOptions } from "./worker.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The Worker of README, which no other block of it can run: it imports from `cloudflare:workers`. */
function readmeWorker(): string {
  const readme = readFileSync(`${ROOT}/README.md`, "utf8");
  const [, code] = /```js\n(import \{ DurableObject \}[\s\S]*?)```/.exec(readme) ?? [];
  return code ?? "";
}

test("the Worker of README runs in workerd with the built package", async () => {
  const { outputFiles } = await build({
    // Inside the package, so that "telltale" resolves to what is built.
    stdin: { contents: readmeWorker(), resolveDir: `${ROOT}/test/workers`, loader: "js" },
    bundle: true,
    format: "esm",
    platform: "neutral",
    external: ["cloudflare:workers"],
    write: false,
  });
  const upstream = {
    ...workerOptions("upstream", "export default { fetch: () => new Response('hi') };"),
  };
  const workers = await startWorkers({
    workers: [
      {
        ...workerOptions("readme", outputFiles[0]?.text ?? ""),
        bindings: { UPSTREAM: "http://upstream/" },
        durableObjects: { PROVIDERS: { className: "Provider", useSQLite: true } },
        outboundService: "upstream",
      },
      upstream,
    ],
  });
  try {
    const response = await workers.dispatchFetch("http://gateway/");
    expect(await response.text()).toBe("hi");
    const namespace = await workers.getDurableObjectNamespace("PROVIDERS", "readme");
    // The object answers as its class says.
    const owner = namespace.getByName("openai") as unknown as {
      status(): Promise<{ spent: { nano: number } }>;
    };
    await expect
      .poll(async () => (await owner.status()).spent.nano, { timeout: 30_000 })
      .toBe(2_325_000);
  } finally {
    await workers.dispose();
  }
});
