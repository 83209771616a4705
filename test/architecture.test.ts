import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { faultsOfRooms } from "./support/arrows.ts";
import { importsOf, type Sources, valueCycles } from "./support/import-graph.ts";

const ROOT = new URL("../", import.meta.url);

/** Every TypeScript file under the folders. */
function read(...folders: string[]): Sources {
  const paths = folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, ROOT), { recursive: true, encoding: "utf8" })
      // What a run of the benchmarks has built is not written by anybody.
      .filter((name) => /\.tsx?$/.test(name) && !name.startsWith(".build"))
      .map((name) => `${folder}/${name.replaceAll("\\", "/")}`),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(new URL(path, ROOT), "utf8")]));
}

const sources = read("src");

test("src has the rooms that the rules are about", () => {
  const paths = [...sources.keys()];
  expect(paths.filter((path) => path.startsWith("src/core/")).length).toBeGreaterThan(20);
  expect(paths.filter((path) => path.startsWith("src/events/")).length).toBeGreaterThan(5);
  expect(paths).toContain("src/core/breaker-view.ts");
  expect(paths).toContain("src/platform.ts");
});

test("every arrow of src goes the right way, and no file is a drawer or too long", () => {
  expect(faultsOfRooms(sources)).toEqual([]);
});

test("no file of the tests, the scripts and the benchmarks is a drawer or too long", () => {
  expect(faultsOfRooms(read("test", "bench", "scripts"))).toEqual([]);
});

test("every relative import of src names a file that exists", () => {
  const missing = [...sources].flatMap(([path, source]) =>
    importsOf(path, source)
      .filter(({ target }) => target.startsWith("src/") && !sources.has(target))
      .map(({ target }) => `${path} imports ${target}`),
  );
  expect(missing).toEqual([]);
});

test("no cycle of value imports in src", () => {
  expect(valueCycles(sources)).toEqual([]);
});

// The checks themselves have to be able to fail.

test.each([
  {
    path: "src/events/bus.ts",
    source: 'import { Circuit } from "../core/circuit.ts";',
    fault: "src/events/bus.ts imports src/core/circuit.ts",
  },
  {
    path: "src/events/bus.ts",
    source: 'import type { Clock } from "../core/clock.ts";',
    fault: "src/events/bus.ts imports a type of src/core/clock.ts",
  },
  {
    path: "src/events/bus.ts",
    source: 'import { EventEmitter } from "node:events";',
    fault: "src/events/bus.ts imports node:events",
  },
  {
    path: "src/core/a.ts",
    source: 'import {\n  one,\n  type Two,\n} from "../exporters/pino.ts";',
    fault: "src/core/a.ts imports src/exporters/pino.ts",
  },
  {
    path: "src/core/a.ts",
    source: 'export * from "pino";',
    fault: "src/core/a.ts imports pino",
  },
  {
    path: "src/core/a.ts",
    source: 'const late = await import("../report/index.ts");',
    fault: "src/core/a.ts imports src/report/index.ts",
  },
  {
    path: "src/exporters/a.ts",
    source: 'import { Check } from "../core/check.ts";',
    fault: "src/exporters/a.ts imports src/core/check.ts",
  },
  {
    path: "src/exporters/a.ts",
    source: 'import { type BreakerView } from "../core/breaker-view.ts";',
    fault: "src/exporters/a.ts imports src/core/breaker-view.ts",
  },
  {
    path: "src/report/a.ts",
    source: 'import type { Clock } from "../core/clock.ts";',
    fault: "src/report/a.ts imports a type of src/core/clock.ts",
  },
  {
    path: "src/http/a.ts",
    source: 'import "../cli/main.ts";',
    fault: "src/http/a.ts imports src/cli/main.ts",
  },
  {
    path: "src/platform.ts",
    source: 'import { x } from "./core/clock.ts";',
    fault: "src/platform.ts imports src/core/clock.ts",
  },
  {
    path: "src/index.ts",
    source: 'export { log } from "./exporters/pino.ts";',
    fault: "src/index.ts imports src/exporters/pino.ts",
  },
  {
    path: "src/core/a.ts",
    source: "const now = () => Date.now();",
    fault: "src/core/a.ts touches Date",
  },
  {
    path: "src/events/a.ts",
    source: "export const later = (fn: () => void) => setTimeout(fn, 1);",
    fault: "src/events/a.ts touches setTimeout",
  },
  {
    path: "src/policies/a.ts",
    source: "export const abort = () => new AbortController();",
    fault: "src/policies/a.ts touches AbortController",
  },
  {
    path: "src/policies/a.ts",
    source: 'import { log } from "../exporters/pino.ts";',
    fault: "src/policies/a.ts imports src/exporters/pino.ts",
  },
  { path: "src/core/utils.ts", source: "", fault: "src/core/utils.ts is a drawer" },
  { path: "test/support/helpers.ts", source: "", fault: "test/support/helpers.ts is a drawer" },
  { path: "src/cli/a.ts", source: "\n".repeat(401), fault: "src/cli/a.ts has 401 lines" },
])("the check finds: $fault", ({ path, source, fault }) => {
  expect(faultsOfRooms(new Map([[path, source]]))).toEqual([fault]);
});

test.each([
  { path: "src/events/a.ts", source: 'import { b } from "./b.ts";' },
  { path: "src/core/a.ts", source: 'import { b } from "../events/b.ts";' },
  { path: "src/core/a.ts", source: 'import { platformClock } from "../platform.ts";' },
  { path: "src/policies/a.ts", source: 'import { platformTimers } from "../platform.ts";' },
  { path: "src/exporters/a.ts", source: 'import type { V } from "../core/breaker-view.ts";' },
  { path: "src/exporters/a.ts", source: 'import pino from "pino";' },
  { path: "src/cli/a.ts", source: 'import { b } from "../core/b.ts";' },
  { path: "src/http/a.ts", source: 'import { b } from "../core/b.ts";' },
  { path: "src/core/a.ts", source: '// import { x } from "pino"; Date.now()\nconst a = "Date";' },
  { path: "src/core/a.ts", source: "/** Date.now() */\nconst { Date: moment } = host;" },
  { path: "src/core/type-rule.ts", source: "\n".repeat(400) },
])("the check lets pass: $path $source", ({ path, source }) => {
  expect(faultsOfRooms(new Map([[path, source]]))).toEqual([]);
});

test("the check finds a cycle of value imports, and lets one of types pass", () => {
  const cycle = (kind: string) =>
    new Map([
      ["src/core/a.ts", 'import { b } from "./b.ts";'],
      ["src/core/b.ts", 'import { c } from "./c.ts";'],
      ["src/core/c.ts", `import ${kind}{ a } from "./a.ts";`],
    ]);
  expect(valueCycles(cycle(""))).toEqual([
    "src/core/a.ts > src/core/b.ts > src/core/c.ts > src/core/a.ts",
  ]);
  expect(valueCycles(cycle("type "))).toEqual([]);
});
