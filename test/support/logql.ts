import { parser } from "@grafana/lezer-logql";
import { refuseErrors } from "./promql.ts";

/** What a query of Loki asks of labels: those of the streams, and those that `json` makes of the lines. */
export interface LogQuery {
  readonly matchers: readonly {
    readonly label: string;
    readonly operator: string;
    readonly value: string;
  }[];
  /** Further labels: grouped by, unwrapped. */
  readonly labels: readonly string[];
}

/**
 * Reads a query.
 * @throws {SyntaxError} when it is not LogQL
 */
export function parseLogQl(expr: string): LogQuery {
  const tree = parser.parse(expr);
  refuseErrors(tree, expr);
  const matchers: { label: string; operator: string; value: string }[] = [];
  const labels: string[] = [];
  tree.iterate({
    enter({ name, node, from, to }) {
      if (name === "Matcher" || name === "NumberFilter") {
        const text = expr.slice(from, to);
        const [, label = "", operator = "", value = ""] =
          /^(\w+)\s*([=!<>~]+)\s*(.+)$/s.exec(text) ?? [];
        matchers.push({ label, operator, value: value.replaceAll(/^["`]|["`]$/g, "") });
      }
      if (
        name === "Identifier" &&
        node.parent?.name !== "Matcher" &&
        node.parent?.name !== "NumberFilter"
      ) {
        labels.push(expr.slice(from, to));
      }
    },
  });
  return { matchers, labels };
}
