import { readFile, writeFile } from "node:fs/promises";
import { hint } from "../../events/nearest.ts";
import { printable } from "../../events/printable.ts";
import { PostMortemFold } from "../../report/post-mortem.ts";
import type { PostMortem } from "../../report/post-mortem-report.ts";
import { inputText, renderPostMortem } from "../../report/render-post-mortem.ts";
import { counted } from "../../report/wording.ts";
import { EXIT } from "../command-line.ts";
import { print } from "../print.ts";
import { readRecord, UnreadableFile } from "../reading/read-record.ts";

/** What the command line asked for. */
export interface ReportSettings {
  /** `-` is standard input. */
  readonly files: readonly string[];
  readonly format: "markdown" | "html" | "json";
  /** Undefined for standard output. */
  readonly out: string | undefined;
  /** A file with a form of one's own. */
  readonly template: string | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly breaker: string | undefined;
  readonly incident: string | undefined;
  readonly eventKey: string | undefined;
  readonly prefix: string | undefined;
}

/** Reads, reports, writes; returns the exit code. */
export async function runReport(settings: ReportSettings): Promise<number> {
  try {
    const template =
      settings.template === undefined ? undefined : await readTemplate(settings.template);
    const report = await reportOf(settings);
    const text =
      template === undefined
        ? await rendered(report, settings.format)
        : (await import("./template.ts")).filledIn(template, report, settings.template ?? "");
    if (settings.out === undefined) await print(text);
    else await write(settings.out, text);
    // A summary for whoever sees the terminal; the standard output is the report's alone.
    const { incidents, input } = report;
    process.stderr.write(`${counted(incidents.length, "incident")} in ${inputText(input)}\n`);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof UnreadableFile || error instanceof NothingFound)) throw error;
    process.stderr.write(`Cannot report: ${error.message}\n`);
    return EXIT.failed;
  }
}

/** The record has nothing of what was asked for. */
class NothingFound extends Error {
  override readonly name = "NothingFound";
}

async function reportOf(settings: ReportSettings): Promise<PostMortem> {
  const { breaker, incident } = settings;
  const asked = Object.entries({ ...settings, nowMs: Date.now() }).filter(
    ([, value]) => value !== undefined,
  );
  const fold = new PostMortemFold(Object.fromEntries(asked));
  const faults = await readRecord(settings.files, fold, process.stderr);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  const report = fold.result();
  if (breaker !== undefined && !fold.breakersSeen.has(breaker)) {
    throw new NothingFound(
      `no event is of breaker "${breaker}"${near(breaker, fold.breakersSeen)}`,
    );
  }
  if (incident !== undefined && report.incidents.length === 0) {
    throw new NothingFound(`no incident "${incident}" is in the record`);
  }
  return { ...report, caveats: [...faults, ...report.caveats] };
}

function near(name: string, known: ReadonlySet<string>): string {
  // Names come from the record: as many and as long as they like.
  const names = [...known].slice(0, 100).map((each) => printable(each).slice(0, 60));
  return names.length === 0 ? ": no event is of any breaker" : `: ${hint(name, names)}`;
}

async function rendered(report: PostMortem, format: ReportSettings["format"]): Promise<string> {
  switch (format) {
    case "markdown":
      return renderPostMortem(report);
    case "json":
      return `${JSON.stringify(report, null, 2)}\n`;
    case "html":
      return (await import("./html-page.ts")).htmlPage(report);
  }
}

async function readTemplate(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UnreadableFile(`the template ${file} cannot be read: ${reasonOf(error)}`);
  }
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new UnreadableFile(`${file} cannot be written: ${reasonOf(error)}`);
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
