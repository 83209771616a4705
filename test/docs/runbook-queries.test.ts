import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { BREAKER_LABEL } from "../../src/events/metrics.ts";
import { parseLogQl } from "../support/logql.ts";
import { describeWith, program } from "../support/programs.ts";
import { parsePromQl, unknownNames } from "../support/promql.ts";
import { checkedAsRules } from "../support/promtool.ts";
import { recordedMoney } from "../support/recorded-money.ts";
import { recordedNight } from "../support/recorded-outage.ts";
import { readPages } from "../support/runbooks.ts";
import { FIELDS, isEvent, VALUES } from "../support/telltale-words.ts";

const root = new URL("../../", import.meta.url);
const blocks = readPages().flatMap(({ file, blocks: own }) =>
  own.map((block, at) => ({ file, at: at + 1, ...block })),
);
const written = (language: string) => blocks.filter((block) => block.language === language);

/** What Prometheus itself has. */
const OF_PROMETHEUS = ["up"];

/** The recording rules of docs/alerts; none as long as there is no rules file. */
function recordings(): readonly string[] {
  const file = new URL("docs/alerts/telltale.rules.yaml", root);
  if (!existsSync(file)) return [];
  const { groups }: { groups: { rules: { record?: string }[] }[] } = parse(
    readFileSync(file, "utf8"),
  );
  return groups.flatMap(({ rules }) => rules.flatMap(({ record }) => record ?? []));
}

test("every block of code is in a language that is checked", () => {
  const languages = new Set(blocks.map(({ language }) => language));
  expect([...languages].sort()).toEqual(["logql", "promql", "sh", "ts"]);
});

describe("PromQL", () => {
  const known = [...recordings(), ...OF_PROMETHEUS];

  test.each(written("promql"))("$file, block $at names what is exported", ({ code }) => {
    const query = parsePromQl(code);
    expect(query.selectors.length).toBeGreaterThan(0);
    expect(unknownNames(query, known)).toEqual([]);
    for (const { matchers } of query.selectors) {
      const example = Object.fromEntries(matchers.map(({ label, value }) => [label, value]));
      expect(["checkout", undefined]).toContain(example["job"]);
      expect(["payments", "__other__", undefined]).toContain(example[BREAKER_LABEL.prometheus]);
    }
  });

  test.each(written("promql"))(
    "$file, block $at gives a counter to rate or increase",
    ({ code }) => {
      for (const { metric, givenTo } of parsePromQl(code).selectors) {
        if (metric === "circuit_breaker_series_overflow_total") continue;
        if (/_(total|bucket|count|sum)$/.test(metric))
          expect(["rate", "increase"]).toContain(givenTo);
        else expect(["rate", "increase"]).not.toContain(givenTo);
      }
    },
  );

  describeWith("promtool")("promtool", () => {
    test("takes every query", async () => {
      expect(await checkedAsRules(written("promql").map(({ code }) => code))).toContain("SUCCESS");
    });
  });
});

describe("LogQL", () => {
  const OF_STREAMS = ["service_name"];
  // `json` joins the keys of what is nested.
  const labels = new Set([...FIELDS, "err_name", "err_message", "err_code", ...OF_STREAMS]);

  test.each(written("logql"))("$file, block $at names fields and words of events", ({ code }) => {
    const { matchers, labels: named } = parseLogQl(code);
    for (const label of [...matchers.map((matcher) => matcher.label), ...named]) {
      expect(labels, label).toContain(label);
    }
    for (const { label, operator, value } of matchers) {
      if (label === "type") expect(eventsLike(operator, value), value).not.toEqual([]);
      else if (["reason", "outcome", "rule", "state"].includes(label)) {
        for (const word of value.split("|")) expect(VALUES, word).toContain(word);
      }
    }
    for (const [, field] of code.matchAll(/\{\{\.(\w+)\}\}/g)) expect(labels).toContain(field);
  });

  /** The events that a condition on their name lets through; empty when a part of it lets none through. */
  function eventsLike(operator: string, value: string): readonly string[] {
    if (operator === "=") return isEvent(value) ? [value] : [];
    const [, head = "", choice] = /^(.*)\((.*)\)$/.exec(value) ?? [];
    if (choice === undefined)
      return new RegExp(`^(?:${value})$`).test("circuit.open") ? [value] : [];
    const names = choice.split("|").map((tail) => `${head.replace("\\", "")}${tail}`);
    return names.every(isEvent) ? names : [];
  }
});

describeWith("jq")("the filters of the log", () => {
  let folder = "";
  let log = "";
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "telltale-night-"));
    log = join(folder, "checkout.log");
    const night = [...(await recordedNight()), ...(await recordedMoney())];
    writeFileSync(log, night.join(""));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const filters = written("sh").filter(({ code }) => code.startsWith("jq"));

  test.each(filters)("$file, block $at finds something in a recorded night", async ({ code }) => {
    const found = await run(code);
    expect(found.stderr).toBe("");
    expect(found.stdout.trim()).not.toBe("");
    // What is not in the event shows as null; a column of nothing else asks for a field that is never there.
    const rows = found.stdout.trim().split("\n");
    if (!code.startsWith("jq -cR")) return;
    for (const key of Object.keys(JSON.parse(rows[0] ?? "{}"))) {
      const values = rows.map((row) => JSON.parse(row)[key]);
      if (key !== "attributes" && key !== "context") {
        expect(
          values.some((value) => value !== null),
          key,
        ).toBe(true);
      }
    }
  });

  test.each(filters)("$file, block $at names fields and words of events", ({ code }) => {
    const [, filter = ""] = /'([^']*)'/.exec(code) ?? [];
    for (const [, field = ""] of filter.matchAll(/(?<!\w)\.([a-z]\w*)/gi))
      expect(FIELDS, field).toContain(field);
    for (const [, field = "", word = ""] of filter.matchAll(/\.(\w+)\?? [!=]= "([^"]*)"/g)) {
      if (field === "type") expect(isEvent(word), word).toBe(true);
      else if (field === "breaker") expect(word).toBe("payments");
      else expect(VALUES, word).toContain(word);
    }
  });

  test("the search for lost lines finds the one that the night lost", async () => {
    const [search] = filters.filter(({ code }) => code.includes("lost before"));
    const { stdout } = await run(search?.code ?? "");
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stdout).toMatch(/^lost before payments\tapi-1\t\d+\t\d+\tcircuit\.open$/m);
  });

  test("the incident report of README.md is made from the night", async () => {
    const [report] = written("sh").filter(({ code }) => code.startsWith("node"));
    const { stdout, stderr } = await run(report?.code ?? "");
    expect(stderr).toBe("");
    expect(stdout).toMatch(/INCIDENT payments: error, rule consecutive, on api-1/);
    expect(stdout).toMatch(/STILL OPEN/);
    expect(stdout).toMatch(/GAPS/);
  });

  async function run(code: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const jq = program("jq");
    // With a socket for its standard input, bash may take itself for a remote login and read what is meant for one.
    return promisify(execFile)("bash", ["--norc", "-euo", "pipefail", "-c", code], {
      cwd: root.pathname,
      env: {
        ...process.env,
        LOG: log,
        PATH: [
          jq.slice(0, jq.lastIndexOf("/")),
          process.execPath.slice(0, process.execPath.lastIndexOf("/")),
          process.env["PATH"],
        ].join(":"),
      },
    });
  }
});

test("every other command is one that a shell reads", () => {
  for (const { code } of written("sh")) {
    expect(() => execFileSync("bash", ["-n", "-c", code])).not.toThrow();
  }
});
