import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventStream } from "../../src/cli/demo/event-stream.ts";
import { CircuitBreaker, createEventBus, type EventBus } from "../../src/index.ts";

let bus: EventBus;
let breaker: CircuitBreaker;
let server: Server;

beforeEach(async () => {
  bus = createEventBus();
  breaker = new CircuitBreaker("payments", { bus });
  const events = new EventStream(bus);
  server = createServer((_request, response) => events.attach(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  vi.useRealTimers();
  server.closeAllConnections();
  server.close();
});

/** A client that is connected, and what it has read. */
async function connect(): Promise<{ response: IncomingMessage; read: { text: string } }> {
  // A server that listens on a port has this form of address.
  const { port } = server.address() as AddressInfo;
  const request = get({ host: "127.0.0.1", port });
  const response: IncomingMessage = await new Promise((resolve) => request.on("response", resolve));
  const read = { text: "" };
  response.on("data", (chunk: Buffer) => {
    read.text += chunk;
  });
  response.on("error", () => {});
  return { response, read };
}

/** Waits until something is so; the test's own limit ends a wait for what never comes. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

test("the event stream sends each event with its seq, its type and its fields", async () => {
  const { read } = await connect();
  await breaker.call(() => "value");
  await until(() => read.text.includes("data:"));
  const [, data = ""] = /^id: 1\nevent: circuit\.success\ndata: (.*)\n\n/m.exec(read.text) ?? [];
  expect(JSON.parse(data)).toMatchObject({ type: "circuit.success", seq: 1, breaker: "payments" });
});

test("the event stream listens only while a client is connected", async () => {
  expect(bus.has("circuit.success")).toBe(false);
  const first = await connect();
  const second = await connect();
  first.response.destroy();
  await until(() => first.response.closed);
  await breaker.call(() => "value");
  await until(() => second.read.text.includes("circuit.success"));
  second.response.destroy();
  await until(() => !bus.has("circuit.success"));
});

test("the event stream drops a client that does not read, and keeps the others", async () => {
  const slow = await connect();
  slow.response.pause();
  const fast = await connect();
  const context = { filler: "x".repeat(100_000) };
  let calls = 0;
  // What the network holds comes on top of what the stream lets wait.
  for (; calls < 1_000 && server.listening; calls++) {
    await breaker.call(() => "value", { context });
    await until(() => fast.read.text.length >= (calls + 1) * 100_000);
    if ((await connections()) === 1) break;
  }
  expect(calls).toBeLessThan(1_000);
  expect(bus.has("circuit.success")).toBe(true);
  expect(fast.response.closed).toBe(false);
});

test("the event stream sends a heartbeat when there is nothing to tell", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { read } = await connect();
  vi.advanceTimersByTime(5_000);
  await until(() => read.text.includes(": heartbeat\n\n"));
  expect(read.text).not.toContain("data:");
});

function connections(): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}
