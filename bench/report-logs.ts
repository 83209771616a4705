import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { logFile } from "./log-file.ts";
import type { Bench, Cell, Question, Skipped } from "./question.ts";

const MEGABYTE = 1_000_000;
const MEGABYTES = Number(process.env["TELLTALE_BENCH_LOG_MB"] ?? 100);
/** The limits of the issue: 250 MB/s on one core, in less than 200 MB. */
const MS_AT_MOST = (MEGABYTES / 250) * 1_000;
/** jq takes a minute for a gigabyte, more on a busy machine. */
const LIMIT_MS = 60_000 + MEGABYTES * 300;
const BYTES_AT_MOST = 200 * MEGABYTE;

const log = ({ buildDir }: Bench): string =>
  logFile(join(dirname(buildDir), "logs"), MEGABYTES * MEGABYTE);

/** The command line as it is published; made once in a run, since the package is built anew before each. */
function commandLine({ buildDir }: Bench): string {
  const file = join(buildDir, "cli", "main.mjs");
  if (!existsSync(file)) {
    const script = join(import.meta.dirname, "..", "scripts", "build-cli.ts");
    const { status, stderr } = spawnSync(process.execPath, [script, file], { encoding: "utf8" });
    if (status !== 0) throw new Error(`Cannot bundle the command line: ${stderr}`);
  }
  return file;
}

/** Processor time of a command with its output thrown away, user and system together, in milliseconds. */
function processorMs(command: readonly string[]): number | Skipped {
  const [name = ""] = command;
  if (spawnSync("sh", ["-c", `command -v "${name}"`]).status !== 0) {
    return { skipped: `${name} is not on this machine` };
  }
  // `times` of POSIX shells: the second line is that of the commands they ran. The output goes through a pipe, because
  // grep reads no further than to the first line when it writes to /dev/null.
  const { stderr, status } = spawnSync(
    "sh",
    ["-c", '{ "$@" 2> /dev/null || exit 1; } | cat > /dev/null; times >&2', "sh", ...command],
    { encoding: "utf8" },
  );
  const [, user, system] = /^.*\n(\S+) (\S+)/.exec(stderr) ?? [];
  if (status !== 0 || user === undefined || system === undefined) {
    throw new Error(`Cannot measure ${command.join(" ")}: ${stderr}`);
  }
  return msOf(user) + msOf(system);
}

/** `1m2.50s` in milliseconds. */
function msOf(text: string): number {
  const [, minutes = "", seconds = ""] = /^(\d+)m([\d.]+)s$/.exec(text) ?? [];
  return (Number(minutes) * 60 + Number(seconds)) * 1_000;
}

/** The most memory that the command line ever held, in bytes. */
function mostBytes(bench: Bench): number {
  const told = "process.on('exit',()=>console.error('most',process.resourceUsage().maxRSS))";
  const { stderr } = spawnSync(
    process.execPath,
    [
      "--import",
      `data:text/javascript,${told}`,
      commandLine(bench),
      "report",
      log(bench),
      "--format",
      "json",
    ],
    { encoding: "utf8", maxBuffer: 256 * MEGABYTE },
  );
  const [, kilobytes] = /^most (\d+)$/m.exec(stderr) ?? [];
  if (kilobytes === undefined) throw new Error(`Cannot measure the memory: ${stderr}`);
  return Number(kilobytes) * 1_024;
}

const reader = (id: string, label: string, command: (file: string) => readonly string[]): Cell => ({
  id: `report-logs/${id}`,
  label,
  limitMs: LIMIT_MS,
  // The file is made before anything is measured.
  measure: async (bench) => processorMs(command(log(bench))),
});

/** How fast a log is searched for what is ours. */
export const reportLogs: Question = {
  title: `Reading ${MEGABYTES} MB of pino lines of which 5 % are ours, processor time`,
  unit: "ms",
  reference: "report-logs/ours",
  roundsEnough: 3,
  note: "TELLTALE_BENCH_LOG_MB=1000 is the whole gigabyte of the issue. grep only counts the lines, jq selects them.",
  cells: [
    {
      id: "report-logs/ours",
      label: "telltale report --format json",
      targets: [{ kind: "absolute", atMost: MS_AT_MOST }],
      measure: async (bench) =>
        processorMs([
          process.execPath,
          commandLine(bench),
          "report",
          log(bench),
          "--format",
          "json",
        ]),
    },
    reader("grep", "grep -c", (file) => ["grep", "-c", '"atMs"', file]),
    reader("jq", "jq select", (file) => ["jq", "-c", "select(.atMs != null)", file]),
  ],
};

/** What the reading holds in memory. */
export const reportMemory: Question = {
  title: `Memory for a report of ${MEGABYTES} MB of logs`,
  unit: "bytes",
  roundsEnough: 2,
  cells: [
    {
      id: "report-memory/ours",
      label: "telltale report --format json",
      targets: [{ kind: "absolute", atMost: BYTES_AT_MOST }],
      measure: async (bench) => mostBytes(bench),
    },
  ],
};
