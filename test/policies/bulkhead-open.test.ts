import { expect, test, vi } from "vitest";
import { bulkhead, CircuitBreaker, createEventBus, pipeline } from "../../src/index.ts";
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

test("the breaker is listened to as long as somebody waits, and by nobody else", async () => {
  const time = new VirtualTime();
  const bus = createEventBus();
  const breaker = new CircuitBreaker("db", { clock: time, bus });
  const other = new CircuitBreaker("other", { clock: time, bus });
  const queue = { limit: 5, maxWaitMs: 500 };
  const places = bulkhead(breaker, { limit: 1, queue, clock: time, timers: time });
  const place = deferred<string>();
  const running = places.call(() => place.promise);
  expect(bus.has("circuit.open")).toBe(false);
  const caller = new AbortController();
  const left = places.execute(succeed, { signal: caller.signal });
  const late = places.execute(succeed);
  expect(bus.has("circuit.open")).toBe(true);
  other.forceOpen();
  expect(places.waiting).toBe(2);
  caller.abort("no more");
  await left;
  expect(bus.has("circuit.open")).toBe(true);
  await time.pass(500);
  await late;
  const next = places.call(succeed);
  place.resolve("value");
  await running;
  await next;
  const refused = places.call(() => new Promise(() => {}));
  void refused;
  const queued = places.execute(succeed);
  breaker.forceOpen();
  await queued;
  for (const type of ["circuit.open", "circuit.restore"] as const)
    expect(bus.has(type)).toBe(false);
});

test("a bus that takes no listener harms no call: those who wait do so until their time is over", async () => {
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
  expect(await time.until(waiting)).toMatchObject({ reason: "bulkhead", latencyMs: 500 });
});
