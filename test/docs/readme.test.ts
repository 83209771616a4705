import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
// Inside the package, so that "telltale" resolves to the built package as it does for its users.
const scratch = new URL("test/docs/.scratch/", root);

/** The TypeScript blocks of a page. */
function blocks(page: string): string[] {
  const text = readFileSync(new URL(page, root), "utf8");
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");
}

const cases = ["README.md", "docs/events.md", "docs/redis.md", "docs/runbooks/README.md"].flatMap(
  (page) =>
    blocks(page).map((code, index) => ({
      page,
      index: index + 1,
      code,
      file: new URL(`${page.replaceAll(/\W/g, "-")}-${index + 1}.ts`, scratch),
    })),
);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("the pages have code blocks to run", () => {
  expect(cases.length).toBeGreaterThanOrEqual(5);
});

beforeAll(() => {
  mkdirSync(scratch, { recursive: true });
  for (const { file, code } of cases) writeFileSync(file, code);
});

test("every block passes the type check of a strict user", async () => {
  const config = {
    extends: "../../../tsconfig.base.json",
    compilerOptions: { noEmit: true, types: ["node"], skipLibCheck: true },
    include: ["*.ts"],
  };
  const project = new URL("tsconfig.json", scratch);
  writeFileSync(project, JSON.stringify(config));
  const tsc = new URL("node_modules/typescript/bin/tsc", root);
  const run = promisify(execFile)(process.execPath, [tsc.pathname, "-p", project.pathname]);
  await expect(run.catch((error: { stdout: string }) => error)).resolves.toMatchObject({
    stdout: "",
  });
});

const run = (file: URL) =>
  promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", file.pathname]);

test.each(cases)("$page block $index runs against the built package", async ({ file }) => {
  const { stderr } = await run(file);
  expect(stderr).toBe("");
});

/** What a block of README prints when some code stands before a line of it. */
async function printed(line: string, before: string): Promise<{ stdout: string; stderr: string }> {
  const found = cases.filter(({ page, code }) => page === "README.md" && code.includes(line));
  const [block] = found;
  if (block === undefined || found.length > 1) throw new Error(`One block with ${line} expected`);
  const file = new URL(`refused-${block.index}.ts`, scratch);
  writeFileSync(
    file,
    block.code.replace(line, () => `${before}\n${line}`),
  );
  return await run(file);
}

test("README's pipeline does not wait for an open breaker, and says that the call was refused", async () => {
  // Calls that went well, so that the budget has a retry.
  const open = `for (let n = 0; n < 20; n++) await introspect.call(ask, { key: \`other-\${n}\` });
    breaker.forceOpen("a test", { forMs: 20_000 });`;
  const { stdout, stderr } = await printed("const result = await introspect.execute(", open);
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^forced_open (1\d|20)\d{3}\b/), ""]);
});

test("README's guarded fetch answers a refusal that its retry gave up on with 503", async () => {
  const open = `await (await guarded(\`http://127.0.0.1:\${port}/users/7\`)).text();
    for (const breaker of registry) breaker.forceOpen("a test", { forMs: 20_000 });`;
  const { stdout, stderr } = await printed("try {\n  const response = await guarded(", open);
  expect([stdout, stderr]).toEqual([
    expect.stringMatching(/^503 \{.*"retryAfter":(1\d|20)\}\n/),
    "",
  ]);
});
