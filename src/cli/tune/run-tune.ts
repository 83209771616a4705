import { readFile, writeFile } from "node:fs/promises";
import { EXIT } from "../command-line.ts";
import { print } from "../print.ts";
import { RefusedRecord, readRecord, UnreadableFile } from "../reading/read-record.ts";
import { UsageError } from "../usage-error.ts";
import { tablesOf } from "./call-table.ts";
import { caveatsOf } from "./caveats.ts";
import { axesInJson, axisOf, keyText, settingsOn, usualGrids } from "./grid.ts";
import { GridProgress } from "./grid-progress.ts";
import { variationsOf } from "./next-outage.ts";
import { type ReaderOptions, readerFor, recordingOf, UnusableRecording } from "./recording.ts";
import { tuningMarkdown, tuningText } from "./render-tuning.ts";
import type { Outcome } from "./replay-all.ts";
import { type ReplayHands, replayGrid } from "./replay-pool.ts";
import { checkSetting, type Setting } from "./setting.ts";
import { todayOf, usualMs } from "./today.ts";
import { candidatesOf, type Tuning, tuningOf } from "./tuning.ts";

/** What the command line asked for. */
export interface TuneSettings {
  /** `-` is standard input. */
  readonly files: readonly string[];
  readonly reader: ReaderOptions;
  /** Pairs such as `cooldownMs=30s`. */
  readonly current: readonly string[];
  /** Lists such as `failureThreshold=3,5`. */
  readonly grid: readonly string[];
  readonly gridFile: string | undefined;
  /** Undefined for today's latencyTripMs. */
  readonly slowMs: number | undefined;
  readonly weight: number;
  readonly format: "text" | "markdown" | "html" | "json";
  readonly out: string | undefined;
  readonly hands: ReplayHands;
}

/** Reads, replays, writes; returns the exit code. */
export async function runTune(settings: TuneSettings): Promise<number> {
  try {
    const text = await rendered(await tune(settings), settings.format);
    if (settings.out === undefined) await print(text);
    else await write(settings.out, text);
    return EXIT.done;
  } catch (error) {
    const isTold =
      error instanceof UnreadableFile ||
      error instanceof RefusedRecord ||
      error instanceof UnusableRecording;
    if (!isTold) throw error;
    process.stderr.write(`Cannot tune: ${error.message}\n`);
    return EXIT.failed;
  }
}

async function tune(asked: TuneSettings): Promise<Tuning> {
  // Before anything long is read: what is wrong with the command line shows at once.
  const grids = await gridsOf(asked);
  const { recording, faults, today, slowMs, usual, streams } = await read(asked);
  const tried = settingsOn(today.setting, grids ?? usualGrids(today.setting, { usualMs: usual }));
  const { settings, todayAt } = withToday(tried, today.setting);
  const replayed = async (all: readonly Setting[]): Promise<readonly Outcome[]> => {
    const progress = new GridProgress(process.stderr, all.length);
    const hands = { ...asked.hands, onProgress: progress.show };
    return replayGrid({ streams, settings: all, slowMs }, hands).finally(() => progress.end());
  };
  const outcomes = await replayed(settings);
  const grid = { recording, settings, outcomes, todayAt, slowMs, weight: asked.weight };
  const candidates = candidatesOf(grid).map((place) => {
    const setting = settings[place];
    return { place, varied: setting === undefined ? [] : variationsOf(setting) };
  });
  const varied = await replayed(candidates.flatMap((each) => each.varied));
  let before = 0;
  const variations = new Map(
    candidates.map((each) => {
      const own = varied.slice(before, before + each.varied.length);
      before += own.length;
      return [each.place, own];
    }),
  );
  const caveats = caveatsOf(recording, { slowMs, notes: [...today.notes, ...faults] });
  return tuningOf({ ...grid, variations }, caveats);
}

/** Reads the recording into tables; what they were made of is not kept. */
async function read({ files, reader: options, current, slowMs: asked }: TuneSettings) {
  const reader = readerFor(options);
  const faults = await readRecord(files, reader, process.stderr);
  const { recording, logs } = recordingOf(reader);
  const today = todayOf(recording, current);
  const slowMs = asked ?? today.setting.latencyTripMs ?? Number.POSITIVE_INFINITY;
  const streams = logs.map((log) => tablesOf(log, slowMs));
  return { recording, faults, today, slowMs, usual: usualMs(logs, slowMs), streams };
}

async function gridsOf({ grid, gridFile }: TuneSettings) {
  if (gridFile !== undefined) return axesInJson(await text(gridFile), gridFile);
  return grid.length === 0 ? null : [grid.map(axisOf)];
}

function withToday(tried: readonly Setting[], today: Setting) {
  const todayAt = tried.findIndex((setting) => keyText(setting) === keyText(today));
  return todayAt < 0
    ? { settings: [...tried, checkSetting(today)], todayAt: tried.length }
    : { settings: tried, todayAt };
}

async function rendered(tuning: Tuning, format: TuneSettings["format"]): Promise<string> {
  switch (format) {
    case "text":
      return tuningText(tuning);
    case "markdown":
      return tuningMarkdown(tuning);
    case "json":
      return `${JSON.stringify(tuning, null, 2)}\n`;
    case "html":
      return (await import("./tuning-page.ts")).tuningPage(tuning);
  }
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`Cannot tune: the grid ${file} cannot be read: ${reasonOf(error)}`);
  }
}

async function write(file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    throw new UnreadableFile(`${file} cannot be written: ${reasonOf(error)}`);
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
