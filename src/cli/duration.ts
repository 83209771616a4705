const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ["y", 31_536_000_000],
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const DURATION = new RegExp(`^${UNITS.map(([unit]) => `(?:(\\d{1,9})${unit})?`).join("")}$`);
/** Longer than anybody waits for an alert, and than Prometheus can count. */
const LONGEST_MS = 31_536_000_000;

/** The milliseconds of a duration as Prometheus writes it, such as `1h30m`; null when it is none, or over a year. */
export function durationMs(text: string): number | null {
  const found = text === "" ? null : DURATION.exec(text);
  if (found === null) return text === "0" ? 0 : null;
  const ms = UNITS.reduce((sum, [, unitMs], n) => sum + Number(found[n + 1] ?? 0) * unitMs, 0);
  return ms <= LONGEST_MS ? ms : null;
}
