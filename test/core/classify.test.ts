import { expect, test, vi } from "vitest";
import { CircuitBreaker, type Classify, type FinishedCall } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";
import { settled, unhandled } from "../support/unhandled-rejections.ts";

test.each([
  { word: "success", told: ["success"] },
  { word: "error", told: ["failure", "progress"] },
  { word: "latency", told: ["failure", "progress"] },
  { word: "ignored", told: ["ignored"] },
  { word: "cancelled", told: ["ignored"] },
  { word: "unreached", told: ["ignored"] },
] as const)("classify answers $word for a value and for a throw", async ({ word, told }) => {
  for (const fn of [succeed, fail]) {
    for (const answer of [word, { outcome: word }]) {
      const watched = watch({ classify: () => answer });
      const result = await watched.breaker.execute<unknown>(fn);
      expect(result.countedAs).toBe(word);
      expect(watched.told()).toEqual(told);
      expect(watched.breaker.stats.calls).toMatchObject({ success: 0, [word]: 1 });
    }
  }
});

test("classify answers permanent: counts as error and forces open", async () => {
  for (const answer of ["permanent", { outcome: "permanent" }] as const) {
    const { breaker, told } = watch({ classify: () => answer });
    expect(await breaker.execute(succeed)).toMatchObject({
      outcome: "ok",
      value: "value",
      countedAs: "error",
      consecutiveFailures: 1,
    });
    expect(told()).toEqual(["failure", "open"]);
    expect(breaker.state).toBe("forced_open");
  }
});

test("a permanent probe forces open within the incident", async () => {
  const watched = await watchIn("half_open", {
    classify: (call) => (call.ok ? "permanent" : undefined),
  });
  const { incidentId } = watched.last("circuit.open");
  await watched.breaker.execute(succeed);
  expect(watched.told()).toEqual(["failure", "probe", "open"]);
  expect(watched.last("circuit.open")).toMatchObject({
    from: "half_open",
    state: "forced_open",
    reason: "forced",
    reopens: 1,
    incidentId,
  });
});

test.each([undefined, { outcome: undefined }])(
  "classify leaves the decision to the defaults with undefined",
  async (answer) => {
    const classify = (() => (answer === undefined ? undefined : answer.outcome)) satisfies Classify;
    const { breaker } = watch({ classify });
    await breaker.execute(succeed);
    await breaker.execute(fail);
    await breaker.execute(() => Promise.reject(new DOMException("slow", "TimeoutError")));
    expect(breaker.stats.calls).toMatchObject({ success: 1, error: 1, latency: 1 });
  },
);

test("classify sees the value or the error, and the time", async () => {
  const seen: FinishedCall[] = [];
  const { breaker, clock } = watch({
    classify: (call) => {
      seen.push(call);
      return undefined;
    },
  });
  const call = deferred<string>();
  const result = breaker.call(() => call.promise);
  clock.advance(20);
  call.resolve("value");
  await result;
  await breaker.execute(() => Promise.reject(undefined));
  breaker.callSync(() => 3);
  expect(seen).toEqual([
    { ok: true, value: "value", latencyMs: 20 },
    { ok: false, error: undefined, latencyMs: 0 },
    { ok: true, value: 3, latencyMs: 0 },
  ]);
  expect(Object.keys(seen[1] ?? {})).toContain("error");
});

test("a verdict slower than latencyTripMs is latency whatever classify says", async () => {
  for (const word of ["success", "error"] as const) {
    const { breaker, clock } = watch({ latencyTripMs: 10, classify: () => word });
    await breaker.execute(() => clock.advance(11));
    expect(breaker.stats.calls).toMatchObject({ latency: 1, success: 0, error: 0 });
  }
});

test("a slow call that classify ignores stays ignored", async () => {
  const { breaker, clock } = watch({ latencyTripMs: 10, classify: () => "ignored" });
  await breaker.execute(() => clock.advance(11));
  expect(breaker.stats.calls).toMatchObject({ ignored: 1, latency: 0 });
});

test("classify is not asked about refusals by another breaker and cancelled calls", async () => {
  const classify = vi.fn<Classify>(() => "error");
  const { breaker } = watch({ classify });
  const refused = refusalOf(await watchIn("forced_open"));
  const controller = new AbortController();
  await breaker.execute(() => Promise.reject(refused));
  await breaker.execute(
    () => {
      controller.abort();
      throw BOOM;
    },
    { signal: controller.signal },
  );
  expect(classify).not.toHaveBeenCalled();
  expect(breaker.stats.calls).toMatchObject({ unreached: 1, cancelled: 1, error: 0 });
});

test("classify is asked about a call that a time limit ended, and may leave it at latency", async () => {
  for (const [answer, counted] of [
    [undefined, "latency"],
    ["ignored", "ignored"],
  ] as const) {
    const classify = vi.fn<Classify>(() => answer);
    const { breaker } = watch({ classify });
    const controller = new AbortController();
    const abort = () => {
      controller.abort(new DOMException("took too long", "TimeoutError"));
      throw BOOM;
    };
    await breaker.execute(abort, { signal: controller.signal });
    expect(classify).toHaveBeenCalledWith({ ok: false, error: BOOM, latencyMs: 0 });
    expect(breaker.stats.calls).toMatchObject({ [counted]: 1 });
  }
});

