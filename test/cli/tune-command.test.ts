import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tuning } from "../../src/cli/tune/tuning.ts";
import { type Ended, startTelltale, telltale } from "../support/telltale-process.ts";
import { callsTo, simulate } from "./tune/simulated.ts";

const GRID = ["--grid", "failureThreshold=3,20", "--grid", "cooldownMs=2s,10s"];

let folder: string;
let recording: string;
let access: string;
let lines: readonly string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "telltale-tune-"));
  const calls = callsTo(
    (atMs, random) => ({
      durationMs: 5 + 20 * random(),
      isError: atMs > 20_000 && atMs < 32_000,
    }),
    { perSecond: 30, forMs: 60_000, seed: 1 },
  );
  const setting = { failureThreshold: 20, latencyTripMs: 500, cooldownMs: 10_000 };
  ({ lines } = await simulate(calls, setting, { slowMs: 500 }));
  recording = await file("events.ndjson", lines.join("\n"));
  const rows = calls.map(
    ({ atMs, durationMs, isError }) => `${1.7e12 + atMs},${durationMs},${isError ? 503 : 200}`,
  );
  access = await file("access.csv", ["ts,took,code", ...rows].join("\n"));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const tune = (...args: readonly string[]): Promise<Ended> => telltale(["tune", ...args]);

async function json(...args: readonly string[]): Promise<Tuning> {
  const { code, stdout, stderr } = await tune(...args, "--format", "json");
  expect([code, stderr]).toEqual([0, ""]);
  // What --format json prints is a tuning.
  return JSON.parse(stdout) as Tuning;
}

test("telltale tune tells what each setting of a grid would have cost, as a table and a chart", async () => {
  const { code, stdout, stderr } = await tune(recording, ...GRID);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^payments: 1 \d{3} calls, .* UTC to .* UTC\. 4 settings tried;/);
  expect(stdout).toMatch(/^today {2,}failureThreshold=20 cooldownMs=10s {2,}1 /m);
  expect(stdout).toMatch(/^best {3,}failureThreshold=3 cooldownMs=2s {2,}1 /m);
  expect(stdout).toMatch(/^good refused\n[\d ]+ \|/m);
  expect(stdout).toContain("T today  B best  o on the front  . other settings");
  expect(stdout).toMatch(/With failureThreshold=3 .* there would have been \d+ fewer bad calls/);
  expect(stdout).toContain("{ failureThreshold: 3, cooldownMs: 2000 }");
  expect(stdout).toMatch(/^- today's: recovered in .* to .*, bad let through \d+ to \d+, good/m);
  // What a replay cannot know.
  expect(stdout).toMatch(/- \d+ calls of \d+ were refused while it was recorded/);
  expect(stdout).toContain("takes load off the dependency");
  expect(stdout).toContain("A setting that fits one outage need not fit the next");
  expect(stdout).toMatch(/The recording has 1 incident, .*; its replay with .* has 1 incident, /);
});

test("telltale tune writes Markdown, a page or JSON by the name of --out, or as --format says", async () => {
  for (const [name, start] of [
    ["x.html", "<!doctype html>"],
    ["x.json", "{"],
    ["x.md", "payments: "],
    ["x", "payments: "],
  ] as const) {
    const out = join(folder, name);
    expect(await tune(recording, ...GRID, "--out", out)).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect((await readFile(out, "utf8")).startsWith(start)).toBe(true);
  }
  const { stdout } = await tune(recording, ...GRID, "--format", "markdown");
  expect(stdout).toContain("## Settings\n\n|  | setting | incidents | detected in |");
  expect(stdout).toMatch(/^\| today \| failureThreshold=20 cooldownMs=10s \| 1 \|/m);
});

test("telltale tune --format json has every figure of every setting", async () => {
  const { settings, today, best, front, check, calls, unknown, input } = await json(
    recording,
    ...GRID,
  );
  expect(settings).toHaveLength(4);
  expect(input).toMatchObject({ lines: lines.length, damaged: 0, ignored: 0 });
  expect(unknown).toBeGreaterThan(100);
  expect(today.text).toBe("failureThreshold=20 cooldownMs=10s");
  expect(check?.incidents).toEqual([1, 1]);
  expect(today.refused.value).toBe(unknown);
  expect(front.map(({ isOnFront }) => isOnFront)).not.toContain(false);
  expect(best.nextOutage?.badPassed.low).toBeLessThanOrEqual(best.badPassed.value);
  for (const setting of settings) {
    expect(setting.badPassed.low).toBeLessThanOrEqual(setting.badPassed.value);
    expect(setting.goodRefused.high).toBeGreaterThanOrEqual(setting.goodRefused.value);
    expect(setting.refused.value).toBeLessThan(calls);
  }
});

