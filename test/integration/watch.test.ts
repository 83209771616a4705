import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { listen, service } from "../dashboard/dashboard-server.ts";
import { succeed } from "../support/breaker.ts";
import { describeWith, program } from "../support/programs.ts";
import { MAIN, startTelltale } from "../support/telltale-process.ts";

const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000 });
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "telltale-watch-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs `telltale watch` with pipes. */
const piped = (...args: string[]) => startTelltale("watch", ...args);

describe("telltale watch in a pipe", () => {
  test("prints events as plain lines, says when it is stale, and comes back", async () => {
    const at = await service();
    const payments = at.registry.get("payments");
    payments.forceOpen("before");
    const { told, child, ended } = piped(`${at.url}?events`);
    await soon(() => told.out).toMatch(/Z ERROR payments: OPEN: forced: before; no probe is due\n/);
    payments.reset("seen");
    await soon(() => told.out).toMatch(/Z INFO {2}payments: CLOSED by reset.*seen\n/);
    await at.stop();
    await soon(() => told.out).toMatch(/Z WARN {2}STALE since .*; next try in/);
    payments.forceOpen("meanwhile");
    await at.again();
    await soon(() => told.out).toMatch(/Z INFO {2}live again\n/);
    await soon(() => told.out).toContain("OPEN: forced: meanwhile");
    expect(told.out).not.toContain("\u001b");
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(told.errors).toBe("");
  });

  test("ends when its reader has left", async () => {
    const at = await service();
    at.registry.get("payments").forceOpen("x");
    const { child, ended, told } = piped(`${at.url}?events`);
    await soon(() => told.out).not.toBe("");
    child.stdout.destroy();
    const payments = at.registry.get("payments");
    const timer = setInterval(
      () => (payments.state === "closed" ? payments.forceOpen() : payments.reset()),
      20,
    );
    expect(await ended).toBe(0);
    clearInterval(timer);
  });

  test("tells a file that is no longer written to its end, and ends there with standard input", async () => {
    const event = { type: "circuit.disable", v: 1, seq: 1, breaker: "a", atMs: 5, generation: 1 };
    const line = JSON.stringify({ ...event, state: "disabled" });
    const { child, ended, told } = piped("-");
    child.stdin.end(`${line}\n`);
    expect(await ended).toBe(0);
    expect(told.out).toBe("1970-01-01T00:00:00.005Z WARN  a: circuit disabled\n");
  });

  test.each([
    [
      [],
      2,
      "Cannot run watch: name an event stream such as http://127.0.0.1:8080/events, or a file",
    ],
    [["gopher://x"], 2, "an address must be one of http or https"],
    [["/nowhere.ndjson"], 1, "Cannot watch: /nowhere.ndjson cannot be read: ENOENT"],
  ])("%j ends with %i and says what to do", async (args, code, message) => {
    const { ended, told } = piped(...args);
    expect(await ended).toBe(code);
    expect(told.errors).toContain(message);
  });

  test("an address that gives no event stream is told at once", async () => {
    const { port } = await listen((_, response) => {
      response.writeHead(404, { "content-type": "text/plain" }).end("nothing here\n");
    });
    const { ended, told } = piped(`http://127.0.0.1:${port}/evnts`);
    expect(await ended).toBe(1);
    expect(told.errors).toMatch(
      /^Cannot watch: http:\S+: it answers 404: nothing here; give the address that serveEvents answers at/,
    );
  });

  test("--once prints how it stands and ends", async () => {
    const at = await service();
    const payments = at.registry.get("payments");
    payments.forceOpen("x");
    await payments.execute(succeed);
    const { ended, told } = piped("--once", `${at.url}?events`);
    expect(await ended).toBe(0);
    expect(told.out).toMatch(
      /^1 breaker, 1 forced, 1 calls refused\nFORCED {5}payments: \d refused, incident of \d+ s, until it is reset\n$/,
    );
  });

  test("--once says what it waited for when nobody tells anything", async () => {
    const { port } = await listen((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": nothing\n\n");
    });
    const { ended, told } = piped("--once", `http://127.0.0.1:${port}/`);
    expect(await ended).toBe(1);
    expect(told.errors).toMatch(/nothing to show after 10 s: http:\S+ tells of no breaker/);
  });

  test("--once of a recording prints how it ended", async () => {
    const file = join(folder, "one.ndjson");
    const event = { type: "circuit.open", v: 1, seq: 1, breaker: "a", atMs: 5, generation: 1 };
    await writeFile(file, `${JSON.stringify({ ...event, state: "open", from: "closed" })}\n`);
    const { ended, told } = piped("--once", file);
    expect(await ended).toBe(0);
    expect(told.out).toContain("OPEN       a: 0 refused");
  });
});

