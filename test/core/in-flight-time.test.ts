import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { CircuitBreaker, consecutive, exponentialCooldown, slowRate } from "../../src/index.ts";
import { BOOM, failTimes, watch } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { HALF, hang, LIMIT_MS, permits, watchHanging } from "../support/hanging.ts";
import { permitOf } from "../support/states.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

// What calls that hang do beside a trip: rules that only report, progress, cooldowns, degradation, memory.

test("the rules of a disabled breaker would trip on calls that hang, told at the next step", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told, last } = watched;
  breaker.disable();
  hang(watched, 20);
  clock.advance(LIMIT_MS + 10);
  told();
  expect(breaker).toMatchObject({ state: "disabled", trafficShare: 1, tripProgress: 1 });
  expect(told()).toEqual([]);
  breaker.catchUp();
  expect(told()).toEqual(["would_open"]);
  expect(last("circuit.would_open")).toMatchObject({
    from: "disabled",
    state: "disabled",
    reason: "latency",
    rule: "failureRate",
    failuresByReason: { error: 0, latency: 20 },
    window: { calls: 20, failures: 20, inFlight: 20, overdue: 20 },
    cooldownMs: 500,
    retryAtMs: START_AT_MS + LIMIT_MS + 500,
    firstFailureAtMs: START_AT_MS + LIMIT_MS,
    detectMs: 10,
  });
});

test("a would-be trip by calls that hang is told once, then they look away for the cooldown", () => {
  const watched = watchHanging({ trip: consecutive(2) });
  const { breaker, clock, told } = watched;
  breaker.disable();
  hang(watched, 2);
  clock.advance(400);
  hang(watched, 2);
  // The first two were overdue at 2 000 ms, the others at 2 400 ms, while the rules looked away.
  clock.advance(LIMIT_MS + 1);
  told();
  breaker.catchUp();
  expect(told()).toEqual(["would_open"]);
  clock.advance(60_000);
  breaker.catchUp();
  expect(told()).toEqual([]);
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  expect(told()).toEqual(["would_open"]);
});

test("several would-be trips that time alone brought about are told in one step", () => {
  const watched = watchHanging({ trip: consecutive(1), cooldownMs: 100 });
  const { breaker, clock, events } = watched;
  breaker.disable();
  hang(watched, 1);
  clock.advance(100);
  hang(watched, 1);
  clock.advance(99);
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  const detected = events.flatMap((event) =>
    event.type === "circuit.would_open" ? [event.detectMs] : [],
  );
  // The third became overdue one millisecond before the rules looked again.
  expect(detected).toEqual([200, 100]);
});

test("enable() tells the would-be trips first", () => {
  const watched = watchHanging({ trip: consecutive(1) });
  const { breaker, clock, told } = watched;
  breaker.disable();
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  told();
  breaker.enable();
  expect(told()).toEqual(["would_open", "enable"]);
});

test("a shadow rule would trip on calls that hang, before and beside the rules in force", () => {
  const watched = watchHanging({
    trip: consecutive(3),
    shadow: slowRate({ latencyMs: 50, threshold: 1, window: { calls: 2 }, minimumCalls: 2 }),
  });
  const { breaker, clock, told, last } = watched;
  hang(watched, 3);
  clock.advance(60);
  expect(breaker.state).toBe("closed");
  breaker.catchUp();
  expect(told()).toEqual(["would_open"]);
  expect(last("circuit.would_open")).toMatchObject({
    rule: "slowRate",
    from: "closed",
    detectMs: 10,
    window: { overdue: 3, inFlight: 3 },
  });
  clock.advance(LIMIT_MS);
  breaker.catchUp();
  expect(told()).toEqual(["open"]);
});

test("a shadow rule sees nothing of the time after a trip in force took effect", () => {
  const watched = watchHanging({ trip: consecutive(2), shadow: consecutive(3) });
  const { breaker, clock, told } = watched;
  hang(watched, 2);
  clock.advance(1);
  hang(watched, 1);
  clock.advance(LIMIT_MS + 100);
  breaker.catchUp();
  expect(told()).toEqual(["open"]);
});

