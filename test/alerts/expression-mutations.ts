import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { otherDurations } from "./duration-text.ts";

/** A part of an expression that is replaced. */
export interface Replacement {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

const COMPARISONS = [">", ">=", "<", "<=", "==", "!="];
const SET_OPERATORS = ["and", "or", "unless"];
const AGGREGATIONS: Readonly<Record<string, readonly string[]>> = {
  max: ["min", "sum"],
  min: ["max", "sum"],
  sum: ["max", "min"],
  count: ["sum", "max"],
};
const FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  rate: ["increase", "idelta"],
  increase: ["rate", "delta"],
  present_over_time: ["absent_over_time"],
  absent_over_time: ["present_over_time"],
};

/** Every single change of an expression that could go unnoticed. */
export function expressionMutations(expr: string): readonly Replacement[] {
  const found: Replacement[] = [];
  parser.parse(expr).iterate({
    enter({ node }) {
      const { from, to } = node;
      const at = expr.slice(from, to);
      const put = (...texts: readonly string[]): void => {
        for (const text of texts) if (text !== at) found.push({ from, to, text });
      };
      switch (node.name) {
        case "Gtr":
        case "Gte":
        case "Lss":
        case "Lte":
        case "Eql":
        case "Neq":
          put(...(node.parent?.name === "MatchOp" ? ["="] : COMPARISONS));
          break;
        case "EqlSingle":
          put("!=");
          break;
        case "EqlRegex":
          put("!~");
          break;
        case "And":
        case "Or":
        case "Unless":
          put(...SET_OPERATORS);
          found.push(...operandsAlone(node, expr));
          break;
        case "Add":
          put("-");
          found.push(...operandsAlone(node, expr));
          break;
        case "Sub":
          put("+");
          found.push(...operandsAlone(node, expr));
          break;
        case "Mul":
          put("/");
          break;
        case "Div":
          put("*");
          break;
        case "AggregateOp":
          put(...(AGGREGATIONS[at] ?? []));
          break;
        case "FunctionIdentifier":
          put(...(FUNCTIONS[at] ?? []));
          break;
        case "By":
          put("without");
          break;
        case "On":
          put("ignoring");
          break;
        case "GroupingLabels":
          put(...groupings(at, isOverScrapedSeries(node, expr)));
          break;
        case "NumberDurationLiteral":
          put(...numbers(Number(at)));
          break;
        case "NumberDurationLiteralInDurationContext":
          put(...otherDurations(at));
          break;
        case "OffsetExpr":
          put(expr.slice(from, node.firstChild?.to ?? to));
          break;
        case "UnquotedLabelMatcher":
          put(...otherMatchers(at));
          break;
        case "VectorSelector":
          put(...withoutOneMatcher(node, expr), gone(at));
          break;
        default:
      }
    },
  });
  return found;
}

/** Each side of a binary operator without the other. */
function operandsAlone(operator: SyntaxNode, expr: string): Replacement[] {
  const whole = operator.parent;
  const [left, right] = [whole?.firstChild, whole?.lastChild];
  if (whole === null || !left || !right || whole.name !== "BinaryExpr") return [];
  const { from, to } = whole;
  return [left, right].map((side) => ({ from, to, text: `(${expr.slice(side.from, side.to)})` }));
}

/** One label less, or, where the series have it, the one that changes with every upgrade more. */
function groupings(at: string, scraped: boolean): string[] {
  const labels = at
    .slice(1, -1)
    .split(",")
    .map((label) => label.trim());
  const fewer = labels.map((_, n) => labels.filter((_, other) => other !== n));
  const more = scraped ? [[...labels, "otel_scope_version"]] : [];
  return [...fewer, ...more].map((each) => `(${each.join(", ")})`);
}

/** Whether labels group series as they are scraped: recordings, and what was grouped before, have no further labels. */
function isOverScrapedSeries(labels: SyntaxNode, expr: string): boolean {
  const aggregation = labels.parent?.parent;
  if (aggregation?.name !== "AggregateExpr") return false;
  let scraped = false;
  aggregation
    .getChild("FunctionCallBody")
    ?.cursor()
    .iterate(({ node }) => {
      if (node.name === "AggregateExpr") return false;
      const isSelector = node.name === "VectorSelector";
      if (isSelector && !expr.slice(node.from, node.to).includes(":")) scraped = true;
      return undefined;
    });
  return scraped;
}

/** Whole numbers count something: nothing lies between two of them. */
function numbers(value: number): string[] {
  const others = Number.isInteger(value) ? [value - 1, value + 1] : [value * 0.9, value * 1.1];
  return others.map((each) => String(Number(each.toPrecision(12))));
}

/** A matcher with another value, and a regular expression with one alternative less. */
function otherMatchers(at: string): string[] {
  const [, label = "", operator = "", value = ""] = /^(\w+)(=~|!~|!=|=)"(.*)"$/.exec(at) ?? [];
  const words = value.split("|");
  const fewer = words.map((_, n) => words.filter((_, other) => other !== n).join("|"));
  const others = words.length > 1 ? fewer : [`${value}_other`];
  return others.map((other) => `${label}${operator}"${other}"`);
}

function withoutOneMatcher(selector: SyntaxNode, expr: string): string[] {
  const matchers = selector.getChild("LabelMatchers");
  const name = expr.slice(selector.from, matchers?.from ?? selector.to);
  const all =
    matchers?.getChildren("UnquotedLabelMatcher").map(({ from, to }) => expr.slice(from, to)) ?? [];
  return all.map((_, n) => {
    const left = all.filter((_, other) => other !== n).join(",");
    return left === "" ? name : `${name}{${left}}`;
  });
}

/** The same selector of a metric that nobody exports. */
const gone = (at: string): string => at.replace(/^[\w:]+/, "$&_gone");
