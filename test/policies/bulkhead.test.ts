import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, test, vi } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import {
  type bulkhead,
  CircuitBreaker,
  isCircuitOpenError,
  pipeline,
  retry,
} from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { limited } from "../support/bulkhead.ts";
import { listenersOf } from "../support/policies.ts";
import { parse, valuesOf } from "../support/scrape.ts";

test("limit calls run at the same time, and a place is free again however a call ends", async () => {
  const { places, held, hold, told } = limited({ limit: 2 });
  const first = places.call(hold);
  const second = places.execute(hold);
  expect(places.running).toBe(2);
  await expect(places.call(succeed)).rejects.toMatchObject({ reason: "bulkhead" });
  held[0]?.resolve("value");
  await expect(first).resolves.toBe("value");
  expect(places.running).toBe(1);
  held[1]?.reject(BOOM);
  expect(await second).toMatchObject({ outcome: "error", error: BOOM });
  const thrower = (): never => {
    throw BOOM;
  };
  await expect(places.call(thrower)).rejects.toBe(BOOM);
  expect(places.running).toBe(0);
  expect(told()).toEqual(["circuit.skip"]);
});

test("a refusal is a skip of its breaker with reason bulkhead: event, stats, metrics and error", async () => {
  const { breaker, places, hold, events } = limited({ limit: 1 });
  const registry = new Registry();
  exportToPrometheus(breaker, registry);
  void places.call(hold);
  const error: unknown = await places
    .call(succeed, { context: { delivery: "d-1" } })
    .catch((thrown: unknown) => thrown);
  expect(isCircuitOpenError(error)).toBe(true);
  expect(error).toMatchObject({
    breaker: "db",
    state: "closed",
    reason: "bulkhead",
    retryAfterMs: null,
    message: 'Circuit breaker "db" is at its limit of concurrent calls: no known retry time',
  });
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    type: "circuit.skip",
    breaker: "db",
    state: "closed",
    reason: "bulkhead",
    retryAfterMs: null,
    openMs: 0,
    context: { delivery: "d-1" },
  });
  expect(breaker.stats.skips).toMatchObject({ bulkhead: 1, open: 0 });
  const page = parse(await registry.metrics());
  expect(valuesOf(page, "circuit_breaker_skips_total")).toMatchObject({
    "db bulkhead": 1,
    "db open": 0,
  });
});

test("execute() of a bulkhead that is full has the outcome of a refusal", async () => {
  const { places, hold } = limited({ limit: 1 });
  void places.call(hold);
  expect(await places.execute(succeed)).toMatchObject({
    outcome: "circuit-open",
    reason: "bulkhead",
    retryAfterMs: null,
    attempts: 1,
  });
});

test("queue: calls wait for a place, first come first served", async () => {
  const { places, held, hold, told } = limited({ limit: 1, queue: { limit: 2, maxWaitMs: 500 } });
  const order: number[] = [];
  const results = [0, 1, 2].map((n) =>
    places.call(() => {
      order.push(n);
      return hold();
    }),
  );
  expect(order).toEqual([0]);
  expect(places).toMatchObject({ running: 1, waiting: 2 });
  for (const n of [0, 1, 2]) {
    held[n]?.resolve(`value ${n}`);
    await expect(results[n]).resolves.toBe(`value ${n}`);
    await Promise.resolve();
  }
  expect(order).toEqual([0, 1, 2]);
  expect(places).toMatchObject({ running: 0, waiting: 0 });
  expect(told()).toEqual([]);
});

test("queue.limit: beyond it a call is refused at once", async () => {
  const { time, places, hold, breaker } = limited({
    limit: 1,
    queue: { limit: 1, maxWaitMs: 500 },
  });
  void places.call(hold);
  void places.execute(hold);
  await expect(places.call(succeed)).rejects.toMatchObject({ reason: "bulkhead" });
  expect(time.nowMs).toBe(0);
  expect(breaker.stats.skips.bulkhead).toBe(1);
});

test("queue.maxWaitMs: a call that waited so long is refused", async () => {
  const { time, places, hold, breaker, last } = limited({
    limit: 1,
    queue: { limit: 5, maxWaitMs: 500 },
  });
  void places.call(hold);
  const fn = vi.fn(succeed);
  const waiting = places.execute(fn, { context: { delivery: "d-1" } });
  await time.pass(499);
  expect(places.waiting).toBe(1);
  await time.pass(1);
  expect(await waiting).toMatchObject({
    outcome: "circuit-open",
    reason: "bulkhead",
    latencyMs: 500,
  });
  expect(fn).not.toHaveBeenCalled();
  expect(places.waiting).toBe(0);
  expect(last("circuit.skip").context).toEqual({ delivery: "d-1" });
  expect(breaker.stats.skips.bulkhead).toBe(1);
  expect(time.pending).toBe(0);
});

