import type { Given } from "./command-line.ts";

/** The text of an option that takes a value; undefined when it was not given. */
export function textOf(given: Given, option: string): string | undefined {
  const value = given[option];
  return typeof value === "string" ? value : undefined;
}