test("telltale tune around today's setting, when no grid is asked for", async () => {
  const { settings, today } = await json(recording);
  expect(settings.length).toBeGreaterThan(50);
  expect(settings.map(({ text }) => text)).toContain(today.text);
  expect(new Set(settings.map(({ setting }) => setting.failureRate === null)).size).toBe(2);
});

test("telltale tune says when the replay of today's setting is not what was recorded", async () => {
  const told = "They differ: the breaker had another setting, which --current can name";
  expect((await tune(recording, ...GRID)).stdout).not.toContain(told);
  const { stdout } = await tune(recording, ...GRID, "--current", "cooldownMs=60s");
  expect(stdout).toContain(told);
});

test("telltale tune --current, --slow-ms and --weigh change what is compared", async () => {
  const base = await json(recording, ...GRID);
  const { today } = await json(recording, ...GRID, "--current", "cooldownMs=2s");
  expect(today.text).toBe("failureThreshold=20 cooldownMs=2s");
  const { slowMs, settings } = await json(recording, ...GRID, "--slow-ms", "10ms");
  expect(slowMs).toBe(10);
  expect(settings[0]?.badPassed.value).toBeGreaterThan(base.settings[0]?.badPassed.value ?? 0);
  const cheap = await json(recording, ...GRID, "--weigh", "0");
  expect(cheap.weight).toBe(0);
  // When refusals cost nothing, the longest cooldown lets the fewest bad calls through.
  expect(cheap.best.text).toBe("failureThreshold=3 cooldownMs=10s");
});

test("telltale tune --grid-file takes grids as JSON", async () => {
  const grid = await file("grid.json", '[{"failureThreshold":[3,4]},{"failureRate":["0.5@10s"]}]');
  const { settings } = await json(recording, "--grid-file", grid);
  // Today's is not on the grid and is replayed beside it.
  expect(settings.map(({ setting }) => setting.failureThreshold)).toEqual([3, 4, 20, 20]);
});

test("telltale tune reads gzip, several files and standard input as one recording", async () => {
  const whole = await json(recording, ...GRID);
  const half = Math.floor(lines.length / 2);
  const halves = await json(
    ...[await file("b.ndjson", lines.slice(half).join("\n")), ...GRID],
    await file("a.ndjson.gz", gzipSync(lines.slice(0, half).join("\n"))),
  );
  expect(halves.settings).toEqual(whole.settings);
  const { child, told, ended } = startTelltale("tune", ...GRID, "--format", "json");
  child.stdin.end(lines.join("\n"));
  expect(await ended).toBe(0);
  expect(JSON.parse(told.out).settings).toEqual(whole.settings);
});

test("telltale tune on several threads says the same as on one", async () => {
  const one = await json(recording, "--threads", "1");
  expect(await json(recording, "--threads", "3")).toEqual(one);
  expect(await json(recording)).toEqual(one);
});

test("telltale tune reads an access log, of which every outcome is known", async () => {
  const map = ["--map", "time=ts,duration=took:ms", "--map", "status=code"];
  const found = await json(access, ...map, "--current", "failureThreshold=20", ...GRID);
  expect(found).toMatchObject({ breaker: "access log", unknown: 0, check: null, slowMs: null });
  for (const { badPassed, goodRefused } of found.settings) {
    expect([badPassed.low, goodRefused.high]).toEqual([badPassed.value, goodRefused.value]);
  }
  expect(found.caveats).toContainEqual(expect.stringContaining("The outcome of each call"));
  const starts = await json(access, ...map, ...GRID, "--time-is", "start", "--input", "csv");
  expect(starts.fromAtMs).toBeGreaterThan(found.fromAtMs);
  const none = await json(access, ...map, ...GRID, "--failed", "599");
  expect(none.today.incidents.value).toBe(0);
  const ignored = await json(access, ...map, ...GRID, "--ignored", "503");
  expect(ignored.today.badPassed.value).toBe(0);
});

