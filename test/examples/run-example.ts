import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Runs an example as its own process, as README tells its readers to; rejects when it exits with an error. */
export async function runExample(
  path: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> } = {},
): Promise<string> {
  const file = new URL(`../../examples/${path}`, import.meta.url);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", file.pathname, ...args],
    { timeout: 50_000, env: { ...process.env, ...env } },
  );
  return stdout;
}
