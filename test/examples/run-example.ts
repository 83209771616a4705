import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Where an example is. */
export const exampleFile = (path: string): string =>
  fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));

/** Runs an example as its own process, as README tells its readers to; rejects when it exits with an error. */
export async function runExample(
  path: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> } = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", exampleFile(path), ...args],
    { timeout: 50_000, env: { ...process.env, ...env } },
  );
  return stdout;
}
