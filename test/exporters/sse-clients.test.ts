import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import { createConnection } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { serveEvents } from "../../src/exporters/sse.ts";
import { createEventBus, type EventBus } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { connect } from "../support/sse-client.ts";
import { FakeResponse, GET, portOf, streamed } from "./event-endpoint.ts";

describe("a slow client", () => {
  test("is given nothing more until it has taken what it has", () => {
    const { endpoint, turnover } = streamed();
    const response = new FakeResponse();
    endpoint.handle(GET, response);
    response.full = true;
    turnover(3);
    expect(response.reader.messages).toHaveLength(1);
    response.drain();
    expect(response.reader.messages.map(({ data }) => data["seq"])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("that falls behind is told how much it missed, and the loss is counted", () => {
    const { endpoint, turnover, lost, breaker } = streamed({
      historyLimit: 4,
      breakers: () => [breaker],
    });
    const response = new FakeResponse();
    endpoint.handle(GET, response);
    response.full = true;
    turnover(10);
    expect(lost()).toBe(0);
    response.drain();
    expect(response.reader.names).toEqual([
      "snapshot",
      "circuit.open",
      "gap",
      "circuit.open",
      "circuit.close",
      "circuit.open",
      "circuit.close",
      "snapshot",
    ]);
    expect(response.reader.messages[2]?.data).toEqual({ missed: 15 });
    expect(lost()).toBe(15);
  });

  test("that falls behind again before it was told is told the whole", () => {
    const { endpoint, turnover, lost } = streamed({ historyLimit: 2 });
    const response = new FakeResponse();
    endpoint.handle({ ...GET, headers: { "last-event-id": "other.5" } }, response);
    expect(response.reader.messages[0]?.data).toEqual({ missed: null });
    response.full = true;
    turnover(5);
    response.full = true;
    response.emit("drain");
    turnover(5);
    response.drain();
    const gaps = response.reader.messages.filter(({ event }) => event === "gap");
    expect(gaps.slice(1).reduce((sum, { data }) => sum + Number(data["missed"]), 0)).toBe(lost());
    const seqs = response.reader.messages.flatMap(({ data }) => data["seq"] ?? []);
    expect(seqs.length + lost()).toBe(20);
    expect(new Set(seqs).size).toBe(seqs.length);
  });

  test("that takes nothing for four heartbeats is dropped, and what it missed is counted", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint, turnover, lost } = streamed({ heartbeatMs: 1_000 });
    const [stalled, slow] = [new FakeResponse(), new FakeResponse()];
    for (const response of [stalled, slow]) {
      endpoint.handle(GET, response);
      response.full = true;
    }
    turnover(2);
    vi.advanceTimersByTime(3_000);
    slow.emit("drain");
    expect(stalled.destroyed).toBe(false);
    vi.advanceTimersByTime(1_000);
    expect(stalled.destroyed).toBe(true);
    expect(stalled.listening).toBe(0);
    expect(lost()).toBe(3);
    expect(slow.destroyed).toBe(false);
    expect(stalled.reader.text).not.toContain("heartbeat");
  });

  test("that is given less than would block it is dropped as well, unless something moves", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint, lost } = streamed({ heartbeatMs: 1_000 });
    const [stalled, slow, quick] = [new FakeResponse(), new FakeResponse(), new FakeResponse()];
    for (const response of [stalled, slow, quick]) {
      response.writableLength = 0;
      endpoint.handle(GET, response);
    }
    for (let beat = 0; beat < 12; beat++) {
      quick.writableLength = 0;
      // Each heartbeat is longer than what it takes of them.
      slow.writableLength = (slow.writableLength ?? 0) - 1;
      expect(stalled.destroyed).toBe(beat >= 4);
      vi.advanceTimersByTime(1_000);
    }
    expect([slow.destroyed, quick.destroyed]).toEqual([false, false]);
    expect([stalled.listening, lost()]).toEqual([0, 0]);
  });

  test("that takes less than the events of every heartbeat give it is kept", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint, turnover } = streamed({ heartbeatMs: 1_000 });
    const response = new FakeResponse();
    response.writableLength = 0;
    endpoint.handle(GET, response);
    for (let beat = 0; beat < 12; beat++) {
      response.writableLength -= 1;
      turnover();
      vi.advanceTimersByTime(1_000);
    }
    expect(response.destroyed).toBe(false);
  });

  test("that is blocked and takes something is kept", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint, turnover } = streamed({ heartbeatMs: 1_000 });
    const response = new FakeResponse();
    response.writableLength = 0;
    endpoint.handle(GET, response);
    response.full = true;
    turnover(1);
    for (let beat = 0; beat < 12; beat++) {
      response.writableLength -= 1;
      vi.advanceTimersByTime(1_000);
    }
    expect(response.destroyed).toBe(false);
    vi.advanceTimersByTime(4_000);
    expect(response.destroyed).toBe(true);
  });

  test("over HTTP holds nothing but its place, and every event is sent or counted", async () => {
    const { endpoint, breaker, lost } = streamed({
      historyLimit: 20,
      events: ["circuit.skip"],
      sampleSkips: false,
    });
    const port = await portOf(createServer(endpoint.handle).listen(0, "127.0.0.1"));
    const { response, reader, leave } = await connect(port);
    response.pause();
    breaker.forceOpen();
    const filler = Object.fromEntries(
      Array.from({ length: 32 }, (_, n) => [`k${n}`, "x".repeat(250)]),
    );
    // Until the network holds no more of it.
    for (let n = 0; lost() === 0 && n < 4_000; n++) {
      await breaker.execute(() => 1, { context: { ...filler, n } });
      if (n % 50 === 0) await turn();
      if (n === 3_999) response.resume();
    }
    const total = breaker.stats.skips.forced_open;
    response.resume();
    await reader.until(({ messages }) => messages.at(-1)?.data["seq"] === total);
    const missed = reader.messages
      .filter(({ event }) => event === "gap")
      .reduce((sum, { data }) => sum + Number(data["missed"]), 0);
    expect(missed).toBeGreaterThan(0);
    expect(reader.names.filter((name) => name === "circuit.skip").length + missed).toBe(total);
    expect(lost()).toBeLessThanOrEqual(missed);
    await leave();
  });
});

