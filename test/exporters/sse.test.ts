import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import {
  type EventEndpoint,
  type EventEndpointOptions,
  serveEvents,
} from "../../src/exporters/sse.ts";
import { CircuitBreaker, createEventBus, EVENTS, type EventOf } from "../../src/index.ts";
import { foldIncidents } from "../../src/report/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FOREIGN_EVENTS, OWN_EVENT } from "../support/foreign-events.ts";
import { breakable } from "../support/scraped.ts";
import { connect, type HttpClient } from "../support/sse-client.ts";
import { wrong } from "../support/wrong-values.ts";

const servers: Server[] = [];
const endpoints: EventEndpoint[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const endpoint of endpoints.splice(0)) endpoint.detach();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A real server that streams the events of a bus with one breaker on it. */
async function served(options: EventEndpointOptions = {}, bus = createEventBus()) {
  const breaker = new CircuitBreaker("payments", { bus, clock: new FakeClock() });
  const dropped: EventOf<"bus.dropped">[] = [];
  const endpoint = serveEvents(bus, options);
  endpoints.push(endpoint);
  const server = createServer(endpoint.handle).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  // A server that listens on a port has this form of address.
  const { port } = server.address() as AddressInfo;
  const turnover = (times = 1) => {
    for (let n = 0; n < times; n++) {
      breaker.forceOpen();
      breaker.reset();
    }
  };
  const lost = () => {
    bus.on("bus.dropped", (event) => dropped.push(event));
    return dropped;
  };
  const join = (lastId?: string): Promise<HttpClient> => connect(port, lastId);
  return { bus, breaker, endpoint, server, port, turnover, lost, join };
}

const seqs = ({ reader }: HttpClient) => reader.messages.map(({ data }) => data["seq"]);

test("serveEvents() sends each event under its name, with an id of the stream and its fields", async () => {
  const { breaker, join } = await served({ events: ["circuit.*"] });
  const { response, reader } = await join();
  expect(response.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  });
  await breaker.call(succeed, { context: { text: "line\nline: ü" } });
  breaker.forceOpen();
  await reader.until(({ messages }) => messages.length === 2);
  expect(reader.text).toMatch(/^retry: 2000\nid: \w+\.0\n\n/);
  const [success, open] = reader.messages;
  expect(success).toMatchObject({
    event: "circuit.success",
    data: { type: "circuit.success", seq: 1, prevSeq: null, context: { text: "line\nline: ü" } },
  });
  expect(open).toMatchObject({ event: "circuit.open", data: { seq: 2, prevSeq: 1 } });
  expect(success?.id).toMatch(/^\w+\.1$/);
  expect(open?.id).toBe(success?.id.replace(/1$/, "2"));
});

test("by default it takes what is info or louder, so that successes cost nothing", () => {
  const bus = createEventBus();
  endpoints.push(serveEvents(bus));
  for (const [type, { severity }] of Object.entries(EVENTS)) {
    const quiet = severity === "trace" || severity === "debug";
    expect([type, bus.has(wrong(type))]).toEqual([type, !quiet]);
  }
});

test("every client is sent every event", async () => {
  const { turnover, join } = await served();
  const clients = await Promise.all([join(), join(), join()]);
  turnover(2);
  for (const client of clients) {
    await client.reader.until(({ messages }) => messages.length === 4);
    expect(seqs(client)).toEqual([1, 2, 3, 4]);
  }
});

test("refused calls are sampled without loss, unless each is asked for", async () => {
  for (const sampleSkips of [true, false]) {
    const { breaker, join } = await served({ sampleSkips });
    const client = await join();
    breaker.forceOpen();
    for (let n = 0; n < 500; n++) breaker.admit();
    breaker.reset();
    await client.reader.until(({ names }) => names.includes("circuit.close"));
    const lines = client.reader.messages.map(({ data }) => data);
    expect(foldIncidents(lines).breakers["payments"]?.skips).toBe(500);
    expect(lines.length).toBe(sampleSkips ? 11 : 502);
  }
});

test("retryMs and headers are those of the options", async () => {
  const { join } = await served({
    retryMs: 750,
    headers: { "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store" },
  });
  const { response, reader } = await join();
  await reader.until(({ text }) => text !== "");
  expect(reader.text).toMatch(/^retry: 750\n/);
  expect(response.headers).toMatchObject({
    "access-control-allow-origin": "*",
    "cache-control": "no-store",
  });
});

