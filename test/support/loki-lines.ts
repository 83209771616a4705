import { parser } from "@grafana/lezer-logql";
import type { SyntaxNode } from "@lezer/common";
import { refuseErrors } from "./promql.ts";

/** A stage of a log query: what it says, or null when these tests do not know such a stage. */
type Stage =
  | { readonly kind: "contains"; readonly text: string }
  | { readonly kind: "json" }
  | { readonly kind: "equals"; readonly label: string; readonly text: string };

/**
 * The lines that a log query selects: of the stages it knows those that the docs use, a line filter, `json` and labels
 * that equal a text. Every line is of the stream that is asked for.
 * @throws {SyntaxError} when it is not LogQL
 * @throws {Error} at another stage
 */
export function selectedBy(query: string, lines: readonly string[]): readonly string[] {
  const stages = stagesOf(query);
  return lines.filter((line) => {
    let labels: Readonly<Record<string, unknown>> = {};
    return stages.every((stage) => {
      if (stage.kind === "contains") return line.includes(stage.text);
      if (stage.kind === "equals") return String(labels[stage.label] ?? "") === stage.text;
      labels = JSON.parse(line);
      return true;
    });
  });
}

function stagesOf(query: string): readonly Stage[] {
  const stages: Stage[] = [];
  const text = ({ from, to }: SyntaxNode): string => query.slice(from, to);
  const found: SyntaxNode[] = [];
  const tree = parser.parse(query);
  refuseErrors(tree, query);
  tree.iterate({
    enter({ name, node }) {
      if (name === "PipelineStage") found.push(node);
    },
  });
  for (const node of found) {
    const filter = node.getChild("LineFilters")?.getChild("LineFilter");
    const matcher = node.getChild("LabelFilter")?.getChild("Matcher");
    const label = matcher?.getChild("Identifier");
    const equals = matcher?.getChild("Eq") != null;
    const operand = (filter ?? matcher)?.getChild("String");
    if (node.getChild("LabelParser")?.getChild("Json") != null) stages.push({ kind: "json" });
    else if (operand != null && filter?.getChild("Filter")?.getChild("PipeExact") != null) {
      stages.push({ kind: "contains", text: JSON.parse(text(operand)) });
    } else if (operand != null && label != null && equals) {
      stages.push({ kind: "equals", label: text(label), text: JSON.parse(text(operand)) });
    } else throw new Error(`Cannot follow the stage ${text(node)}`);
  }
  return stages;
}