test("telltale tune --since, --until and --breaker choose", async () => {
  const { fromAtMs, toAtMs } = await json(recording, ...GRID);
  const [since, until] = [fromAtMs + 10_000, toAtMs - 10_000].map((ms) =>
    new Date(ms).toISOString(),
  );
  const part = await json(recording, ...GRID, "--since", since ?? "", "--until", until ?? "");
  expect(part.fromAtMs).toBeGreaterThan(fromAtMs + 9_000);
  expect(part.toAtMs).toBeLessThan(toAtMs - 9_000);
  const other = lines.slice(0, 50).map((line) => line.replaceAll("payments", "mail"));
  const both = await file("both.ndjson", [...lines, ...other].join("\n"));
  expect((await tune(both, ...GRID)).stderr).toBe(
    'Cannot tune: the recording is of 2 breakers, name one with --breaker: "payments", "mail"\n',
  );
  expect((await json(both, ...GRID, "--breaker", "payments")).settings).toEqual(
    (await json(recording, ...GRID)).settings,
  );
  expect(await tune(both, ...GRID, "--breaker", "main")).toEqual({
    ...{ code: 1, stdout: "" },
    stderr: 'Cannot tune: the recording has nothing of that breaker, only of "payments", "mail"\n',
  });
});

// What is damaged, cut off, of another kind or impossible is told, and never ends in a stack trace.
test.each([
  ["an empty file", "", "the recording is empty"],
  ["blank lines", "\n\n\n", "the recording is empty"],
  ["a binary file", randomBytes(300_000), /^none of its \d+ lines is an event of a breaker/],
  ["a log without events", "hello\nworld\n", "none of its 2 lines is an event of a breaker"],
  ["HTML", "<html>\n<body>\n", "none of its 2 lines is an event of a breaker"],
])("telltale tune of %s fails with what is wrong", async (name, content, message) => {
  const { code, stdout, stderr } = await tune(await file(name, content));
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^Cannot tune: .*\n$/);
  expect(stderr.slice("Cannot tune: ".length)).toMatch(message);
});

test("telltale tune of a gzip that is cut off takes what came before, and says so", async () => {
  const whole = gzipSync(lines.join("\n"));
  const { caveats, calls } = await json(
    await file("cut.gz", whole.subarray(0, whole.length * 0.7)),
    ...["--current", "latencyTripMs=500", ...GRID],
  );
  expect(calls).toBeGreaterThan(500);
  expect(caveats).toContainEqual(expect.stringMatching(/cut\.gz could not be read to its end/));
});

test("telltale tune counts damaged and overlong lines, and lines of other applications", async () => {
  const mixed = [
    ...lines.slice(0, -1),
    ...["other log line", `{"msg":"${"x".repeat(2_000_000)}","atMs":1}`, '{"atMs":', "[1,2]"],
    lines.at(-1)?.slice(0, 40),
  ];
  const { input, caveats } = await json(await file("mixed", mixed.join("\n")), ...GRID);
  expect(input).toMatchObject({ used: lines.length - 1, overlong: 1 });
  expect(input.damaged).toBeGreaterThanOrEqual(3);
  expect(caveats).toContainEqual(
    expect.stringMatching(/lines could not be read, 1 of them too long/),
  );
});

test("telltale tune keeps what a recording holds from acting on a terminal or a page", async () => {
  const evil = "<b>\u001b[31m|x|\u202e\n# y";
  const path = await file(
    "evil.ndjson",
    lines.map((line) => JSON.stringify({ ...JSON.parse(line), breaker: evil })).join("\n"),
  );
  const { stdout } = await tune(path, ...GRID);
  for (const character of ["\u001b", "\u202e"]) expect(stdout).not.toContain(character);
  expect(stdout.split("\n")[0]).toContain("<b>[31m|x| # y: ");
  const { stdout: page } = await tune(path, ...GRID, "--format", "markdown");
  expect(page.split("\n")[0]).toContain("&lt;b&gt;\\[31m\\|x\\|");
});