test("a shadow and the rules in force that trip at one moment both tell it", () => {
  const watched = watchHanging({ trip: consecutive(2), shadow: consecutive(1) });
  const { breaker, clock, told } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 100);
  breaker.catchUp();
  expect(told()).toEqual(["would_open", "open"]);
});

// Progress.

test("circuit.progress is told by the step that finds calls overdue", () => {
  const watched = watchHanging({ trip: consecutive(4) });
  const { breaker, clock, told, last } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  // Reading it first makes no difference.
  expect(breaker.tripProgress).toBe(0.5);
  breaker.catchUp();
  expect(told()).toEqual(["progress"]);
  expect(last("circuit.progress")).toMatchObject({
    ratio: 0.5,
    failuresToTrip: 2,
    rule: "consecutive",
    consecutiveFailures: 0,
  });
  breaker.catchUp();
  expect(told()).toEqual([]);
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  expect(told()).toEqual(["progress"]);
});

test("circuit.progress after a failure counts the calls that hang", async () => {
  const watched = watchHanging({ trip: consecutive(4) });
  const { breaker, clock, told, last } = watched;
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  await failTimes(breaker, 1);
  expect(told()).toEqual(["progress", "failure", "progress"]);
  expect(last("circuit.progress")).toMatchObject({ ratio: 0.5, consecutiveFailures: 1 });
});

// Cooldowns.

test("a cooldown function is asked once for a trip by calls that hang, whoever reads it", () => {
  const attempts: number[] = [];
  const watched = watchHanging({
    trip: consecutive(1),
    cooldownMs: (attempt) => {
      attempts.push(attempt);
      return attempt * 1_000;
    },
  });
  const { breaker, clock, last } = watched;
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  for (let n = 0; n < 3; n++) expect(breaker.retryAfterMs).toBe(999);
  clock.advance(999);
  expect(breaker.state).toBe("half_open");
  breaker.catchUp();
  expect(attempts).toEqual([1]);
  expect(last("circuit.open").cooldownMs).toBe(1_000);
  permitOf(watched).failure(BOOM);
  expect(attempts).toEqual([1, 2]);
});

test("health lasts until calls that hang trip, not until that is committed", () => {
  const watched = watchHanging({
    trip: consecutive(1),
    cooldownMs: exponentialCooldown({ initialMs: LIMIT_MS + 10, maxMs: 60_000, jitter: 0 }),
  });
  const { breaker, clock, last } = watched;
  breaker.recordFailure(BOOM);
  clock.advance(LIMIT_MS + 10);
  permitOf(watched).success();
  expect(breaker.state).toBe("closed");
  hang(watched, 1);
  // It was closed for 2 000 ms until the call was overdue, which is less than the last cooldown.
  clock.advance(60_000);
  breaker.catchUp();
  expect(last("circuit.open").cooldownMs).toBe(2 * (LIMIT_MS + 10));
});

test("a cooldown function that fails in a getter is told by the next step", () => {
  const watched = watchHanging({
    trip: consecutive(1),
    cooldownMs: () => {
      throw BOOM;
    },
  });
  const { breaker, clock, told } = watched;
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.retryAfterMs).toBe(59_999);
  expect(told()).toEqual([]);
  breaker.catchUp();
  expect(told()).toEqual(["callback_failed", "open"]);
});

test("a cooldown function that reads or resets the breaker does no harm to a trip by calls that hang", () => {
  let resets = 0;
  const watched = watchHanging({
    trip: consecutive(1),
    cooldownMs: () => {
      void watched.breaker.state;
      if (resets++ === 0) watched.breaker.reset();
      return 100;
    },
  });
  const { breaker, clock } = watched;
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("closed");
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  expect(breaker).toMatchObject({ state: "open", retryAfterMs: 99 });
});

// Degradation: idle steps end where the trip takes effect.

