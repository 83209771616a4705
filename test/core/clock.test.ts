import { expect, test } from "vitest";
import { CircuitBreaker, type CircuitEvent, type Clock, createEventBus } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, watchIn } from "../support/states.ts";

const HOUR_MS = 3_600_000;

test.each([HOUR_MS, -HOUR_MS])(
  "a wall clock that jumps by %i ms does not move the cooldown",
  async (byMs) => {
    const { breaker, clock, last } = await watchIn("open");
    clock.advance(400);
    clock.jumpWall(byMs);
    expect(breaker.retryAfterMs).toBe(600);
    clock.advance(599);
    expect(breaker.state).toBe("open");
    clock.advance(1);
    await breaker.execute(succeed);
    expect(last("circuit.half_open")).toMatchObject({
      openMs: COOLDOWN_MS,
      idleMs: 0,
      atMs: START_AT_MS + COOLDOWN_MS + byMs,
    });
    expect(last("circuit.close")).toMatchObject({ mttrMs: COOLDOWN_MS, openMs: COOLDOWN_MS });
  },
);

test.each([HOUR_MS, -HOUR_MS])(
  "a wall clock that jumps by %i ms does not move latencies",
  async (byMs) => {
    const { breaker, clock, last } = watch({ latencyTripMs: 100 });
    const call = deferred<string>();
    const result = breaker.call(() => call.promise);
    clock.advance(50);
    clock.jumpWall(byMs);
    call.resolve("value");
    await result;
    expect(last("circuit.success")).toMatchObject({
      latencyMs: 50,
      atMs: START_AT_MS + 50 + byMs,
    });
  },
);

test("detectMs is measured on the monotonic clock, firstFailureAtMs on the wall", async () => {
  const { breaker, clock, last } = watch({ failureThreshold: 2 });
  await breaker.execute(fail);
  clock.advance(30);
  clock.jumpWall(-HOUR_MS);
  await breaker.execute(fail);
  expect(last("circuit.open")).toMatchObject({
    firstFailureAtMs: START_AT_MS,
    atMs: START_AT_MS + 30 - HOUR_MS,
    detectMs: 30,
  });
});

test("a monotonic clock that steps back counts as no time, and goes on from there", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.advance(400);
  expect(breaker.retryAfterMs).toBe(600);
  clock.advance(-10 * HOUR_MS);
  expect(breaker.retryAfterMs).toBe(600);
  clock.advance(599);
  expect(breaker.state).toBe("open");
  clock.advance(1);
  expect(breaker.state).toBe("half_open");
  expect(breaker.stats.timeInStateMs.open).toBe(1_000);
});

test("a monotonic clock that steps back during a call gives no negative latency", async () => {
  const { breaker, clock } = watch();
  const call = deferred<string>();
  const result = breaker.execute(() => call.promise);
  clock.advance(-500);
  call.resolve("value");
  expect((await result).latencyMs).toBe(0);
  expect(breaker.stats.timeInStateMs.closed).toBe(0);
});

/** A clock whose readings can be made to fail. */
class FaultyClock implements Clock {
  readonly inner = new FakeClock();
  monotonic: () => number = () => this.inner.monotonicMs();
  epoch: () => number = () => this.inner.epochMs();

  monotonicMs(): number {
    return this.monotonic();
  }

  epochMs(): number {
    return this.epoch();
  }

  mend(): void {
    this.monotonic = () => this.inner.monotonicMs();
    this.epoch = () => this.inner.epochMs();
  }
}

const throwing = () => {
  throw new Error("no clock");
};
const FAULTS = [
  { fault: "throws", read: throwing },
  { fault: "answers NaN", read: () => Number.NaN },
  { fault: "answers Infinity", read: () => Number.POSITIVE_INFINITY },
  // Wrong on purpose: this is what JavaScript callers can do.
  { fault: "answers a string", read: () => "12" as unknown as number },
  { fault: "answers a bigint", read: () => 12n as unknown as number },
  { fault: "answers undefined", read: () => undefined as unknown as number },
];

function watchFaulty() {
  const clock = new FaultyClock();
  const breaker = new CircuitBreaker("faulty", { clock, failureThreshold: 2, cooldownMs: 100 });
  const events: CircuitEvent[] = [];
  breaker.on("circuit.*", (event) => events.push(event));
  return { breaker, clock, events };
}

test.each(FAULTS)(
  "a clock whose monotonicMs $fault: calls go on, time stands still",
  async ({ read }) => {
    const { breaker, clock, events } = watchFaulty();
    clock.inner.advance(10);
    await breaker.call(succeed);
    clock.monotonic = read;
    await expect(breaker.call(succeed)).resolves.toBe("value");
    await expect(breaker.call(fail)).rejects.toBe(BOOM);
    expect(breaker.callSync(() => 1)).toBe(1);
    await failTimes(breaker, 2);
    expect(breaker.state).toBe("open");
    expect(breaker.retryAfterMs).toBe(100);
    const told = events.filter((event) => event.type === "circuit.callback_failed");
    expect(told.length).toBeGreaterThan(0);
    for (const event of told) expect(event.callback).toBe("clock.monotonicMs");
    clock.mend();
    clock.inner.advance(100);
    expect(breaker.state).toBe("half_open");
  },
);

