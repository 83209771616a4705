import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** Mutants that no scenario can tell from the rules, and why. */
interface Equivalents {
  readonly reason: string;
  readonly mutants: readonly string[];
}

const PATH = new URL("equivalent-mutants.yaml", import.meta.url);

/** The list of equivalent mutants. */
export function listedEquivalents(): readonly Equivalents[] {
  // A test checks its shape.
  return parse(readFileSync(PATH, "utf8")) as readonly Equivalents[];
}
