import { UsageError } from "./usage-error.ts";

/** What an operand of `dashboard` and `watch` names. */
export type NamedSource =
  | { readonly kind: "stream"; readonly url: string }
  /** `-` is standard input. */
  | { readonly kind: "file"; readonly file: string };

/** How the help speaks of them. */
export const SOURCES = {
  value: "URL|FILE ...",
  doc: "event streams, recorded events or pino logs, - for standard input",
} as const;

/**
 * What the operands name.
 * @throws {UsageError} when there is none, or an address that nothing can be asked at
 */
export function sourcesOf(operands: readonly string[], command: string): readonly NamedSource[] {
  if (operands.length === 0) {
    throw new UsageError(
      `Cannot run ${command}: name an event stream such as http://127.0.0.1:8080/events, or a file`,
    );
  }
  return operands.map((operand) => sourceOf(operand, command));
}

function sourceOf(operand: string, command: string): NamedSource {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(operand)) return { kind: "file", file: operand };
  const isUsable = URL.canParse(operand) && /^https?:$/.test(new URL(operand).protocol);
  if (isUsable) return { kind: "stream", url: operand };
  throw new UsageError(
    `Cannot run ${command}: an address must be one of http or https, such as http://127.0.0.1:8080/events, received "${operand}"`,
  );
}
