import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import {
  CircuitBreaker,
  createEventBus,
  type EventBus,
  type EventOf,
  type EventStreamOptions,
  iterateEvents,
  type TelltaleEvent,
} from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { NO_COUNTS, NO_NUMBERS, NO_OBJECTS, wrong } from "../support/wrong-values.ts";

/** A bus with a breaker that is forced open and reset as often as asked for. */
function source(name = "payments", bus: EventBus = createEventBus()) {
  const breaker = new CircuitBreaker(name, { bus, clock: new FakeClock() });
  const turn = (times = 1) => {
    for (let n = 0; n < times; n++) {
      breaker.forceOpen();
      breaker.reset();
    }
  };
  return { bus, breaker, turn };
}

/** Takes what is there, without waiting for more. */
async function taken<E extends TelltaleEvent>(
  events: AsyncIterableIterator<E, undefined>,
  count: number,
): Promise<E[]> {
  const found: E[] = [];
  for (let n = 0; n < count; n++) {
    const { done, value } = await events.next();
    if (done === true) break;
    found.push(value);
  }
  return found;
}

const generations = (events: readonly EventOf<"circuit.open">[]) =>
  events.map(({ generation }) => generation);

test("iterateEvents() gives the events in order, from the moment it was called", async () => {
  const { bus, turn } = source();
  turn();
  const events = iterateEvents(bus, "circuit.*");
  turn(2);
  const seen: string[] = [];
  for await (const { type } of events) {
    seen.push(type);
    if (seen.length === 4) break;
  }
  expect(seen).toEqual(["circuit.open", "circuit.close", "circuit.open", "circuit.close"]);
});

test("iterateEvents() hands an event to a loop that waits for it", async () => {
  const { bus, turn } = source();
  const events = iterateEvents(bus, "circuit.close");
  const waiting = events.next();
  const next = events.next();
  turn(2);
  await expect(waiting).resolves.toMatchObject({ done: false, value: { generation: 2 } });
  await expect(next).resolves.toMatchObject({ done: false, value: { generation: 4 } });
});

test("iterateEvents() of a breaker gives its own events only", async () => {
  const { bus, breaker, turn } = source("one");
  const other = source("two", bus);
  const own = iterateEvents(breaker, "circuit.open");
  const all = iterateEvents(bus, "circuit.open");
  other.turn();
  turn();
  expect((await taken(own, 1)).map((event) => event.breaker)).toEqual(["one"]);
  expect((await taken(all, 2)).map((event) => event.breaker)).toEqual(["two", "one"]);
});

test("a full buffer gives up the oldest event by default, the newest when asked to", async () => {
  const { bus, turn } = source();
  const present = iterateEvents(bus, "circuit.open", { bufferLimit: 2 });
  const beginning = iterateEvents(bus, "circuit.open", {
    bufferLimit: 2,
    whenFull: "drop-newest",
  });
  turn(5);
  expect(generations(await taken(present, 2))).toEqual([7, 9]);
  expect(generations(await taken(beginning, 2))).toEqual([1, 3]);
  turn();
  expect(generations(await taken(present, 1))).toEqual([11]);
  expect(generations(await taken(beginning, 1))).toEqual([11]);
});

test("a thousand events wait by default", async () => {
  const { bus, turn } = source();
  const counts: number[] = [];
  bus.on("bus.dropped", ({ count }) => counts.push(count));
  const events = iterateEvents(bus, "circuit.open");
  turn(1_000);
  expect(counts).toEqual([]);
  turn();
  expect(counts).toEqual([1]);
  expect(generations(await taken(events, 1))).toEqual([3]);
});

