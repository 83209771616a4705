import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runExample } from "./run-example.ts";

const STORY = `200 {"provider":"openai","text":"an answer of openai"}
openai is broken: 200 {"provider":"anthropic","text":"an answer of anthropic"}
openai: $0.00625, open; anthropic: $0.063, closed
`;

test("examples/llm-gateway tells its story in the real workerd", { timeout: 240_000 }, async () => {
  await expect(runExample("llm-gateway/local.ts", { args: ["--exit"] })).resolves.toBe(STORY);
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
