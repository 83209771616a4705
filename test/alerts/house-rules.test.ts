import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, test } from "vitest";
import type { MetricDefinition } from "../../src/events/metric-definition.ts";
import { METRICS } from "../../src/events/metrics.ts";
import { committedRules, nameOf, type Rule, rulesOf } from "./rules-document.ts";

const rules = rulesOf(committedRules());
const cases = rules.map((rule) => ({ name: nameOf(rule), rule }));
const records = new Set(rules.flatMap(({ record }) => record ?? []));

/** Labels that a scrape adds, and the breaker's own. */
const COMMON = ["job", "instance", "circuit_breaker_name"];

interface Selected {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly value: string }[];
}

function nodes(rule: Rule, name: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  parser.parse(rule.expr).iterate({
    enter({ node }) {
      if (node.type.isError) throw new Error(`${nameOf(rule)} cannot be parsed at ${node.from}`);
      if (node.name === name) found.push(node);
    },
  });
  return found;
}

const textOf = (rule: Rule, { from, to }: SyntaxNode): string => rule.expr.slice(from, to);

function selectedBy(rule: Rule): Selected[] {
  return nodes(rule, "VectorSelector").map((node) => {
    const [metric = ""] = /^[\w:]+/.exec(textOf(rule, node)) ?? [];
    const found = textOf(rule, node).matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g);
    return { metric, matchers: [...found].map(([, label = "", value = ""]) => ({ label, value })) };
  });
}

/** The labels of a scraped series, and the values that each may have. */
function legalLabels(series: string): ReadonlyMap<string, readonly string[]> {
  const metric = series.replace(/(?<=_seconds)_(?:sum|count)$/, "");
  const known: Readonly<Record<string, MetricDefinition>> = METRICS;
  const definition = known[metric];
  if (definition === undefined) throw new Error(`${series} is not exported`);
  return new Map(
    definition.labels.map((label, n) => [label, definition.values.map((words) => words[n] ?? "")]),
  );
}

describe.each(cases)("$name", ({ rule }) => {
  test("names only metrics that are exported, with labels and values that they have, or recordings", () => {
    for (const { metric, matchers } of selectedBy(rule)) {
      if (metric.includes(":")) {
        expect(records).toContain(metric);
        // The only label of a recording that tells more than the breaker.
        for (const { label } of matchers) expect(label).toBe("state");
        continue;
      }
      const legal = legalLabels(metric);
      for (const { label, value } of matchers) {
        expect([...legal.keys()]).toContain(label);
        for (const word of value.split("|")) expect(legal.get(label)).toContain(word);
      }
    }
  });

  test("groups by labels, never without, and never by one that an upgrade changes", () => {
    expect(nodes(rule, "Without")).toEqual([]);
    expect(nodes(rule, "Ignoring")).toEqual([]);
    for (const node of nodes(rule, "LabelName")) {
      const label = textOf(rule, node);
      if (node.parent?.name === "GroupingLabels")
        expect([
          ...COMMON,
          "state",
          "sink",
          "provider",
          "budget",
          "reason",
          "operation",
          "owner",
        ]).toContain(label);
      expect(label).not.toMatch(/^otel_|^le$/);
    }
  });

  test("guards its divisions", () => {
    for (const node of nodes(rule, "Div")) {
      const divisor = node.parent?.lastChild;
      expect(divisor && textOf(rule, divisor)).toMatch(/ >=? \d+\)$/);
    }
  });
});

test.each(cases.filter(({ rule }) => rule.record !== undefined))(
  "$name is level:metric:operation",
  ({ name }) => {
    expect(name).toMatch(/^breaker(?:_instance)?:circuit_breaker_[a-z_]+:[a-z0-9_]+$/);
  },
);

describe.each(cases.filter(({ rule }) => rule.alert !== undefined))("$name", ({ name, rule }) => {
  test("has a name with the component first, a severity, and its texts with their values", () => {
    expect(name).toMatch(/^CircuitBreaker(?:[A-Z][a-z]+)+$/);
    expect(["critical", "warning", "info"]).toContain(rule.labels?.["severity"]);
    const { summary = "", description = "", runbook_url = "" } = rule.annotations ?? {};
    expect(Object.keys(rule.annotations ?? {})).toEqual(["summary", "description", "runbook_url"]);
    expect(summary.length).toBeLessThanOrEqual(140);
    expect(summary).not.toMatch(/\n|\.$/);
    expect(description).toMatch(/\{\{ \$(?:value|labels)/);
    expect(runbook_url).toBe(`https://unpkg.com/telltale/docs/runbooks/${name}.md`);
  });
});
