import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { describeWith, program } from "../support/programs.ts";
import { exampleFile, runExample } from "./run-example.ts";

const CLIENT_STORY = `200
error 404
error 404
error 429
error 503
refused, again in 30 s
{"success":3,"error":2,"latency":0,"ignored":0,"cancelled":0,"unreached":0,"late":0}
`;

const STORIES: Readonly<Record<string, string>> = {
  "fetch.ts": `well: /users/7
open: /users/:id (HTTP 503)
refused: open, again in 20 s
well: /elsewhere
readiness: degraded
`,
  "axios.ts": CLIENT_STORY,
  "got.ts": CLIENT_STORY,
  "undici.ts": `200
404
429
503
refused, again in 30 s
{"success":2,"error":2,"latency":0,"ignored":0,"cancelled":0,"unreached":0,"late":0}
`,
  "openai.ts": `Hello, world
  failure: terminated
broke after "Hello"
  failure: HTTP 429
answered 429
refused: again in 12 s
`,
  "anthropic.ts": `Hello, world (0 slow)
Hello, world (0 slow)
answered 529
answered 529
refused: again in 7 s
`,
  "grpc.ts": `order 7
NOT_FOUND
INVALID_ARGUMENT
DEADLINE_EXCEEDED
UNAVAILABLE
refused: open
{"success":3,"error":1,"latency":1,"ignored":0,"cancelled":0,"unreached":0,"late":0}
`,
};
const NATS_STORY = `order 7
no answer in time
nobody is there
open: error, {"error":2,"latency":1}
nobody is there
refused: open
`;

test.each(Object.entries(STORIES))("examples/%s tells its story", async (path, story) => {
  await expect(runExample(path)).resolves.toBe(story);
});

test.each([
  { path: "axios.ts", story: "error ECONNREFUSED\nerror ECONNREFUSED\nrefused, again in 60 s\n" },
  { path: "grpc.ts", story: "UNAVAILABLE\nUNAVAILABLE\nrefused: open\n" },
])("examples/$path says what came of a call that reached no server", async ({ path, story }) => {
  // Both clients go by way of a proxy when they are told to, and nobody is there.
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const env = { http_proxy: nobody, grpc_proxy: nobody, no_proxy: "", NO_PROXY: "" };
  await expect(runExample(path, { env })).resolves.toMatch(new RegExp(`^${story}`));
});

/** A NATS server for the time of one test. */
async function withNats(use: (address: string, server: ChildProcess) => Promise<void>) {
  const port = await freePort();
  const flags = ["-a", "127.0.0.1", "-p", String(port)];
  const server = spawn(program("nats-server"), flags, { stdio: "ignore" });
  const gone = once(server, "exit");
  try {
    while (!(await listens(port))) await sleep(20);
    await use(`nats://127.0.0.1:${port}`, server);
  } finally {
    server.kill("SIGKILL");
    await gone;
  }
}

describeWith("nats-server")("with a NATS server", () => {
  test("examples/nats.ts tells its story", () =>
    withNats(async (address) => {
      await expect(runExample("nats.ts", { args: [address] })).resolves.toBe(NATS_STORY);
    }));

  test("examples/nats.ts goes on when its server goes in the middle", () =>
    withNats(async (address, server) => {
      const example = spawn(process.execPath, [exampleFile("nats.ts"), address], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let [story, errors] = ["", ""];
      example.stdout.on("data", (chunk) => {
        story += chunk;
        if (story === "order 7\n") server.kill("SIGKILL");
      });
      example.stderr.on("data", (chunk) => {
        errors += chunk;
      });
      const [code] = await once(example, "close");
      expect([code, errors]).toEqual([0, ""]);
      expect(story).toMatch(/^order 7\nno answer in time\n[\s\S]*refused: open\n$/);
    }));
});

test("examples/nats.ts says what to do when there is no server", async () => {
  const address = `nats://127.0.0.1:${await freePort()}`;
  await expect(runExample("nats.ts", { args: [address] })).rejects.toMatchObject({
    code: 1,
    stderr: `Cannot connect to a NATS server at ${address}: connection refused
Start one, for instance with: nats-server -a 127.0.0.1 -p 4222
`,
  });
});

test("examples/nats.ts says how to use it, also when it does not know what is meant", async () => {
  const usage = expect.stringMatching(/^Usage: npx node examples\/nats\.ts \[address\]\n/);
  await expect(runExample("nats.ts", { args: ["--help"] })).resolves.toEqual(usage);
  await expect(runExample("nats.ts", { args: ["--halp"] })).rejects.toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^What is meant by --halp\?\n\nUsage: /),
  });
});

test("every example has its story here, or a test of its own", () => {
  const inTest = [
    ...Object.keys(STORIES),
    "nats.ts",
    "end-with-reader.ts",
    "fake-server.ts",
    "token-introspection",
    "llm-gateway",
  ];
  const there = readdirSync(new URL("../../examples/", import.meta.url));
  expect(there.sort()).toEqual(inTest.sort());
});

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
