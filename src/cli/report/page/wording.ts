const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** A length of time in two units at most. */
export function duration(lengthMs: number): string {
  const at = UNITS.findIndex(([, unitMs]) => lengthMs >= unitMs);
  const [unit, unitMs] = UNITS[at] ?? ["ms", 1];
  const [lesser, lesserMs] = UNITS[at + 1] ?? ["ms", 1];
  const whole = Math.floor(lengthMs / unitMs);
  const rest = Math.floor((lengthMs % unitMs) / lesserMs);
  if (unitMs === 1) return `${Math.round(lengthMs)} ms`;
  if (unitMs === 1_000) return `${(Math.floor(lengthMs / 10) / 100).toFixed(2)} s`;
  return `${whole} ${unit} ${rest} ${lesser}`;
}

/** A moment in UTC, to the millisecond. */
export const utc = (atMs: number): string =>
  new Date(atMs).toISOString().replace("T", " ").slice(0, -1);

/** Lines of text as an element: whatever the record holds stays text. */
export function textLines(lines: readonly string[]): HTMLElement {
  const element = document.createElement("div");
  element.className = "tip";
  for (const line of lines) {
    const row = document.createElement("div");
    row.textContent = line;
    element.append(row);
  }
  return element;
}
