import { durationMs } from "../../src/cli/duration.ts";
import { STEP_SECONDS } from "./timeline.ts";

const DAY_SECONDS = 86_400;

/**
 * Durations that are shorter (by one evaluation, by a fifth, by half) and longer (by one evaluation, by a quarter,
 * twice as long), in whole evaluations: between two of them nothing is ever seen. Where days count, an evaluation is
 * an hour.
 */
export function otherDurations(text: string): string[] {
  const seconds = (durationMs(text) ?? Number.NaN) / 1000;
  const step = seconds >= DAY_SECONDS ? 3_600 : STEP_SECONDS;
  const steps = seconds / step;
  const shorter = [steps - 1, Math.floor(steps * 0.8), Math.floor(steps * 0.5)];
  const longer = [steps + 1, Math.ceil(steps * 1.25), steps * 2];
  return [...new Set([...shorter, ...longer])]
    .filter((each) => each > 0 && each !== steps)
    .map((each) => `${each * step}s`);
}
