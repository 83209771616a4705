import { expect, test, vi } from "vitest";
import { bulkhead, CircuitBreaker, createEventBus, pipeline, retry } from "../../src/index.ts";
import { BOOM, deferred, succeed } from "../support/breaker.ts";
import { limited } from "../support/bulkhead.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { VirtualTime } from "../support/virtual-time.ts";

const opens: [string, (breaker: CircuitBreaker) => void, string][] = [
  [
    "trips",
    (breaker) => {
      for (let n = 0; n < 3; n++) breaker.recordFailure(BOOM);
    },
    "open",
  ],
  ["is forced open", (breaker) => breaker.forceOpen("maintenance"), "forced_open"],
  [
    "is restored as open",
    (breaker) => {
      const other = new CircuitBreaker("db", { clock: new FakeClock() });
      other.forceOpen();
      breaker.restore(other.snapshot());
    },
    "forced_open",
  ],
];

test.each(opens)(
  "trap 10: those who wait are refused at once when the breaker %s",
  async (_, open, state) => {
    const { time, places, hold, breaker, told } = limited({
      limit: 1,
      queue: { limit: 5, maxWaitMs: 500 },
    });
    void places.call(hold);
    const fn = vi.fn(succeed);
    const waiting = [1, 2].map((n) => places.execute(fn, { context: { n } }));
    open(breaker);
    expect(places.waiting).toBe(0);
    for (const result of await Promise.all(waiting)) {
      expect(result).toMatchObject({ reason: "bulkhead", error: { state }, latencyMs: 0 });
    }
    expect(told().filter((type) => type === "circuit.skip")).toHaveLength(2);
    expect(breaker.stats.skips.bulkhead).toBe(2);
    expect(time.pending).toBe(0);
    expect(fn).not.toHaveBeenCalled();
  },
);

test("trap 10: those who wait are refused when a forced open that had ended is renewed", async () => {
  const { time, places, hold, breaker, told } = limited({
    limit: 1,
    queue: { limit: 5, maxWaitMs: 500 },
  });
  void places.call(hold);
  breaker.forceOpen("maintenance", { forMs: 100 });
  await time.pass(100);
  const waiting = places.execute(succeed);
  breaker.forceOpen("more maintenance", { forMs: 100 });
  expect(await waiting).toMatchObject({ error: { state: "forced_open" }, latencyMs: 0 });
  expect(told()).toEqual(["circuit.open", "circuit.force_changed", "circuit.skip"]);
  expect(time.pending).toBe(0);
});

test("calls that hang trip the breaker, and those who wait behind them are refused", async () => {
  const time = new VirtualTime();
  const breaker = new CircuitBreaker("db", {
    clock: time,
    failureThreshold: 3,
    latencyTripMs: 100,
    inFlight: true,
  });
  const queue = { limit: 5, maxWaitMs: 5_000 };
  const places = bulkhead(breaker, { limit: 3, queue, clock: time, timers: time });
  const policy = pipeline(places, breaker);
  for (let n = 0; n < 3; n++) void policy.execute(() => new Promise(() => {}));
  const waiting = policy.execute(succeed);
  await time.pass(101);
  expect(await policy.execute(succeed)).toMatchObject({ error: { state: "open" } });
  expect(await waiting).toMatchObject({ reason: "bulkhead", error: { state: "open" } });
  expect(time).toMatchObject({ nowMs: 101, pending: 0 });
});

test("a probe that fails refuses those who wait for a place behind it", async () => {
  const { time, places, held, hold, breaker } = limited({
    limit: 1,
    queue: { limit: 5, maxWaitMs: 500 },
  });
  breaker.forceOpen("maintenance", { forMs: 100 });
  await time.pass(100);
  const probe = pipeline(places, breaker).execute(hold);
  const waiting = places.execute(succeed);
  expect(places.waiting).toBe(1);
  held[0]?.reject(BOOM);
  await probe;
  expect(await waiting).toMatchObject({ reason: "bulkhead", error: { state: "open" } });
  expect(places).toMatchObject({ running: 0, waiting: 0 });
});

test("those who wait stay when the breaker is closed again by the time they would be refused", async () => {
  const { places, held, hold, breaker } = limited({
    limit: 1,
    queue: { limit: 5, maxWaitMs: 500 },
  });
  const running = places.call(hold);
  breaker.on("circuit.open", () => breaker.reset());
  const waiting = places.call(succeed);
  breaker.forceOpen();
  expect(places.waiting).toBe(1);
  held[0]?.resolve("value");
  await running;
  await expect(waiting).resolves.toBe("value");
});

test("trap 40: waiting subscribes to nothing, so no event is built for it, however many wait", async () => {
  const time = new VirtualTime();
  const bus = createEventBus();
  const on = vi.spyOn(bus, "on");
  const breaker = new CircuitBreaker("db", { clock: time, bus });
  const queue = { limit: 5, maxWaitMs: 500 };
  const places = bulkhead(breaker, { limit: 1, queue, clock: time, timers: time });
  void places.call(() => new Promise(() => {}));
  const waiting = [1, 2, 3].map(() => places.execute(succeed));
  breaker.forceOpen();
  for (const result of await Promise.all(waiting)) {
    expect(result).toMatchObject({ error: { state: "forced_open" } });
  }
  expect(on).not.toHaveBeenCalled();
});