test("no idle step of degradation is committed after calls that hang have tripped", async () => {
  const watched = watchHanging({
    failureThreshold: 4,
    degradation: [1, 1, 1, 0.5],
    cooldownMs: 1_500,
    random: () => 0,
  });
  const { breaker, clock, told, last } = watched;
  hang(watched, 1);
  await failTimes(breaker, 3);
  hang(watched, 1);
  told();
  // An idle step at 1 500 ms leaves two failures; at 2 000 ms two calls are overdue; nothing happens at 3 000 ms.
  clock.advance(3_200);
  expect(breaker.stats.consecutiveFailures).toBe(2);
  breaker.catchUp();
  expect(told()).toEqual(["degrade", "open"]);
  expect(last("circuit.open")).toMatchObject({
    consecutiveFailures: 2,
    failuresByReason: { error: 2, latency: 2 },
    window: { calls: 4, failures: 4, overdue: 2 },
    detectMs: 3_200,
  });
  expect(breaker.stats.consecutiveFailures).toBe(2);
});

test("calls that hang do not change the share of the traffic before they trip", () => {
  const watched = watchHanging({ failureThreshold: 4, degradation: [1, 0.5, 0.25] });
  const { breaker, clock } = watched;
  hang(watched, 3);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  expect(breaker).toMatchObject({ trafficShare: 1, tripProgress: 0.75 });
  expect(breaker.stats.consecutiveFailures).toBe(0);
});

// Memory.

test("a call that its caller dropped is kept by nobody, though it counts until it would have ended", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock } = watched;
  const drop = () => {
    const signal = { aborted: false };
    void breaker.call(() => new Promise<never>(() => {}), { signal });
    return new WeakRef(signal);
  };
  const dropped = Array.from({ length: 10 }, drop);
  // What a WeakRef was made for lives until the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(dropped.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.tripProgress).toBe(0.5);
});

test("more than 100 000 calls that hang are followed no further back", { timeout: 60_000 }, () => {
  const watched = watch({
    latencyTripMs: LIMIT_MS,
    inFlight: true,
    trip: {
      name: "never",
      threshold: 1,
      begin: () => ({
        record() {},
        read: ({ overdue }) => ({ ratio: overdue / 1_000_000 }),
        explain: () => ({ window: {}, failuresByReason: null, firstFailureMs: null }),
      }),
    },
  });
  const { breaker, clock } = watched;
  const first = permits(watched, 1);
  permits(watched, 100_010);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  expect(breaker.tripProgress).toBe(0.1);
  // What is followed no longer may end like any other.
  first[0]?.failure(BOOM);
  expect(breaker.stats.calls.latency).toBe(1);
});

test("an admission tells what calls that hang brought about before its own call runs", async () => {
  const watched = watchHanging({ trip: consecutive(4), shadow: consecutive(1) });
  const { breaker, clock, told } = watched;
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  const heard: string[] = [];
  await breaker.call(() => {
    heard.push(...told());
  });
  expect(heard).toEqual(["would_open", "progress"]);
  expect(told()).toEqual(["success"]);
});

test("the first failure of a trip by hung calls alone is told by the present wall clock, whatever failed at that moment", () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("search", {
    clock,
    latencyTripMs: 10_000,
    inFlight: true,
    failureThreshold: 10,
    trip: slowRate({
      latencyMs: 10,
      threshold: 0.5,
      window: { durationMs: 1_000 },
      minimumCalls: 1,
    }),
  });
  const told: unknown[] = [];
  breaker.on("circuit.open", ({ firstFailureAtMs, detectMs }) =>
    told.push({ firstFailureAtMs, detectMs }),
  );
  breaker.admit();
  clock.advance(10);
  breaker.recordFailure(new Error("fast"), 1);
  clock.jumpWall(-3);
  clock.advance(90);
  breaker.catchUp();
  expect(told).toEqual([{ firstFailureAtMs: START_AT_MS - 3 + 10, detectMs: 90 }]);
});
