import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { runExample } from "./run-example.ts";

const STORY = `200 {"provider":"openai","text":"an answer of openai"}
openai is broken: 200 {"provider":"anthropic","text":"an answer of anthropic"}
openai: $0.00625, open; anthropic: $0.063, closed
`;

test("examples/llm-gateway tells its story in the real workerd", { timeout: 240_000 }, async () => {
  await expect(runExample("llm-gateway/local.ts", { args: ["--exit"] })).resolves.toBe(STORY);
});

test("examples/llm-gateway says in a sentence that its port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" ? `${address?.port}` : "";
  const stderr = `Cannot listen on port ${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}. Give another with --port or PORT.\n`;
  try {
    for (const asked of [{ args: ["--port", port] }, { env: { PORT: port } }]) {
      await expect(runExample("llm-gateway/local.ts", asked)).rejects.toMatchObject({
        code: 1,
        stdout: "",
        stderr,
      });
    }
  } finally {
    other.close();
    await once(other, "close");
  }
});

test.each([
  { args: ["--exti"], why: "Unknown option '--exti'" },
  { args: ["exit"], why: "Unexpected argument 'exit'" },
  { args: ["--port", "65536"], why: "The port must be a number up to 65535, received 65536" },
  { args: ["--port", "http"], why: "The port must be a number up to 65535, received http" },
])("examples/llm-gateway refuses $args, and says how to use it", async ({ args, why }) => {
  const refused = runExample("llm-gateway/local.ts", { args });
  const usage = expect.stringContaining(
    "\n\nUsage: npm run gateway -- [--port <number>] [--exit]\n",
  );
  await expect(refused).rejects.toMatchObject({ code: 2, stdout: "", stderr: usage });
  await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining(why) });
});

test("README starts it by a script, whose Node is the one of this repository", () => {
  const read = (file: string): string =>
    readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  expect(read("README.md")).toContain("    npm ci && npm run gateway\n");
  const { scripts } = JSON.parse(read("package.json"));
  expect(scripts.gateway).toBe("node examples/llm-gateway/local.ts");
});

test("examples/llm-gateway is deployed with what it is run with here", () => {
  const read = (file: string): string =>
    readFileSync(new URL(`../../examples/llm-gateway/${file}`, import.meta.url), "utf8");
  // Comments are what JSON does not have.
  const deployed = JSON.parse(read("wrangler.jsonc").replaceAll(/^\s*\/\/.*$/gm, ""));
  const local = read("local.ts");
  const { durable_objects, migrations, kv_namespaces, compatibility_date, main } = deployed;
  const [object] = durable_objects.bindings;
  expect(local).toContain(`${object.name}: { className: "${object.class_name}", useSQLite: true }`);
  expect(migrations[0].new_sqlite_classes).toEqual([object.class_name]);
  expect(local).toContain(`kvNamespaces: ["${kv_namespaces[0].binding}"]`);
  expect(local).toContain(`compatibilityDate: "${compatibility_date}"`);
  expect(read(main)).toContain(`export class ${object.class_name} `);
});