test("what is dropped is counted as bus.dropped, under the name of the sink", async () => {
  const { bus, turn } = source();
  const reports: EventOf<"bus.dropped">[] = [];
  bus.on("bus.dropped", (event) => reports.push(event));
  const events = iterateEvents(bus, "circuit.open", { bufferLimit: 2, sink: "live view" });
  turn(9);
  expect(generations(await taken(events, 2))).toEqual([15, 17]);
  await events.return?.();
  expect(reports.map(({ sink, count }) => [sink, count])).toEqual([
    ["live view", 1],
    ["live view", 1],
    ["live view", 2],
    ["live view", 3],
  ]);
  iterateEvents(bus, "circuit.open", { bufferLimit: 1 });
  turn(2);
  expect(reports.at(-1)).toMatchObject({ sink: "stream", count: 1 });
});

test("a buffer is used over and over, whatever its place", async () => {
  const { bus, turn } = source();
  const events = iterateEvents(bus, "circuit.open", { bufferLimit: 3 });
  let last = -1;
  for (let round = 0; round < 20; round++) {
    const turns = 1 + (round % 3);
    turn(turns);
    for (const generation of generations(await taken(events, turns))) {
      expect(generation).toBe(last + 2);
      last = generation;
    }
  }
});

test("an iteration over bus.* that is full of its own reports comes to an end", async () => {
  const { bus, turn } = source();
  const events = iterateEvents(bus, "bus.*", { bufferLimit: 1 });
  const slow = iterateEvents(bus, "circuit.open", { bufferLimit: 1 });
  turn(40);
  const [report] = await taken(events, 1);
  expect(report?.type).toBe("bus.dropped");
  await slow.return?.();
  await events.return?.();
});

describe("ends without leaving a listener", () => {
  const ways: readonly [string, (at: Ending) => unknown][] = [
    ["break", ({ loop }) => loop(async () => "break")],
    ["a throw in the loop", ({ loop }) => loop(() => Promise.reject(new Error("mine")))],
    ["return()", ({ events }) => events.return?.()],
    ["throw()", ({ events }) => events.throw?.(new Error("mine")).catch(() => {})],
    ["the signal", ({ ending }) => ending.abort()],
  ];
  interface Ending {
    readonly events: AsyncIterableIterator<TelltaleEvent, undefined>;
    readonly ending: AbortController;
    loop(body: () => Promise<string>): Promise<void>;
  }

  test.each(ways)("%s", async (_, end) => {
    const { bus, turn } = source();
    const ending = new AbortController();
    const events = iterateEvents(bus, "circuit.*", { signal: ending.signal });
    turn(3);
    const loop = async (body: () => Promise<string>) => {
      try {
        for await (const _event of events) if ((await body()) === "break") break;
      } catch (error) {
        expect(error).toEqual(new Error("mine"));
      }
    };
    await end({ events, ending, loop });
    expect(bus.has("circuit.open")).toBe(false);
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
    // What still waited is given up.
    await expect(events.next()).resolves.toEqual({ done: true, value: undefined });
    turn();
    ending.abort();
    await expect(events.return?.()).resolves.toEqual({ done: true, value: undefined });
  });
});

test("throw() passes the error on", async () => {
  const events = iterateEvents(createEventBus(), "bus.*");
  await expect(events.throw?.(new Error("mine"))).rejects.toThrow("mine");
});

test("a signal ends those who wait, and an aborted one never begins", async () => {
  const { bus, turn } = source();
  const ending = new AbortController();
  const waiting = iterateEvents(bus, "circuit.open", { signal: ending.signal }).next();
  ending.abort();
  await expect(waiting).resolves.toEqual({ done: true, value: undefined });
  const never = iterateEvents(bus, "circuit.open", { signal: ending.signal });
  expect(bus.has("circuit.open")).toBe(false);
  turn();
  await expect(never.next()).resolves.toEqual({ done: true, value: undefined });
});

test("a bus of the user's making that will not let a listener go harms nobody", async () => {
  const bus: EventBus = {
    emit: () => {},
    has: () => false,
    on: () => () => {
      throw new Error("stays");
    },
  };
  const ending = new AbortController();
  const events = iterateEvents(bus, "circuit.open", { signal: ending.signal });
  ending.abort();
  await expect(events.next()).resolves.toEqual({ done: true, value: undefined });
});

