import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { templateView } from "../../src/cli/report/template.ts";
import { reportCommand } from "../../src/cli/report-command.ts";
import { PostMortemFold } from "../../src/report/post-mortem.ts";
import { recordedNight } from "../support/recorded-outage.ts";

const page = readFileSync(new URL("../../docs/report.md", import.meta.url), "utf8");
const form = readFileSync(new URL("../../docs/post-mortem.mustache", import.meta.url), "utf8");

const fold = new PostMortemFold();
for (const line of await recordedNight()) fold.add(line, { file: "night.log", line: 1 });

type View = Readonly<Record<string, unknown>>;
// The view is made of objects and lists of them.
const top = templateView(fold.result()) as View;
const firstOf = (view: View, key: string) => (view[key] as readonly View[])[0] ?? {};
const incident = firstOf(top, "incidents");

test.each([
  ["top", top],
  ["each of incidents", incident],
  ["each of timeline", firstOf(incident, "timeline")],
  ["each of facts", firstOf(incident, "facts")],
  ["each of outages", firstOf(top, "outages")],
  ["each of breakers", firstOf(top, "breakers")],
])("docs/report.md names the variables of a template: %s", (where, view) => {
  const row = page.split("\n").find((line) => line.startsWith(`| ${where} `)) ?? "";
  const named = [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  expect(named.sort()).toEqual(Object.keys(view).sort());
});

test("the form in docs names only variables that there are", () => {
  const known = [top, incident, firstOf(incident, "timeline"), firstOf(incident, "facts")].concat(
    ["outages", "breakers"].map((key) => firstOf(top, key)),
  );
  const names = new Set(known.flatMap((view) => Object.keys(view)));
  const used = [...form.matchAll(/\{\{[#^/]?(\w+)\}\}/g)].map(([, name]) => name ?? "");
  expect(used.length).toBeGreaterThan(20);
  expect(used.filter((name) => !names.has(name))).toEqual([]);
});

test("docs/report.md names only options that there are", () => {
  const options = [...page.matchAll(/--([a-z-]+)/g)].map(([, option]) => option ?? "");
  const known = [...Object.keys(reportCommand.options), "help"];
  expect(
    options.filter((option) => !known.includes(option) && option !== "-" && !/^-+$/.test(option)),
  ).toEqual([]);
});