test("a signal ends the wait at once, is no refusal, and leaves nothing behind", async () => {
  const { time, places, held, hold, told } = limited({
    limit: 1,
    queue: { limit: 5, maxWaitMs: 500 },
  });
  const running = places.call(hold);
  const caller = new AbortController();
  const fn = vi.fn(succeed);
  const waiting = places.call(fn, { signal: caller.signal });
  expect(listenersOf(caller.signal)).toBe(1);
  caller.abort("no more");
  await expect(waiting).rejects.toBe("no more");
  expect(places.waiting).toBe(0);
  expect(time.pending).toBe(0);
  expect(listenersOf(caller.signal)).toBe(0);
  held[0]?.resolve("value");
  await running;
  expect(fn).not.toHaveBeenCalled();
  expect(places.running).toBe(0);
  expect(told()).toEqual([]);
});

test("a signal that is aborted when the place comes gives it to the next", async () => {
  const { places, held, hold } = limited({ limit: 1, queue: { limit: 5, maxWaitMs: 500 } });
  const caller = new AbortController();
  const running = places.call(hold);
  const fn = vi.fn(succeed);
  const first = places.call(fn, { signal: caller.signal });
  const second = places.call(succeed);
  // Runs right after the handler that hands the place over.
  void held[0]?.promise.then(() => caller.abort("no more"));
  held[0]?.resolve("value");
  await running;
  await expect(first).rejects.toBe("no more");
  await expect(second).resolves.toBe("value");
  expect(fn).not.toHaveBeenCalled();
  expect(places).toMatchObject({ running: 0, waiting: 0 });
});

test("while its breaker is open nobody waits: a call that finds no place is refused", async () => {
  const { places, hold, breaker } = limited({ limit: 1, queue: { limit: 5, maxWaitMs: 500 } });
  void places.call(hold);
  breaker.forceOpen("maintenance", { forMs: 5_000 });
  await expect(places.call(succeed)).rejects.toMatchObject({
    state: "forced_open",
    reason: "bulkhead",
    retryAfterMs: 5_000,
  });
  expect(places.waiting).toBe(0);
});

test("inside an incident a refusal counts as a skip of it", async () => {
  const { places, hold, breaker, last, time } = limited({ limit: 1 });
  void places.call(hold);
  breaker.forceOpen();
  await time.pass(250);
  await places.execute(succeed);
  expect(last("circuit.skip")).toMatchObject({
    reason: "bulkhead",
    openMs: 250,
    skipsSinceOpened: 1,
    skipsInIncident: 1,
  });
  expect(last("circuit.skip").incidentId).toBeDefined();
});

test.each([
  [
    "around its breaker",
    (places: ReturnType<typeof bulkhead>, breaker: CircuitBreaker) => pipeline(places, breaker),
  ],
  [
    "inside its breaker",
    (places: ReturnType<typeof bulkhead>, breaker: CircuitBreaker) => pipeline(breaker, places),
  ],
])("%s a refused call is told once and decides nothing", async (_, compose) => {
  const { breaker, places, hold, told } = limited({ limit: 1 });
  const composed = compose(places, breaker);
  void composed.call(hold);
  for (let n = 0; n < 10; n++) {
    expect(await composed.execute(succeed)).toMatchObject({ reason: "bulkhead" });
  }
  expect(told()).toEqual(Array(10).fill("circuit.skip"));
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 0 });
  expect(breaker.stats.skips.bulkhead).toBe(10);
  expect(Object.values(breaker.stats.calls)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  expect(breaker.state).toBe("closed");
});

test("execute() of its breaker around it has the outcome of a refusal", async () => {
  const { breaker, places, hold } = limited({ limit: 1 });
  void breaker.call(() => places.call(hold));
  const result = await breaker.execute(() => places.call(succeed));
  expect(result).toMatchObject({
    outcome: "circuit-open",
    reason: "bulkhead",
    countedAs: "unreached",
  });
  if (result.outcome === "circuit-open") expect(isCircuitOpenError(result.error)).toBe(true);
});

test("a probe that finds no place gives its slot back and is told as unreached", async () => {
  const { breaker, places, hold, told, time } = limited({ limit: 1 });
  void places.call(hold);
  breaker.forceOpen("maintenance", { forMs: 100 });
  await time.pass(100);
  told();
  await breaker.execute(() => places.call(succeed));
  expect(told()).toEqual(["circuit.half_open", "circuit.skip", "circuit.probe"]);
  expect(breaker.stats.probes.unreached).toBe(1);
  expect(breaker.probesInFlight).toBe(0);
  expect(breaker.state).toBe("half_open");
});

