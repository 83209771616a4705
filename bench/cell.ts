import type { Bench } from "./question.ts";
import { QUESTIONS } from "./questions.ts";

// The process of one cell: `node bench/cell.ts <id> <bench as JSON>`. Prints one line of JSON.

const [, , id, given] = process.argv;
const cell = QUESTIONS.flatMap(({ cells }) => cells).find((candidate) => candidate.id === id);
if (cell === undefined || given === undefined) throw new Error(`Cannot measure: no cell ${id}`);
// run.ts is the only caller, and writes a Bench.
const bench = JSON.parse(given) as Bench;
const measured = await cell.measure(bench);
if (typeof measured === "number" && !Number.isFinite(measured)) {
  throw new Error(`Cannot measure ${id}: the figure is ${measured}`);
}
const answer = typeof measured === "number" ? { value: measured } : measured;
process.stdout.write(`${JSON.stringify(answer)}\n`, () => {
  // Some peers leave timers behind.
  process.exit(0);
});
