import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { type NodeRequest, serveEvents } from "../../src/exporters/sse.ts";
import { CircuitBreaker, createEventBus } from "../../src/index.ts";
import { failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { breakable } from "../support/scraped.ts";
import { wrong } from "../support/wrong-values.ts";
import { closers, FakeResponse, GET, streamed } from "./event-endpoint.ts";

const READINGS: NodeRequest = { ...GET, headers: { prefer: "readings" } };

function read(options: Parameters<typeof streamed>[0] = {}) {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const breakers: CircuitBreaker[] = [];
  const all = streamed({ breakers: () => breakers, ...options });
  breakers.push(all.breaker);
  const join = (request = READINGS) => {
    const response = new FakeResponse();
    all.endpoint.handle(request, response);
    return response;
  };
  return { ...all, breakers, join };
}

const readingsOf = (response: FakeResponse) =>
  response.reader.messages.filter(({ event }) => event === "readings").map(({ data }) => data);

test("a client that asks for readings is sent what has changed, every readingsEveryMs", async () => {
  const { breaker, join } = read({ readingsEveryMs: 500 });
  const response = join();
  vi.advanceTimersByTime(499);
  expect(readingsOf(response)).toEqual([]);
  await failTimes(breaker, 2);
  vi.advanceTimersByTime(1);
  expect(readingsOf(response)).toEqual([
    {
      atMs: expect.any(Number),
      all: true,
      breakers: [
        {
          breaker: "payments",
          state: "closed",
          trafficShare: 1,
          tripProgress: 0.4,
          consecutiveFailures: 2,
          failureThreshold: 5,
          probesInFlight: 0,
          openedAtMs: null,
          retryAtMs: null,
          calls: 2,
          skips: 0,
        },
      ],
      gone: [],
    },
  ]);
  vi.advanceTimersByTime(500);
  expect(readingsOf(response)[1]).toMatchObject({ all: false, breakers: [], gone: [] });
  await breaker.execute(succeed);
  vi.advanceTimersByTime(500);
  expect(readingsOf(response)[2]).toMatchObject({ breakers: [{ calls: 3, tripProgress: 0 }] });
  // They are no events: a client that comes back does so from the last event.
  expect(response.reader.lastId).toMatch(/\.\d+$/);
  expect(response.reader.text).not.toMatch(/id: .*\nevent: readings/);
});

test("by default every two seconds", () => {
  const { join } = read();
  const response = join();
  vi.advanceTimersByTime(1_999);
  expect(readingsOf(response)).toHaveLength(0);
  vi.advanceTimersByTime(1);
  expect(readingsOf(response)).toHaveLength(1);
});

test("who does not ask for readings is sent none, and nothing is read without a client that does", async () => {
  const { breaker, join } = read();
  const looks = vi.spyOn(breaker, "tripProgress", "get");
  const plain = join(GET);
  const seen = looks.mock.calls.length;
  vi.advanceTimersByTime(60_000);
  expect(looks.mock.calls.length).toBe(seen);
  expect(readingsOf(plain)).toEqual([]);
  const timers = vi.getTimerCount();
  const asking = join();
  expect(vi.getTimerCount()).toBe(timers + 1);
  asking.destroy();
  await turn();
  expect(vi.getTimerCount()).toBe(timers);
});

test("an endpoint that knows no breakers sends none", () => {
  const { join } = read({ breakers: undefined } as object);
  const response = join();
  vi.advanceTimersByTime(60_000);
  expect(readingsOf(response)).toEqual([]);
});

test("breakers that are gone are named once, to each client that knew them", () => {
  const { breakers, bus, join } = read();
  const other = new CircuitBreaker("search", { bus, clock: new FakeClock() });
  breakers.push(other);
  const first = join();
  vi.advanceTimersByTime(2_000);
  breakers.pop();
  const second = join();
  vi.advanceTimersByTime(2_000);
  expect(readingsOf(first)[1]).toMatchObject({ gone: [{ breaker: "search" }], breakers: [] });
  expect(readingsOf(second)[0]).toMatchObject({ all: true, gone: [] });
  vi.advanceTimersByTime(2_000);
  expect(readingsOf(first)[2]).toMatchObject({ gone: [] });
  breakers.push(other);
  vi.advanceTimersByTime(2_000);
  expect(readingsOf(first)[3]).toMatchObject({ gone: [], breakers: [{ breaker: "search" }] });
});

test("a client that takes nothing is sent all it missed once it does", async () => {
  const { breaker, join } = read();
  const response = join();
  vi.advanceTimersByTime(2_000);
  response.full = true;
  await breaker.execute(succeed);
  breaker.forceOpen();
  vi.advanceTimersByTime(10_000);
  expect(readingsOf(response)).toHaveLength(1);
  response.drain();
  vi.advanceTimersByTime(2_000);
  expect(readingsOf(response)[1]).toMatchObject({
    breakers: [{ state: "forced_open", calls: 1, retryAtMs: null }],
  });
});

test("a breaker that cannot be read, and a list that cannot be made, disturb nobody", () => {
  const { breaker, breakers, join } = read();
  const reading = { broken: true };
  breakers.push(breakable(breaker, reading) as CircuitBreaker, wrong(5), wrong(null));
  const response = join();
  vi.advanceTimersByTime(2_000);
  expect(readingsOf(response)[0]).toMatchObject({ breakers: [{ breaker: "payments" }] });
  vi.spyOn(breakers, Symbol.iterator).mockImplementation(() => {
    throw new Error("no list");
  });
  vi.advanceTimersByTime(2_000);
  expect(readingsOf(response)[1]).toMatchObject({ breakers: [], gone: [] });
});

test("an open breaker tells when it may be tried, and from which process it is", async () => {
  const clock = new FakeClock();
  const bus = createEventBus({ instance: "api-1" });
  const breaker = new CircuitBreaker("payments", { bus, clock, cooldownMs: 30_000 });
  await failTimes(breaker, 5);
  const endpoint = serveEvents(bus, { breakers: breaker, readingsEveryMs: 1_000 });
  closers.push(() => endpoint.detach());
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"], now: 1_000_000 });
  const late = new FakeResponse();
  endpoint.handle(READINGS, late);
  clock.advance(1_000);
  vi.advanceTimersByTime(1_000);
  expect(readingsOf(late)[0]).toMatchObject({
    breakers: [{ state: "open", instance: "api-1", retryAtMs: 1_001_000 + 29_000 }],
  });
  expect(late.reader.messages[0]?.data["breakers"]).toMatchObject([
    { instance: "api-1", retryAtMs: 1_030_000 },
  ]);
});

test("a client that asks for the history begins with what the ring has, without a gap", () => {
  const { turnover, join } = read({ historyLimit: 3 });
  turnover(3);
  const response = join({ ...GET, headers: { prefer: "respond-async, history" } });
  expect(response.reader.names).toEqual([
    "circuit.close",
    "circuit.open",
    "circuit.close",
    "snapshot",
  ]);
});

test.each([0, -1, Number.NaN, 2 ** 31])("readingsEveryMs of %d is refused", (readingsEveryMs) => {
  expect(() => serveEvents(createEventBus(), { readingsEveryMs })).toThrow(
    "Cannot serve events: readingsEveryMs must be",
  );
});
