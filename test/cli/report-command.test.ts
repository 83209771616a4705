import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PostMortem } from "../../src/report/post-mortem-report.ts";
import { recordedNight } from "../support/recorded-outage.ts";
import { type Ended, MAIN, telltale } from "../support/telltale-process.ts";

let folder: string;
let night: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "telltale-report-"));
  night = (await recordedNight()).map((line) => `${line.trimEnd()}\n`).join("");
  await file("night.log", night);
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const report = (...args: readonly string[]): Promise<Ended> => telltale(["report", ...args]);

async function json(...args: readonly string[]): Promise<PostMortem> {
  const { code, stdout, stderr } = await report(...args, "--format", "json");
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^(?:.*\n)?\d+ incidents? in .*\n$/s)]);
  // What --format json prints is a post-mortem.
  return JSON.parse(stdout) as PostMortem;
}

/** Runs with what is written to its standard input. */
async function piped(
  write: (line: (text: string) => Promise<void>) => Promise<void>,
  flags: readonly string[] = [],
): Promise<PostMortem> {
  const child = spawn(process.execPath, [...flags, MAIN, "report", "-", "--format", "json"]);
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stdin.on("error", () => {});
  const ended = once(child, "close");
  await write(async (text) => {
    if (!child.stdin.write(text)) await Promise.race([once(child.stdin, "drain"), ended]);
  });
  child.stdin.end();
  expect(await ended).toEqual([0, null]);
  // What --format json prints is a post-mortem.
  return JSON.parse(stdout) as PostMortem;
}

const INCIDENT_KEYS = [
  ...["incidentId", "breaker", "instances", "openedAtMs", "closedAtMs", "mttrMs", "detectMs"],
  ...["reason", "rule", "closeReason", "skips", "failures", "reopens", "probes", "gaps"],
];

test("telltale report --format json has what the contract says", async () => {
  const { incidents, breakers, input } = await json(join(folder, "night.log"));
  expect(incidents).toHaveLength(8);
  for (const incident of incidents) {
    expect(Object.keys(incident)).toEqual(expect.arrayContaining(INCIDENT_KEYS));
  }
  expect(breakers["payments"]).toMatchObject({ incidents: 8, stillOpen: 1 });
  expect(input).toMatchObject({ events: 138, ignored: 3, damaged: 0, lines: 141 });
});

test("telltale report writes Markdown, and a page or JSON by the name of --out", async () => {
  const { stdout, stderr } = await report(join(folder, "night.log"));
  expect(stdout).toMatch(/^# Incident report\n/);
  expect(stdout).toContain("### Timeline (UTC)");
  expect(stderr).toBe("8 incidents in 141 lines: 138 events, 3 of something else, 0 damaged\n");
  for (const [name, start] of [
    ["x.html", "<!doctype html>"],
    ["x.json", "{"],
    ["x.md", "# Incident"],
  ] as const) {
    const out = join(folder, name);
    expect((await report(join(folder, "night.log"), "--out", out)).code).toBe(0);
    expect((await readFile(out, "utf8")).startsWith(start)).toBe(true);
  }
});

test("telltale report reads several files, gzip and standard input as one record", async () => {
  const lines = night.split("\n");
  const [first, second] = [lines.slice(0, 60), lines.slice(60)].map((part) => part.join("\n"));
  const whole = await json(join(folder, "night.log"));
  // The later half is named first.
  const halves = await json(
    await file("b.log", second ?? ""),
    await file("a.log.gz", gzipSync(first ?? "")),
  );
  expect(halves.breakers).toEqual(whole.breakers);
  const streamed = await piped((line) => line(night));
  expect(streamed.breakers).toEqual(whole.breakers);
  expect(streamed.incidents[0]?.timeline[0]?.source?.file).toBe("-");
});

test("telltale report --since, --until, --breaker and --incident choose", async () => {
  const log = join(folder, "night.log");
  const all = await json(log);
  const since = await json(log, "--since", "2026-01-01T00:20Z");
  const until = await json(log, "--until", "2026-01-01 00:01:00");
  expect(since.incidents.length).toBeLessThan(all.incidents.length);
  expect(until.incidents.length).toBe(1);
  const id = all.incidents[3]?.incidentId ?? "";
  expect((await json(log, "--incident", id)).incidents.map((each) => each.incidentId)).toEqual([
    id,
  ]);
  expect((await json(log, "--breaker", "payments")).incidents).toHaveLength(8);
  expect(await report(log, "--breaker", "paymants")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no event is of breaker "paymants": did you mean "payments"?'),
  });
  expect(await report(log, "--incident", "none")).toMatchObject({ code: 1 });
});

