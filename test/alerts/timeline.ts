/** How far two samples, and two evaluations, are apart in a scenario that says nothing else. */
export const STEP_SECONDS = 15;

/**
 * A timeline as a list of samples. Words are separated by spaces: `5` is a sample, `5*3` three of them, `0+2*4` counts
 * 0 2 4 6, `_` is no sample. Padded with its last sample, or cut.
 */
export function samples(timeline: string, length: number): readonly string[] {
  const all = timeline.split(" ").flatMap(expand);
  const last = all[all.length - 1] ?? "_";
  return Array.from({ length }, (_, n) => all[n] ?? last);
}

function expand(word: string): string[] {
  const {
    head = "",
    start,
    step,
    times = "1",
  } = /^(?<head>(?<start>-?[\d.]+)(?<step>\+[\d.]+)?|[a-zA-Z_]+)(?:\*(?<times>\d+))?$/.exec(word)
    ?.groups ?? {};
  if (head === "") throw new Error(`Cannot read the word "${word}" of a timeline`);
  return Array.from({ length: Number(times) }, (_, n) =>
    step === undefined ? head : String(Number(start) + n * Number(step)),
  );
}

/** `2m15s` in seconds. */
export function seconds(moment: string): number {
  const units: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1 };
  const parts = [...moment.matchAll(/(\d+)([dhms])/g)];
  if (parts.map(([part]) => part).join("") !== moment) throw new Error(`No moment: ${moment}`);
  return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (units[unit] ?? 0), 0);
}