describe("no listener is left", () => {
  test("when a client leaves", () => {
    const { endpoint, turnover } = streamed();
    const response = new FakeResponse();
    endpoint.handle(GET, response);
    expect(response.listening).toBe(3);
    response.emit("error", BOOM);
    response.emit("close");
    expect(response.listening).toBe(0);
    turnover();
    expect(response.reader.messages).toEqual([]);
  });

  test("of one that had left before it was answered", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint } = streamed();
    const response = new FakeResponse();
    response.destroyed = true;
    endpoint.handle(GET, response);
    expect(response.listening).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(["detach()", "the signal"])("after %s, which ends the streams", async (how) => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const ending = new AbortController();
    const bus = createEventBus();
    const endpoint = serveEvents(bus, { signal: ending.signal });
    const response = new FakeResponse();
    endpoint.handle(GET, response);
    const fetched = endpoint.respond(new Request("http://127.0.0.1/events"));
    if (how === "detach()") endpoint.detach();
    else ending.abort();
    expect(response.ended).toBe(true);
    expect(await fetched.text()).toMatch(/^retry: 2000\nid: \w+\.0\n\n$/);
    response.emit("close");
    expect(response.listening).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
    for (const type of EVENT_TYPES) expect([type, bus.has(type)]).toEqual([type, false]);
    const late = endpoint.respond(new Request("http://127.0.0.1/events"));
    expect([late.status, await late.text()]).toEqual([503, "The stream has ended\n"]);
    endpoint.detach();
    ending.abort();
  });

  test("by detach() when a client is blocked, which is cut off, and what it missed is counted", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint, turnover, lost } = streamed();
    const response = new FakeResponse();
    endpoint.handle(GET, response);
    response.full = true;
    turnover(2);
    endpoint.detach();
    expect([response.destroyed, response.listening, vi.getTimerCount()]).toEqual([true, 0, 0]);
    expect(lost()).toBe(3);
  });

  test("by detach() when a client does not take the end by the next heartbeat", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { endpoint } = streamed({ heartbeatMs: 1_000 });
    const response = new FakeResponse();
    endpoint.handle(GET, response);
    endpoint.detach();
    expect([response.ended, response.destroyed]).toEqual([true, false]);
    const text = response.reader.text;
    vi.advanceTimersByTime(1_000);
    expect([response.destroyed, response.listening, vi.getTimerCount()]).toEqual([true, 0, 0]);
    expect(response.reader.text).toBe(text);
  });

  test("by detach() over HTTP when the network holds no more", async () => {
    const { endpoint, breaker } = streamed({ events: ["circuit.skip"], sampleSkips: false });
    let blocked = (): boolean => false;
    const server = createServer((asked, response) => {
      blocked = () => response.writableNeedDrain;
      endpoint.handle(asked, response);
    }).listen(0, "127.0.0.1");
    const socket = createConnection(await portOf(server), "127.0.0.1").on("error", () => {});
    // It never reads.
    socket.write("GET /events HTTP/1.1\r\nhost: h\r\n\r\n");
    breaker.forceOpen();
    const filler = Object.fromEntries(
      Array.from({ length: 32 }, (_, n) => [`k${n}`, "x".repeat(250)]),
    );
    for (let stuck = 0; stuck < 100; stuck = blocked() ? stuck + 1 : 0) {
      if (!blocked())
        for (let n = 0; n < 20; n++) await breaker.execute(() => 1, { context: { ...filler, n } });
      await turn();
    }
    const closed = new Promise((resolve) => server.close(resolve));
    endpoint.detach();
    await closed;
    socket.destroy();
  });

  test("on a bus that refuses to let one go, which is reported to who detaches", async () => {
    const bus: EventBus = {
      emit: () => {},
      has: () => false,
      on: () => () => {
        throw BOOM;
      },
    };
    const endpoint = serveEvents(bus);
    const response = new FakeResponse();
    endpoint.handle(GET, response);
    expect(() => endpoint.detach()).toThrow(/^Cannot stop listening/);
    expect(response.ended).toBe(true);
    const ending = new AbortController();
    serveEvents(bus, { signal: ending.signal });
    const uncaught = vi.fn();
    process.on("uncaughtException", uncaught);
    ending.abort();
    await turn();
    process.off("uncaughtException", uncaught);
    expect(uncaught).not.toHaveBeenCalled();
  });
});
