import { expect, test } from "vitest";
import {
  CircuitBreaker,
  createEventBus,
  type EventBus,
  type EventOf,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

type Skip = EventOf<"circuit.skip">;

/** An open breaker on a bus that nobody listens to yet. */
function opened() {
  const bus = createEventBus({ instance: "api-7" });
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { bus, clock, attributes: { team: "checkout" } });
  breaker.forceOpen();
  return { bus, clock, breaker };
}

test("declines: a refusal that every listener declined is delivered to nobody, and its number is drawn", async () => {
  const { bus, breaker } = opened();
  const asked: Skip[] = [];
  const told: Skip[] = [];
  bus.on("circuit.skip", (skip) => void told.push(skip), {
    declines: (skip) => asked.push(skip) % 3 !== 0,
  });
  for (let n = 0; n < 7; n++) await breaker.execute(succeed);
  expect(asked.map(({ skipsSinceOpened }) => skipsSinceOpened)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(told.map(({ seq, skipsSinceOpened }) => [seq, skipsSinceOpened])).toEqual([
    [3, 3],
    [6, 6],
  ]);
  expect(breaker.stats.skips.forced_open).toBe(7);
});

test("declines: is asked about the event that is delivered when it is wanted", async () => {
  const { bus, breaker } = opened();
  const asked: string[] = [];
  const told: Skip[] = [];
  bus.on("circuit.skip", (skip) => void told.push(skip), {
    declines: (skip) => {
      asked.push(JSON.stringify(skip));
      return false;
    },
  });
  await breaker.call(succeed, { context: { order: 7 } }).catch(() => {});
  expect(told).toEqual([
    expect.objectContaining({
      ...{ type: "circuit.skip", v: 1, seq: 1, breaker: "payments", instance: "api-7" },
      ...{ attributes: { team: "checkout" }, context: { order: 7 }, reason: "forced_open" },
    }),
  ]);
  expect(told.map((skip) => JSON.stringify(skip))).toEqual(asked);
  expect(Object.isFrozen(told[0])).toBe(true);
});

test("declines: who takes every refusal is told all, and nobody is asked meanwhile", async () => {
  const { bus, breaker } = opened();
  let asked = 0;
  const told = { sampler: 0, all: 0 };
  bus.on("circuit.skip", () => void told.sampler++, { declines: () => ++asked > 0 });
  const off = breaker.on("circuit.*", () => void told.all++);
  for (let n = 0; n < 4; n++) await breaker.execute(succeed);
  expect([asked, told]).toEqual([0, { sampler: 4, all: 4 }]);
  off();
  await breaker.execute(succeed);
  expect([asked, told]).toEqual([1, { sampler: 4, all: 4 }]);
});

test("declines: one that declined is not told what another wants", async () => {
  const { bus, breaker } = opened();
  const told: [who: string, seq: number][] = [];
  for (const [who, every] of [
    ["second", 2],
    ["third", 3],
  ] as const) {
    bus.on("circuit.skip", ({ seq }) => void told.push([who, seq]), {
      declines: ({ seq }) => seq % every !== 0,
    });
  }
  for (let n = 0; n < 6; n++) await breaker.execute(succeed);
  expect(told).toEqual([
    ["second", 2],
    ["third", 3],
    ["second", 4],
    ["second", 6],
    ["third", 6],
  ]);
});

test("declines: a question that throws is reported once, and disturbs nobody", async () => {
  const { bus, breaker } = opened();
  const failed: TelltaleEvent[] = [];
  const told: string[] = [];
  const broken = () => {
    throw BOOM;
  };
  bus.on("bus.listener_failed", (event) => void failed.push(event));
  bus.on("circuit.skip", () => void told.push("broken"), { declines: broken, sink: "sampler" });
  bus.on("circuit.skip", () => void told.push("sound"), { declines: () => false });
  expect(await breaker.execute(succeed)).toMatchObject({ outcome: "circuit-open" });
  expect(failed).toMatchObject([
    { sink: "sampler", count: 1, failedType: "circuit.skip", error: { message: "boom" } },
  ]);
  expect(told).toEqual(["sound"]);
});

test("declines: nobody is asked ahead of an event that waits", async () => {
  const { bus, breaker } = opened();
  const order: string[] = [];
  bus.on("circuit.close", () => {
    order.push("close");
    breaker.forceOpen();
    void breaker.execute(succeed);
  });
  bus.on("circuit.open", () => void order.push("open"));
  bus.on("circuit.skip", () => void order.push("skip"), {
    declines: () => {
      order.push("asked");
      return true;
    },
  });
  breaker.reset();
  expect(order).toEqual(["close", "open", "skip"]);
  await breaker.execute(succeed);
  expect(order).toEqual(["close", "open", "skip", "asked"]);
});

test("declines: an event that a question raises comes after the one that was asked about", async () => {
  const { bus, breaker } = opened();
  const order: string[] = [];
  const other = new CircuitBreaker("other", { bus });
  bus.on("circuit.open", () => void order.push("open"));
  for (const wanted of [true, false]) {
    const off = bus.on("circuit.skip", () => void order.push("skip"), {
      declines: () => {
        order.push("asked");
        other.forceOpen();
        return !wanted;
      },
    });
    await breaker.execute(succeed);
    other.reset();
    off();
  }
  expect(order).toEqual(["asked", "skip", "open", "asked", "open"]);
});

test("on() of a breaker that shares its bus asks about its own refusals only", async () => {
  const bus = createEventBus();
  const [one, two] = ["one", "two"].map((name) => new CircuitBreaker(name, { bus }));
  const asked: string[] = [];
  one?.on("circuit.skip", () => {}, {
    declines: ({ breaker }) => {
      asked.push(breaker);
      return true;
    },
  });
  for (const breaker of [one, two]) {
    breaker?.forceOpen();
    await breaker?.execute(succeed);
  }
  expect(asked).toEqual(["one"]);
});

test("a bus of the user's making is told every refusal", async () => {
  const own = createEventBus();
  const emitted: string[] = [];
  const bus: EventBus = {
    emit: (event) => void emitted.push(event.type),
    on: (type, listener, options) => own.on(type, listener, options),
    has: (type) => own.has(type),
  };
  const breaker = new CircuitBreaker("payments", { bus });
  breaker.on("circuit.skip", () => {}, { declines: () => true });
  breaker.forceOpen();
  await breaker.execute(succeed);
  expect(emitted).toEqual(["circuit.skip"]);
});

test("declines: refused when it is no function, and where there is nothing to decline", () => {
  const { breaker } = watch();
  const on = (type: string, declines: unknown) => () =>
    // Wrong types on purpose: what a JavaScript caller may pass.
    breaker.on(type as "circuit.*", () => {}, { declines } as never);
  expect(on("circuit.skip", true)).toThrow(
    new TypeError('Cannot listen to "circuit.skip": declines must be a function, received true'),
  );
  expect(on("circuit.*", () => true)).toThrow(
    new TypeError(
      'Cannot listen to "circuit.*": declines must be left out, since only refusals can be declined, received a function',
    ),
  );
});
