import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { telltale } from "../support/telltale-process.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };

const overview = (await telltale(["--help"])).stdout;
const commands = [...overview.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name = ""]) => name);

test("the list of commands has all of them", () => {
  expect(commands).toEqual(
    expect.arrayContaining(["demo", "alerts", "events", "report", "dashboard", "watch"]),
  );
});

describe.each(commands)("telltale %s", (command) => {
  test("--help says what it is for, with examples and exit codes, in lines of 80 characters", async () => {
    const { stdout, stderr, code } = await telltale([command, "--help"]);
    expect([stderr, code]).toEqual(["", 0]);
    expect(stdout).toContain(`Usage: telltale ${command} [options]`);
    const [head = "", examples = ""] = stdout.split("\nExamples\n");
    expect(examples.match(/^ {2}.*\btelltale /gm)?.length).toBeGreaterThanOrEqual(3);
    const [, exits = ""] = stdout.split("\nExit codes\n");
    for (const exit of [0, 2]) expect(exits).toMatch(new RegExp(`^ {2}${exit} `, "m"));
    for (const line of `${head}\n${exits}`.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).not.toContain("\u001b");
  });

  test("wrong usage is told on stderr, with what may have been meant and where to look, and ends with 2", async () => {
    const { stdout, stderr, code } = await telltale([command, "--hepl"]);
    expect([stdout, code]).toEqual(["", 2]);
    expect(stderr).toBe(
      `Cannot run ${command}: unknown option "--hepl", did you mean "--help"?\nSee telltale ${command} --help\n`,
    );
  });
});

test.each(["--version", "-v"])("%s prints the version", async (option) => {
  expect(await telltale([option])).toEqual({ stdout: `${version}\n`, stderr: "", code: 0 });
});

test("a command that nobody knows is told with the near one", async () => {
  const { stderr, code } = await telltale(["dashbord"]);
  expect(stderr).toContain('unknown command "dashbord", did you mean "dashboard"?');
  expect(stderr).toContain("See telltale --help");
  expect(code).toBe(2);
});