test("a client that comes back is sent what it missed, and nothing twice", async () => {
  const { turnover, join } = await served();
  const first = await join();
  turnover();
  await first.reader.until(({ messages }) => messages.length === 2);
  await first.leave();
  turnover(2);
  const again = await join(first.reader.lastId);
  turnover();
  await again.reader.until(({ messages }) => messages.length === 6);
  expect(seqs(again)).toEqual([3, 4, 5, 6, 7, 8]);
  const last = await join(again.reader.lastId);
  turnover();
  await last.reader.until(({ messages }) => messages.length === 2);
  expect(seqs(last)).toEqual([9, 10]);
});

test("a client that leaves before its first event resumes from where it began", async () => {
  const { turnover, join } = await served();
  turnover();
  const first = await join();
  await first.reader.until(({ lastId }) => lastId !== "");
  await first.leave();
  turnover();
  const again = await join(first.reader.lastId);
  await again.reader.until(({ messages }) => messages.length === 2);
  expect(seqs(again)).toEqual([3, 4]);
});

test("a client that comes back too late is told how much it missed, then sent what is kept", async () => {
  const { breaker, turnover, join, lost } = await served({
    historyLimit: 4,
    breakers: () => [breaker],
  });
  const dropped = lost();
  const first = await join();
  turnover();
  await first.reader.until(({ messages }) => messages.length === 3);
  await first.leave();
  turnover(5);
  const again = await join(first.reader.lastId);
  await again.reader.until(({ names }) => names.includes("snapshot"));
  expect(again.reader.names).toEqual([
    "gap",
    "circuit.open",
    "circuit.close",
    "circuit.open",
    "circuit.close",
    "snapshot",
  ]);
  expect(again.reader.messages[0]?.data).toEqual({ missed: 6 });
  expect(seqs(again)).toEqual([undefined, 9, 10, 11, 12, undefined]);
  // It was away: nothing was dropped on its way.
  expect(dropped).toEqual([]);
  // And it comes back once more without a gap.
  await again.leave();
  const last = await join(again.reader.lastId);
  turnover();
  await last.reader.until(({ messages }) => messages.length === 2);
  expect(seqs(last)).toEqual([13, 14]);
});

test.each(["gone.3", "", "1", "\u{fc}", "x".repeat(5_000), "0.1; DROP"])(
  "a Last-Event-ID of another run, or of nothing (%s), is met with all that is kept",
  async (lastId) => {
    const { turnover, port } = await served();
    turnover();
    const client = await connect(port, lastId);
    turnover();
    if (lastId === "") {
      await client.reader.until(({ messages }) => messages.length === 2);
      expect(seqs(client)).toEqual([3, 4]);
      return;
    }
    await client.reader.until(({ messages }) => messages.length === 5);
    expect(client.reader.names[0]).toBe("gap");
    expect(client.reader.messages[0]?.data).toEqual({ missed: null });
    expect(seqs(client)).toEqual([undefined, 1, 2, 3, 4]);
  },
);

test("a number of this run that was never reached is taken for one of another", async () => {
  const { turnover, join } = await served();
  turnover();
  const first = await join();
  await first.reader.until(({ lastId }) => lastId !== "");
  const client = await join(first.reader.lastId.replace(/\d+$/, "99"));
  await client.reader.until(({ messages }) => messages.length === 3);
  expect(client.reader.names).toEqual(["gap", "circuit.open", "circuit.close"]);
});

test("a new client is told the state of the breakers, then what follows", async () => {
  const bus = createEventBus();
  const other = new CircuitBreaker("search", {
    ...{ bus, clock: new FakeClock(), failureThreshold: 2 },
    attributes: { region: "eu-1" },
  });
  await failTimes(other, 2);
  const { breaker, turnover, join } = await served({ breakers: () => [breaker, other] }, bus);
  breaker.admit();
  const client = await join();
  turnover();
  await client.reader.until(({ messages }) => messages.length === 3);
  const [snapshot] = client.reader.messages;
  expect(snapshot).toMatchObject({
    event: "snapshot",
    data: {
      atMs: expect.any(Number),
      omitted: 0,
      unreadable: 0,
      breakers: [
        { breaker: "payments", attributes: {}, state: "closed", tripProgress: 0, openedAtMs: null },
        {
          breaker: "search",
          attributes: { region: "eu-1" },
          state: "open",
          trafficShare: 0,
          failureThreshold: 2,
        },
      ],
    },
  });
  expect(snapshot?.data["breakers"]).toMatchObject([
    {},
    { stats: JSON.parse(JSON.stringify(other.stats)), openedAtMs: other.openedAtMs },
  ]);
  expect(client.reader.names.slice(1)).toEqual(["circuit.open", "circuit.close"]);
});

