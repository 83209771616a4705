/** One import of a file. */
export interface Import {
  /** The file that is imported, as a path from the repo's root, or the name of a package. */
  readonly target: string;
  /** Gone when the types are stripped. An inline `{ type A }` is not: the file is loaded for it. */
  readonly typeOnly: boolean;
}

/** Sources by their path from the repo's root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//;
const STRING_OR_COMMENT = new RegExp(`(${STRING.source})|${COMMENT.source}`, "g");

/** The source without its comments. */
const withoutComments = (source: string): string =>
  source.replace(STRING_OR_COMMENT, (_, string: string | undefined) => string ?? "");

/** The source without its comments and what its strings say. */
export const codeOnly = (source: string): string => source.replace(STRING_OR_COMMENT, '""');

const CLAUSE = String.raw`(?:[\w$]+\s*,?\s*)?(?:\*(?:\s+as\s+[\w$]+)?|\{[^}]*\})?`;
const FROM = new RegExp(
  `^(?:import|export)\\s+(type\\s+)?${CLAUSE}\\s*from\\s+["']([^"']+)["']`,
  "gm",
);
const BARE = /^import\s+["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']/g;

function resolve(from: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** What a file imports, statically or not. */
export function importsOf(path: string, source: string): Import[] {
  const code = withoutComments(source);
  const target = (specifier: string | undefined) => resolve(path, specifier ?? "");
  return [
    ...[...code.matchAll(FROM)].map(([, type, specifier]) => ({
      target: target(specifier),
      typeOnly: type !== undefined,
    })),
    ...[...code.matchAll(BARE), ...code.matchAll(DYNAMIC)].map(([, specifier]) => ({
      target: target(specifier),
      typeOnly: false,
    })),
  ];
}

/** The cycles of value imports, each once, written as `a.ts > b.ts > a.ts`. Type imports make no cycle at run time. */
export function valueCycles(sources: Sources): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      cycles.push([...path.slice(start), file].join(" > "));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const { target, typeOnly } of importsOf(file, sources.get(file) ?? "")) {
      if (!typeOnly && sources.has(target)) visit(target);
    }
    path.pop();
    done.add(file);
  };
  for (const file of sources.keys()) visit(file);
  return cycles;
}
