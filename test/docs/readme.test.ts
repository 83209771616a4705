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

test.each(cases)("$page block $index runs against the built package", async ({ file }) => {
  const { stderr } = await promisify(execFile)(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    file.pathname,
  ]);
  expect(stderr).toBe("");
});
