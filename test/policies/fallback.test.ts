import { expect, test, vi } from "vitest";
import { CircuitBreaker, fallback, permanent, pipeline, retry, timeout } from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { httpError, networkError, surroundings } from "../support/policies.ts";

const reset = networkError("ECONNRESET");
const broken = (): Promise<never> => Promise.reject(reset);
const slow = Object.assign(new Error("slow"), { name: "TimeoutError" });

function openBreaker(clock: { monotonicMs(): number; epochMs(): number }): CircuitBreaker {
  const breaker = new CircuitBreaker("guarded", { clock });
  breaker.forceOpen();
  return breaker;
}

test("a call that succeeds is left alone", async () => {
  const { options, told } = surroundings();
  const policy = fallback("rates", { ...options, fail: "open", value: "none" });
  await expect(policy.call(succeed)).resolves.toBe("value");
  expect(await policy.execute(succeed)).toMatchObject({ outcome: "ok", value: "value" });
  expect(told()).toEqual([]);
});

test("value is served when a call fails, and event and result say so", async () => {
  const { options, events } = surroundings();
  const policy = fallback("rates", { ...options, fail: "open", value: "none" });
  await expect(policy.call(broken, { context: { delivery: "d-1" } })).resolves.toBe("none");
  expect(events).toEqual([
    {
      type: "fallback.served",
      v: 1,
      atMs: START_AT_MS,
      policy: "rates",
      context: { delivery: "d-1" },
      source: "value",
      ageMs: null,
      reason: "error",
      error: { name: "Error", message: "read ECONNRESET", code: "ECONNRESET" },
    },
  ]);
  expect(await policy.execute(broken)).toEqual({
    outcome: "fallback",
    value: "none",
    source: "value",
    ageMs: null,
    error: reset,
    latencyMs: 0,
    attempts: 1,
  });
});

test("value may be undefined", async () => {
  const { options } = surroundings();
  const policy = fallback("rates", { ...options, fail: "open", value: undefined });
  expect(await policy.execute(broken)).toMatchObject({ outcome: "fallback", value: undefined });
});

test("run makes what is served, of the error and the call", async () => {
  const { options, last } = surroundings();
  const run = vi.fn(async (error: unknown) => `instead of ${String(error)}`);
  const policy = fallback("rates", { ...options, fail: "open", run });
  const call = { context: { delivery: "d-1" }, key: "eur" };
  await expect(policy.call(broken, call)).resolves.toBe("instead of Error: read ECONNRESET");
  expect(run).toHaveBeenCalledWith(reset, { signal: undefined, ...call });
  expect(last("fallback.served")).toMatchObject({ source: "function", ageMs: null });
  expect(await policy.execute(broken)).toMatchObject({ outcome: "fallback", source: "function" });
});

test.each([
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
])("run that %s lets the call fail with its own error and is told", async (_, run) => {
  const { options, told, last } = surroundings();
  const policy = fallback<string>("rates", { ...options, fail: "open", run });
  await expect(policy.call(broken)).rejects.toBe(reset);
  expect(told()).toEqual(["policy.callback_failed"]);
  expect(last("policy.callback_failed")).toMatchObject({ policy: "rates", callback: "run" });
  expect(await policy.execute(broken)).toMatchObject({ outcome: "error", error: reset });
});

test.each([
  ["a broken connection", reset, "error"],
  ["HTTP 503", httpError(503), "error"],
  ["HTTP 429", httpError(429), "error"],
  ["a timeout", slow, "timeout"],
])("%s is served for by default", async (_, error, reason) => {
  const { options, last } = surroundings();
  const policy = fallback("rates", { ...options, fail: "open", value: "none" });
  await expect(policy.call(() => Promise.reject(error))).resolves.toBe("none");
  expect(last("fallback.served").reason).toBe(reason);
});

test("a refusal is served for by default, also when a retry gave up on it", async () => {
  const { time, options, last } = surroundings();
  const breaker = openBreaker(time);
  const policy = fallback("rates", { ...options, fail: "open", value: "none" });
  await expect(policy.call(() => breaker.call(succeed))).resolves.toBe("none");
  expect(last("fallback.served")).toMatchObject({
    reason: "refusal",
    error: { name: "CircuitOpenError", code: "ERR_CIRCUIT_OPEN" },
  });
  const patient = retry("rates", options);
  await expect(policy.call(() => patient.call(() => breaker.call(succeed)))).resolves.toBe("none");
  expect(last("fallback.served")).toMatchObject({
    reason: "refusal",
    error: { name: "RetryError" },
  });
});

