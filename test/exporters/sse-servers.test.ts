import { getEventListeners } from "node:events";
import { createServer, type Server } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { serve } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import { EventSource } from "undici";
import { describe, expect, expectTypeOf, test, vi } from "vitest";
import {
  type EventEndpoint,
  type FetchStreamRequest,
  serveEvents,
} from "../../src/exporters/sse.ts";
import { createEventBus } from "../../src/index.ts";
import { connect, SseReader } from "../support/sse-client.ts";
import { NO_COUNTS, NO_NUMBERS, NO_OBJECTS, wrong } from "../support/wrong-values.ts";
import { closers, portOf, streamed } from "./event-endpoint.ts";

describe("a fetch-style server", () => {
  const request = (init?: RequestInit) => new Request("http://127.0.0.1/events", init);

  async function read(response: Response, isEnough: (reader: SseReader) => boolean) {
    const reader = new SseReader();
    const decoder = new TextDecoder();
    const body = response.body?.getReader();
    while (!isEnough(reader)) {
      const { done, value } = (await body?.read()) ?? { done: true, value: undefined };
      if (done) break;
      reader.text += decoder.decode(value, { stream: true });
    }
    return { reader, body };
  }

  test("answers with a stream, and resumes", async () => {
    const { endpoint, turnover } = streamed({ headers: { "x-mine": "1" } });
    const response = endpoint.respond(request());
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("x-mine")).toBe("1");
    turnover();
    const { reader, body } = await read(response, ({ messages }) => messages.length === 2);
    await body?.cancel();
    turnover();
    const headers = { "last-event-id": reader.lastId };
    const again = await read(
      endpoint.respond(request({ headers })),
      (r) => r.messages.length === 2,
    );
    expect(again.reader.messages.map(({ data }) => data["seq"])).toEqual([3, 4]);
  });

  test("ends with the signal of its request, and makes room", async () => {
    const { endpoint, turnover } = streamed({ maxClients: 1 });
    const leaving = new AbortController();
    const plain: FetchStreamRequest = {
      method: "GET",
      headers: new Headers(),
      signal: leaving.signal,
    };
    const response = endpoint.respond(plain);
    expect(endpoint.respond(request()).status).toBe(503);
    turnover();
    leaving.abort();
    expect(getEventListeners(leaving.signal, "abort")).toEqual([]);
    const { reader } = await read(response, () => false);
    expect(reader.names).toEqual(["circuit.open", "circuit.close"]);
    expect(endpoint.respond(plain).body).toBeNull();
    expect(endpoint.respond(request()).status).toBe(200);
  });

  test("ends when its body is canceled, and leaves the signal alone", async () => {
    const { endpoint } = streamed({ maxClients: 1 });
    const { signal } = new AbortController();
    const response = endpoint.respond({ method: "GET", headers: new Headers(), signal });
    await response.body?.cancel();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(endpoint.respond(request()).status).toBe(200);
  });

  test("bounds what waits for a client that does not read", async () => {
    const { endpoint, breaker, lost } = streamed({
      historyLimit: 10,
      events: ["circuit.skip"],
      sampleSkips: false,
    });
    const response = endpoint.respond(request());
    breaker.forceOpen();
    for (let n = 0; n < 2_000; n++) breaker.admit();
    const { reader } = await read(response, (r) => r.messages.at(-1)?.data["seq"] === 2_000);
    const gap = reader.messages.find(({ event }) => event === "gap");
    const sent = reader.names.filter((name) => name === "circuit.skip").length;
    expect(sent + Number(gap?.data["missed"])).toBe(2_000);
    expect(lost()).toBe(gap?.data["missed"]);
    expect(reader.text.length).toBeLessThan(100_000);
  });

  test("drops a client that takes nothing for four heartbeats", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint, breaker } = streamed({ heartbeatMs: 1_000, sampleSkips: false });
    const response = endpoint.respond(request());
    breaker.forceOpen();
    for (let n = 0; n < 2_000; n++) breaker.admit();
    vi.advanceTimersByTime(4_000);
    await expect(response.text()).rejects.toThrow("The client took nothing for too long");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("drops a client that reads nothing on a quiet bus, and makes room", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint } = streamed({ heartbeatMs: 1_000, maxClients: 1 });
    const response = endpoint.respond(request());
    expect(endpoint.respond(request()).status).toBe(503);
    vi.advanceTimersByTime(5_000);
    await expect(response.text()).rejects.toThrow("The client took nothing for too long");
    const next = endpoint.respond(request());
    expect(next.status).toBe(200);
    const reader = next.body?.getReader();
    for (let beat = 0; beat < 12; beat++) {
      await reader?.read();
      vi.advanceTimersByTime(1_000);
    }
    expect(endpoint.respond(request()).status).toBe(503);
  });

  test("answers HEAD and POST", async () => {
    const { endpoint } = streamed();
    const head = endpoint.respond(request({ method: "HEAD" }));
    expect([head.status, head.body]).toEqual([200, null]);
    expect(endpoint.respond(request({ method: "POST" })).status).toBe(405);
  });
});

