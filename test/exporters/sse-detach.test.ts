import { expect, test, vi } from "vitest";
import { serveEvents } from "../../src/exporters/sse.ts";
import { CircuitBreaker, createEventBus } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { closers, FakeResponse, GET, streamed } from "./event-endpoint.ts";

const request = (headers: Record<string, string> = {}) =>
  new Request("http://127.0.0.1/events", { headers });

const COMING = {
  node: (endpoint: ReturnType<typeof serveEvents>) => {
    const response = new FakeResponse();
    let late = 0;
    response.write = () => {
      if (response.ended) late++;
      return true;
    };
    endpoint.handle({ ...GET, headers: { prefer: "readings" } }, response);
    // As a connection does that has taken its end.
    if (response.ended) response.emit("close");
    return Promise.resolve(response.ended && late === 0);
  },
  fetch: async (endpoint: ReturnType<typeof serveEvents>) => {
    const response = endpoint.respond(request({ prefer: "readings" }));
    await response.text();
    return true;
  },
};

/** A breaker that is open as soon as it is asked. */
function hanging() {
  const bus = createEventBus();
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("hung", {
    ...{ bus, clock, inFlight: true, latencyTripMs: 100, failureThreshold: 1 },
  });
  breaker.admit();
  clock.advance(500);
  return { bus, breaker };
}

test.each(Object.entries(COMING))(
  "detach() by who hears what the coming of a client brings about: %s",
  async (_, come) => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { bus, breaker } = hanging();
    const endpoint = serveEvents(bus, { breakers: breaker });
    let opened = 0;
    breaker.on("circuit.open", () => {
      opened++;
      endpoint.detach();
    });
    await expect(come(endpoint)).resolves.toBe(true);
    expect([opened, vi.getTimerCount()]).toEqual([1, 0]);
  },
);

test.each(Object.entries(COMING))(
  "detach() by the function that lists the breakers: %s",
  async (_, come) => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { bus, breaker } = hanging();
    let lists = 0;
    const endpoint = serveEvents(bus, {
      breakers() {
        lists++;
        // The first is before the client has its place.
        if (lists === 2) endpoint.detach();
        return [breaker];
      },
    });
    await expect(come(endpoint)).resolves.toBe(true);
    expect([lists, vi.getTimerCount()]).toEqual([2, 0]);
  },
);

test("detach() by the function that lists the breakers for a reading: nothing is sent behind the end", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { bus, breaker } = hanging();
  let isLast = false;
  const endpoint = serveEvents(bus, {
    breakers() {
      if (isLast) endpoint.detach();
      return [breaker];
    },
  });
  const response = new FakeResponse();
  endpoint.handle({ ...GET, headers: { prefer: "readings" } }, response);
  const { text } = response.reader;
  isLast = true;
  vi.advanceTimersByTime(2_000);
  expect(response.ended).toBe(true);
  expect(response.reader.text).toBe(text);
});

test("a client that has no place costs no breaker a look", () => {
  const { bus, breaker } = hanging();
  let lists = 0;
  const endpoint = serveEvents(bus, {
    maxClients: 1,
    breakers() {
      lists++;
      return [breaker];
    },
  });
  closers.push(() => endpoint.detach());
  endpoint.respond(request());
  const before = lists;
  expect(endpoint.respond(request()).status).toBe(503);
  expect(endpoint.respond(new Request("http://127.0.0.1/", { method: "HEAD" })).status).toBe(503);
  expect(lists).toBe(before);
});

test("detach() cuts off a fetch-style client that takes nothing", async () => {
  const { endpoint, breaker } = streamed({ events: ["circuit.skip"], sampleSkips: false });
  const response = endpoint.respond(request());
  breaker.forceOpen();
  for (let n = 0; n < 2_000; n++) breaker.admit();
  endpoint.detach();
  await expect(response.text()).rejects.toThrow(
    "The stream has ended, and the client took nothing",
  );
});

test("detach() lets a fetch-style client take what it was given", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { endpoint, turnover } = streamed();
  const response = endpoint.respond(request());
  turnover();
  endpoint.detach();
  expect(vi.getTimerCount()).toBe(1);
  const text = await response.text();
  expect(text.match(/^event: .*$/gm)).toEqual(["event: circuit.open", "event: circuit.close"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("detach() ends a fetch-style client at once that has taken all", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { endpoint } = streamed();
  const body = endpoint.respond(request()).body?.getReader();
  await body?.read();
  const end = body?.read();
  endpoint.detach();
  expect(vi.getTimerCount()).toBe(0);
  await expect(end).resolves.toMatchObject({ done: true });
});

test("detach() drops a fetch-style client that has not taken the end by the next heartbeat", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { endpoint, turnover } = streamed({ heartbeatMs: 1_000 });
  const response = endpoint.respond(request());
  turnover();
  endpoint.detach();
  vi.advanceTimersByTime(1_000);
  await expect(response.text()).rejects.toThrow("The client took nothing for too long");
  expect(vi.getTimerCount()).toBe(0);
});

test("a client that takes something after it was cut off is sent nothing more", () => {
  const { endpoint, turnover } = streamed();
  const response = new FakeResponse();
  // A connection closes some time after it was told to.
  response.destroy = () => response;
  endpoint.handle(GET, response);
  response.full = true;
  turnover(2);
  endpoint.detach();
  const { text } = response.reader;
  response.drain();
  expect(response.reader.text).toBe(text);
});
