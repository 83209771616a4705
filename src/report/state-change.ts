import { type CircuitState, STATE_CHANGES, STATES } from "../events/vocabulary.ts";

const CHANGES: ReadonlySet<string> = new Set(STATE_CHANGES);

/** Whether an event of this type tells a committed change of state. */
export const isStateChange = (type: string): boolean => CHANGES.has(type);

/** Whether a record names a state that there is. */
export const isState = (word: unknown): word is CircuitState =>
  STATES.some((state) => state === word);
