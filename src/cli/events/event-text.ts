import type { EventFacts, FieldFacts, MetricFacts } from "./event-facts.ts";

/** A line for each event, for a terminal. */
export function listText(all: readonly EventFacts[]): string {
  const width = Math.max(...all.map(({ type }) => type.length));
  const rows = all.map(
    ({ type, severity, sentence }) => `${type.padEnd(width)}  ${severity.padEnd(5)}  ${sentence}`,
  );
  return `${rows.join("\n")}\n`;
}

/** All there is to know of one event, for a terminal. */
export function eventText(facts: EventFacts): string {
  const { type, severity, sentence, when, fields, envelope, metrics, filters } = facts;
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ["Fields", fields.length === 0 ? ["  none of its own"] : fieldLines(fields)],
    ["Moves", metrics.length === 0 ? ["  no counter"] : metrics.map(metricLine)],
    [
      "And, as every event of its family",
      [`  ${envelope.map(({ name, optional }) => `${name}${optional ? "?" : ""}`).join(", ")}`],
    ],
    ["Find it", [filters.jq, filters.logql, ...filters.promql].map((filter) => `  ${filter}`)],
  ];
  const head = `${type}: ${sentence} (${severity})\n${when}.\n`;
  return `${[head, ...sections.map(([title, lines]) => `${title}\n${lines.join("\n")}\n`)].join("\n")}`;
}

function fieldLines(fields: readonly FieldFacts[]): string[] {
  const width = Math.max(...fields.map(({ name, optional }) => name.length + (optional ? 1 : 0)));
  return fields.flatMap(({ name, optional, holds, unit, meaning }) => [
    `  ${`${name}${optional ? "?" : ""}`.padEnd(width)}  ${holds}${unit === null ? "" : ` [${unit}]`}`,
    `  ${"".padEnd(width)}  ${meaning}`,
  ]);
}

function metricLine({ metric, labels, by, only }: MetricFacts): string {
  const from = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const when = only === null ? "" : `, when ${only.field} is ${only.words.join(" or ")}`;
  return `  ${metric}{${from.join(", ")}}${by === null ? "" : ` by ${by}`}${when}`;
}