test.each(FAULTS)(
  "a clock whose epochMs $fault: calls go on, and the moment stays",
  async ({ read }) => {
    const { breaker, clock, events } = watchFaulty();
    await breaker.call(succeed);
    clock.epoch = read;
    clock.inner.advance(10);
    await expect(breaker.call(succeed)).resolves.toBe("value");
    await expect(breaker.call(fail)).rejects.toBe(BOOM);
    for (const event of events) expect(event.atMs).toBe(START_AT_MS);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "circuit.callback_failed", callback: "clock.epochMs" }),
    );
    clock.mend();
    await breaker.call(succeed);
    expect(events.at(-1)?.atMs).toBe(START_AT_MS + 10);
  },
);

test("a wall clock that never answered tells the moment 0", async () => {
  const { breaker, clock, events } = watchFaulty();
  clock.epoch = throwing;
  await breaker.call(succeed);
  expect(events.map(({ type, atMs }) => [type, atMs])).toEqual([
    ["circuit.callback_failed", 0],
    ["circuit.success", 0],
  ]);
});

test("a clock that fails while the breaker is made does not make time jump when it is back", () => {
  const clock = new FaultyClock();
  clock.inner.advance(5_000_000);
  clock.monotonic = throwing;
  const breaker = new CircuitBreaker("faulty", { clock, cooldownMs: 1_000 });
  breaker.forceOpen(undefined, { forMs: 1_000 });
  clock.mend();
  expect(breaker.state).toBe("forced_open");
  clock.inner.advance(10);
  expect(breaker.stats.timeInStateMs).toMatchObject({ closed: 0, forced_open: 10 });
});

test("a clock that fails while the breaker is made is told to the bus that was given", async () => {
  const clock = new FaultyClock();
  clock.monotonic = throwing;
  const bus = createEventBus();
  const events: CircuitEvent[] = [];
  bus.on("circuit.*", (event) => events.push(event));
  const breaker = new CircuitBreaker("faulty", { clock, bus });
  clock.mend();
  await breaker.call(succeed);
  expect(events.map(({ type }) => type)).toEqual(["circuit.callback_failed", "circuit.success"]);
});

test("reading a breaker whose clock fails has no effect on what is told later", async () => {
  const { breaker, clock, events } = watchFaulty();
  clock.monotonic = throwing;
  void [breaker.state, breaker.isOpen, breaker.retryAfterMs, breaker.stats];
  expect(events).toEqual([]);
  clock.mend();
  await breaker.call(succeed);
  expect(events.map(({ type }) => type)).toEqual(["circuit.success"]);
});

test("random is drawn once per incident, and not before", async () => {
  let drawn = 0;
  const { breaker } = watch({
    failureThreshold: 2,
    random: () => {
      drawn++;
      return 0.5;
    },
  });
  expect(drawn).toBe(0);
  await failTimes(breaker, 1);
  expect(drawn).toBe(0);
  await failTimes(breaker, 1);
  breaker.forceOpen();
  expect(drawn).toBe(1);
  breaker.reset();
  breaker.forceOpen();
  expect(drawn).toBe(2);
});

test("random tells the incidents of two instances apart that open at the same moment", () => {
  const ids = [0, 0.1, 0.999_999_999].map((chance) => {
    const { breaker, last } = watch({ random: () => chance });
    breaker.forceOpen();
    return last("circuit.open").incidentId;
  });
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^[0-9a-z]+-[0-9a-z]{8}$/);
});

test.each([
  { answers: "throws", random: throwing },
  { answers: "1", random: () => 1 },
  { answers: "-0.1", random: () => -0.1 },
  { answers: "NaN", random: () => Number.NaN },
  // Wrong on purpose: this is what JavaScript callers can do.
  { answers: "a string", random: () => "0.5" as unknown as number },
  { answers: "a bigint", random: () => 0n as unknown as number },
  { answers: "undefined", random: () => undefined as unknown as number },
  { answers: "an array", random: () => [] as unknown as number },
])(
  "a random that answers $answers: the breaker opens all the same, and tells it",
  async ({ random }) => {
    const { breaker, told, last } = watch({ failureThreshold: 1, random });
    await expect(breaker.call(fail)).rejects.toBe(BOOM);
    expect(breaker.state).toBe("open");
    expect(told().sort()).toEqual(["callback_failed", "failure", "open"]);
    expect(last("circuit.callback_failed").callback).toBe("random");
    expect(last("circuit.open").incidentId).toMatch(/^[0-9a-z]+-[0-9a-z]{8}$/);
  },
);

test("one step has one moment: its events carry the same atMs", async () => {
  const clock = new FakeClock();
  const ticking: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    // A wall clock that moves at every reading.
    epochMs: () => {
      clock.jumpWall(1);
      return clock.epochMs();
    },
  };
  const breaker = new CircuitBreaker("ticking", { clock: ticking, failureThreshold: 1 });
  const moments: number[] = [];
  breaker.on("circuit.*", (event) => moments.push(event.atMs));
  await breaker.execute(fail);
  expect(moments).toHaveLength(2);
  expect(moments[0]).toBe(moments[1]);
});

test("without a clock the breaker takes the platform's", async () => {
  const breaker = new CircuitBreaker("real", { cooldownMs: 60_000, failureThreshold: 1 });
  const before = Date.now();
  let atMs = 0;
  breaker.on("circuit.open", (event) => {
    atMs = event.atMs;
  });
  const permit = permitOf({ breaker });
  permit.failure(BOOM);
  // Both clocks of the platform are truncated, so the two readings may differ by one.
  expect(atMs).toBeGreaterThanOrEqual(before - 1);
  expect(atMs).toBeLessThanOrEqual(Date.now());
  expect(breaker.retryAfterMs).toBeLessThanOrEqual(60_000);
});