test("a late refusal is told once, too", async () => {
  const { breaker, places, held, hold, told, time } = limited({
    limit: 1,
    queue: { limit: 1, maxWaitMs: 100 },
  });
  void places.call(hold);
  const waiting = breaker.execute(() => places.call(succeed));
  breaker.reset();
  told();
  await time.pass(100);
  await waiting;
  expect(told()).toEqual(["circuit.skip"]);
  expect(breaker.stats.calls.late).toBe(0);
  held[0]?.resolve("value");
});

test("other breakers around it count a refused call as unreached", async () => {
  const { places, hold, time, told } = limited({ limit: 1 });
  const outer = new CircuitBreaker("outer", { clock: time, failureThreshold: 1 });
  void places.call(hold);
  const result = await outer.execute(() => places.call(succeed));
  expect(result).toMatchObject({ outcome: "error", countedAs: "unreached" });
  expect(outer.state).toBe("closed");
  expect(told()).toEqual(["circuit.skip"]);
});

test("a retry around it tries a refused call again, each attempt one skip", async () => {
  const { places, hold, breaker, options, time, last } = limited({ limit: 1 });
  void places.call(hold);
  const patient = pipeline(retry("db", { ...options, attempts: 3 }), breaker, places);
  expect(await time.until(patient.execute(succeed))).toMatchObject({
    outcome: "circuit-open",
    attempts: 3,
  });
  expect(breaker.stats.skips.bulkhead).toBe(3);
  expect(last("retry.attempt").retryAfterMs).toBeNull();
});

test("a failing call that holds a place counts for the breaker as any other", async () => {
  const { places, breaker } = limited({ limit: 1 });
  const composed = pipeline(places, breaker);
  for (let n = 0; n < 3; n++) await composed.execute(fail);
  expect(breaker.state).toBe("open");
});

const step = fc.oneof(
  fc.record({ kind: fc.constant("call" as const), abortable: fc.boolean() }),
  fc.record({ kind: fc.constant("end" as const), ok: fc.boolean() }),
  fc.record({ kind: fc.constant("abort" as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ kind: fc.constant("open" as const) }),
  fc.record({ kind: fc.constant("reset" as const) }),
);

test("the limits hold, the order is kept and every refusal is one skip, whatever happens", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
      fc.boolean(),
      fc.array(step, { maxLength: 60 }),
      async (limit, queued, inside, steps) => {
        const queue = queued === 0 ? {} : { queue: { limit: queued, maxWaitMs: 200 } };
        const { places, breaker, time, events, held, hold } = limited({ limit, ...queue });
        const composed = inside ? pipeline(breaker, places) : places;
        const callers: AbortController[] = [];
        const started: number[] = [];
        let calls = 0;
        let running = 0;
        let refused = 0;
        let answered = 0;
        for (const now of steps) {
          if (now.kind === "call") {
            const number = calls++;
            const fn = () => {
              started.push(number);
              running++;
              expect(running).toBeLessThanOrEqual(limit);
              const call = hold();
              const end = () => {
                running--;
              };
              call.then(end, end);
              return call;
            };
            const caller = new AbortController();
            if (now.abortable) callers.push(caller);
            const result = now.abortable
              ? composed.execute(fn, { signal: caller.signal })
              : composed.execute(fn);
            void result.then(({ outcome }) => {
              answered++;
              if (outcome === "circuit-open") refused++;
            });
          } else if (now.kind === "end") {
            const call = held.shift();
            if (now.ok) call?.resolve("value");
            else call?.reject("ignored");
          } else if (now.kind === "abort") callers[now.which % (callers.length || 1)]?.abort();
          else if (now.kind === "open") breaker.forceOpen();
          else if (now.kind === "reset") breaker.reset();
          else await time.pass(now.ms);
          if (breaker.isOpen) expect(places.waiting).toBe(0);
          await time.pass(0);
          expect(places.waiting).toBeLessThanOrEqual(queued);
          expect(places.running).toBe(running);
        }
        while (held.length > 0) {
          held.shift()?.resolve("value");
          await time.pass(0);
        }
        await time.pass(1_000);
        expect(answered).toBe(calls);
        expect(started).toEqual(started.toSorted((a, b) => a - b));
        const skips = events.filter(
          (event) => event.type === "circuit.skip" && event.reason === "bulkhead",
        );
        expect(skips).toHaveLength(refused - breaker.stats.skips.forced_open);
        expect(breaker.stats.skips.bulkhead).toBe(skips.length);
        expect(time.pending).toBe(0);
        for (const { signal } of callers) expect(listenersOf(signal)).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});
