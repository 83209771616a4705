import { readdirSync, readFileSync } from "node:fs";

/** A block of code in a page. */
interface Block {
  readonly language: string;
  readonly code: string;
  /** The heading that it stands under. */
  readonly section: string;
}

/** A page of docs/runbooks. */
export interface Page {
  readonly file: string;
  readonly text: string;
  readonly title: string;
  /** The headings of the second level, with the text below each. */
  readonly sections: ReadonlyMap<string, string>;
  readonly blocks: readonly Block[];
  /** What stands between backticks in the prose and the tables. */
  readonly words: readonly string[];
  /** Where the links of the page lead. */
  readonly links: readonly string[];
}

const folder = new URL("../../docs/runbooks/", import.meta.url);

/** Every page, the index included. */
export function readPages(): readonly Page[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".md"))
    .map((file) => readPage(file, readFileSync(new URL(file, folder), "utf8")));
}

const FENCE = /^( *)```(\w*)\n([\s\S]*?)\n\1```$/gm;

function readPage(file: string, text: string): Page {
  const prose = text.replaceAll(FENCE, "");
  const sections = sectionsOf(text);
  const blocks = [...sections].flatMap(([section, body]) =>
    [...body.matchAll(FENCE)].map(([, indent = "", language = "", code = ""]) => ({
      language,
      code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      section,
    })),
  );
  return {
    file,
    text,
    title: /^# (.*)$/m.exec(text)?.[1] ?? "",
    sections,
    blocks,
    words: [...prose.matchAll(/`([^`\n]+)`/g)].map(([, word = ""]) => word),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link),
  };
}

function sectionsOf(text: string): ReadonlyMap<string, string> {
  const [, ...parts] = text.split(/^## /m);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}

/** The anchor that a heading has in a rendered page. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .trim()
    .replaceAll(/\s/g, "-");

/** The first row of a page's first table, by the head of its columns. */
export function facts({ text }: Page): Readonly<Record<string, string>> {
  const [head = "", , row = ""] = text.split("\n").filter((line) => line.startsWith("|"));
  const cells = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const values = cells(row);
  return Object.fromEntries(cells(head).map((name, at) => [name, values[at] ?? ""]));
}