describe("real servers and clients", () => {
  async function follows(port: number, turnover: () => void): Promise<void> {
    const first = await connect(port);
    turnover();
    await first.reader.until(({ messages }) => messages.length === 2);
    await first.leave();
    turnover();
    const again = await connect(port, first.reader.lastId);
    await again.reader.until(({ messages }) => messages.length === 2);
    expect(again.reader.messages.map(({ data }) => data["seq"])).toEqual([3, 4]);
    await again.leave();
  }

  test("express", async () => {
    const { endpoint, turnover } = streamed({ maxClients: 1 });
    const app = express();
    app.get("/events", endpoint.handle);
    await follows(await portOf(app.listen(0, "127.0.0.1")), turnover);
  });

  test("hono on Node", async () => {
    const { endpoint, turnover } = streamed();
    const app = new Hono();
    app.get("/events", (context) => endpoint.respond(context.req.raw));
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    await follows(await portOf(server as Server), turnover);
  });

  test("an EventSource comes back by itself and misses nothing", async () => {
    const { endpoint, turnover, breaker } = streamed({ retryMs: 1, breakers: () => [breaker] });
    const server = createServer(endpoint.handle).listen(0, "127.0.0.1");
    const source = new EventSource(`http://127.0.0.1:${await portOf(server)}/events`);
    closers.push(() => source.close());
    const seqs: number[] = [];
    let snapshots = 0;
    for (const type of ["circuit.open", "circuit.close"]) {
      source.addEventListener(type, (event) => {
        seqs.push(JSON.parse(String(Reflect.get(event, "data"))).seq);
      });
    }
    source.addEventListener("snapshot", () => snapshots++);
    while (snapshots === 0) await turn();
    turnover();
    while (seqs.length < 2) await turn();
    server.closeAllConnections();
    turnover(2);
    while (seqs.length < 6) await turn();
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6]);
    expect(snapshots).toBe(1);
  });
});

test("serveEvents() takes requests and responses of Node and of fetch", () => {
  expectTypeOf<EventEndpoint["handle"]>().toBeCallableWith(
    {} as import("node:http").IncomingMessage,
    {} as import("node:http").ServerResponse,
  );
  expectTypeOf<EventEndpoint["handle"]>().toBeCallableWith(
    {} as import("node:http2").Http2ServerRequest,
    {} as import("node:http2").Http2ServerResponse,
  );
  expectTypeOf<EventEndpoint["respond"]>().toBeCallableWith({} as Request);
});

describe("bad input", () => {
  const bus = createEventBus();
  const make = (options: unknown) => serveEvents(bus, wrong(options));

  test.each(["historyLimit", "maxClients", "retryMs"])("refuses a wrong %s", (option) => {
    for (const [value, received] of [...NO_NUMBERS, ...NO_COUNTS]) {
      expect(() => make({ [option]: value })).toThrow(
        `Cannot serve events: ${option} must be a positive integer, received ${received}`,
      );
    }
  });

  test.each([
    [{ heartbeatMs: 0 }, "heartbeatMs must be a positive number of milliseconds, received 0"],
    [
      { heartbeatMs: 2 ** 31 },
      "heartbeatMs must be at most 2147483647 milliseconds, received 2147483648",
    ],
    [{ sampleSkips: "no" }, 'sampleSkips must be true or false, received "no"'],
    [{ headers: [] }, "headers must be an object, received an array"],
    [{ headers: { a: 5 } }, "headers.a must be a string, received 5"],
    [
      { headers: { "x mine": "1" } },
      'a name in headers must be the name of a header, received "x mine"',
    ],
    [{ headers: { "": "1" } }, 'a name in headers must be the name of a header, received ""'],
    [
      { headers: { "x-mine": "1\r\nset-cookie: a=b" } },
      'headers.x-mine must be what a header can hold, received "1\\r\\nset-cookie: a=b"',
    ],
    [
      { headers: { "x-mine": "\u{1f512}" } },
      'headers.x-mine must be what a header can hold, received "\u{1f512}"',
    ],
    [{ signal: {} }, "signal must be an AbortSignal, received an object"],
    [
      { breakers: 5 },
      "breakers must be a breaker, several, or a function that gives them, received 5",
    ],
    [
      { breakers: {} },
      "breakers must be a breaker, several, or a function that gives them, received an object",
    ],
    [
      { breakers: new Set().values() },
      "breakers must be what can be gone through again, such as [...breakers], received an object",
    ],
    [{ heartbeat: 5 }, 'unknown option "heartbeat", did you mean "heartbeatMs"?'],
    [
      { events: [] },
      "events must be a list with the names of one event or more, received an array",
    ],
  ])("refuses %o", (options, told) => {
    expect(() => make(options)).toThrow(`Cannot serve events: ${told}`);
    expect(bus.has("circuit.open")).toBe(false);
  });

  test.each(NO_OBJECTS)("refuses %o as options", (options, received) => {
    expect(() => make(options)).toThrow(
      `Cannot serve events: options must be an object, received ${received}`,
    );
  });

  test("refuses a bus that is none, and takes undefined for left out", () => {
    expect(() => serveEvents(wrong(5))).toThrow(
      "Cannot serve events: bus must be an event bus, such as breaker.bus, received 5",
    );
    serveEvents(
      bus,
      wrong({ retryMs: undefined, breakers: undefined, signal: undefined }),
    ).detach();
  });
});
