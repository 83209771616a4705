import type { Tree } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import type { MetricDefinition } from "../../src/events/metric-definition.ts";
import { BREAKER_LABEL, METRICS, type MetricName } from "../../src/events/metrics.ts";

/** One condition on a label, such as `state=~"open|forced_open"`. */
interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** A metric as a query asks for it. */
interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
  /** As written, such as `5m`; null for an instant. */
  readonly range: string | null;
  /** The function that is directly given it; null for none. */
  readonly givenTo: string | null;
  /** All functions and aggregations around it, the nearest first. */
  readonly within: readonly string[];
}

/** What a query is about. */
export interface PromQuery {
  readonly selectors: readonly Selector[];
  /** The labels that results are grouped and joined by. */
  readonly labels: readonly string[];
}

/**
 * Reads a query.
 * @throws {SyntaxError} when it is not PromQL
 */
export function parsePromQl(expr: string): PromQuery {
  const tree = parser.parse(expr);
  refuseErrors(tree, expr);
  const text = ({ from, to }: { readonly from: number; readonly to: number }) =>
    expr.slice(from, to);
  const selectors: Selector[] = [];
  const labels: string[] = [];
  tree.iterate({
    enter({ name, node }) {
      if (name === "GroupingLabels") labels.push(...node.getChildren("LabelName").map(text));
      if (name !== "VectorSelector") return;
      const identifier = node.getChild("Identifier");
      const matrix = node.parent?.name === "MatrixSelector" ? node.parent : null;
      const range = matrix?.getChild("DurationExpr") ?? null;
      const given = (matrix ?? node).parent;
      const body = given?.name === "OffsetExpr" ? given.parent : given;
      const called =
        body?.name === "FunctionCallBody" ? body.parent?.getChild("FunctionIdentifier") : null;
      const around: string[] = [];
      for (let outer = body; outer !== null; outer = outer.parent) {
        const name = outer.getChild("FunctionIdentifier") ?? outer.getChild("AggregateOp");
        if (name !== null) around.push(text(name));
      }
      selectors.push({
        metric: identifier === null ? "" : text(identifier),
        matchers: matchersOf(
          node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [],
          text,
        ),
        range: range === null ? null : text(range),
        givenTo: called ? text(called) : null,
        within: around,
      });
    },
  });
  return { selectors, labels };
}

type Node = Parameters<NonNullable<Parameters<Tree["iterate"]>[0]["enter"]>>[0]["node"];

function matchersOf(nodes: readonly Node[], text: (node: Node) => string): Matcher[] {
  return nodes.map((node) => {
    const [label, operator, value] = ["LabelName", "MatchOp", "StringLiteral"].map((name) => {
      const child = node.getChild(name);
      if (child === null) throw new SyntaxError(`No ${name} in ${text(node)}`);
      return text(child);
    });
    // The strings of the tests' queries have no escapes but quotes and backslashes, which JSON has as well.
    return { label: label ?? "", operator: operator ?? "", value: JSON.parse(value ?? '""') };
  });
}

/** Fails at the first place that the grammar has no rule for. */
export function refuseErrors(tree: Tree, expr: string): void {
  tree.iterate({
    enter({ type, from }) {
      if (type.isError) throw new SyntaxError(`Cannot read the query at ${from}: ${expr}`);
    },
  });
}

/** The labels that a scrape adds. */
const SCRAPED = ["job", "instance"];

/**
 * What is wrong with the names in a query: a metric that is not exported, a label that it does not have, a value that
 * the label never has. `recorded` are names that may stand for a metric, of which nothing more is known.
 */
export function unknownNames(query: PromQuery, recorded: readonly string[] = []): string[] {
  const problems: string[] = [];
  const known = new Set(SCRAPED);
  let open = false;
  for (const { metric, matchers } of query.selectors) {
    if (recorded.includes(metric)) {
      open = true;
      continue;
    }
    const definition = definitionOf(metric);
    if (definition === undefined) {
      problems.push(`no metric is called ${metric}`);
      continue;
    }
    const labels = labelsOf(metric, definition);
    for (const label of labels) known.add(label);
    for (const { label, operator, value } of matchers) {
      if (!labels.includes(label) && !SCRAPED.includes(label)) {
        problems.push(`${metric} has no label ${label}`);
      } else if (operator === "=" || operator === "=~") {
        problems.push(...unknownValues(metric, definition, label, value));
      }
    }
  }
  for (const label of query.labels) {
    if (!open && !known.has(label)) problems.push(`no metric here has the label ${label}`);
  }
  return problems;
}

function definitionOf(series: string): MetricDefinition | undefined {
  const metric = series.replace(/_(?:bucket|sum|count)$/, "");
  const name = Object.hasOwn(METRICS, series) ? series : metric;
  if (!Object.hasOwn(METRICS, name)) return undefined;
  // It is a key of METRICS, as was just seen.
  const definition: MetricDefinition = METRICS[name as MetricName];
  const isHistogram = definition.type === "histogram";
  return isHistogram === (name !== series) ? definition : undefined;
}

function labelsOf(series: string, { labels, perBreaker }: MetricDefinition): string[] {
  return [
    ...labels,
    ...(perBreaker ? [BREAKER_LABEL.prometheus] : []),
    ...(series.endsWith("_bucket") ? ["le"] : []),
  ];
}

function unknownValues(
  metric: string,
  { labels, values }: MetricDefinition,
  label: string,
  value: string,
): string[] {
  const at = labels.indexOf(label);
  if (at < 0) return [];
  const legal = new Set(values.map((words) => words[at]));
  return value
    .split("|")
    .filter((word) => !legal.has(word))
    .map((word) => `${label} of ${metric} is never ${word}`);
}
