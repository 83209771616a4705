import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { KEYS } from "../../src/cli/tune/setting.ts";
import { COLUMNS } from "../../src/cli/tune/tuning-wording.ts";
import { tuneCommand } from "../../src/cli/tune-command.ts";

const page = readFileSync(new URL("../../docs/tune.md", import.meta.url), "utf8");

test("docs/tune.md names options of the command only", () => {
  const named = [...page.matchAll(/--([a-z][a-z-]*)/g)].map(([, name]) => name ?? "");
  expect(named.length).toBeGreaterThan(10);
  for (const name of named) expect(["help", ...Object.keys(tuneCommand.options)]).toContain(name);
});

test("docs/tune.md explains every figure of the table", () => {
  for (const { head } of COLUMNS) expect(page).toContain(head);
});

test("telltale tune --help names every key of a setting, in lines that fit a terminal", () => {
  for (const { name } of KEYS) expect(tuneCommand.about).toContain(`${name}=`);
  for (const line of tuneCommand.about.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});