describeWith("tmux")("telltale watch in a terminal", () => {
  /** A terminal of its own, in which a command runs. */
  async function terminal(command: string, size: readonly [columns: number, rows: number]) {
    const socket = `telltale-${process.pid}-${Math.random().toString(36).slice(2)}`;
    const tmux = async (...args: string[]) =>
      (await promisify(execFile)(program("tmux"), ["-L", socket, "-f", "/dev/null", ...args]))
        .stdout;
    const [columns, rows] = size.map(String);
    await tmux(
      ...["new-session", "-d", "-x", columns ?? "", "-y", rows ?? ""],
      `${command}; echo "ended with $?"; sleep 60`,
    );
    ends.push(() => tmux("kill-server").catch(() => {}));
    return {
      screen: () => tmux("capture-pane", "-p"),
      coloured: () => tmux("capture-pane", "-p", "-e"),
      key: (...keys: string[]) => tmux("send-keys", ...keys),
      resize: (x: number, y: number) => tmux("resize-window", "-x", String(x), "-y", String(y)),
    };
  }

  const command = (url: string, env = "") =>
    `env -u NO_COLOR LANG=C.UTF-8 ${env} ${process.execPath} ${MAIN} watch '${url}?events'`;

  test("shows an outage, scrolls, follows its size, says when it is stale, and gives the terminal back", async () => {
    const at = await service();
    for (let n = 0; n < 40; n++) at.registry.get(`breaker-${String(n).padStart(2, "0")}`);
    const { screen, coloured, key, resize } = await terminal(command(at.url), [100, 30]);
    await soon(screen).toMatch(/CLOSED +breaker-00/);
    at.registry.get("breaker-33").forceOpen("maintenance");
    await soon(screen).toMatch(/FORCED +breaker-33 .*until it is reset/);
    await soon(screen).toMatch(/ERROR breaker-33: OPEN: forced: maintenance/);
    await soon(coloured).toContain("\u001b[35m1 forced");
    await key("j", "j");
    await soon(screen).not.toMatch(/FORCED +breaker-33/);
    await key("G");
    await soon(screen).toMatch(/CLOSED +breaker-39/);
    await key("g");
    await resize(60, 12);
    await soon(async () => (await screen()).trimEnd().split("\n").length).toBeLessThanOrEqual(12);
    await soon(screen).toMatch(/FORCED +breaker-33/);
    for (const line of (await screen()).split("\n")) expect(line.length).toBeLessThanOrEqual(60);
    await resize(100, 30);
    await at.stop();
    await soon(screen).toContain("STALE since");
    await at.again();
    await soon(screen).toMatch(/live \d\d:\d\d:\d\d UTC/);
    await key("q");
    await soon(screen).toContain("ended with 0");
    expect(await screen()).not.toContain("breaker-33");
  });

  test("has no colours with NO_COLOR, and ends with Ctrl-C", async () => {
    const at = await service();
    at.registry.get("payments").forceOpen("x");
    const { screen, coloured, key } = await terminal(command(at.url, "NO_COLOR=1"), [90, 24]);
    await soon(screen).toMatch(/FORCED +payments/);
    expect(await coloured()).not.toContain("\u001b[3");
    await key("C-c");
    await soon(screen).toContain("ended with 0");
  });

  test("gives the terminal back when the address is wrong, and says so", async () => {
    const { port } = await listen((_, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>");
    });
    const { screen } = await terminal(command(`http://127.0.0.1:${port}/`), [100, 24]);
    await soon(screen).toContain("ended with 1");
    expect(await screen()).toContain("Cannot watch: ");
  });
});