test("telltale report --event-key and --prefix are obeyed", async () => {
  const renamed = await file(
    "renamed.log",
    night.replaceAll('"type":"circuit.', '"event":"triage.circuit.'),
  );
  expect((await json(renamed)).incidents).toHaveLength(8);
  expect(
    (await json(renamed, "--event-key", "event", "--prefix", "triage.")).incidents,
  ).toHaveLength(8);
  expect((await json(renamed, "--event-key", "other")).incidents).toHaveLength(0);
  expect((await json(renamed, "--event-key", "event", "--prefix", "x.")).incidents).toHaveLength(0);
});

test("telltale report --template fills in the default form and one's own", async () => {
  const form = new URL("../../docs/post-mortem.mustache", import.meta.url).pathname;
  const log = join(folder, "night.log");
  const filled = await report(log, "--template", form);
  expect(filled.code).toBe(0);
  expect(filled.stdout).toContain("## Timeline");
  expect(filled.stdout).not.toMatch(/\{\{|\}\}|undefined|NaN|\[object/);
  const own = await file(
    "own.html",
    "{{#incidents}}<p>{{breaker}} {{lastedText}} {{skips}}</p>{{/incidents}}",
  );
  expect((await report(log, "--template", own)).stdout).toContain("<p>payments 1 min 12 s 120</p>");
  const broken = await file("broken.md", "{{#incidents}} never closed");
  expect(await report(log, "--template", broken)).toMatchObject({ code: 2 });
  expect(await report(log, "--template", own, "--format", "html")).toMatchObject({ code: 2 });
  expect(await report(log, "--template", join(folder, "none.md"))).toMatchObject({ code: 1 });
});

test.each([
  [["--format", "xml"], "--format must be one of markdown, html, json"],
  [["--since", "yesterday"], "--since must be a moment such as"],
  [["--until", "2026-13-45"], "--until must be a moment such as"],
  [["--since", "2026-01-02", "--until", "2026-01-01"], "--since must not be later than --until"],
  [["--colour"], "unknown option"],
])("telltale report refuses %j", async (args, message) => {
  const { code, stderr } = await report(join(folder, "night.log"), ...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

test("telltale report says which file cannot be read or written, and exits with 1", async () => {
  const log = join(folder, "night.log");
  for (const [args, message] of [
    [[join(folder, "none.log")], "none.log cannot be read: ENOENT"],
    [[folder], "is a directory: name its files"],
    [[log, "--out", join(folder, "none", "x.md")], "x.md cannot be written: ENOENT"],
  ] as const) {
    const { code, stderr } = await report(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  }
});

test("an empty file is a report of nothing", async () => {
  const empty = await file("empty.log", "");
  expect((await json(empty)).input).toMatchObject({ lines: 0, events: 0, ignored: 0, damaged: 0 });
  for (const format of ["markdown", "html"]) {
    expect((await report(empty, "--format", format)).stdout).toContain("no event of a breaker");
  }
});

test("a binary file is lines of something else", async () => {
  const { input, incidents } = await json(await file("binary", randomBytes(3_000_000)));
  expect(input.events).toBe(0);
  expect(input.ignored).toBeGreaterThan(1_000);
  expect(incidents).toEqual([]);
});

test("a truncated gzip is read as far as it goes, which is said", async () => {
  const packed = gzipSync(night.repeat(50));
  const cut = await file("cut.gz", packed.subarray(0, Math.floor(packed.length / 2)));
  const { stdout, stderr, code } = await report(cut, "--format", "json");
  expect(code).toBe(0);
  expect(stderr).toContain("cut.gz could not be read to its end (unexpected end of file)");
  const read: PostMortem = JSON.parse(stdout);
  expect(read.input.events).toBeGreaterThan(100);
  expect(read.caveats[0]).toContain("what came before it is in the report");
  const damaged = Buffer.from(packed);
  damaged.fill(7, 500, 600);
  expect((await report(await file("damaged.gz", damaged))).code).toBe(0);
});

test("a line of 100 MB is left out, counted and said, and the lines around it are read", async () => {
  const { input, incidents, caveats } = await piped(
    async (write) => {
      await write(night);
      await write('{"type":"circuit.open","atMs":1,"breaker":"');
      for (let megabyte = 0; megabyte < 100; megabyte++) await write("x".repeat(1_000_000));
      await write(`"}\n${night}`);
    },
    ["--max-old-space-size=64"],
  );
  expect(input).toMatchObject({ overlong: 1, damaged: 1, events: 276 });
  expect(incidents).toHaveLength(8);
  expect(caveats.join()).toContain("1 line longer than 1 MiB was left out");
});

const STREAM_BYTES = Number(process.env["TELLTALE_STREAM_BYTES"] ?? 300_000_000);

test("a stream of any length takes the memory of its incidents alone", async () => {
  // By default 300 MB, three times what the process may hold; TELLTALE_STREAM_BYTES=10000000000 is the whole 10 GB.
  const other = `{"level":30,"msg":"request completed","url":"/v1/orders?page=${"x".repeat(150)}"}\n`;
  let seq = 0;
  const event = (round: number, type: string, fields: object): string =>
    `${JSON.stringify({
      ...{ level: 50, type, v: 1, seq: ++seq, breaker: "payments" },
      ...{ atMs: 1_767_225_600_000 + seq * 1_000, incidentId: `i${round}`, ...fields },
    })}\n`;
  const others = other.repeat(4_000);
  // Incidents take memory, lines do not: a longer stream has no more incidents.
  const blocks = Math.ceil(STREAM_BYTES / 300_000_000);
  let [bytes, rounds] = [0, 0];
  const { incidents, input } = await piped(
    async (write) => {
      while (bytes < STREAM_BYTES) {
        const round = rounds++;
        const skips = Array.from({ length: 200 }, (_, at) =>
          event(round, "circuit.skip", { skipsInIncident: at + 1, state: "open" }),
        );
        const text = [
          event(round, "circuit.open", { from: "closed", state: "open", reason: "error" }),
          ...skips,
          event(round, "circuit.close", {
            from: "half_open",
            state: "closed",
            reason: "probe",
            mttrMs: 201_000,
          }),
        ].join("");
        await write(text);
        bytes += text.length;
        for (let block = 0; block < blocks; block++) {
          await write(others);
          bytes += others.length;
        }
      }
    },
    ["--max-old-space-size=48"],
  );
  expect(incidents).toHaveLength(rounds);
  expect(input).toMatchObject({
    events: rounds * 202,
    ignored: rounds * blocks * 4_000,
    damaged: 0,
  });
  expect(incidents.every(({ skips, mttrMs }) => skips === 200 && mttrMs === 201_000)).toBe(true);
}, 600_000);

test("events of a later version and lines that break off are counted and said", async () => {
  const later = night.replaceAll('"v":1,', '"v":2,');
  const log = await file("later.log", `${later}{"level":30,"ms\n{"atMs":1,"type":"circuit.op\n`);
  const { input, caveats } = await json(log);
  expect(input).toMatchObject({ events: 0, laterVersion: 138, damaged: 2 });
  expect(caveats.join()).toContain("use a newer telltale");
});

test("a page of very many incidents tells the first of them and says so", async () => {
  const lines = Array.from({ length: 600 }, (_, at) =>
    JSON.stringify({
      ...{ type: "circuit.open", v: 1, seq: at + 1, breaker: "payments", from: "closed" },
      ...{ atMs: 1_767_225_600_000 + at * 1_000, incidentId: `i${at}`, reason: "error" },
    }),
  );
  const { stdout } = await report(await file("many.log", lines.join("\n")), "--format", "html");
  expect(stdout.match(/<section class="incident"/g)).toHaveLength(500);
  expect(stdout).toContain("100 further incidents in --format json");
});

test("a moment in the future is said", async () => {
  const log = await file("future.log", night.replaceAll(/"atMs":1767/g, '"atMs":9767'));
  expect((await json(log)).caveats.join()).toContain("138 events are dated in the future");
});

test("telltale report --help tells its options, examples and exit codes", async () => {
  const { stdout } = await report("--help");
  for (const word of ["--since TIME", "--template FILE", "Examples", "Exit codes"]) {
    expect(stdout).toContain(word);
  }
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
});

test("a reader that leaves early is no failure", async () => {
  const child = spawn("/bin/sh", [
    "-c",
    `"${process.execPath}" "${MAIN}" report "${join(folder, "night.log")}" 2>/dev/null | head -1`,
  ]);
  expect(await once(child, "close")).toEqual([0, null]);
});
