import { isData } from "../../events/event-shape.ts";

/** How the lines of an access log are written. */
export const ACCESS_FORMATS = ["json", "csv", "tsv", "common"] as const;
export type AccessFormat = (typeof ACCESS_FORMATS)[number];

/** A line by its fields: undefined for a field that it does not have. */
export type FieldOf = (name: string) => string | undefined;

/**
 * `host ident user [time] "request" status bytes` and whatever follows, as Apache and nginx write it. What follows are
 * the fields `$1`, `$2` … and `last`.
 */
const COMMON =
  /^(?<host>\S+) \S+ \S+ \[(?<time>[^\]]+)\] "(?<request>(?:[^"\\]|\\.)*)" (?<status>\d{3}|-) (?<bytes>\d+|-)(?<rest>.*)$/;

/** What a first line looks like; null when it is none of the formats. */
export function formatOfLine(line: string): AccessFormat | null {
  if (line.trimStart().startsWith("{")) return "json";
  if (COMMON.test(line)) return "common";
  if (line.includes("\t")) return "tsv";
  return line.includes(",") ? "csv" : null;
}

/** Whether a file of this format begins with the names of its fields. */
export const hasHeader = (format: AccessFormat): boolean => format === "csv" || format === "tsv";

/** The fields of a line; null when it is damaged. `columns` are those of the header. */
export function fieldsOfLine(
  line: string,
  format: AccessFormat,
  columns: ReadonlyMap<string, number>,
): FieldOf | null {
  switch (format) {
    case "json":
      return fieldsOfJson(line);
    case "common":
      return fieldsOfCommon(line);
    case "csv":
    case "tsv": {
      const cells = cellsOf(line, format);
      if (cells.length < columns.size) return null;
      return (name) => {
        const at = columns.get(name);
        return at === undefined ? undefined : cells[at];
      };
    }
  }
}

/** The cells of a line of CSV or TSV; a quoted cell may hold the separator and doubled quotes. */
export function cellsOf(line: string, format: "csv" | "tsv"): readonly string[] {
  const separator = format === "csv" ? "," : "\t";
  if (!line.includes('"')) return line.split(separator);
  const cells: string[] = [];
  for (let at = 0; at <= line.length; ) {
    if (line[at] !== '"') {
      const end = line.indexOf(separator, at);
      cells.push(line.slice(at, end < 0 ? line.length : end));
      at = end < 0 ? line.length + 1 : end + 1;
      continue;
    }
    let cell = "";
    let end = at + 1;
    for (; end < line.length; end++) {
      if (line[end] !== '"') cell += line[end];
      else if (line[end + 1] === '"') cell += line[end++];
      else break;
    }
    cells.push(cell);
    // Behind the closing quote, and behind the separator after it.
    at = end + 2;
  }
  return cells;
}

/** A field by its name, or by the names of objects within one another, separated by dots. */
function fieldsOfJson(line: string): FieldOf | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isData(value)) return null;
  return (name) => {
    const found = Object.hasOwn(value, name) ? value[name] : within(value, name);
    if (typeof found === "string") return found;
    return typeof found === "number" || typeof found === "boolean" ? String(found) : undefined;
  };
}

function within(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (held, key) => (isData(held) && Object.hasOwn(held, key) ? held[key] : undefined),
      value,
    );
}

function fieldsOfCommon(line: string): FieldOf | null {
  const { groups } = COMMON.exec(line) ?? {};
  if (groups === undefined) return null;
  const rest = groups["rest"]?.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return (name) => {
    if (name === "rest") return undefined;
    if (name === "last") return unquoted(rest.at(-1));
    const [, place] = /^\$(\d{1,3})$/.exec(name) ?? [];
    if (place !== undefined) return unquoted(rest[Number(place) - 1]);
    return Object.hasOwn(groups, name) ? groups[name] : undefined;
  };
}

const unquoted = (text: string | undefined): string | undefined => text?.replace(/^"|"$/g, "");
