import { getEventListeners } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { CircuitBreaker, createEventBus, type EventOf, streamEvents } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { wrong } from "../support/wrong-values.ts";

afterEach(() => vi.unstubAllGlobals());

function source() {
  const bus = createEventBus();
  const breaker = new CircuitBreaker("payments", { bus, clock: new FakeClock() });
  const turn = (times = 1) => {
    for (let n = 0; n < times; n++) {
      breaker.forceOpen();
      breaker.reset();
    }
  };
  return { bus, breaker, turn };
}

test("streamEvents() is a Web stream of the events, in order", async () => {
  const { bus, turn } = source();
  const stream = streamEvents(bus, "circuit.*");
  expect(stream).toBeInstanceOf(ReadableStream);
  turn(2);
  const seen: string[] = [];
  for await (const { type } of stream) {
    seen.push(type);
    if (seen.length === 4) break;
  }
  expect(seen).toEqual(["circuit.open", "circuit.close", "circuit.open", "circuit.close"]);
  expect(bus.has("circuit.open")).toBe(false);
});

test("streamEvents() of a breaker pipes to a sink that is slow, and drops what does not fit", async () => {
  const { bus, breaker, turn } = source();
  const dropped: number[] = [];
  bus.on("bus.dropped", ({ count }) => dropped.push(count));
  const written: number[] = [];
  const ending = new AbortController();
  const stream = streamEvents(breaker, "circuit.open", { bufferLimit: 2, signal: ending.signal });
  turn(5);
  await stream.pipeTo(
    new WritableStream<EventOf<"circuit.open">>({
      write({ generation }) {
        written.push(generation);
        if (written.length === 2) ending.abort();
      },
    }),
  );
  expect(written).toEqual([7, 9]);
  expect(dropped).toEqual([1, 1, 1]);
});

test("streamEvents() waits for an event, and holds none but in its buffer", async () => {
  const { bus, turn } = source();
  const dropped: number[] = [];
  bus.on("bus.dropped", ({ count }) => dropped.push(count));
  const reader = streamEvents(bus, "circuit.open", { bufferLimit: 1 }).getReader();
  const waiting = reader.read();
  turn();
  await expect(waiting).resolves.toMatchObject({ done: false, value: { generation: 1 } });
  turn(2);
  expect(dropped).toEqual([1]);
  await expect(reader.read()).resolves.toMatchObject({ value: { generation: 5 } });
  await reader.cancel();
});

test("cancel() leaves no listener, on the bus or on the signal", async () => {
  const { bus, turn } = source();
  const { signal } = new AbortController();
  const stream = streamEvents(bus, "circuit.*", { signal });
  turn();
  await stream.cancel();
  expect(bus.has("circuit.open")).toBe(false);
  expect(getEventListeners(signal, "abort")).toEqual([]);
  turn();
});

test("a signal ends the stream for one who waits, one who comes, and one who only watches", async () => {
  const { bus, turn } = source();
  const ending = new AbortController();
  const { signal } = ending;
  const reading = streamEvents(bus, "circuit.open", { signal }).getReader();
  const waiting = reading.read();
  const idle = streamEvents(bus, "circuit.open", { signal }).getReader();
  turn(0);
  ending.abort();
  const end = { done: true, value: undefined };
  await expect(waiting).resolves.toEqual(end);
  await expect(reading.read()).resolves.toEqual(end);
  await expect(idle.closed).resolves.toBeUndefined();
  await expect(streamEvents(bus, "circuit.open", { signal }).getReader().read()).resolves.toEqual(
    end,
  );
  expect(bus.has("circuit.open")).toBe(false);
});

test("a canceled stream is not ended again by its signal", async () => {
  const { bus } = source();
  const ending = new AbortController();
  const stream = streamEvents(bus, "circuit.open", { signal: ending.signal });
  await stream.cancel();
  expect(() => ending.abort()).not.toThrow();
});

test("streamEvents() says so when the host has no ReadableStream, and subscribes to nothing", () => {
  const { bus } = source();
  vi.stubGlobal("ReadableStream", undefined);
  expect(() => streamEvents(bus, "circuit.open")).toThrow(
    "Cannot stream events: this host has no ReadableStream; use iterateEvents",
  );
  expect(bus.has("circuit.open")).toBe(false);
});

test("streamEvents() refuses bad input in its own name", () => {
  expect(() => streamEvents(createEventBus(), "circuit.open", wrong({ bufferLimit: 0 }))).toThrow(
    new RangeError("Cannot stream events: bufferLimit must be a positive integer, received 0"),
  );
});
