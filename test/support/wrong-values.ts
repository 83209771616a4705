/** A value that an argument must refuse, and how the message shows it. */
export type Wrong = readonly [value: unknown, received: string];

/**
 * Passes anything where a type is asked for. The compiler would refuse every such argument; callers from JavaScript can
 * pass it all the same.
 */
export const wrong = (value: unknown): never => value as never;

export const NO_NUMBERS: readonly Wrong[] = [
  ["5", '"5"'],
  [null, "null"],
  [true, "true"],
  [5n, "5n"],
  [{}, "an object"],
  [[5], "an array"],
  [() => 5, "a function"],
  [Symbol("five"), "Symbol(five)"],
];

/** Numbers that are no positive integer. */
export const NO_COUNTS: readonly Wrong[] = [
  [0, "0"],
  [-1, "-1"],
  [1.5, "1.5"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"],
  [2 ** 53, "9007199254740992"],
];

/** Numbers that are no length of time, 0 or more. */
export const NO_DURATIONS: readonly Wrong[] = [
  [-1, "-1"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"],
];

export const NO_FUNCTIONS: readonly Wrong[] = [
  [5, "5"],
  ["fn", '"fn"'],
  [null, "null"],
  [{}, "an object"],
];

export const NO_OBJECTS: readonly Wrong[] = [
  [5, "5"],
  ["text", '"text"'],
  [null, "null"],
  [true, "true"],
  [[], "an array"],
  [() => ({}), "a function"],
];

// What the messages allow.
export const POSITIVE_MS = "a positive number of milliseconds";
export const MS = "a non-negative number of milliseconds";
export const SCALAR = "a string, a finite number, a boolean or null";
