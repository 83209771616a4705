import { expect, test, vi } from "vitest";
import {
  CircuitBreaker,
  createEventBus,
  type EventBus,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

// A bus of the user's making: any object with the three methods.

/** The smallest bus that works: every listener gets every event. */
class PlainBus implements EventBus {
  readonly emitted: TelltaleEvent[] = [];
  readonly listeners = new Set<(event: TelltaleEvent) => void>();
  heard: (type: string) => boolean = () => true;

  emit(event: TelltaleEvent): void {
    this.emitted.push(event);
    for (const listener of this.listeners) listener(event);
  }

  on(_type: string, listener: (event: never) => void): () => void {
    // Every listener is handed every event, as this bus is made.
    const any = listener as (event: TelltaleEvent) => void;
    this.listeners.add(any);
    return () => this.listeners.delete(any);
  }

  has(type: string): boolean {
    return this.heard(type);
  }
}

function on(bus: EventBus) {
  const clock = new FakeClock();
  return new CircuitBreaker("dependency", { bus, clock, failureThreshold: 1, cooldownMs: 100 });
}

const names = (events: readonly TelltaleEvent[]) => events.map(({ type }) => type);

test("a bus of the user's making gets the events, and the breaker hands it out", async () => {
  const bus = new PlainBus();
  const breaker = on(bus);
  expect(breaker.bus).toBe(bus);
  await breaker.call(succeed);
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  expect(names(bus.emitted)).toEqual([
    "circuit.success",
    "circuit.failure",
    "circuit.open",
    "circuit.skip",
  ]);
});

test("on() of a breaker subscribes on the user's bus, and unsubscribes", () => {
  const bus = new PlainBus();
  const [breaker, other] = [on(bus), new CircuitBreaker("other", { bus })];
  const heard = vi.fn();
  const off = breaker.on("circuit.*", heard);
  other.forceOpen();
  expect(heard).not.toHaveBeenCalled();
  breaker.forceOpen();
  expect(heard).toHaveBeenCalledTimes(1);
  off();
  breaker.reset();
  expect(heard).toHaveBeenCalledTimes(1);
});

test("a user's bus that says nobody listens gets nothing", async () => {
  const bus = new PlainBus();
  bus.heard = () => false;
  const breaker = on(bus);
  await breaker.call(succeed);
  await failTimes(breaker, 1);
  expect(bus.emitted).toEqual([]);
  expect(breaker.state).toBe("open");
});

test("a user's bus is asked again at each event, as its listeners change unseen", async () => {
  const bus = new PlainBus();
  bus.heard = (type) => type === "circuit.failure";
  const breaker = on(bus);
  await breaker.call(succeed);
  bus.heard = (type) => type === "circuit.success";
  await breaker.call(succeed);
  await breaker.call(succeed);
  expect(names(bus.emitted)).toEqual(["circuit.success", "circuit.success"]);
  expect(bus.emitted.map((event) => "seq" in event && event.seq)).toEqual([1, 2]);
});

test("a user's bus that throws in has gets everything rather than nothing", async () => {
  const bus = new PlainBus();
  bus.heard = () => {
    throw BOOM;
  };
  const breaker = on(bus);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(names(bus.emitted)).toEqual(["circuit.success", "circuit.failure", "circuit.open"]);
});

test("a user's bus that throws in emit disturbs no call, and is told of its own failure", async () => {
  const bus = new PlainBus();
  const reported: TelltaleEvent[] = [];
  const emit = vi.spyOn(bus, "emit").mockImplementation((event) => {
    if (event.type !== "bus.listener_failed") throw BOOM;
    reported.push(event);
  });
  const breaker = on(bus);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(breaker.callSync.bind(breaker, () => 1)).toThrow("open");
  expect(breaker.state).toBe("open");
  expect(breaker.stats).toMatchObject({ calls: { success: 1, error: 1 }, skips: { open: 1 } });
  expect(emit).toHaveBeenCalledTimes(8);
  expect(reported).toHaveLength(4);
  expect(reported[0]).toMatchObject({
    type: "bus.listener_failed",
    sink: "bus",
    count: 1,
    failedType: "circuit.success",
    error: { name: "Error", message: "boom" },
  });
  for (const report of reported) expect(Object.isFrozen(report)).toBe(true);
});

test("a user's bus that throws in everything disturbs no call", async () => {
  const bus = new PlainBus();
  vi.spyOn(bus, "emit").mockImplementation(() => {
    throw BOOM;
  });
  bus.heard = () => {
    throw BOOM;
  };
  const breaker = on(bus);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  breaker.reset();
  expect(breaker.callSync(() => 2)).toBe(2);
  expect(breaker.stats.calls).toMatchObject({ success: 2, error: 1 });
});

test("a user's bus whose emit recovers gets the events from then on", async () => {
  const bus = new PlainBus();
  const emit = vi.spyOn(bus, "emit").mockImplementation(() => {
    throw BOOM;
  });
  const breaker = on(bus);
  await breaker.call(succeed);
  emit.mockRestore();
  await breaker.call(succeed);
  expect(names(bus.emitted)).toEqual(["circuit.success"]);
});

test("a user's bus whose instance cannot be read disturbs no call", async () => {
  const bus = Object.defineProperty(new PlainBus(), "instance", {
    get: () => {
      throw BOOM;
    },
  });
  await expect(on(bus).call(succeed)).resolves.toBe("value");
});

test("a user's bus may carry an instance", () => {
  const bus = Object.assign(new PlainBus(), { instance: "pod-1" });
  on(bus).forceOpen();
  expect(bus.emitted).toMatchObject([{ type: "circuit.open", instance: "pod-1" }]);
});

test("a user's bus that delivers re-entrantly still gets the events in order", () => {
  const bus = new PlainBus();
  const breaker = on(bus);
  const order: string[] = [];
  bus.on("circuit.*", (event: TelltaleEvent) => {
    if (event.type === "circuit.open") breaker.reset();
  });
  bus.on("circuit.*", (event: TelltaleEvent) => order.push(event.type));
  breaker.forceOpen();
  expect(order).toEqual(["circuit.open", "circuit.close"]);
});

test("a user's bus that wraps ours passes everything on", async () => {
  const inner = createEventBus({ instance: "wrapped" });
  const types: string[] = [];
  const bus: EventBus = {
    emit: (event) => {
      types.push(event.type);
      inner.emit(event);
    },
    on: inner.on.bind(inner),
    has: inner.has.bind(inner),
    instance: "outer",
  };
  const heard = vi.fn();
  const breaker = on(bus);
  breaker.on("circuit.open", heard);
  await failTimes(breaker, 1);
  expect(types).toEqual(["circuit.open"]);
  expect(heard).toHaveBeenCalledWith(expect.objectContaining({ instance: "outer", seq: 1 }));
});

test("an event handed to our bus that is none does not silence it", () => {
  const bus = createEventBus();
  const heard = vi.fn();
  bus.on("circuit.open", heard);
  for (const wrong of [null, undefined, 5, "circuit.open", {}, { type: 7 }]) {
    try {
      // Wrong on purpose: this is what JavaScript callers can do.
      bus.emit(wrong as never);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
    }
  }
  on(bus).forceOpen();
  expect(heard).toHaveBeenCalledTimes(1);
});
