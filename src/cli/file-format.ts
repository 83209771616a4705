type FileFormat = "markdown" | "html" | "json";

const BY_EXTENSION: ReadonlyMap<string, FileFormat> = new Map([
  ["md", "markdown"],
  ["html", "html"],
  ["htm", "html"],
  ["json", "json"],
]);

/** The format that the name of a file asks for; undefined when it asks for none. */
export function fileFormat(file: string | undefined): FileFormat | undefined {
  const [, extension = ""] = /\.([a-z]+)$/i.exec(file ?? "") ?? [];
  return BY_EXTENSION.get(extension.toLowerCase());
}
