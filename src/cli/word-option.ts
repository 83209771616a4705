import type { Given } from "./command-line.ts";
import { textOf } from "./text-option.ts";
import { UsageError } from "./usage-error.ts";

/**
 * One of the words that an option takes; undefined when it was not given.
 * @throws {UsageError} when it is none of them
 */
export function wordOf<W extends string>(
  given: Given,
  option: string,
  { words, command }: { readonly words: readonly W[]; readonly command: string },
): W | undefined {
  const asked = textOf(given, option);
  const word = words.find((known) => known === asked);
  if (asked === undefined || word !== undefined) return word;
  throw new UsageError(
    `Cannot run ${command}: --${option} must be one of ${words.join(", ")}, received "${asked}"`,
  );
}
