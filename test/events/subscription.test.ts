import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { CircuitBreaker, createEventBus, type EventBus, type EventOf } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { forged } from "../support/forged.ts";
import { wrong } from "../support/wrong-values.ts";

function turning(bus: EventBus = createEventBus()) {
  const breaker = new CircuitBreaker("payments", { bus });
  const turn = () => {
    breaker.forceOpen();
    breaker.reset();
  };
  return { bus, breaker, turn };
}

/** A bus of the user's making that knows nothing of options. */
function plainBus(): EventBus & { readonly listening: number } {
  const own = createEventBus();
  let listening = 0;
  return {
    emit: (event) => own.emit(event),
    has: (type) => own.has(type),
    on(type, listener) {
      listening++;
      const off = own.on(type, listener);
      return () => {
        listening--;
        off();
      };
    },
    get listening() {
      return listening;
    },
  };
}

test("once() of a bus hears the next such event, and only that", () => {
  const bus = createEventBus();
  const { turn } = turning(bus);
  const heard: string[] = [];
  bus.once("circuit.open", ({ type }) => heard.push(`exact ${type}`));
  bus.once("circuit.*", ({ type }) => heard.push(`family ${type}`));
  const off = bus.once("circuit.close", ({ type }) => heard.push(type));
  off();
  turn();
  turn();
  expect(heard).toEqual(["exact circuit.open", "family circuit.open"]);
  expect(bus.has("circuit.open")).toBe(false);
});

test("once() of a bus reports an async listener that rejects", async () => {
  const bus = createEventBus();
  const sinks: string[] = [];
  bus.on("bus.listener_failed", ({ sink }) => sinks.push(sink));
  bus.once("circuit.open", () => Promise.reject(BOOM), { sink: "pager" });
  turning(bus).turn();
  await new Promise((resolve) => setImmediate(resolve));
  expect(sinks).toEqual(["pager"]);
});

describe.each([
  ["a bus of ours", () => createEventBus()],
  ["a bus that knows no signals", plainBus],
])("with %s", (_, make) => {
  test("on() and once() of a breaker end with their signal, and leave nothing on it", () => {
    const { bus, breaker, turn } = turning(make());
    const ending = new AbortController();
    const { signal } = ending;
    const heard: string[] = [];
    breaker.on("circuit.open", () => heard.push("on"), { signal });
    breaker.once("circuit.open", () => heard.push("once"), { signal });
    turn();
    breaker.once("circuit.close", () => heard.push("never"), { signal });
    ending.abort();
    turn();
    expect(heard).toEqual(["on", "once"]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(bus.has("circuit.open")).toBe(false);
    breaker.on("circuit.open", () => heard.push("never"), { signal });
    turn();
    expect(bus.has("circuit.open")).toBe(false);
    expect(heard).toEqual(["on", "once"]);
  });

  test("a listener that is unsubscribed leaves the signal, too", () => {
    const { breaker } = turning(make());
    const ending = new AbortController();
    const off = breaker.on("circuit.open", () => {}, { signal: ending.signal });
    expect(getEventListeners(ending.signal, "abort")).toHaveLength(1);
    off();
    off();
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
  });
});

test("on() and once() of a bus end with their signal", () => {
  const bus = createEventBus();
  const { turn } = turning(bus);
  const ending = new AbortController();
  const { signal } = ending;
  const heard: string[] = [];
  const off = bus.on("circuit.open", () => heard.push("off"), { signal });
  bus.on("circuit.open", () => heard.push("on"), { signal });
  bus.once("circuit.close", () => heard.push("once"), { signal });
  off();
  turn();
  ending.abort();
  turn();
  expect(heard).toEqual(["on", "once"]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
  bus.on("circuit.open", () => heard.push("never"), { signal });
  bus.once("circuit.open", () => heard.push("never"), { signal });
  expect(bus.has("circuit.open")).toBe(false);
});

test("a listener whose signal aborts during delivery is spared the event", () => {
  const bus = createEventBus();
  const ending = new AbortController();
  const heard: string[] = [];
  bus.on("circuit.open", () => ending.abort());
  bus.on("circuit.open", () => heard.push("late"), { signal: ending.signal });
  turning(bus).turn();
  expect(heard).toEqual([]);
});

test("emit() refuses what no event is called, with the near names, and keeps nothing of it", () => {
  const bus = createEventBus();
  const heard: string[] = [];
  bus.on("circuit.*", ({ type }) => heard.push(type));
  expect(() => bus.emit(forged({ type: "circuit.opne", v: 1 }))).toThrow(
    /^Cannot emit: no event is called "circuit\.opne", did you mean "circuit\.open".*\?$/,
  );
  expect(() => bus.emit(forged({ type: "toString" }))).toThrow(TypeError);
  expect(bus.has(wrong("circuit.opne"))).toBe(false);
  expect(heard).toEqual([]);
});

test("emit() refuses it inside a listener, too, and the events after it are delivered", () => {
  const bus = createEventBus();
  const reports: EventOf<"bus.listener_failed">[] = [];
  bus.on("bus.listener_failed", (event) => reports.push(event));
  bus.on("circuit.open", () => bus.emit(forged({ type: "circuit.opne" })), { sink: "bridge" });
  const heard: string[] = [];
  bus.on("circuit.*", ({ type }) => heard.push(type));
  turning(bus).turn();
  expect(heard).toEqual(["circuit.open", "circuit.close"]);
  expect(reports).toMatchObject([{ sink: "bridge", failedType: "circuit.open", count: 1 }]);
});
