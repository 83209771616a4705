/** A value that JSON can hold without nesting. */
export type Scalar = string | number | boolean | null;

/** An error as events carry it: plain data, the message cut to a limit. */
export interface ErrorInfo {
  /** The error's `name`, or the type of a thrown value that is no error. */
  readonly name: string;
  readonly message: string;
  /** The `code` of the error, or of the first of its causes that has one, such as `ECONNREFUSED`. */
  readonly code?: string;
}

/** What a field holds, in the terms that JSON Schema, docs and tables are made from. */
export type FieldShape =
  | { readonly kind: "integer" | "number"; readonly minimum?: number; readonly maximum?: number }
  | { readonly kind: "text" }
  | { readonly kind: "word"; readonly words: readonly Scalar[] }
  | { readonly kind: "counts"; readonly keys: readonly string[] }
  | { readonly kind: "numbers" }
  | { readonly kind: "scalars" }
  | { readonly kind: "error" };

declare const holds: unique symbol;

/** One field of an event: its meaning for readers, its shape for checks, its type for the compiler. */
export interface Field<T, Optional extends boolean = false> {
  readonly doc: string;
  readonly shape: FieldShape;
  /** The value may be null. */
  readonly nullable: boolean;
  /** The key may be missing. */
  readonly optional: Optional;
  readonly [holds]?: T;
}

function field<T>(shape: FieldShape, doc: string): Field<T> {
  return { doc, shape, nullable: false, optional: false };
}

/** A whole number, 0 or more. */
export const count = (doc: string): Field<number> => field({ kind: "integer", minimum: 0 }, doc);
/** A length of time in milliseconds, 0 or more. */
export const ms = (doc: string): Field<number> => field({ kind: "number", minimum: 0 }, doc);
/** Any number. */
export const number = (doc: string): Field<number> => field({ kind: "number" }, doc);
/** A moment of the wall clock in epoch milliseconds. */
export const atMs = (doc: string): Field<number> => field({ kind: "number" }, doc);
/** A share between 0 and 1. */
export const share = (doc: string): Field<number> =>
  field({ kind: "number", minimum: 0, maximum: 1 }, doc);
/** Free text. */
export const text = (doc: string): Field<string> => field({ kind: "text" }, doc);
/** One word of a list. */
export const word = <const W extends readonly Scalar[]>(words: W, doc: string): Field<W[number]> =>
  field({ kind: "word", words }, doc);
/** A count for each key of a list. */
export const counts = <const K extends readonly string[]>(
  keys: K,
  doc: string,
): Field<Readonly<Record<K[number], number>>> => field({ kind: "counts", keys }, doc);
/** Named numbers; the names depend on the rule. */
export const numbers = (doc: string): Field<Readonly<Record<string, number>>> =>
  field({ kind: "numbers" }, doc);
/** Named values that JSON can hold without nesting. */
export const scalars = (doc: string): Field<Readonly<Record<string, Scalar>>> =>
  field({ kind: "scalars" }, doc);
/** An error as plain data. */
export const error = (doc: string): Field<ErrorInfo> => field({ kind: "error" }, doc);
/** The value may be null. */
export const nullable = <T>(inner: Field<T>): Field<T | null> => ({ ...inner, nullable: true });
/** The key may be missing. */
export const optional = <T>(inner: Field<T>): Field<T, true> => ({ ...inner, optional: true });

/** A set of fields by name. */
export type Fields = Readonly<Record<string, Field<unknown, boolean>>>;

type Held<F> = F extends Field<infer T, boolean> ? T : never;
/** The type of the data that a set of fields describes. */
export type DataOf<F extends Fields> = {
  readonly [K in keyof F as F[K]["optional"] extends true ? never : K]: Held<F[K]>;
} & {
  readonly [K in keyof F as F[K]["optional"] extends true ? K : never]?: Held<F[K]>;
};
