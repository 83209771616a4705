import { writeFile } from "node:fs/promises";
import { PostMortemFold } from "../../report/post-mortem.ts";
import { renderPostMortem } from "../../report/render-post-mortem.ts";
import { readRecord } from "../reading/read-record.ts";
import { htmlPage } from "../report/html-page.ts";
import { DemoFailure } from "./ending.ts";

/** Where the reports of a recording are. */
export interface ReportFiles {
  /** One page with charts. */
  readonly page: string;
  /** To be pasted into a post-mortem. */
  readonly markdown: string;
}

/**
 * Writes what `telltale report` makes of a recording beside it: as a page and as Markdown.
 *
 * @throws {DemoFailure} when the recording cannot be read
 */
export async function writeReports(recording: string): Promise<ReportFiles> {
  const fold = new PostMortemFold({ nowMs: Date.now() });
  const faults = await readRecord([recording], fold, { write: () => {} });
  if (faults.length > 0) throw new DemoFailure(faults.join(" "));
  const report = fold.result();
  const beside = recording.replace(/\.ndjson$/, "");
  const files = { page: `${beside}.html`, markdown: `${beside}.md` };
  await writeFile(files.page, await htmlPage(report));
  await writeFile(files.markdown, renderPostMortem(report));
  return files;
}