test("classify is not asked about refused calls", async () => {
  const classify = vi.fn<Classify>(() => "success");
  const { breaker } = await watchIn("forced_open", { classify });
  await breaker.execute(succeed);
  expect(classify).not.toHaveBeenCalled();
});

test("retryAfterMs of the failure that trips wins over cooldownMs", async () => {
  const { breaker, last } = watch({
    failureThreshold: 2,
    cooldownMs: COOLDOWN_MS,
    classify: (call) => (call.ok ? "success" : { outcome: "error", retryAfterMs: 7_000 }),
  });
  await failTimes(breaker, 2);
  expect(last("circuit.open")).toMatchObject({ cooldownMs: 7_000 });
  expect(breaker.retryAfterMs).toBe(7_000);
});

test("retryAfterMs of 0 wins over cooldownMs too", async () => {
  const { breaker, last } = watch({
    failureThreshold: 1,
    classify: () => ({ outcome: "error", retryAfterMs: 0 }),
  });
  await failTimes(breaker, 1);
  expect(last("circuit.open").cooldownMs).toBe(0);
  expect(breaker.state).toBe("half_open");
});

test("retryAfterMs of an earlier failure does not stay", async () => {
  let calls = 0;
  const { breaker, last } = watch({
    failureThreshold: 2,
    cooldownMs: COOLDOWN_MS,
    classify: () => (calls++ === 0 ? { outcome: "error", retryAfterMs: 7_000 } : "error"),
  });
  await failTimes(breaker, 2);
  expect(last("circuit.open").cooldownMs).toBe(COOLDOWN_MS);
});

test("retryAfterMs of a failed probe is the next cooldown", async () => {
  const watched = await watchIn("half_open", {
    classify: (call) => (call.ok ? { outcome: "latency", retryAfterMs: 9_000 } : undefined),
  });
  await watched.breaker.execute(succeed);
  expect(watched.last("circuit.open")).toMatchObject({ rule: "probe", cooldownMs: 9_000 });
});

test("a classify that throws: the default applies, the caller gets its own, and it is told", async () => {
  const { breaker, told, last } = watch({
    classify: () => {
      throw new RangeError("no such status");
    },
  });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(told()).toEqual(["callback_failed", "success"]);
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(told()).toEqual(["callback_failed", "failure", "progress"]);
  expect(breaker.callSync(() => 2)).toBe(2);
  expect(await breaker.execute(fail)).toMatchObject({ error: BOOM, countedAs: "error" });
  expect(last("circuit.callback_failed")).toMatchObject({
    callback: "classify",
    error: { name: "RangeError", message: "no such status" },
  });
  expect(breaker.stats.calls).toMatchObject({ success: 2, error: 2 });
});

test.each([
  "nonsense",
  "late",
  "",
  null,
  5,
  true,
  Symbol("s"),
  [],
  {},
  { outcome: "nonsense" },
  { outcome: "error", retryAfterMs: -1 },
  { outcome: "error", retryAfterMs: Number.NaN },
  { outcome: "error", retryAfterMs: Number.POSITIVE_INFINITY },
  { outcome: "error", retryAfterMs: "5" },
  Object.create(null),
])("a classify that answers %o: the default applies, and it is told", async (answer) => {
  // Wrong on purpose: this is what JavaScript callers can do.
  const { breaker, told, last } = watch({ classify: () => answer as never });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(told()).toEqual(["callback_failed", "success"]);
  expect(last("circuit.callback_failed")).toMatchObject({
    callback: "classify",
    error: { name: "TypeError" },
  });
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(breaker.stats.calls).toMatchObject({ success: 1, error: 1 });
});

test.each([
  { kind: "resolves", classify: async () => "ignored" },
  { kind: "rejects", classify: async () => Promise.reject(BOOM) },
])(
  "an async classify that $kind is refused as an answer, without an unhandled rejection",
  async (row) => {
    // Wrong on purpose: this is what JavaScript callers can do.
    const { breaker, told } = watch({ classify: row.classify as never });
    await expect(breaker.call(succeed)).resolves.toBe("value");
    await settled();
    expect(told()).toEqual(["callback_failed", "success"]);
    expect(unhandled).not.toHaveBeenCalled();
  },
);

test("a classify that throws while nobody listens decides nothing either", async () => {
  const breaker = new CircuitBreaker("unheard", {
    classify: () => {
      throw BOOM;
    },
  });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.stats.calls.success).toBe(1);
});

test("a classify that throws gives the slot of a probe back", async () => {
  const watched = await watchIn("half_open", {
    classify: (call) => {
      if (call.ok) throw BOOM;
      return undefined;
    },
    halfOpen: { successThreshold: 2 },
  });
  await watched.breaker.execute(succeed);
  expect(watched.told()).toEqual(["callback_failed", "success", "probe"]);
  expect(watched.breaker.probesInFlight).toBe(0);
  expect(permitOf(watched).ok).toBe(true);
});

test("a classify that forces the breaker open itself makes its own call late", async () => {
  const watched = watch({
    failureThreshold: 1,
    classify: () => {
      watched.breaker.forceOpen("from classify");
      return "error";
    },
  });
  expect(await watched.breaker.execute(fail)).toMatchObject({ error: BOOM, countedAs: "late" });
  expect(watched.told()).toEqual(["open", "late"]);
  expect(watched.breaker.state).toBe("forced_open");
});
