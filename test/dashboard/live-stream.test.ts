import type { ServerResponse } from "node:http";
import { afterEach, expect, test, vi } from "vitest";
import { LiveStream, type StreamStatus } from "../../src/dashboard/board/live-stream.ts";
import { listen } from "./dashboard-server.ts";

const streams: LiveStream[] = [];
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

/** A stream, with what it told so far. */
function opened(url: string, now = Date.now) {
  const messages: string[] = [];
  const statuses: StreamStatus[] = [];
  const stream = new LiveStream(
    { url, now },
    {
      message: ({ name, data }) => messages.push(`${name}:${data}`),
      status: (status) => statuses.push(status),
    },
  );
  streams.push(stream);
  stream.open();
  const last = () => statuses.at(-1);
  return { stream, messages, statuses, last };
}

const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000 });

test("it asks for history and readings, and goes on from the last id when it comes back", async () => {
  const asked: unknown[] = [];
  const responses: ServerResponse[] = [];
  const { port } = await listen(({ headers }, response) => {
    asked.push([headers["prefer"], headers["last-event-id"], headers["accept"]]);
    responses.push(response);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`retry: 50\nid: a.${asked.length}\nevent: x\ndata: ${asked.length}\n\n`);
  });
  const { stream, messages, last, statuses } = opened(`http://127.0.0.1:${port}/`);
  await soon(() => messages).toEqual(["x:1"]);
  expect(last()).toEqual({ kind: "live" });
  responses[0]?.end();
  await soon(() => statuses.map(({ kind }) => kind)).toContain("lost");
  expect(statuses[1]).toMatchObject({ why: "the server ended the stream", isRefused: false });
  stream.open();
  await soon(() => messages).toEqual(["x:1", "x:2"]);
  expect(asked).toEqual([
    ["readings, history", undefined, "text/event-stream"],
    ["readings, history", "a.1", "text/event-stream"],
  ]);
  // By itself, too.
  responses[1]?.destroy();
  await soon(() => messages.length).toBe(3);
});

test.each([
  [404, "text/plain", "nothing here", "it answers 404: nothing here; give the address", true],
  [200, "text/html", "<html>", "it answers text/html, which is no event stream: give the", true],
  [401, "application/json", "{}", "it answers 401; give the address", true],
  [503, "text/plain", "Too many clients\n", "it answers 503: Too many clients", false],
  [429, "text/html", "<b>", "it answers 429", false],
])("an answer of %i as %s is told with what to do", async (status, type, text, why, isRefused) => {
  const { port } = await listen((_, response) => {
    response.writeHead(status, { "content-type": type }).end(text);
  });
  const { last, stream } = opened(`http://127.0.0.1:${port}/`);
  await soon(() => last()?.kind).toBe("lost");
  expect(last()).toMatchObject({ why: expect.stringContaining(why), isRefused });
  expect(stream.wasLive).toBe(false);
});

test("a server that is not there is told by the reason", async () => {
  const { port, stop } = await listen(() => {});
  await stop();
  const { last } = opened(`http://127.0.0.1:${port}/`);
  await soon(() => last()?.kind).toBe("lost");
  expect(last()).toMatchObject({ why: expect.stringContaining("ECONNREFUSED"), isRefused: false });
});

test("a message that would fill the memory ends the connection, and says so", async () => {
  const piece = `data: ${"x".repeat(1_000_000)}\n`;
  const { port } = await listen((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let n = 0; n < 20; n++) response.write(piece);
  });
  const { statuses } = opened(`http://127.0.0.1:${port}/`);
  await soon(() => statuses.find(({ kind }) => kind === "lost")).toMatchObject({
    why: "a message has more than 16777216 characters",
  });
});

test("it waits longer with each failure, up to half a minute, and no longer after a success", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  let fails = true;
  const { port } = await listen((_, response) => {
    if (fails) response.writeHead(503).end();
    else response.writeHead(200, { "content-type": "text/event-stream" }).end("data: x\n\n");
  });
  const { statuses, stream } = opened(`http://127.0.0.1:${port}/`, () => 0);
  const waits = () =>
    statuses.flatMap((status) => (status.kind === "lost" ? [Math.round(status.retryAtMs)] : []));
  for (let n = 1; n <= 10; n++) {
    await soon(() => waits().length).toBe(n);
    if (n === 9) fails = false;
    stream.open();
  }
  expect(waits()).toEqual([
    1_000, 1_600, 2_560, 4_096, 6_554, 10_486, 16_777, 26_844, 30_000, 1_000,
  ]);
  vi.restoreAllMocks();
});

test("close() ends it for good", async () => {
  const responses: ServerResponse[] = [];
  const { port } = await listen((_, response) => {
    responses.push(response);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": x\n\n");
  });
  const { stream, last, statuses } = opened(`http://127.0.0.1:${port}/`);
  await soon(() => last()?.kind).toBe("live");
  stream.close();
  await soon(() => responses[0]?.destroyed).toBe(true);
  stream.open();
  expect(statuses).toEqual([{ kind: "live" }]);
  expect(responses).toHaveLength(1);
});
