import { hint } from "../../events/nearest.ts";
import type { Given } from "../command-line.ts";
import { durationMs } from "../duration.ts";
import { textOf } from "../text-option.ts";
import { UsageError } from "../usage-error.ts";

/** Ends the command: an option has a value that it cannot have. */
export function refuse(option: string, allowed: string, received: string): never {
  throw new UsageError(
    `Cannot write alerts: --${option} must ${allowed}, received ${JSON.stringify(received)}`,
  );
}

/** The items of a list; undefined when the option was not given. */
export function listOf(given: Given, option: string): readonly string[] | undefined {
  const text = textOf(given, option);
  const items = text?.split(",").map((item) => item.trim());
  if (items?.includes("")) refuse(option, "be a list separated by commas", text ?? "");
  const twice = items?.find((item, n) => items.indexOf(item) !== n);
  if (twice !== undefined) refuse(option, `name ${twice} once`, text ?? "");
  return items;
}

/** The pairs of an option such as `--label team=payments,tier=1`. */
export function pairsOf(given: Given, option: string): readonly (readonly [string, string])[] {
  const items = listOf(given, option) ?? [];
  const pairs = items.map((item): readonly [string, string] => {
    const at = item.indexOf("=");
    if (at < 1 || at === item.length - 1) refuse(option, "be pairs such as a=b,c=d", item);
    return [item.slice(0, at).trim(), item.slice(at + 1).trim()];
  });
  const keys = pairs.map(([key]) => key);
  const twice = keys.find((key, n) => keys.indexOf(key) !== n);
  if (twice !== undefined) refuse(option, `name ${twice} once`, textOf(given, option) ?? "");
  return pairs;
}

/** One of some words; undefined when the option was not given. */
export function wordOf<W extends string>(
  given: Given,
  option: string,
  words: readonly W[],
): W | undefined {
  const text = textOf(given, option);
  if (text === undefined) return undefined;
  return words.find((word) => word === text) ?? refuse(option, `be ${inWords(words)}`, text);
}

/** `a, b or c`. */
export const inWords = (words: readonly string[]): string =>
  words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;

/** Refuses a name that is none of the known ones, and says which are near. */
export function knownName(option: string, name: string, known: readonly string[]): string {
  if (known.includes(name)) return name;
  throw new UsageError(
    `Cannot write alerts: --${option} names ${JSON.stringify(name)}, ${hint(name, known)}`,
  );
}

/** A duration as Prometheus writes it, 0s or longer. */
export function durationOf(option: string, text: string): string {
  if (durationMs(text) !== null) return text === "0" ? "0s" : text;
  return refuse(option, "have times such as 90s, 5m or 1h30m, of a year at most", text);
}