test("an error that may not pass is not served for by default", async () => {
  const { options } = surroundings();
  const policy = fallback("rates", { ...options, fail: "open", value: "none" });
  await expect(policy.call(fail)).rejects.toBe(BOOM);
});

test.each([
  ["marked", permanent(new Error("no such rate"))],
  ["of HTTP 404", httpError(404)],
  ["of HTTP 401", httpError(401)],
])("an error that is permanent, %s, is never hidden", async (_, error) => {
  const { options, told } = surroundings();
  const policy = fallback("rates", {
    ...options,
    fail: "open",
    value: "none",
    serveOn: { error: true },
  });
  await expect(policy.call(() => Promise.reject(error))).rejects.toBe(error);
  expect(told()).toEqual([]);
});

test("serveOn.refusal, serveOn.timeout and serveOn.error can be turned off", async () => {
  const { time, options } = surroundings();
  const breaker = openBreaker(time);
  const open = { ...options, fail: "open", value: "none" } as const;
  const refusal = fallback("rates", { ...open, serveOn: { refusal: false } });
  await expect(refusal.call(() => breaker.call(succeed))).rejects.toMatchObject({
    name: "CircuitOpenError",
  });
  await expect(refusal.call(broken)).resolves.toBe("none");
  const timeoutOff = fallback("rates", { ...open, serveOn: { timeout: false } });
  await expect(timeoutOff.call(() => Promise.reject(slow))).rejects.toBe(slow);
  await expect(timeoutOff.call(broken)).resolves.toBe("none");
  const errorOff = fallback("rates", { ...open, serveOn: { error: false } });
  await expect(errorOff.call(broken)).rejects.toBe(reset);
  await expect(errorOff.call(() => Promise.reject(slow))).resolves.toBe("none");
});

test("serveOn.error chooses the errors: all, or those of a function", async () => {
  const { options } = surroundings();
  const open = { ...options, fail: "open", value: "none" } as const;
  await expect(fallback("rates", { ...open, serveOn: { error: true } }).call(fail)).resolves.toBe(
    "none",
  );
  const chosen = fallback("rates", { ...open, serveOn: { error: (error) => error === BOOM } });
  await expect(chosen.call(fail)).resolves.toBe("none");
  await expect(chosen.call(broken)).rejects.toBe(reset);
});

test("serveOn.error that throws is told, and the default holds", async () => {
  const { options, last } = surroundings();
  const error = () => {
    throw new Error("broken");
  };
  const policy = fallback("rates", { ...options, fail: "open", value: "none", serveOn: { error } });
  await expect(policy.call(fail)).rejects.toBe(BOOM);
  expect(last("policy.callback_failed").callback).toBe("serveOn.error");
  await expect(policy.call(broken)).resolves.toBe("none");
});

test("a call that its caller ended is not served for", async () => {
  const { options, told } = surroundings();
  const policy = fallback("rates", {
    ...options,
    fail: "open",
    value: "none",
    serveOn: { error: true },
  });
  const caller = new AbortController();
  const call = policy.call(
    (signal) => {
      caller.abort("no more");
      return Promise.reject(signal.reason);
    },
    { signal: caller.signal },
  );
  await expect(call).rejects.toBe("no more");
  expect(told()).toEqual([]);
});

test("a fallback around a retry that ran out of time serves for the timeout", async () => {
  const { time, options, last } = surroundings();
  const policy = pipeline(
    fallback("rates", { ...options, fail: "open", value: "none" }),
    retry("rates", { ...options, attempts: 2 }),
    timeout("rates", { ...options, limitMs: 50 }),
  );
  const result = await time.until(policy.execute(() => new Promise<string>(() => {})));
  expect(result).toMatchObject({ outcome: "fallback", value: "none", attempts: 2 });
  expect(last("fallback.served").reason).toBe("timeout");
});

