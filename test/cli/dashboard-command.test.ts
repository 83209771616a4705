import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { LiveStream } from "../../src/dashboard/board/live-stream.ts";
import { listen, service } from "../dashboard/dashboard-server.ts";
import { recordedNight } from "../support/recorded-outage.ts";
import { startTelltale } from "../support/telltale-process.ts";

const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "telltale-dashboard-"));
});
afterAll(() => rm(folder, { recursive: true }));
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Runs the command, until the test is over. */
function run(...args: string[]) {
  const started = startTelltale("dashboard", ...args);
  const { told } = started;
  const address = async (): Promise<string> => {
    await soon(() => told.out + told.errors).toMatch(/Dashboard http/);
    return /Dashboard (\S+)/.exec(told.out)?.[1] ?? "";
  };
  return { ...started, address };
}

/** Reads one of the streams of the page. */
function stream(url: string) {
  const names: string[] = [];
  const datas: string[] = [];
  const live = new LiveStream(
    { url },
    {
      message: ({ name, data }) => {
        names.push(name);
        datas.push(data);
      },
      status: () => {},
    },
  );
  ends.push(() => live.close());
  live.open();
  return { names, datas, live };
}

test("a service's stream is handed on to the page, with its history and readings", async () => {
  const at = await service();
  at.registry.get("payments").forceOpen("maintenance");
  const { address, child, ended } = run(`${at.url}?events`, "--title", "Shop");
  const url = await address();
  expect(await (await fetch(url)).text()).toContain("<!doctype html>");
  expect(await (await fetch(`${url}?config`)).json()).toEqual({
    title: "Shop",
    sources: [{ name: `${at.url}?events`, url: "?events=0", isRecord: false }],
    hasOperators: false,
  });
  const { names } = stream(`${url}?events=0`);
  await soon(() => names).toEqual(expect.arrayContaining(["circuit.open", "snapshot", "readings"]));
  child.kill("SIGINT");
  expect(await ended).toBe(0);
});

test("a service that is not there yet is waited for, and said", async () => {
  const { port, stop } = await listen(() => {});
  await stop();
  const { address, told } = run(`http://127.0.0.1:${port}/events`);
  const url = await address();
  expect(told.errors).toMatch(/cannot be reached yet \(.*ECONNREFUSED.*\): the page waits for it/);
  const { names, live } = stream(`${url}?events=0`);
  await soon(() => live.status.kind).toBe("lost");
  expect(live.status).toMatchObject({ why: expect.stringMatching(/502: .*ECONNREFUSED/) });
  await listen((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("event: hello\ndata: {}\n\n");
  }, port);
  live.open();
  await soon(() => names).toContain("hello");
});

test("a recording is shown and followed while it grows, also when it is rotated", async () => {
  const file = join(folder, "events.ndjson");
  const event = (seq: number, more = {}) =>
    `${JSON.stringify({ type: "circuit.failure", v: 1, seq, breaker: "a", atMs: seq, generation: 0, state: "closed", ...more })}\n`;
  await writeFile(file, event(1) + event(2).slice(0, 30));
  const { address } = run(file);
  const url = await address();
  const { names, datas } = stream(`${url}?events=0`);
  await soon(() => names.length).toBe(1);
  await appendFile(file, event(2).slice(30) + event(3, { v: 2 }));
  await soon(() => names).toEqual(["circuit.failure", "circuit.failure", "later"]);
  await rename(file, `${file}.1`);
  await writeFile(file, event(4));
  await soon(() => names.length).toBe(4);
  expect(JSON.parse(datas[3] ?? "")).toMatchObject({ seq: 4 });
});

