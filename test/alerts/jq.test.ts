import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith, program } from "../support/programs.ts";
import { recordedLog } from "./recorded-log.ts";

const page = readFileSync(new URL("../../docs/alerts/README.md", import.meta.url), "utf8");
const section = page.slice(page.indexOf("\n## Without anything: jq"));
/** The commands of the section, by the sentence above each. */
const commands = new Map(
  [...section.matchAll(/\n([^\n]+)\n\n```sh\n(jq [^\n]+)\n```/g)].map(
    ([, asked = "", line = ""]) => [asked, line],
  ),
);

describeWith("jq")("the jq lines of docs/alerts/README.md, on a recorded log", () => {
  const folder = mkdtempSync(join(tmpdir(), "telltale-jq-"));
  beforeAll(async () => {
    const lines = await recordedLog();
    // Lines of the application stand between those of the breakers.
    const others = [
      '{"level":30,"msg":"listening"}\n',
      '{"level":30,"type":"request","msg":"served"}\n',
    ];
    writeFileSync(join(folder, "service.log"), [others[0], ...lines, others[1]].join(""));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What a command prints, line by line. */
  async function answers(asked: string): Promise<unknown[]> {
    const line = [...commands].find(([sentence]) => sentence.startsWith(asked))?.[1] ?? "";
    expect(line).toMatch(/^jq .* service\.log$/);
    const shell = line.replace(/^jq/, program("jq"));
    const { stdout } = await promisify(execFile)("sh", ["-c", shell], { cwd: folder });
    return stdout
      .split("\n")
      .filter((each) => each !== "")
      .map((each) => JSON.parse(each));
  }

  test("every line of the page is asked here", () => {
    expect(commands.size).toBe(6);
  });

  test("which breakers are open", async () => {
    expect(await answers("Which breakers are open now")).toEqual([
      {
        breaker: "payments",
        instance: "b",
        reason: "forced",
        rule: null,
        since: "2026-01-01T00:02:01Z",
      },
      {
        breaker: "search",
        instance: "a",
        reason: "latency",
        rule: "consecutive",
        since: "2026-01-01T00:02:07Z",
      },
    ]);
  });

  test("how many calls were refused", async () => {
    expect(await answers("How many calls were refused")).toEqual([
      { breaker: "payments", refused: 8 },
      { breaker: "search", refused: 0 },
    ]);
  });

  test("whether it is slow or throwing", async () => {
    expect(await answers("Is it slow or is it throwing?")).toEqual([
      { breaker: "payments", reason: "error", opens: 2 },
      { breaker: "payments", reason: "forced", opens: 1 },
      { breaker: "search", reason: "latency", opens: 1 },
    ]);
  });

  test("how long recoveries took", async () => {
    expect(await answers("How long did recoveries take")).toEqual([
      { breaker: "payments", recoveries: 1, meanSeconds: 120, longestSeconds: 120 },
    ]);
  });

  test("who came near a trip", async () => {
    const near = await answers("Who came near a trip");
    expect(near).toHaveLength(6);
    expect(near[1]).toEqual({
      breaker: "payments",
      instance: "a",
      ratio: 2 / 3,
      failuresToTrip: 1,
      at: "2026-01-01T00:00:00Z",
    });
  });

  test("what did not get into the log", async () => {
    expect(await answers("What did not get into the log?")).toEqual([
      { sink: "listener", lost: 1 },
    ]);
    const path = join(folder, "service.log");
    const lines = readFileSync(path, "utf8").split("\n");
    const lost = lines.findIndex((line) => line.includes('"circuit.half_open"'));
    const { seq } = JSON.parse(lines[lost + 1] ?? "");
    writeFileSync(path, lines.toSpliced(lost, 1).join("\n"));
    expect(await answers("What did not get into the log?")).toEqual([
      { sink: "listener", lost: 1 },
      { breaker: "payments", missingBefore: seq },
    ]);
  });
});