test("a fallback inside a retry is the end of it, and a later attempt of its own value is no fallback", async () => {
  const { time, options } = surroundings();
  const policy = pipeline(
    retry("rates", { ...options, shouldRetryResult: (value) => value === "none" }),
    fallback("rates", { ...options, fail: "open", value: "none" }),
  );
  let calls = 0;
  const fn = () => (++calls === 1 ? broken() : succeed());
  expect(await time.until(policy.execute(fn))).toMatchObject({
    outcome: "ok",
    value: "value",
    attempts: 2,
  });
});

// What the user's functions answer.

const late = [
  ["false", async () => false],
  ["true", async () => true],
  ["a rejection", () => Promise.reject(new Error("redis is down"))],
] as const;

test.each(late)(
  "serveOn.error that promises %s is told, and the default holds",
  async (_, error) => {
    const { options, last } = surroundings();
    const policy = fallback("rates", {
      ...options,
      fail: "open",
      value: "none",
      // Wrong on purpose, as JavaScript allows it.
      serveOn: { error: error as unknown as () => boolean },
    });
    await expect(policy.call(broken)).resolves.toBe("none");
    await expect(policy.call(fail)).rejects.toBe(BOOM);
    expect(last("policy.callback_failed")).toMatchObject({
      callback: "serveOn.error",
      error: { message: "serveOn.error must answer true or false, received a promise" },
    });
  },
);

test.each(late)("keep that promises %s keeps nothing and is told", async (_, keep) => {
  const { options, last } = surroundings();
  const policy = fallback<string>("rates", {
    ...options,
    fail: "closed",
    // Wrong on purpose, as JavaScript allows it.
    cache: { maxAgeMs: 1_000, key: "all", keep: keep as unknown as () => boolean },
  });
  await policy.call(succeed);
  expect(last("policy.callback_failed")).toMatchObject({
    callback: "cache.keep",
    error: { message: "cache.keep must answer true or false, received a promise" },
  });
  await expect(policy.call(broken)).rejects.toBe(reset);
});

// A failure that is known to stay.

/** A breaker that a permanent failure forces open, with a fallback around it that has results of two keys. */
async function denied() {
  const around = surroundings();
  const { time, options } = around;
  const breaker = new CircuitBreaker("guarded", {
    clock: time,
    classify: (call) => (!call.ok && call.error === revoked ? "permanent" : undefined),
  });
  const cache = { maxAgeMs: 60_000, staleWhileOpenMs: 60_000 };
  const cached = pipeline(
    fallback<string>("rates", { ...options, fail: "closed", cache }),
    breaker,
  );
  for (const key of ["a", "b"]) await cached.call(async () => `old ${key}`, { key });
  const open = pipeline(fallback("rates", { ...options, fail: "open", value: "none" }), breaker);
  return { ...around, breaker, cached, open };
}
const revoked = new Error("revoked, which only the classifier knows");
const revoke = (): Promise<never> => Promise.reject(revoked);

test("a permanent error is not hidden once its breaker is forced open by it", async () => {
  const { breaker, cached, open, told } = await denied();
  await expect(cached.call(revoke, { key: "a" })).rejects.toBe(revoked);
  expect(breaker.state).toBe("forced_open");
  const refused = { name: "CircuitOpenError", cause: revoked };
  await expect(cached.call(revoke, { key: "b" })).rejects.toMatchObject(refused);
  await expect(open.call(revoke)).rejects.toMatchObject(refused);
  expect(told()).not.toContain("fallback.served");
});

test("a breaker that an operator forces open is served for", async () => {
  const { breaker, cached, open } = await denied();
  // What failed last is not what it was forced open for, whatever it was.
  await breaker.execute(() => Promise.reject(httpError(404)));
  breaker.forceOpen("maintenance");
  await expect(breaker.call(succeed)).rejects.toMatchObject({ cause: { status: 404 } });
  await expect(cached.call(succeed, { key: "b" })).resolves.toBe("old b");
  await expect(open.call(succeed)).resolves.toBe("none");
  breaker.reset();
  await cached.execute(revoke, { key: "a" });
  breaker.reset();
  await breaker.execute(() => Promise.reject(BOOM));
  breaker.forceOpen("maintenance");
  await expect(cached.call(succeed, { key: "b" })).resolves.toBe("old b");
});