test("a snapshot says since when a breaker is open that calls that hang have opened", async () => {
  const clock = new FakeClock();
  const hung = new CircuitBreaker("hung", {
    ...{ clock, inFlight: true, latencyTripMs: 100, failureThreshold: 2 },
  });
  hung.admit();
  hung.admit();
  clock.advance(500);
  const { join } = await served({ breakers: hung });
  const { reader } = await join();
  await reader.until(({ names }) => names.length === 1);
  expect(reader.messages[0]?.data["breakers"]).toMatchObject([
    { breaker: "hung", state: "open", openedAtMs: clock.epochMs() },
  ]);
});

test("a snapshot is made of one breaker, of several, and of what a function gives", async () => {
  const one = new CircuitBreaker("one");
  for (const breakers of [one, [one], new Set([one]), () => [one], () => new Set([one])]) {
    const { join } = await served({ breakers });
    const { reader } = await join();
    await reader.until(({ names }) => names.length === 1);
    expect(reader.messages[0]?.data["breakers"]).toMatchObject([{ breaker: "one" }]);
  }
});

test("a snapshot says what could not be read or listed, and how many were left out", async () => {
  const one = new CircuitBreaker("one");
  const broken = breakable(one, { broken: true });
  const snapshotOf = async (breakers: EventEndpointOptions["breakers"]) => {
    const { join } = await served({ breakers: wrong(breakers) });
    const { reader } = await join();
    await reader.until(({ names }) => names.length === 1);
    return reader.messages[0]?.data;
  };
  expect(await snapshotOf([broken, one, wrong(5), wrong(null)])).toMatchObject({
    breakers: [{ breaker: "one" }],
    unreadable: 3,
  });
  expect(
    await snapshotOf(() => {
      throw BOOM;
    }),
  ).toMatchObject({ breakers: [], error: { name: "Error", message: "boom" } });
  expect(await snapshotOf(wrong(() => 5))).toMatchObject({ error: { name: "TypeError" } });
  const many = await snapshotOf(Array.from({ length: 2_005 }, () => one));
  expect(many).toMatchObject({ omitted: 5 });
  expect(many?.["breakers"]).toHaveLength(2_000);
});

test("a heartbeat is sent while there is nothing to tell, by a timer that is there only for clients", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { join } = await served({ heartbeatMs: 5_000 });
  expect(vi.getTimerCount()).toBe(0);
  const [one, two] = [await join(), await join()];
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(4_999);
  vi.advanceTimersByTime(1);
  for (const { reader } of [one, two]) {
    await reader.until(({ text }) => text.includes(": heartbeat\n\n"));
    expect(reader.messages).toEqual([]);
  }
  await one.leave();
  await two.leave();
  while (vi.getTimerCount() > 0) await turn();
});

test("a request that is no GET is refused, and HEAD is answered without a stream", async () => {
  const { port, join } = await served({ maxClients: 1 });
  const url = `http://127.0.0.1:${port}/events`;
  const post = await fetch(url, { method: "POST" });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, head.headers.get("content-type")]).toEqual([
    200,
    "text/event-stream; charset=utf-8",
  ]);
  const { response } = await join();
  expect(response.statusCode).toBe(200);
});

test("maxClients bounds the clients; one that leaves makes room", async () => {
  const { join, port } = await served({ maxClients: 2, retryMs: 2_500 });
  const first = await join();
  await join();
  const refused = await fetch(`http://127.0.0.1:${port}/events`);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "3"]);
  expect(await refused.text()).toBe("Too many clients\n");
  await first.leave();
  let status = 503;
  while (status === 503) {
    const { response, leave } = await join();
    status = response.statusCode ?? 0;
    if (status === 503) await leave();
  }
  expect(status).toBe(200);
});

test.each(FOREIGN_EVENTS)(
  "an event with %s is refused and counted, and not sent",
  async (_, event) => {
    const { bus, join, lost } = await served({ events: ["circuit.close"] });
    const dropped = lost();
    const client = await join();
    bus.emit(event);
    bus.emit(OWN_EVENT);
    await client.reader.until(({ messages }) => messages.length === 1);
    expect(client.reader.messages[0]?.data).toEqual({ ...OWN_EVENT, prevSeq: null });
    expect(dropped).toMatchObject([{ sink: "sse", count: 1 }]);
  },
);
