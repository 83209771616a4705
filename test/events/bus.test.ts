import { expect, test, vi } from "vitest";
import {
  CircuitBreaker,
  createEventBus,
  type EventBus,
  type EventOf,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { settled, unhandled } from "../support/unhandled-rejections.ts";

/** A bus with one breaker on it, which trips at the first failure. */
function onBus(bus: EventBus = createEventBus(), name = "dependency") {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker(name, { bus, clock, failureThreshold: 1, cooldownMs: 100 });
  return { bus, breaker, clock };
}

function throwing(): never {
  throw BOOM;
}

test("listeners run in the order they subscribed", () => {
  const { bus, breaker } = onBus();
  const order: string[] = [];
  bus.on("circuit.open", () => order.push("first"));
  bus.on("circuit.*", () => order.push("second"));
  breaker.on("circuit.open", () => order.push("third"));
  bus.on("circuit.open", () => order.push("fourth"));
  breaker.forceOpen();
  expect(order).toEqual(["first", "second", "third", "fourth"]);
});

test("listeners all get the same event", () => {
  const { bus, breaker } = onBus();
  const seen: TelltaleEvent[] = [];
  bus.on("circuit.open", (event) => seen.push(event));
  bus.on("circuit.*", (event) => seen.push(event));
  breaker.forceOpen();
  expect(seen).toHaveLength(2);
  expect(seen[0]).toBe(seen[1]);
});

test("a listener that throws keeps nothing from the others and from the caller", async () => {
  const { bus, breaker } = onBus();
  const seen: string[] = [];
  bus.on("circuit.*", throwing);
  bus.on("circuit.*", (event) => seen.push(event.type));
  await expect(breaker.call(succeed)).resolves.toBe("value");
  await failTimes(breaker, 1);
  expect(seen).toEqual(["circuit.success", "circuit.failure", "circuit.open"]);
  expect(breaker.state).toBe("open");
  expect(breaker.stats.calls).toMatchObject({ success: 1, error: 1 });
});

test("bus.listener_failed tells who failed, on what, and why", () => {
  const { bus, breaker, clock } = onBus();
  const reports: EventOf<"bus.listener_failed">[] = [];
  bus.on("bus.listener_failed", (event) => reports.push(event));
  bus.on("circuit.open", throwing, { sink: "pino" });
  bus.on("circuit.*", throwing);
  clock.advance(5);
  breaker.forceOpen();
  const error = { name: "Error", message: "boom" };
  expect(reports).toEqual([
    {
      type: "bus.listener_failed",
      v: 1,
      atMs: START_AT_MS + 5,
      sink: "pino",
      count: 1,
      failedType: "circuit.open",
      error,
    },
    {
      type: "bus.listener_failed",
      v: 1,
      atMs: START_AT_MS + 5,
      sink: "listener",
      count: 1,
      failedType: "circuit.open",
      error,
    },
  ]);
  for (const report of reports) expect(Object.isFrozen(report)).toBe(true);
});

test("on() of a breaker hands the sink on to the bus", () => {
  const { bus, breaker } = onBus();
  const sinks: string[] = [];
  bus.on("bus.listener_failed", ({ sink }) => sinks.push(sink));
  breaker.on("circuit.open", throwing, { sink: "otel" });
  breaker.once("circuit.open", throwing, { sink: "pager" });
  breaker.forceOpen();
  expect(sinks).toEqual(["otel", "pager"]);
});

test("a report of a failed listener comes after the event reached everybody", () => {
  const { bus, breaker } = onBus();
  const order: string[] = [];
  bus.on("circuit.open", throwing);
  bus.on("bus.listener_failed", () => order.push("report"));
  bus.on("circuit.open", () => order.push("open"));
  breaker.forceOpen();
  expect(order).toEqual(["open", "report"]);
});

test("a listener of reports that throws is not reported again", () => {
  const { bus, breaker } = onBus();
  const failing = vi.fn(throwing);
  const other = vi.fn();
  bus.on("circuit.open", throwing);
  bus.on("bus.listener_failed", failing);
  bus.on("bus.*", other);
  breaker.forceOpen();
  expect(failing).toHaveBeenCalledTimes(1);
  expect(other).toHaveBeenCalledTimes(1);
});

test("an async listener that rejects is reported, and ends no process", async () => {
  const { bus, breaker } = onBus();
  const reports: EventOf<"bus.listener_failed">[] = [];
  bus.on("bus.listener_failed", (event) => reports.push(event));
  bus.on("circuit.open", async () => throwing(), { sink: "slow" });
  breaker.on("circuit.open", () => Promise.reject(BOOM));
  breaker.once("circuit.open", async () => throwing(), { sink: "once" });
  breaker.forceOpen();
  expect(reports).toEqual([]);
  await settled();
  expect(reports.map(({ sink }) => sink)).toEqual(["slow", "listener", "once"]);
  expect(unhandled).not.toHaveBeenCalled();
});

test("an async listener that rejects while nobody hears of it ends no process", async () => {
  const { bus, breaker } = onBus();
  bus.on("circuit.open", () => Promise.reject(BOOM));
  bus.on("bus.listener_failed", () => Promise.reject(BOOM));
  breaker.forceOpen();
  await settled();
  expect(unhandled).not.toHaveBeenCalled();
});

test("an event raised in a listener is delivered after the current one reached everybody", () => {
  const { bus, breaker } = onBus();
  const order: string[] = [];
  bus.on("circuit.open", () => {
    order.push("first: open");
    breaker.reset();
    breaker.disable();
    order.push("first: done");
  });
  bus.on("circuit.*", ({ type }) => order.push(`second: ${type}`));
  breaker.forceOpen();
  expect(order).toEqual([
    "first: open",
    "first: done",
    "second: circuit.open",
    "second: circuit.close",
    "second: circuit.disable",
  ]);
  expect(breaker.state).toBe("disabled");
});

test("an event that one breaker raises in the listener of another waits too", () => {
  const bus = createEventBus();
  const [one, two] = [onBus(bus, "one"), onBus(bus, "two")];
  const order: string[] = [];
  bus.on("circuit.open", ({ breaker }) => {
    if (breaker === "one") two.breaker.forceOpen();
  });
  bus.on("circuit.open", ({ breaker }) => order.push(breaker));
  one.breaker.forceOpen();
  expect(order).toEqual(["one", "two"]);
});

test("a listener that calls the breaker gets an answer at once, its events later", () => {
  const { bus, breaker } = onBus();
  const order: string[] = [];
  bus.on("circuit.open", () => {
    const answer = breaker.admit();
    order.push(answer.ok ? "admitted" : "refused");
  });
  bus.on("circuit.*", ({ type }) => order.push(type));
  breaker.forceOpen();
  expect(order).toEqual(["refused", "circuit.open", "circuit.skip"]);
});

test("a listener that unsubscribes another during delivery keeps the event from it", () => {
  const { bus, breaker } = onBus();
  const second = vi.fn();
  let off = () => {};
  bus.on("circuit.open", () => off());
  off = bus.on("circuit.open", second);
  breaker.forceOpen();
  expect(second).not.toHaveBeenCalled();
});

test("a listener that unsubscribes itself during delivery skips nobody", () => {
  const { bus, breaker } = onBus();
  const order: string[] = [];
  const off = bus.on("circuit.open", () => {
    order.push("first");
    off();
  });
  bus.on("circuit.open", () => order.push("second"));
  breaker.forceOpen();
  breaker.reset();
  breaker.forceOpen();
  expect(order).toEqual(["first", "second", "second"]);
});

test("a listener that subscribes another during delivery gives it the next event only", () => {
  const { bus, breaker } = onBus();
  const late = vi.fn();
  const off = bus.on("circuit.open", () => {
    bus.on("circuit.open", late);
    off();
  });
  breaker.forceOpen();
  expect(late).not.toHaveBeenCalled();
  breaker.reset();
  breaker.forceOpen();
  expect(late).toHaveBeenCalledTimes(1);
});

test("unsubscribing twice takes nothing from a second subscription of the same listener", () => {
  const { bus, breaker } = onBus();
  const listener = vi.fn();
  const off = bus.on("circuit.open", listener);
  bus.on("circuit.open", listener);
  off();
  off();
  breaker.forceOpen();
  expect(listener).toHaveBeenCalledTimes(1);
});

test("on() takes a name, or a family", () => {
  const { bus, breaker } = onBus();
  const heard: string[] = [];
  bus.on("circuit.close", ({ type }) => heard.push(`exact ${type}`));
  bus.on("circuit.*", ({ type }) => heard.push(`family ${type}`));
  bus.on("bus.*", ({ type }) => heard.push(`bus ${type}`));
  breaker.forceOpen();
  breaker.reset();
  expect(heard).toEqual(["family circuit.open", "exact circuit.close", "family circuit.close"]);
});

test("has() says whether anybody listens to the type", () => {
  const bus = createEventBus();
  expect(bus.has("circuit.open")).toBe(false);
  const off = bus.on("circuit.open", () => {});
  expect(bus.has("circuit.open")).toBe(true);
  expect(bus.has("circuit.close")).toBe(false);
  off();
  expect(bus.has("circuit.open")).toBe(false);
  const offFamily = bus.on("circuit.*", () => {});
  expect(bus.has("circuit.close")).toBe(true);
  expect(bus.has("bus.listener_failed")).toBe(false);
  offFamily();
  expect(bus.has("circuit.close")).toBe(false);
});

test("on() of a breaker hears only its own events on a shared bus", () => {
  const bus = createEventBus();
  const [one, two] = [onBus(bus, "one"), onBus(bus, "two")];
  const [ofOne, ofTwo]: string[][] = [[], []];
  one.breaker.on("circuit.*", ({ breaker }) => ofOne?.push(breaker));
  two.breaker.once("circuit.open", ({ breaker }) => ofTwo?.push(breaker));
  const all: string[] = [];
  bus.on("circuit.*", ({ breaker }) => all.push(breaker));
  one.breaker.forceOpen();
  two.breaker.forceOpen();
  expect(ofOne).toEqual(["one"]);
  expect(ofTwo).toEqual(["two"]);
  expect(all).toEqual(["one", "two"]);
  expect(one.breaker.bus).toBe(bus);
});

test("once() hears the next such event, and only that", () => {
  const { breaker, events } = watch();
  const heard: string[] = [];
  breaker.once("circuit.open", ({ type }) => heard.push(`exact ${type}`));
  breaker.once("circuit.*", ({ type }) => heard.push(`family ${type}`));
  const off = breaker.once("circuit.close", ({ type }) => heard.push(type));
  off();
  breaker.forceOpen();
  breaker.reset();
  breaker.forceOpen();
  expect(heard).toEqual(["exact circuit.open", "family circuit.open"]);
  expect(events).toHaveLength(3);
});

test("once() hears one event though its listener raises the same again", () => {
  const { breaker } = watch();
  const heard: number[] = [];
  breaker.once("circuit.open", ({ generation }) => {
    heard.push(generation);
    breaker.reset();
    breaker.forceOpen();
  });
  breaker.forceOpen();
  expect(heard).toEqual([1]);
  expect(breaker.state).toBe("forced_open");
});

test("a breaker without a bus has one of its own, made once", () => {
  const [one, two] = [new CircuitBreaker("one"), new CircuitBreaker("two")];
  expect(one.bus).toBe(one.bus);
  expect(one.bus).not.toBe(two.bus);
  const heard = vi.fn();
  one.bus.on("circuit.*", heard);
  two.forceOpen();
  expect(heard).not.toHaveBeenCalled();
  one.forceOpen();
  expect(heard).toHaveBeenCalledTimes(1);
});

test("instance of a bus is put on every event of its breakers", async () => {
  const bus = createEventBus({ instance: "api-7f9" });
  const instances: (string | undefined)[] = [];
  bus.on("circuit.*", ({ instance }) => instances.push(instance));
  const { breaker } = onBus(bus);
  await breaker.call(succeed);
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  expect(instances).toEqual(["api-7f9", "api-7f9", "api-7f9", "api-7f9"]);
  expect(bus.instance).toBe("api-7f9");
});

test("without an instance the key is missing", () => {
  const { bus, breaker } = onBus();
  const keys: string[] = [];
  bus.on("circuit.open", (event) => keys.push(...Object.keys(event)));
  breaker.forceOpen();
  expect(keys).toContain("breaker");
  expect(keys).not.toContain("instance");
});
