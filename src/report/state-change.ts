import { type CircuitState, STATES } from "../events/vocabulary.ts";

/** The events of a committed change of state; each has `from`. Others have a `from` of another meaning. */
export const STATE_CHANGES: ReadonlySet<string> = new Set([
  "circuit.open",
  "circuit.half_open",
  "circuit.close",
  "circuit.disable",
  "circuit.enable",
]);

/** Whether a record names a state that there is. */
export const isState = (word: unknown): word is CircuitState =>
  STATES.some((state) => state === word);
