import type { Machine } from "./machine.ts";
import { quantile } from "./measure.ts";
import type { Cell, Question, Target } from "./question.ts";

/** The figures of one cell: one for each round, or why there is none. */
type Figures = ReadonlyMap<string, readonly (number | null)[]>;

/** Everything that one run found. */
export interface Run {
  readonly at: string;
  readonly machine: Machine;
  readonly load: { readonly before: number; readonly after: number };
  readonly mode: "full" | "quick";
  readonly rounds: number;
  readonly questions: readonly Question[];
  readonly figures: Figures;
  readonly skipped: ReadonlyMap<string, string>;
  readonly crashed: ReadonlyMap<string, string>;
}

/** A target with what was found. */
interface Verdict {
  readonly target: string;
  readonly found: number | null;
  readonly met: boolean | null;
  readonly text: string;
}

const numbers = (figures: readonly (number | null)[]): number[] =>
  figures.filter((figure) => figure !== null);

/** The median over the rounds; null when the cell has no figure. */
function medianOf(run: Run, id: string): number | null {
  const found = numbers(run.figures.get(id) ?? []);
  return found.length === 0 ? null : quantile(found, 0.5);
}

/** The median over the rounds of a comparison within one round, which a busy machine disturbs least. */
function compared(
  { figures }: Run,
  [id, other]: readonly [string, string],
  compare: (figure: number, reference: number) => number,
): number | null {
  const references = figures.get(other) ?? [];
  const found = (figures.get(id) ?? []).map((figure, round) => {
    const reference = references[round] ?? null;
    return figure === null || reference === null ? null : compare(figure, reference);
  });
  const all = numbers(found);
  return all.length === 0 ? null : quantile(all, 0.5);
}

const ratioOf = (run: Run, id: string, reference: string): number | null =>
  compared(run, [id, reference], (figure, other) => figure / other);

/** Compares a cell with one of its targets. */
function judge(run: Run, question: Question, cell: Cell, target: Target): Verdict {
  const labelOf = (id: string): string =>
    question.cells.find((other) => other.id === id)?.label ?? id;
  let found: number | null;
  let text: string;
  let unit = "";
  switch (target.kind) {
    case "ratio":
      found = ratioOf(run, cell.id, target.of);
      text = `≤ ${short(target.atMost)} × ${labelOf(target.of)}`;
      break;
    case "difference":
      found = compared(run, [cell.id, target.above], (figure, other) => figure - other);
      unit = ` ${question.unit}`;
      text = `≤ ${short(target.atMost)}${unit} above ${labelOf(target.above)}`;
      break;
    case "absolute":
      found = medianOf(run, cell.id);
      unit = ` ${question.unit}`;
      text = `≤ ${short(target.atMost)}${unit}`;
      break;
  }
  if (found === null) return { target: text, found, met: null, text: `${text}: not measured` };
  const met = found <= target.atMost;
  const verdict = met ? "met" : `missed by ${short(found - target.atMost)}${unit}`;
  return { target: text, found, met, text: `${text}: **${verdict}** (${short(found)})` };
}

/** The run as a page of Markdown that reads well in a terminal too. */
export function markdown(run: Run): string {
  const { machine, rounds, mode, at, load } = run;
  const peers = Object.entries(machine.peers).map(([name, version]) => `${name} ${version}`);
  const head = [
    "# Benchmarks",
    "",
    `${at}, ${mode} run of ${rounds} rounds, commit ${machine.commit}${machine.dirty ? " with changes" : ""}`,
    `Node ${machine.node}, ${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, ${machine.os}`,
    `Load of the machine before ${load.before}, after ${load.after}; ${peers.join(", ")}`,
    "",
    "Medians over the rounds, with the lowest and the highest; ratios are medians of the ratios within one round.",
  ];
  const sections = run.questions.map((question) => section(run, question));
  return `${[...head, ...sections.flat()].join("\n")}\n`;
}

function section(run: Run, question: Question): string[] {
  const { reference, unit } = question;
  const heads = ["cell", unit, "range", ...(reference === undefined ? [] : ["×"]), "target"];
  const rows = question.cells.map((cell) => row(run, question, cell));
  const note = question.note === undefined ? [] : [question.note, ""];
  return ["", `## ${question.title}`, "", ...note, ...aligned([heads, ...rows])];
}

function row(run: Run, question: Question, cell: Cell): string[] {
  const { id, label, targets = [] } = cell;
  const { reference } = question;
  const figures = numbers(run.figures.get(id) ?? []);
  const median = medianOf(run, id);
  const columns = reference === undefined ? 4 : 5;
  if (median === null) {
    const why = run.crashed.has(id) ? "crashed" : `skipped: ${run.skipped.get(id) ?? "unknown"}`;
    return [label, ...Array<string>(columns - 2).fill(""), why];
  }
  const ratio = reference === undefined ? null : ratioOf(run, id, reference);
  const range = `${short(Math.min(...figures))}–${short(Math.max(...figures))}`;
  const verdicts = targets.map((target) => judge(run, question, cell, target).text);
  return [
    label,
    short(median),
    range,
    ...(reference === undefined ? [] : [ratio === null ? "" : short(ratio)]),
    verdicts.join("; "),
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((cells) => (cells[column] ?? "").length)),
  );
  const isText = (column: number): boolean => column === 0 || column === widths.length - 1;
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((text, column) => {
      const width = widths[column] ?? 0;
      return isText(column) ? text.padEnd(width) : text.padStart(width);
    });
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, column) =>
    isText(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  const [head = [], ...body] = rows;
  return [line(head), `| ${rule.join(" | ")} |`, ...body.map(line)];
}

/** Three digits that mean something, and no exponent. */
function short(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, size >= 10_000 ? " " : "");
}

/** The run as plain data, to be kept. */
export function record(run: Run): unknown {
  const { questions, figures, skipped, crashed, ...rest } = run;
  return {
    ...rest,
    questions: questions.map((question) => ({
      title: question.title,
      unit: question.unit,
      reference: question.reference ?? null,
      cells: question.cells.map((cell) => ({
        id: cell.id,
        label: cell.label,
        median: medianOf(run, cell.id),
        rounds: figures.get(cell.id) ?? [],
        skipped: skipped.get(cell.id) ?? null,
        crashed: crashed.get(cell.id) ?? null,
        targets: (cell.targets ?? []).map((target) => {
          const { target: text, found, met } = judge(run, question, cell, target);
          return { target: text, found, met };
        }),
      })),
    })),
  };
}