test("pino's lines with another key and prefix, packed, are understood, and damage is handed on", async () => {
  const file = join(folder, "night.log.gz");
  const lines = (await recordedNight()).map((text) =>
    text.trimEnd().replace(/"type":"(circuit|bus)\./, '"event":"triage.$1.'),
  );
  lines.splice(20, 0, '{"atMs":5,"cut', "another application's line");
  await writeFile(file, gzipSync(`${lines.join("\n")}\n`));
  const { address } = run(file);
  const { names } = stream(`${await address()}?events=0`);
  const types = lines.filter((text) => text.includes('"event":"triage.'));
  await soon(() => names.length).toBe(types.length + 1);
  expect(names.filter((name) => name === "damaged")).toHaveLength(1);
  expect(names.filter((name) => name === "circuit.open").length).toBeGreaterThan(5);
});

test("standard input is followed as it comes", async () => {
  const { child, address } = run("-");
  const url = await address();
  const { names } = stream(`${url}?events=0`);
  const event = { type: "circuit.disable", v: 1, seq: 1, breaker: "a", atMs: 5, generation: 1 };
  child.stdin.write(`${JSON.stringify({ ...event, state: "disabled" })}\n`);
  await soon(() => names).toEqual(["circuit.disable"]);
  child.stdin.end();
});

test("a record longer than a page needs is cut at its beginning, and the page is told", async () => {
  const file = join(folder, "long.ndjson");
  const event = { type: "circuit.failure", v: 1, breaker: "a", generation: 0, state: "closed" };
  const lines = Array.from({ length: 20_500 }, (_, n) =>
    JSON.stringify({ ...event, seq: n + 1, atMs: n }),
  );
  await writeFile(file, `${lines.join("\n")}\n`);
  const { address } = run(file);
  const { names, datas } = stream(`${await address()}?events=0`);
  await soon(() => names.length).toBe(20_001);
  expect([names[0], datas[0]]).toEqual(["gap", '{"missed":500}']);
});

test("a request by another name of this machine is refused: a foreign page may have made it", async () => {
  const file = join(folder, "empty.ndjson");
  await writeFile(file, "");
  const { address } = run(file);
  const { port } = new URL(await address());
  const statusOf = (host: string, path = "/") =>
    new Promise((resolve) => {
      get({ host: "127.0.0.1", port, path, headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
    });
  expect(await statusOf(`evil.example:${port}`)).toBe(403);
  expect(await statusOf(`evil.example:${port}`, "/?events=0")).toBe(403);
  expect(await statusOf(`localhost:${port}`)).toBe(200);
  expect(await statusOf("localhost", "/elsewhere")).toBe(404);
  expect(await statusOf("localhost", "/?events=7")).toBe(404);
});

test.each([
  [
    [],
    2,
    "Cannot run dashboard: name an event stream such as http://127.0.0.1:8080/events, or a file",
  ],
  [
    ["ftp://x/events"],
    2,
    'an address must be one of http or https, such as http://127.0.0.1:8080/events, received "ftp://x/events"',
  ],
  [["http://"], 2, "an address must be one of http or https"],
  [["x", "--port", "70000"], 2, '--port must be a whole number from 0 to 65535, received "70000"'],
  [["x", "--title", "t".repeat(129)], 2, "--title must have at most 128 characters"],
  [["/nowhere.ndjson"], 1, "Cannot show the dashboard: /nowhere.ndjson cannot be read: ENOENT"],
  [["/"], 1, "Cannot show the dashboard: / is a directory: name its files"],
])("%j ends with %i and says what to do", async (args, code, message) => {
  const { ended, told } = run(...args);
  expect(await ended).toBe(code);
  expect(told.errors).toContain(message);
  expect(told.out).toBe("");
});

test("an address that gives no event stream, and a port that is taken, are told", async () => {
  const { port } = await listen((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>");
  });
  const wrong = run(`http://127.0.0.1:${port}/`);
  expect(await wrong.ended).toBe(1);
  expect(wrong.told.errors).toContain("it answers text/html, which is no event stream: give the");
  const file = join(folder, "none.ndjson");
  await writeFile(file, "");
  const taken = run(file, "--port", String(port));
  expect(await taken.ended).toBe(1);
  expect(taken.told.errors).toMatch(/EADDRINUSE.*--port names another, or leave it out/);
});
