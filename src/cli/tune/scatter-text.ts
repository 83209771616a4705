import { grouped } from "../../report/wording.ts";
import type { SettingResult, Tuning } from "./tuning.ts";

const COLUMNS = 60;
const ROWS = 14;

/** What stands on a place of the chart, the later ones over the earlier ones. */
const MARKS = [".", "o", "T", "B", "X"];

/**
 * Every setting as a mark: bad calls let through to the right, good calls refused upwards. The axes are of roots, so
 * that small costs can be told apart beside large ones.
 */
export function scatterText({ settings, today, best }: Tuning): string {
  const right = Math.max(1, ...settings.map(({ badPassed }) => badPassed.value));
  const top = Math.max(1, ...settings.map(({ goodRefused }) => goodRefused.value));
  const cells: number[][] = Array.from({ length: ROWS }, () => Array(COLUMNS).fill(-1));
  const put = (result: SettingResult, mark: number): void => {
    const column = placeOf(result.badPassed.value, right, COLUMNS);
    const row = cells[ROWS - 1 - placeOf(result.goodRefused.value, top, ROWS)];
    if (row !== undefined) row[column] = Math.max(row[column] ?? -1, mark);
  };
  for (const result of settings) put(result, result.isOnFront ? 1 : 0);
  if (today === best) put(best, 4);
  else {
    put(today, 2);
    put(best, 3);
  }
  const label = grouped(Math.round(top));
  const edge = (at: number): string => (at === 0 ? label : at === ROWS - 1 ? "0" : "");
  const lines = cells.map((row, at) =>
    `${edge(at).padStart(label.length)} |${row.map((mark) => MARKS[mark] ?? " ").join("")}`.trimEnd(),
  );
  const indent = " ".repeat(label.length);
  const end = grouped(Math.round(right));
  return [
    "good refused",
    ...lines,
    `${indent} +${"-".repeat(COLUMNS)}`,
    `${indent}  0${end.padStart(COLUMNS - 1)}`,
    `${indent}  ${"bad let through".padStart(COLUMNS)}`,
    `${indent}  ${today === best ? "X today and best" : "T today  B best"}  o on the front  . other settings`,
  ].join("\n");
}

const placeOf = (value: number, most: number, places: number): number =>
  Math.round(Math.sqrt(value / most) * (places - 1));
