import { describe } from "vitest";
import { type Program, whereIs } from "../../scripts/programs.ts";

/**
 * `describe` when the machine has all the programs, else `describe.skip`, which vitest reports. With `CI=true` the
 * tests run all the same, so that what is missing fails.
 */
export function describeWith(...programs: readonly Program[]): typeof describe {
  const present = programs.every((program) => whereIs(program) !== undefined);
  return present || process.env["CI"] === "true" ? describe : (describe.skip as typeof describe);
}

/** The file of a program that the test's `describeWith` named. */
export function program(name: Program): string {
  const file = whereIs(name);
  if (file === undefined) throw new Error(`Cannot run ${name}: it is not on this machine`);
  return file;
}
