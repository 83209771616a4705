import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildPackage } from "./build.ts";
import { describeMachine, load, machineSlug } from "./machine.ts";
import type { Bench, Cell, Effort, Question, Skipped } from "./question.ts";
import { QUESTIONS } from "./questions.ts";
import { markdown, type Run, record } from "./report.ts";

// `npm run bench`: every cell in a process of its own, round after round, in alternating order.

const USAGE = "node bench/run.ts [--quick] [--only <part of a cell's id>]... [--rounds <n>]";
const root = join(import.meta.dirname, "..");

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const MODES: Readonly<Record<"quick" | "full", Effort & { readonly rounds: number }>> = {
  quick: { rounds: 4, warmUpMs: 60, measureMs: 110, idleMs: 2000 },
  full: { rounds: 9, warmUpMs: 150, measureMs: 350, idleMs: 3000 },
};

async function main(): Promise<number> {
  const mode = values.quick ? "quick" : "full";
  const { rounds: usual, ...effort } = MODES[mode];
  const rounds = values.rounds === undefined ? usual : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    console.error(`Cannot run: --rounds must be a positive integer, received ${values.rounds}`);
    return 2;
  }
  const questions = chosen(values.only);
  if (questions.length === 0) {
    console.error(`Cannot run: no cell matches --only ${values.only.join(", ")}; there are`);
    for (const { cells } of QUESTIONS) for (const { id } of cells) console.error(`  ${id}`);
    return 2;
  }
  const at = new Date().toISOString();
  const before = load();
  console.error("building the package");
  const { buildDir, complaints } = buildPackage(root);
  if (complaints !== "")
    console.error(`tsc complains, the run goes on with what it made:\n${complaints}`);
  const measured = await measureAll(questions, rounds, { buildDir, effort });
  const run: Run = {
    at,
    machine: describeMachine(root),
    load: { before, after: load() },
    mode,
    rounds,
    questions,
    ...measured,
  };
  console.log(markdown(run));
  keep(run, values.only.length === 0 && mode === "full");
  for (const [id, output] of run.crashed) console.error(`${id} crashed\n${output}\n`);
  return run.crashed.size === 0 ? 0 : 1;
}

/** The questions with the cells that were asked for, and those that they are compared with. */
function chosen(only: readonly string[]): Question[] {
  if (only.length === 0) return [...QUESTIONS];
  return QUESTIONS.flatMap((question) => {
    const wanted = question.cells.filter(({ id }) => only.some((part) => id.includes(part)));
    const ids = new Set(wanted.map(({ id }) => id));
    if (ids.size > 0 && question.reference !== undefined) ids.add(question.reference);
    for (const target of wanted.flatMap(({ targets = [] }) => targets)) {
      if (target.kind === "ratio") ids.add(target.of);
      if (target.kind === "difference") ids.add(target.above);
    }
    return ids.size === 0
      ? []
      : [{ ...question, cells: question.cells.filter(({ id }) => ids.has(id)) }];
  });
}

async function measureAll(questions: readonly Question[], rounds: number, bench: Bench) {
  const figures = new Map<string, (number | null)[]>();
  const skipped = new Map<string, string>();
  const crashed = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    const due = questions
      .filter(({ roundsEnough = rounds }) => round < roundsEnough)
      .flatMap(({ cells }) => cells)
      .filter(({ id }) => !skipped.has(id) && !crashed.has(id));
    // What comes early in a round may find the machine cooler or busier than what comes late.
    if (round % 2 === 1) due.reverse();
    if (due.length === 0) break;
    console.error(`round ${round + 1} of ${rounds}: ${due.length} cells`);
    for (const cell of due) {
      const answer = await measure(cell, bench);
      if ("skipped" in answer) skipped.set(cell.id, answer.skipped);
      else if ("crashed" in answer) crashed.set(cell.id, answer.crashed);
      else {
        const all = figures.get(cell.id) ?? [];
        all[round] = answer.value;
        figures.set(cell.id, all);
      }
    }
  }
  return { figures, skipped, crashed };
}

type Answer = { readonly value: number } | Skipped | { readonly crashed: string };

const CELL_LIMIT_MS = 60_000;

/** Measures one cell in a fresh process. */
function measure(cell: Cell, bench: Bench): Promise<Answer> {
  const file = join(import.meta.dirname, "cell.ts");
  const args = [...(cell.flags ?? []), file, cell.id, JSON.stringify(bench)];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: cell.limitMs ?? CELL_LIMIT_MS,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += String(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += String(chunk);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) {
        // cell.ts prints exactly this; anything else ends it with another code.
        resolve(JSON.parse(stdout) as Answer);
      } else resolve({ crashed: `exit ${code ?? signal}\n${stderr}` });
    });
  });
}

/** Keeps a full run in bench/results; others only where the next one overwrites them. */
function keep(run: Run, full: boolean): void {
  const results = join(root, "bench", "results");
  const scratch = join(root, "bench", ".build");
  const name = full ? `${run.at.slice(0, 10)}-${machineSlug(run.machine)}` : "last-run";
  const folder = full ? results : scratch;
  mkdirSync(folder, { recursive: true });
  const page = markdown(run);
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(record(run), null, 2)}\n`);
  writeFileSync(join(folder, `${name}.md`), page);
  if (full) writeFileSync(join(folder, "latest.md"), page);
  console.error(`kept in ${join(folder, name)}.{json,md}`);
}

if (values.help) console.log(USAGE);
else process.exitCode = await main();