test.each([undefined, null, 5, {}, { type: "circuit.open" }, { type: "circuit.opne", atMs: 1 }])(
  "what a bus of the user's making hands over as an event and is none (%o) is counted",
  async (value) => {
    const own = createEventBus();
    const counts: number[] = [];
    own.on("bus.dropped", ({ count }) => counts.push(count));
    let hand: (event: never) => void = () => {};
    const bus: EventBus = {
      emit: (event) => own.emit(event),
      has: (type) => own.has(type),
      on(_type, listener) {
        hand = listener;
        return () => {};
      },
    };
    const events = iterateEvents(bus, "circuit.*");
    expect(() => hand(wrong(value))).not.toThrow();
    expect(counts).toEqual([1]);
    own.on("circuit.open", (event) => hand(wrong(event)));
    source("payments", own).turn();
    expect((await taken(events, 1)).map(({ type }) => type)).toEqual(["circuit.open"]);
  },
);

describe("bad input", () => {
  const iterate = (options: unknown) =>
    iterateEvents(createEventBus(), "circuit.open", wrong(options) as EventStreamOptions);

  test.each([...NO_NUMBERS, ...NO_COUNTS])(
    "iterateEvents() refuses a bufferLimit of %o",
    (v, r) => {
      expect(() => iterate({ bufferLimit: v })).toThrow(
        `Cannot iterate events: bufferLimit must be a positive integer, received ${r}`,
      );
    },
  );

  test.each([
    ["block", '"block"'],
    [null, "null"],
    [5, "5"],
  ])("iterateEvents() refuses a whenFull of %o", (value, received) => {
    expect(() => iterate({ whenFull: value })).toThrow(
      new TypeError(
        `Cannot iterate events: whenFull must be "drop-oldest" or "drop-newest", received ${received}`,
      ),
    );
  });

  test.each([
    [null, "null"],
    [{}, "an object"],
    [{ aborted: false }, "an object"],
    [new AbortController(), "an object"],
    ["abort", '"abort"'],
  ])("iterateEvents() and on() refuse a signal of %o", (value, received) => {
    const message = `signal must be an AbortSignal, received ${received}`;
    expect(() => iterate({ signal: value })).toThrow(
      new TypeError(`Cannot iterate events: ${message}`),
    );
    expect(() => createEventBus().on("circuit.open", () => {}, wrong({ signal: value }))).toThrow(
      new TypeError(`Cannot listen to "circuit.open": ${message}`),
    );
  });

  test.each(NO_OBJECTS)("iterateEvents() refuses %o as options", (options, received) => {
    expect(() => iterate(options)).toThrow(
      new TypeError(`Cannot iterate events: options must be an object, received ${received}`),
    );
  });

  test("iterateEvents() refuses unknown options, names and sinks, and subscribes to nothing", () => {
    const bus = createEventBus();
    expect(() => iterate({ bufferLimt: 5 })).toThrow(
      'Cannot iterate events: unknown option "bufferLimt", did you mean "bufferLimit"?',
    );
    expect(() => iterateEvents(bus, wrong("circuit.opne"))).toThrow(/did you mean "circuit\.open"/);
    expect(() => iterateEvents(source().breaker, wrong("bus.*"))).toThrow(TypeError);
    expect(() => iterate({ sink: "" })).toThrow(/sink must be a string of 1 to 64 characters/);
    expect(bus.has("circuit.open")).toBe(false);
  });

  test.each([
    [null, "null"],
    [{}, "an object"],
    [{ on: () => {} }, "an object"],
    ["bus", '"bus"'],
  ])("iterateEvents() refuses a source of %o", (value, received) => {
    expect(() => iterateEvents(wrong(value), "circuit.open")).toThrow(
      new RegExp(
        `^Cannot iterate events: source must be a breaker or an event bus, received ${received}$`,
      ),
    );
  });
});