test("those who wait are refused with their own breaker alone, also one after the other", async () => {
  const time = new VirtualTime();
  const bus = createEventBus();
  const breaker = new CircuitBreaker("db", { clock: time, bus });
  const other = new CircuitBreaker("other", { clock: time, bus });
  const limits = { limit: 1, queue: { limit: 5, maxWaitMs: 500 }, clock: time, timers: time };
  const [places, beside] = [bulkhead(breaker, limits), bulkhead(breaker, limits)];
  const place = deferred<string>();
  const running = places.call(() => place.promise);
  void beside.call(() => new Promise(() => {}));
  const caller = new AbortController();
  const left = places.execute(succeed, { signal: caller.signal });
  const late = places.execute(succeed);
  other.forceOpen();
  expect(places.waiting).toBe(2);
  caller.abort("no more");
  await left;
  await time.pass(500);
  expect(await late).toMatchObject({ error: { state: "closed" } });
  const next = places.call(succeed);
  place.resolve("value");
  await running;
  await next;
  void places.call(() => new Promise(() => {}));
  const queued = [places, beside].map((waited) => waited.execute(succeed));
  breaker.forceOpen();
  expect([places.waiting, beside.waiting]).toEqual([0, 0]);
  for (const result of await Promise.all(queued)) expect(result).toMatchObject({ latencyMs: 0 });
  expect(breaker.stats.skips.bulkhead).toBe(3);
});

test("a bus that takes no listener keeps nobody waiting when the breaker opens", async () => {
  const time = new VirtualTime();
  const bus = {
    emit: () => {},
    has: () => false,
    on: () => {
      throw new Error("no listeners here");
    },
  };
  const breaker = new CircuitBreaker("db", { clock: time, bus });
  const queue = { limit: 5, maxWaitMs: 500 };
  const places = bulkhead(breaker, { limit: 1, queue, clock: time, timers: time });
  void places.call(() => new Promise(() => {}));
  const waiting = places.execute(succeed);
  breaker.forceOpen();
  expect(await waiting).toMatchObject({ reason: "bulkhead", latencyMs: 0 });
});

test("a caller's signal that fails while those who wait are refused harms nobody else, and is told", async () => {
  const { places, hold, breaker, last } = limited({
    limit: 1,
    queue: { limit: 5, maxWaitMs: 500 },
  });
  void places.call(hold);
  const { signal } = new AbortController();
  signal.removeEventListener = () => {
    throw BOOM;
  };
  void places.execute(succeed, { signal });
  const waiting = places.execute(succeed);
  breaker.forceOpen();
  expect(await waiting).toMatchObject({ error: { state: "forced_open" } });
  expect(last("circuit.callback_failed")).toMatchObject({ callback: "signal", breaker: "db" });
});

test("a timer that cannot be stopped fires for nobody, and is told as the breaker's", async () => {
  const time = new VirtualTime();
  const bus = createEventBus();
  const failed: string[] = [];
  bus.on("circuit.callback_failed", ({ breaker, callback }) =>
    failed.push(`${breaker} ${callback}`),
  );
  const breaker = new CircuitBreaker("db", { clock: time, bus });
  const timers = {
    start: (callback: () => void, delayMs: number) => time.start(callback, delayMs),
    stop: () => {
      throw BOOM;
    },
  };
  const queue = { limit: 5, maxWaitMs: 500 };
  const places = bulkhead(breaker, { limit: 1, queue, clock: time, timers });
  const place = deferred<string>();
  const running = places.call(() => place.promise);
  const waiting = places.call(succeed);
  place.resolve("value");
  await running;
  await waiting;
  expect(failed).toEqual(["db timers.stop"]);
  await time.pass(500);
  expect(breaker.stats.skips.bulkhead).toBe(0);
  expect(places).toMatchObject({ running: 0, waiting: 0 });
});

test("a clock of the bulkhead's own that fails is told as the breaker's", async () => {
  const bus = createEventBus();
  const failed = vi.fn();
  bus.on("circuit.callback_failed", ({ callback }) => failed(callback));
  const clock = {
    monotonicMs: (): number => {
      throw BOOM;
    },
    epochMs: () => 0,
  };
  const places = bulkhead(new CircuitBreaker("db", { bus }), { limit: 1, clock });
  expect(await places.execute(succeed)).toMatchObject({ outcome: "ok", latencyMs: 0 });
  expect(failed).toHaveBeenCalledWith("clock.monotonicMs");
});

test("what does not fit of a context is told by a bulkhead's breaker, alone and in a pipeline", async () => {
  const context = { ["k".repeat(65)]: 1 };
  const { places, told } = limited({ limit: 1 });
  for (const policy of [places, pipeline(places, retry("unheard"))]) {
    await policy.call(succeed, { context });
    expect(told()).toEqual(["circuit.callback_failed"]);
  }
});
