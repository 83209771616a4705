import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldIncidents } from "../../src/report/index.ts";
import { MAIN } from "../support/telltale-process.ts";

const FAST = ["demo", "--exit", "--speed", "5"];

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "telltale-demo-test-"));
});
afterAll(() => rm(out, { recursive: true }));

/** A run of the command line, with what it has printed so far. */
class Run {
  readonly process: ChildProcess;
  text = "";
  errors = "";
  readonly exit: Promise<number | null>;

  constructor(args: readonly string[]) {
    this.process = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.process.stdout?.on("data", (chunk: Buffer) => {
      this.text += chunk;
    });
    this.process.stderr?.on("data", (chunk: Buffer) => {
      this.errors += chunk;
    });
    this.exit = new Promise((resolve) => this.process.on("close", resolve));
  }

  /** What the pattern's group finds in the output, as soon as it is there; fails when the run ends without it. */
  async told(pattern: RegExp): Promise<string> {
    let ended = false;
    void this.exit.then(() => {
      ended = true;
    });
    for (;;) {
      const found = pattern.exec(this.text)?.[1];
      if (found !== undefined) return found;
      if (ended) throw new Error(`Nothing matches ${pattern}:\n${this.text}${this.errors}`);
      await sleep(10);
    }
  }

  /** The number that the proof prints beside a text. */
  proven(what: string): number {
    const line = this.text.split("\n").find((each) => each.trim().startsWith(what)) ?? "";
    const [, digits = ""] =
      /^ {2,}(\d[\d ]*?)(?: {3}|$)/.exec(line.trim().slice(what.length)) ?? [];
    expect(digits, `no number for "${what}" in:\n${this.text}`).not.toBe("");
    return Number(digits.replaceAll(" ", ""));
  }