test("telltale tune refuses more calls than a replay holds, and says what to do", async () => {
  const [first = "", ...rest] = lines;
  const many = JSON.stringify({ ...JSON.parse(first), suppressed: 30_000_000 });
  const { code, stderr } = await tune(await file("many.ndjson", [many, ...rest].join("\n")));
  expect(code).toBe(1);
  expect(stderr).toBe(
    "Cannot tune: the recording has more than 20 million calls, which is as many as a replay holds: choose a part of it with --since, --until or --breaker\n",
  );
});

test("telltale tune shows how far it is on a terminal only, and no colours anywhere", async () => {
  const { stdout, stderr } = await tune(recording, ...GRID);
  expect(stderr).toBe("");
  expect(stdout).not.toContain("\u001b");
});

test.each([
  [["nowhere.ndjson"], 1, /^Cannot tune: nowhere\.ndjson cannot be read: ENOENT/],
  [["."], 1, /^Cannot tune: \. is a directory: name its files/],
  [["x", "--grid", "failureTreshold=3"], 2, /unknown key "failureTreshold", did you mean/],
  [["x", "--grid", "failureThreshold=3", "--grid-file", "y"], 2, /--grid-file takes no --grid/],
  [["x", "--grid-file", "nowhere.json"], 2, /the grid nowhere\.json cannot be read/],
  [["x", "--format", "pdf"], 2, /--format must be one of text, markdown, html, json/],
  [["x", "--threads", "0"], 2, /--threads must be a whole number from 1 to 256/],
  [["x", "--threads", "1.5"], 2, /--threads must be a whole number/],
  [["x", "--weigh", "-1"], 2, /--weigh must be a number from 0/],
  [["x", "--slow-ms", "soon"], 2, /--slow-ms must be a time such as/],
  [["x", "--since", "noon"], 2, /--since must be a moment such as/],
  [["x", "--since", "2026-11-22", "--until", "2026-11-21"], 2, /must not be later than --until/],
  [["x", "--failed", "500"], 2, /--failed is for access logs: it needs --map/],
  [["x", "--input", "csv"], 2, /--input is for access logs: it needs --map/],
  [["x", "--map", "time=a"], 2, /--map must name duration/],
  [
    ["x", "--map", "time=a,duration=b:ms,status=c", "--prefix", "p"],
    2,
    /--prefix is for events, not for --map/,
  ],
  [
    ["x", "--map", "time=a,duration=b:ms,status=c", "--input", "xml"],
    2,
    /--input must be one of json, csv, tsv, common/,
  ],
  [["--treads", "2"], 2, /unknown option "--treads", did you mean "--threads"/],
  [["x", "--grid"], 2, /--grid must be followed by KEY=A,B/],
])("telltale tune %j ends with %i", async (args, code, message) => {
  const ended = await tune(...args);
  expect([ended.code, ended.stdout]).toEqual([code, ""]);
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).not.toMatch(/^ +at /m);
});

test.each([
  [["--current", "failureThreshold=off"], /must have one of failureThreshold/],
  [["--current", "inFlight=on", "--current", "latencyTripMs=off"], /inFlight/],
  [["--grid", "degradation=0.5/0.1"], /degradation must be a list of shares/],
])("telltale tune %j refuses what the breaker refuses", async (args, message) => {
  const { code, stderr } = await tune(
    access,
    "--map",
    "time=ts,duration=took:ms,status=code",
    ...args,
  );
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test("telltale tune says which column an access log does not have", async () => {
  const { code, stderr } = await tune(access, "--map", "time=when,duration=took:ms,status=code");
  expect(code).toBe(2);
  expect(stderr).toMatch(/access\.csv has no column "when", known are ts, took, code/);
});

test("telltale tune --help tells its options with examples and exit codes", async () => {
  const { code, stdout } = await tune("--help");
  expect(code).toBe(0);
  for (const text of [
    "--grid KEY=A,B,...",
    "Examples",
    "telltale tune events.ndjson",
    "Exit codes",
  ]) {
    expect(stdout).toContain(text);
  }
});

test("telltale tune-worker is for telltale tune alone", async () => {
  expect(await telltale(["tune-worker"])).toMatchObject({
    code: 2,
    stderr: "telltale tune-worker is run by telltale tune alone\n",
  });
});
