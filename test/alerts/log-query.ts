import { parser } from "@grafana/lezer-logql";
import type { SyntaxNode } from "@lezer/common";

/** A pipeline of LogQL over the lines of a service, read from a rule. */
export interface Pipeline {
  /** Texts, or regular expressions, one of which a line must have before it is read as JSON. */
  readonly lineFilter: RegExp;
  /** Fields of the line by the label that they become. */
  readonly extracted: Readonly<Record<string, string>>;
  readonly filters: readonly LabelFilter[];
  /** The label whose value is added up; null when lines are counted. */
  readonly unwrap: string | null;
}

/** A condition on a label, or several of which one must hold. */
type LabelFilter = readonly Comparison[];

interface Comparison {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** Every node of a query, by kind; fails on one that cannot be parsed. */
export function queryNodes(query: string, ...names: readonly string[]): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  parser.parse(query).iterate({
    enter({ node }) {
      if (node.type.isError) throw new Error(`Cannot parse the query at ${node.from}: ${query}`);
      if (names.includes(node.name)) found.push(node);
    },
  });
  return found;
}

/** The pipelines of a query, in its order. */
export function pipelinesOf(query: string): readonly Pipeline[] {
  return queryNodes(query, "LogRangeExpr").map((range) =>
    pipelineOf(query.slice(range.from, range.to)),
  );
}

function pipelineOf(text: string): Pipeline {
  // The stages of a pipeline hold no `|` but in quotes.
  const stages =
    text.replace(/\s*\[\w+\](?:\s+offset\s+\w+)?$/, "").match(/(?:"[^"]*"|[^|"]|\|(?=[=~]))+/g) ??
    [];
  const [selector = "", json = "", ...rest] = stages.map((stage) => stage.trim());
  const [, how, quick = ""] = /^\{.*\}\s*(\|[=~])\s*"(.*)"$/.exec(selector) ?? [];
  if (how === undefined) throw new Error(`No line filter in ${text}`);
  const unwrap = rest.find((stage) => stage.startsWith("unwrap "));
  return {
    lineFilter: new RegExp(how === "|=" ? quick.replaceAll(".", "\\.") : quick),
    extracted: Object.fromEntries(
      [...json.matchAll(/(\w+)="(\w+)"/g)].map(([, label, field]) => [label, field]),
    ),
    filters: rest.filter((stage) => stage !== unwrap).map(filterOf),
    unwrap: unwrap?.slice("unwrap ".length) ?? null,
  };
}

function filterOf(stage: string): LabelFilter {
  return stage
    .replace(/^\((.*)\)$/, "$1")
    .split(" or ")
    .map((one) => {
      const [, label = "", operator = "", value = ""] =
        /^(\w+)\s*(=~|=|>=)\s*"?([^"]*)"?$/.exec(one) ?? [];
      if (label === "") throw new Error(`Cannot read the filter ${stage}`);
      return { label, operator, value };
    });
}

/** The lines that a pipeline lets through, as Loki reads them. */
export function chosen(lines: readonly string[], pipeline: Pipeline): readonly string[] {
  return lines.filter((line) => {
    if (!pipeline.lineFilter.test(line)) return false;
    const parsed: Readonly<Record<string, unknown>> = JSON.parse(line);
    const labels = Object.fromEntries(
      Object.entries(pipeline.extracted).map(([label, field]) => [
        label,
        String(parsed[field] ?? ""),
      ]),
    );
    return pipeline.filters.every((any) => any.some((each) => holds(each, labels)));
  });
}

function holds(
  { label, operator, value }: Comparison,
  labels: Readonly<Record<string, string>>,
): boolean {
  const held = labels[label];
  if (held === undefined) throw new Error(`The label ${label} is not extracted`);
  switch (operator) {
    case "=":
      return held === value;
    case "=~":
      return new RegExp(`^(?:${value})$`).test(held);
    default:
      return held !== "" && Number(held) >= Number(value);
  }
}
