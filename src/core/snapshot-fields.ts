import { own, type SnapshotReader } from "./snapshot-reader.ts";

/** Reads one field of a snapshot, or refuses it with its path. */
export type Reading<T> = (reader: SnapshotReader, path: string, value: unknown) => T;

/** What a reading gives. */
export type ReadBy<R> = R extends Reading<infer T> ? T : never;

/** Beyond it no moment is a date. */
const LONGEST_MS = 8.64e15;

/** Beyond it no counter has counted: two such numbers can be added, and go on, and still be exact. */
const MOST = 2 ** 52;

/** A whole number, 0 or more. */
export const count: Reading<number> = (reader, path, value) => {
  const counted = reader.count(path, value);
  return counted <= MOST ? counted : reader.fail(path, `at most ${MOST}`);
};

/** A length of time, or a moment of the wall clock. */
export const ms: Reading<number> = (reader, path, value) => {
  if (typeof value === "number" && value >= 0 && value <= LONGEST_MS) return value;
  return reader.fail(path, `a number of milliseconds, at most ${LONGEST_MS}`);
};

/** Whatever it is: somebody else reads it. */
export const anything: Reading<unknown> = (_, __, value) => value;

export const text =
  (longest: number): Reading<string> =>
  (reader, path, value) =>
    reader.text(path, value, longest);

/** One of the words. */
export const word =
  <W extends string>(words: readonly W[]): Reading<W> =>
  (reader, path, value) =>
    words.find((allowed) => allowed === value) ?? reader.fail(path, `one of ${words.join(", ")}`);

export const nullable =
  <T>(reading: Reading<T>): Reading<T | null> =>
  (reader, path, value) =>
    value === null ? null : reading(reader, path, value);

/** A key that may be missing. */
export const optional =
  <T>(reading: Reading<T>): Reading<T | undefined> =>
  (reader, path, value) =>
    value === undefined ? undefined : reading(reader, path, value);

export const list =
  <T>(reading: Reading<T>, longest: number): Reading<readonly T[]> =>
  (reader, path, value) =>
    reader.list(path, value, longest).map((item, n) => reading(reader, `${path}[${n}]`, item));

/** An object with these fields; a copy, without any others. */
export function record<F extends Readonly<Record<string, Reading<unknown>>>>(
  fields: F,
): Reading<{ readonly [K in keyof F]: ReadBy<F[K]> }> {
  const entries = Object.entries(fields);
  const empty = emptyRecord(Object.keys(fields));
  return (reader, path, value) => {
    const given = reader.record(path, value);
    const read: Record<string, unknown> = { ...empty };
    for (const [key, reading] of entries) {
      read[key] = reading(reader, path === "" ? key : `${path}.${key}`, own(given, key));
    }
    // Each field was read by its own reading, which is what the type says.
    return read as { readonly [K in keyof F]: ReadBy<F[K]> };
  };
}

/**
 * An object with these keys. The engine keeps one that is filled key by key in a slow table from the seventeenth on, but
 * not one that it has parsed, nor its copies.
 */
function emptyRecord(keys: readonly string[]): Readonly<Record<string, unknown>> {
  // An object of nulls is what the text says.
  return JSON.parse(
    `{${keys.map((key) => `${JSON.stringify(key)}:null`).join(",")}}`,
  ) as object as Record<string, null>;
}

/** Numbers by word, of which any may be missing; words that are not known are left out. */
export const numbers =
  <W extends string>(
    words: readonly W[],
    reading: Reading<number>,
  ): Reading<{ readonly [Word in W]?: number }> =>
  (reader, path, value) => {
    const given = value === undefined ? {} : reader.record(path, value);
    const read: { [Word in W]?: number } = {};
    for (const key of Object.keys(given)) {
      const known = words.find((allowed) => allowed === key);
      if (known !== undefined) read[known] = reading(reader, `${path}.${key}`, own(given, key));
    }
    return read;
  };
