import type { EventFacts, FieldFacts, MetricFacts } from "./event-facts.ts";

/** One event as a section of Markdown; `examples` stand before the filters. */
export function eventSection(facts: EventFacts, examples = ""): string {
  const { type, when, severity, sentence, fields, metrics, filters } = facts;
  const parts = [
    `## \`${type}\``,
    `${when}.`,
    `Severity \`${severity}\`; log message "${sentence}".`,
    fields.length === 0 ? "It has no fields of its own." : fieldTable(fields),
    ...(metrics.length === 0 ? ["It moves no counter."] : [metricTable(metrics)]),
    ...(examples === "" ? [] : [examples]),
    "Find it in a file of log lines, in Loki, in Prometheus:",
    block("sh", filters.jq),
    block("logql", filters.logql),
    ...filters.promql.map((query) => block("promql", query)),
  ];
  return parts.join("\n\n");
}

/** A table of all events: what each says, how loud it is, and what it moves. */
export function overviewTable(all: readonly EventFacts[]): string {
  const rows = all.map(({ type, severity, sentence, metrics }) => {
    const moved = [...new Set(metrics.map(({ metric }) => `\`${metric}\``))].join(", ");
    return `| [\`${type}\`](#${anchorOf(type)}) | \`${severity}\` | ${sentence} | ${moved} |`;
  });
  return ["| event | severity | log message | moves |", "|---|---|---|---|", ...rows].join("\n");
}

/** The name that renderers of Markdown give a heading. */
const anchorOf = (type: string): string => type.replaceAll(".", "");

/** A fenced block. */
export const block = (language: string, text: string): string =>
  `\`\`\`${language}\n${text}\n\`\`\``;

export function fieldTable(fields: readonly FieldFacts[]): string {
  const rows = fields.map(({ name, optional, holds, unit, meaning }) => {
    const words = holds.replaceAll(/"[^"]*"/g, (word) => `\`${word}\``);
    return `| \`${name}\`${optional ? "?" : ""} | ${words} | ${unit ?? ""} | ${meaning} |`;
  });
  return ["| field | holds | unit | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function metricTable(metrics: readonly MetricFacts[]): string {
  const rows = metrics.map(({ metric, labels, by, only }) => {
    const from = Object.entries(labels).map(([label, value]) =>
      value.startsWith('"') ? `\`${label}=${value}\`` : `\`${label}\` from \`${value}\``,
    );
    const when =
      only === null
        ? "always"
        : `\`${only.field}\` is ${only.words.map((word) => `\`${word}\``).join(" or ")}`;
    return `| \`${metric}\` | ${from.join(", ")} | ${by === null ? "1" : `\`${by}\``} | ${when} |`;
  });
  return ["| moves | labels | by | when |", "|---|---|---|---|", ...rows].join("\n");
}
