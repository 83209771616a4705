import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { BreakerRegistry, CircuitBreaker, isCircuitOpenError } from "../../src/index.ts";
import { foldIncidents, replay } from "../../src/report/index.ts";
import { deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { parse, valuesOf } from "../support/scrape.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

/** A quota that the test uses up and gives back; counts how often it was asked. */
function quotaOf() {
  const quota = Object.assign(
    (breaker: string): number => {
      quota.asked.push(breaker);
      return quota.leftMs;
    },
    { leftMs: 0, asked: [] as string[] },
  );
  return quota;
}

test("quota refuses what the breaker would let run: event, stats, metrics and error", async () => {
  const quota = quotaOf();
  const { breaker, told, last } = watch({ quota });
  const registry = new Registry();
  exportToPrometheus(breaker, registry);
  await breaker.call(succeed);
  expect([quota.asked, told()]).toEqual([["dependency"], ["success"]]);
  quota.leftMs = 90_000;
  const error: unknown = await breaker
    .call(succeed, { context: { delivery: "d-1" } })
    .catch((thrown: unknown) => thrown);
  expect(isCircuitOpenError(error)).toBe(true);
  const refused = { breaker: "dependency", state: "closed", reason: "quota", retryAfterMs: 90_000 };
  expect(error).toMatchObject({
    ...refused,
    message: 'Circuit breaker "dependency" is out of quota: retry in 90.0 s',
  });
  expect(told()).toEqual(["skip"]);
  expect(last("circuit.skip")).toMatchObject({
    ...refused,
    openMs: 0,
    skipsSinceOpened: 0,
    context: { delivery: "d-1" },
  });
  expect(breaker.stats.skips).toMatchObject({ quota: 1, degraded: 0, open: 0 });
  expect(valuesOf(parse(await registry.metrics()), "circuit_breaker_skips_total")).toMatchObject({
    "dependency quota": 1,
    "dependency degraded": 0,
  });
  expect([breaker.state, breaker.isOpen, breaker.retryAfterMs]).toEqual(["closed", false, 90_000]);
  quota.leftMs = 0;
  await expect(breaker.call(succeed)).resolves.toBe("value");
});

test("quota is asked by every way into the breaker, and not by results that were made elsewhere", async () => {
  const quota = quotaOf();
  const { breaker, told } = watch({ quota });
  quota.leftMs = Number.POSITIVE_INFINITY;
  expect(await breaker.execute(succeed)).toMatchObject({
    outcome: "circuit-open",
    reason: "quota",
    retryAfterMs: null,
  });
  expect(() => breaker.callSync(() => 1)).toThrow("out of quota: no known retry time");
  expect(refusalOf({ breaker })).toMatchObject({ reason: "quota" });
  expect(told()).toEqual(["skip", "skip", "skip"]);
  breaker.recordSuccess();
  breaker.recordFailure();
  expect(told()).toEqual(["success", "failure", "progress"]);
});

test("quota takes no probe slot: the breaker stays open and due, and the probe comes with the quota", async () => {
  const quota = quotaOf();
  const { breaker, clock, told } = await watchIn("open", { quota });
  clock.advance(COOLDOWN_MS);
  quota.leftMs = 500;
  expect(refusalOf({ breaker })).toMatchObject({
    reason: "quota",
    state: "open",
    retryAfterMs: 500,
  });
  expect(told()).toEqual(["skip"]);
  expect([
    breaker.state,
    breaker.probesInFlight,
    breaker.stats.transitions["open->half_open"],
  ]).toEqual(["half_open", 0, 0]);
  quota.leftMs = 0;
  await breaker.call(succeed);
  expect(told()).toEqual(["half_open", "success", "probe", "close"]);
});

test("what the state refuses is told as that, whatever the quota: forced open, or every probe under way", async () => {
  const quota = quotaOf();
  quota.leftMs = 10;
  const open = await watchIn("forced_open", { quota });
  quota.asked.length = 0;
  expect(refusalOf(open)).toMatchObject({ reason: "forced_open", retryAfterMs: null });
  expect(quota.asked).toEqual([]);
  quota.leftMs = 0;
  const half = await watchIn("half_open", { quota });
  permitOf(half);
  quota.leftMs = 10;
  expect(refusalOf(half)).toMatchObject({ reason: "half_open" });
});

test("retryAfterMs is the longer of the cooldown and the quota", async () => {
  const quota = quotaOf();
  const { breaker } = await watchIn("open", { quota });
  quota.leftMs = COOLDOWN_MS / 2;
  expect([breaker.retryAfterMs, refusalOf({ breaker }).retryAfterMs]).toEqual([
    COOLDOWN_MS,
    COOLDOWN_MS,
  ]);
  quota.leftMs = COOLDOWN_MS * 2;
  expect([breaker.retryAfterMs, refusalOf({ breaker }).retryAfterMs]).toEqual([
    COOLDOWN_MS * 2,
    COOLDOWN_MS * 2,
  ]);
  expect(refusalOf({ breaker }).reason).toBe("open");
});

test("a disabled breaker does not ask for a quota", async () => {
  const quota = quotaOf();
  const { breaker } = await watchIn("disabled", { quota });
  quota.leftMs = 1_000;
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect([quota.asked, breaker.retryAfterMs]).toEqual([[], 0]);
});

test("quota goes before the share of a degraded breaker, which draws nothing for it", async () => {
  const quota = quotaOf();
  let drawn = 0;
  const random = (): number => {
    drawn++;
    return 0.99;
  };
  const { breaker } = watch({ quota, degradation: [1, 0], random });
  await failTimes(breaker, 1);
  quota.leftMs = 10;
  expect(refusalOf({ breaker }).reason).toBe("quota");
  expect(drawn).toBe(0);
  quota.leftMs = 0;
  expect(refusalOf({ breaker }).reason).toBe("degraded");
});

test.each([
  [
    "throws",
    () => {
      throw new Error("no answer");
    },
    "no answer",
  ],
  ["answers a negative number", () => -1, "received -1"],
  ["answers no number", () => Number.NaN, "received NaN"],
  [
    "answers a promise",
    (async () => {
      throw new Error("late");
    }) as unknown as () => number,
    "received [object Promise]",
  ],
])("a quota that %s stops no call, and circuit.callback_failed says so", async (_, quota, said) => {
  const { breaker, told, last } = watch({ quota });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(told()).toEqual(["callback_failed", "success"]);
  expect(last("circuit.callback_failed")).toMatchObject({
    callback: "quota",
    error: { message: expect.stringContaining(said) as string },
  });
  // Who only reads has no effect; the next step tells what was found.
  expect(breaker.retryAfterMs).toBe(0);
  expect(told()).toEqual([]);
  breaker.catchUp();
  expect(told()).toEqual(["callback_failed"]);
});

test("a quota that asks its own breaker is not asked again", async () => {
  let asked = 0;
  const breaker: CircuitBreaker = new CircuitBreaker("self", {
    quota: () => {
      asked++;
      breaker.callSync(() => 1);
      breaker.callSync(() => 2);
      return breaker.retryAfterMs ?? 0;
    },
  });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect([asked, breaker.stats.calls.success]).toEqual([1, 3]);
});

test("quota of a registry is given the name of each breaker, and can be changed and taken back", async () => {
  const exhausted = new Set(["a"]);
  const quota = (name: string) => (exhausted.has(name) ? 5 : 0);
  const registry = new BreakerRegistry({ defaults: { quota } });
  await expect(registry.get("a").call(succeed)).rejects.toMatchObject({ reason: "quota" });
  await expect(registry.get("b").call(succeed)).resolves.toBe("value");
  registry.reconfigure("a", { quota: null });
  await expect(registry.get("a").call(succeed)).resolves.toBe("value");
  registry.reconfigure("b", { quota: () => 7 });
  await expect(registry.get("b").call(succeed)).rejects.toMatchObject({ retryAfterMs: 7 });
});

test("a breaker around one that is out of quota counts the call as unreached", async () => {
  const { breaker } = watch({ quota: () => 5 });
  const outer = new CircuitBreaker("outer");
  expect(await outer.execute(() => breaker.call(succeed))).toMatchObject({
    outcome: "error",
    countedAs: "unreached",
  });
  expect(outer.stats.calls).toMatchObject({ unreached: 1, error: 0 });
});

test("a quota refusal in an incident is one of its skips, in the events, the replay and the report", async () => {
  const quota = quotaOf();
  const { breaker, clock, events } = await watchIn("open", { quota });
  clock.advance(COOLDOWN_MS);
  quota.leftMs = 500;
  refusalOf({ breaker });
  quota.leftMs = 0;
  const call = deferred<string>();
  const probe = breaker.call(() => call.promise);
  await breaker.execute(fail);
  call.resolve("value");
  await probe;
  const report = foldIncidents(events);
  expect(report.breakers["dependency"]?.skips).toBe(2);
  const { skips } = breaker.stats;
  expect([skips.quota, skips.half_open]).toEqual([1, 1]);
  const last = [...replay(events)].at(-1)?.breaker;
  expect(last?.stats.skips).toEqual(skips);
});
