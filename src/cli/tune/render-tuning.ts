import { printable } from "../../events/printable.ts";
import { markdown } from "../../report/render-post-mortem.ts";
import { counted } from "../../report/wording.ts";
import { scatterText } from "./scatter-text.ts";
import type { Tuning } from "./tuning.ts";
import {
  COLUMNS,
  checkText,
  gainText,
  headText,
  namesOf,
  nextText,
  optionsText,
  rowsOf,
} from "./tuning-wording.ts";

/** The result for a terminal. */
export function tuningText(tuning: Tuning): string {
  const { head, table, left } = tableOf(tuning);
  const widths = head.map((name, at) =>
    Math.max(name.length, ...table.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return `${sections(tuning, {
    heading: (text) => text.toUpperCase(),
    table: [line(head), ...table.map(line), ...left].join("\n"),
    code: (text) => `  ${text}`,
    chart: (text) => text,
    safe: printable,
  }).join("\n\n")}\n`;
}

/** The result as Markdown. */
export function tuningMarkdown(tuning: Tuning): string {
  const { head, table, left } = tableOf(tuning);
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, at) => (at < 2 ? "---" : "---:"));
  return `${sections(tuning, {
    heading: (text) => `## ${text}`,
    table: [line(head), line(rule), ...table.map(line), ...left.map((text) => `\n${text}`)].join(
      "\n",
    ),
    code: (text) => `\`\`\`ts\n${text}\n\`\`\``,
    chart: (text) => `\`\`\`text\n${text}\n\`\`\``,
    safe: markdown,
  }).join("\n\n")}\n`;
}

interface Form {
  readonly table: string;
  heading(text: string): string;
  code(text: string): string;
  chart(text: string): string;
  /** Text that may hold some of the recording. */
  safe(text: string): string;
}

function sections(tuning: Tuning, { heading, table, code, chart, safe }: Form): readonly string[] {
  const { today, best, caveats } = tuning;
  const check = checkText(tuning);
  return [
    safe(headText(tuning)),
    heading("Settings"),
    table,
    chart(scatterText(tuning)),
    heading("Best against today's"),
    gainText(tuning),
    code(optionsText(best.setting)),
    heading("The next outage like this one"),
    [
      `- today's: ${nextText(today)}`,
      ...(best === today ? [] : [`- best: ${nextText(best)}`]),
    ].join("\n"),
    heading("What this rests on"),
    [...(check === null ? [] : [check]), ...caveats]
      .map((caveat) => `- ${safe(caveat)}`)
      .join("\n"),
  ];
}

function tableOf(tuning: Tuning) {
  const { rows, left } = rowsOf(tuning);
  const named = namesOf(rows);
  return {
    head: ["", "setting", ...COLUMNS.map(({ head }) => head)],
    table: rows.map(({ label, result }) => [
      label,
      named(result),
      ...COLUMNS.map(({ cell }) => cell(result)),
    ]),
    left: left === 0 ? [] : [`${counted(left, "further setting")} of the front in --format json.`],
  };
}
