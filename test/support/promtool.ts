import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { program } from "./programs.ts";

/** What `promtool check rules` says of queries, each wrapped as a rule; the test named promtool in `describeWith`. */
export async function checkedAsRules(exprs: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "telltale-rules-"));
  try {
    const rules = exprs.map((expr, at) => ({ record: `query:number_${at}:checked`, expr }));
    const file = join(folder, "rules.yaml");
    await writeFile(file, stringify({ groups: [{ name: "queries", rules }] }));
    const { stdout } = await promisify(execFile)(program("promtool"), [
      "check",
      "rules",
      "--lint=all",
      "--lint-fatal",
      file,
    ]);
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
