import { readFile } from "node:fs/promises";

/** Set where this file is bundled. */
declare const TELLTALE_VERSION: string | undefined;

/** The version of the package. */
export async function version(): Promise<string> {
  if (typeof TELLTALE_VERSION === "string") return TELLTALE_VERSION;
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return String(Reflect.get(Object(JSON.parse(text)), "version"));
}
