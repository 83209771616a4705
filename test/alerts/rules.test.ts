import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "../support/programs.ts";
import { promtool, promtoolTest, type Verdict } from "./promtool.ts";
import { committedRules, nameOf, RULES_PATH, rulesOf } from "./rules-document.ts";
import { type Firing, type Scenario, SEVERITY, testFile, USUAL } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/all.ts";
import { seconds } from "./timeline.ts";

const rulesPath = fileURLToPath(RULES_PATH);
const alerts = rulesOf(committedRules()).flatMap(({ alert }) => alert ?? []);

test("the rules have every alert of the list, and no other", () => {
  expect(alerts.toSorted()).toEqual(Object.keys(SEVERITY).toSorted());
});

describeWith("promtool")("docs/alerts/telltale.rules.yaml", () => {
  const folder = mkdtempSync(join(tmpdir(), "telltale-scenarios-"));
  const pathOf = (scenario: Scenario): string =>
    join(folder, `${SCENARIOS.indexOf(scenario)}.yaml`);
  let verdicts: ReadonlyMap<string, Verdict>;

  beforeAll(async () => {
    for (const scenario of SCENARIOS)
      writeFileSync(pathOf(scenario), testFile([scenario], rulesPath));
    verdicts = await promtoolTest(SCENARIOS.map(pathOf));
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  test("passes promtool check rules with every lint", async () => {
    const args = ["check", "rules", "--lint=all", "--lint-fatal", rulesPath];
    const { code, output } = await promtool(args);
    expect(output).toContain(`SUCCESS: ${rulesOf(committedRules()).length} rules found`);
    expect(code).toBe(0);
  });

  test.each(SCENARIOS)("$name", (scenario) => {
    expect(verdicts.get(pathOf(scenario))?.output).toBe("SUCCESS");
  });
});

/** The moments of a scenario at which an alert with these labels fires, and those at which it does not, in order. */
function course({ firing }: Scenario, key: string): string {
  return Object.entries(firing)
    .toSorted(([a], [b]) => seconds(a) - seconds(b))
    .map(([, each]) => (each.some((one) => keyOf(one) === key) ? "fires" : "quiet"))
    .join(" ");
}

function keyOf(firing: Firing): string {
  const [alert, labels] = typeof firing === "string" ? [firing, USUAL] : firing;
  return JSON.stringify([alert, Object.entries(labels).toSorted()]);
}

test.each(alerts)("%s has a scenario in which it is quiet, fires and resolves", (alert) => {
  const courses = SCENARIOS.flatMap((scenario) => {
    const all = Object.values(scenario.firing).flat();
    const keys = all
      .filter((each) => (typeof each === "string" ? each : each[0]) === alert)
      .map(keyOf);
    return [...new Set(keys)].map((key) => course(scenario, key));
  });
  expect(courses.some((each) => /quiet fires.* quiet/.test(each))).toBe(true);
});

test.each(alerts)("%s has its texts in a scenario", (alert) => {
  const told = SCENARIOS.flatMap((scenario) => Object.values(scenario.told ?? {}).flat());
  expect(told.some((each) => each.alert === alert)).toBe(true);
});

test("a scenario has no name twice", () => {
  const names = SCENARIOS.map(({ name }) => name);
  expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([]);
});

test("every recording is asked for by a rule", () => {
  const rules = rulesOf(committedRules());
  const texts = rules.map((rule) =>
    [rule.expr, ...Object.values(rule.annotations ?? {})].join(" "),
  );
  const unused = rules
    .filter(({ record }) => record !== undefined)
    .map(nameOf)
    .filter((record) => !texts.some((text) => new RegExp(`${record}(?![\\w:])`).test(text)));
  expect(unused).toEqual([]);
});