  /** The ids of the processes that the demo started. */
  async children(): Promise<readonly number[]> {
    const upstream = await this.told(/upstream .*\(pid (\d+)\)/);
    const service = await this.told(/service .*\(pid (\d+)\)/);
    return [Number(upstream), Number(service)];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // One that has ended is still listed until its new parent asks for its exit code, which may never happen in a
  // container. Only Linux has this file.
  const stat = `/proc/${pid}/stat`;
  return !(existsSync(stat) && / Z /.test(readFileSync(stat, "utf8")));
}

/** Waits for processes to leave; the test's own limit ends a wait for one that never does. */
async function left(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(10);
}

/** A message of the event stream. */
interface Told {
  readonly id: string;
  readonly name: string;
  // What the message holds, as it was parsed: an event, or a snapshot.
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads server-sent events until the stream ends. */
async function readEvents(url: string): Promise<readonly Told[]> {
  const response = await fetch(url);
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  let text = "";
  try {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  } catch {
    // The demo ends while the stream is open.
  }
  const messages = text.matchAll(/^id: (\S+)\nevent: (\S+)\ndata: (.*)\n\n/gm);
  return [...messages].map(([, id = "", name = "", data = ""]) => ({
    id,
    name,
    data: JSON.parse(data),
  }));
}

/** The names of the series on a metrics page, without those of histograms and of the target. */
async function seriesOf(url: string): Promise<readonly string[]> {
  const text = await (await fetch(url)).text();
  const names = text.match(/^circuit_breaker_\w+(?=[{ ])/gm) ?? [];
  return [...new Set(names.filter((name) => !/_(bucket|sum|count)$/.test(name)))].sort();
}

describe("a whole run of telltale demo", () => {
  let run: Run;
  let recording: readonly string[];
  let children: readonly number[];
  let page: string;
  let series: readonly (readonly string[])[];
  let events: Awaited<ReturnType<typeof readEvents>>;

  beforeAll(async () => {
    run = new Run([...FAST, "--out", out]);
    const url = await run.told(/service +(http:\S+)/);
    const streaming = readEvents(`${url}/events`);
    series = [await seriesOf(`${url}/metrics`), await seriesOf(`${url}/metrics/otel`)];
    page = await (await fetch(await run.told(/dashboard +(http:\S+)/))).text();
    children = await run.children();
    await run.exit;
    events = await streaming;
    recording = (await readFile(await run.told(/recording +(\S+)/), "utf8")).trim().split("\n");
  });

  test("exits 0 and leaves no process behind", async () => {
    expect(await run.exit, run.text + run.errors).toBe(0);
    expect(children.filter(isAlive)).toEqual([]);
  });

  test("accounts for every call", () => {
    const made = run.proven("calls made by the load driver");
    const skips = run.proven("= skipped by the breaker");
    const served = run.proven("+ served by the upstream");
    const refused = run.proven("+ connections refused");
    expect(made).toBe(skips + served + refused + run.proven("+ connections reset"));
    expect(run.proven("accounted for")).toBe(made);
    expect(made).toBeGreaterThan(1_000);
    expect(skips).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(0);
    expect(run.text).toMatch(/^All [\d ]+ calls are accounted for\.$/m);
    expect(run.text).not.toContain("MISMATCH");
  });

  test("reports the incidents of its recording and nothing else", () => {
    const { incidents, breakers, input } = foldIncidents(recording);
    const lines = recording.length;
    expect(input).toEqual({ lines, events: lines, ignored: 0, damaged: 0 });
    const skips = run.proven("= skipped by the breaker");
    expect(breakers["payments"]).toMatchObject({ skips, stillOpen: 0, gaps: 0 });
    const reasons = incidents.map(({ reason }) => reason);
    expect(reasons).toContain("latency");
    expect(reasons).toContain("error");
    expect(incidents.some(({ reopens }) => reopens > 0)).toBe(true);
    for (const { incidentId } of incidents) expect(run.text).toContain(`(${incidentId})`);
  });

  test.each([
    /^\d\d:\d\d:\d\d {2}UPSTREAM SLOW: /m,
    /^\d\d:\d\d:\d\d {2}OPEN {8}payments: slow \(.*latency \d of 5 in a row, the last took [\d.]+ m?s\), detected in /m,
    /^\d\d:\d\d:\d\d {2}OPEN {8}payments: failing \(error \d.* of 5 in a row/m,
    /^\d\d:\d\d:\d\d {2}HALF-OPEN {3}payments: .* calls? skipped since \d\d:\d\d:\d\d$/m,
    /^\d\d:\d\d:\d\d {2}OPEN AGAIN {2}payments: probe failed \(connect ECONNREFUSED /m,
    /^\d\d:\d\d:\d\d {2}CLOSED {6}payments: probe succeeded in .*; MTTR \d\S* m?s, [\d ]+ calls skipped, /m,
    // Which state a status line finds is a matter of timing in so short a run; that it tells one is not.
    /^\d\d:\d\d:\d\d {14}(?:closed: \d of 5 failures to a trip, |(?:half-)?open: skipped [\d ]+ since \d\d:\d\d:\d\d \()/m,
  ])("tells an operator %s", (told) => {
    expect(run.text).toMatch(told);
  });

  test("ends with a page and with Markdown to be pasted, made of the recording", async () => {
    const page = await readFile(await run.told(/report is +(\S+\.html)/), "utf8");
    const markdown = await readFile(await run.told(/and (\S+\.md) /), "utf8");
    for (const { incidentId } of foldIncidents(recording).incidents) {
      expect(page).toContain(incidentId);
      expect(markdown).toContain(`Incident ${incidentId}`);
    }
  });

  test("prints plain text when no terminal is attached", () => {
    expect(run.text).not.toContain("\u001b");
    expect(run.text).not.toContain('{"');
  });

  test("serves the same metrics from prom-client and from OpenTelemetry", () => {
    expect(series[0]).toContain("circuit_breaker_skips_total");
    expect(series[0]).toEqual(series[1]);
  });

  test("serves the live page, at the address that it prints", () => {
    expect(page).toContain("<title>Breakers</title>");
  });

  test("serves how the breaker is, then its events without a gap", () => {
    const [snapshot, ...told] = events;
    expect(snapshot).toMatchObject({
      name: "snapshot",
      data: { breakers: [{ breaker: "payments" }] },
    });
    const names = told.map(({ name }) => name);
    for (const name of ["circuit.skip", "circuit.open", "circuit.close"]) {
      expect(names).toContain(name);
    }
    for (const [n, { id, name, data }] of told.entries()) {
      expect(data["type"]).toBe(name);
      const [, number] = /^\w+\.(\d+)$/.exec(id) ?? [];
      const [, first] = /^\w+\.(\d+)$/.exec(told[0]?.id ?? "") ?? [];
      expect(Number(number)).toBe(Number(first) + n);
      if (n > 0) expect(data["prevSeq"]).toBe(told[n - 1]?.data["seq"]);
    }
  });
});

describe("telltale demo", () => {
  test("fails when a call was made elsewhere and the recording was forged, and says what differs", async () => {
    const run = new Run([...FAST, "--out", out]);
    const url = await run.told(/service +(http:\S+)/);
    const path = await run.told(/recording +(\S+)/);
    await (await fetch(`${url}/`)).text();
    await appendFile(path, '{"type":"circuit.open","reason":"error"}\n{"type":"circuit.skip"}\n');
    expect(await run.exit, run.text + run.errors).toBe(1);
    expect(run.proven("accounted for")).toBe(run.proven("calls made by the load driver") + 2);
    const trips = /^MISMATCH trips by error: recording (\d+), prom-client (\d+), /m.exec(run.text);
    expect(Number(trips?.[1])).toBe(Number(trips?.[2]) + 1);
    expect(run.text).toMatch(/^MISMATCH calls: made by the load driver \d/m);
    expect(run.text).toMatch(/^MISMATCH skips: recording \d/m);
    expect(run.text).not.toContain("calls are accounted for.");
  });

  test("fails when one of its processes dies, and leaves none behind", async () => {
    for (const which of ["upstream", "service"] as const) {
      const run = new Run([...FAST, "--out", out]);
      const children = await run.children();
      const pid = Number(await run.told(new RegExp(`${which} .*\\(pid (\\d+)\\)`)));
      process.kill(pid, "SIGKILL");
      expect(await run.exit, run.text + run.errors).toBe(1);
      expect(run.text).toContain(`The demo failed: the ${which} (pid ${pid}) ended by SIGKILL`);
      expect(children.filter(isAlive)).toEqual([]);
    }
  });

  test("ends at Ctrl-C with 130, and leaves no process behind", async () => {
    const run = new Run([...FAST, "--out", out]);
    const children = await run.children();
    run.process.kill("SIGINT");
    expect(await run.exit).toBe(130);
    expect(run.text).toContain("Stopped (interrupted by SIGINT)");
    expect(children.filter(isAlive)).toEqual([]);
  });

  test("leaves no process behind when it is killed itself", async () => {
    const run = new Run([...FAST, "--out", out]);
    const children = await run.children();
    run.process.kill("SIGKILL");
    await run.exit;
    await left(children);
  });
});

describe("telltale", () => {
  test.each([
    [["--help"], "Usage: telltale <command> [options]", "demo "],
    [["demo", "--help"], "Usage: telltale demo [options]", "--speed N"],
    [["demo", "-h"], "Usage: telltale demo [options]", "Exit codes"],
  ])("%s shows what there is, on stdout", async (args, ...told) => {
    const run = new Run(args);
    expect(await run.exit).toBe(0);
    for (const text of told) expect(run.text).toContain(text);
    expect(run.errors).toBe("");
    expect(run.text).not.toContain("demo-service");
  });

  test.each([
    [[], "Usage: telltale <command> [options]"],
    [["dmo"], 'Cannot run telltale: unknown command "dmo", did you mean "demo"?'],
    [["--hepl"], 'Cannot run telltale: unknown option "--hepl", did you mean "--help"?'],
    [
      ["demo", "--spede", "2"],
      'Cannot run demo: unknown option "--spede", did you mean "--speed"?',
    ],
    [["demo", "now"], 'Cannot run demo: unexpected argument "now"'],
    [["demo", "--exit=yes"], 'Cannot run demo: --exit takes no value, received "yes"'],
    [["demo", "--rate"], "Cannot run demo: --rate must be followed by N"],
    [
      ["demo", "--rate", "9"],
      'Cannot run demo: --rate must be a number from 10 to 1000, received "9"',
    ],
    [
      ["demo", "--speed", "fast"],
      'Cannot run demo: --speed must be a number from 0.2 to 5, received "fast"',
    ],
    [["demo-service", "{}"], "Cannot run a process of the demo alone: run telltale demo"],
    [["demo-upstream"], "Cannot run a process of the demo alone: run telltale demo"],
  ])("%j is wrong usage", async (args, message) => {
    const run = new Run(args);
    expect(await run.exit).toBe(2);
    expect(run.errors).toContain(message);
    expect(run.text).toBe("");
  });

  test("demo --out refuses a place that cannot be written to", async () => {
    const file = join(out, "a-file");
    await writeFile(file, "");
    const run = new Run(["demo", "--exit", "--out", file]);
    expect(await run.exit).toBe(2);
    expect(run.errors).toContain("Cannot record: --out must be a directory that can be written to");
    expect(await readdir(out)).toContain("a-file");
  });
});
