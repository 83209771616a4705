import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ALERT_NAMES } from "../../scripts/docs/alert-names.ts";
import { readDashboards } from "../support/dashboards.ts";
import { anchorOf, facts, type Page, readPages } from "../support/runbooks.ts";

const root = new URL("../../", import.meta.url);
const pages = readPages();
const index = pageOf("README.md");
const runbooks = pages.filter(({ file }) => file !== "README.md");

const SECTIONS = [
  "Meaning",
  "Impact",
  "First 60 seconds",
  "Diagnosis",
  "Mitigation",
  "False positives and tuning",
  "Post-mortem",
];

function pageOf(file: string): Page {
  const page = pages.find((candidate) => candidate.file === file);
  if (page === undefined) throw new Error(`docs/runbooks has no ${file}`);
  return page;
}

const section = (page: Page, name: string): string => page.sections.get(name) ?? "";

/** The alerts in docs/alerts; none as long as there is no rules file. */
function shippedAlerts(): readonly Rule[] {
  const file = new URL("docs/alerts/telltale.rules.yaml", root);
  if (!existsSync(file)) return [];
  const { groups }: { groups: { rules: Rule[] }[] } = parse(readFileSync(file, "utf8"));
  return groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);
}

interface Rule {
  readonly alert?: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: { readonly severity: string };
  readonly annotations?: { readonly runbook_url: string };
}

const shipped = shippedAlerts();

test("alerts and runbooks match one to one", () => {
  const files = runbooks.map(({ file }) => file.replace(/\.md$/, ""));
  expect([...files].sort()).toEqual([...ALERT_NAMES].sort());
  for (const { file, title } of runbooks) expect(`${title}.md`).toBe(file);
});

describe.skipIf(shipped.length === 0)("the rules in docs/alerts", () => {
  test("are those that have runbooks", () => {
    expect(shipped.map(({ alert }) => alert).sort()).toEqual([...ALERT_NAMES].sort());
  });

  test.each(shipped)("$alert is described as it is", (rule) => {
    const page = pageOf(`${rule.alert}.md`);
    expect(facts(page)).toMatchObject({
      severity: `\`${rule.labels?.severity}\``,
      "fires after": `\`${rule.for ?? "0s"}\``,
      "keeps firing": `\`${rule.keep_firing_for ?? "0s"}\``,
    });
    expect(rule.annotations?.runbook_url).toMatch(new RegExp(`/${rule.alert}(\\.md)?$`));
  });
});

test("the index has every alert once, with the severity that its page has", () => {
  const rows = [...index.text.matchAll(/^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \| (.+) \|$/gm)];
  expect(rows.map(([, name]) => name)).toEqual([...ALERT_NAMES]);
  for (const [, name, target, severity, sentence] of rows) {
    expect(target).toBe(name);
    expect(facts(pageOf(`${name}.md`))["severity"]).toBe(`\`${severity}\``);
    expect(sentence?.length).toBeGreaterThan(20);
  }
});

describe.each(runbooks)("$title", (page) => {
  test("has the seven sections, in order, none of them empty", () => {
    expect([...page.sections.keys()]).toEqual(SECTIONS);
    for (const [name, text] of page.sections) expect(text.trim().length, name).toBeGreaterThan(60);
  });

  test("asks the metrics and the log in the first 60 seconds, and says what the answers mean", () => {
    const first = section(page, "First 60 seconds");
    const languages = page.blocks
      .filter((block) => block.section === "First 60 seconds")
      .map(({ language }) => language);
    expect(languages.filter((language) => language === "promql").length).toBeGreaterThan(0);
    expect(languages).toContain("sh");
    expect(languages).toContain("logql");
    // A query is followed by its answers, or by the same question to something else.
    const gaps = first.split(/^```\w*\n[\s\S]*?\n```$/m).slice(1, -1);
    const answered = gaps.filter((gap) => /^[-|] ?/m.test(gap)).length;
    expect(answered).toBeGreaterThanOrEqual(languages.length / 2 - 1);
    expect(first).toContain("README.md#names-to-fill-in");
  });

  test("says of every action whether it is safe, and how to undo it", () => {
    const [head, , ...rows] = section(page, "Mitigation")
      .split("\n")
      .filter((line) => line.startsWith("|"));
    expect(head).toBe("| action | safe? | undo |");
    expect(rows.length).toBeGreaterThanOrEqual(4);
    for (const row of rows) expect(row.split(" | "), row).toHaveLength(3);
    const verdicts = rows.map((row) => row.split(" | ")[1] ?? "");
    expect(verdicts.some((verdict) => verdict.startsWith("yes"))).toBe(true);
    expect(
      verdicts.some((verdict) => verdict.includes("**no**") || verdict.includes("**not**")),
    ).toBe(true);
    expect(verdicts.filter((verdict) => verdict.trim() === "")).toEqual([]);
  });

  test("names an option that tunes it", () => {
    expect(section(page, "False positives and tuning")).toMatch(/`telltale alerts [^`]+`|`\w+`/);
    expect(section(page, "False positives and tuning")).toContain("telltale alerts --");
  });
});

test("no two runbooks share a paragraph", () => {
  const seen = new Map<string, string>();
  for (const { file, text } of runbooks) {
    for (const paragraph of text.split(/\n{2,}/)) {
      // Queries may be the same, prose and tables of that length may not.
      if (paragraph.length < 160 || paragraph.startsWith("```")) continue;
      expect(seen.get(paragraph), `${file}: ${paragraph}`).toBeUndefined();
      seen.set(paragraph, file);
    }
  }
});

test.each(pages)("every link of $file leads somewhere", ({ links, file }) => {
  for (const link of links) {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? pageOf(file) : pages.find((page) => page.file === path);
    expect(target?.file, link).toBe(path === "" ? file : path);
    if (anchor === undefined) continue;
    const anchors = [...(target?.sections.keys() ?? [])].map(anchorOf);
    expect(anchors, link).toContain(anchor);
  }
});

test.each(pages)("every panel that $file names is in a dashboard", ({ text }) => {
  const titles = readDashboards().flatMap(({ panels }) => panels.map(({ title }) => title));
  for (const [, panel] of text.replaceAll(/\s+/g, " ").matchAll(/dashboard panel "([^"]+)"/g)) {
    expect(titles).toContain(panel);
  }
});
