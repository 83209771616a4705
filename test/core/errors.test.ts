import { afterEach, expect, test, vi } from "vitest";
import { CircuitOpenError, isCircuitOpenError } from "../../src/index.ts";
import { BOOM, deferred, fail, succeed, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

afterEach(() => {
  vi.resetModules();
});

test("CircuitOpenError holds what the refusal knows", async () => {
  const watched = await watchIn("open", { cooldownMs: 60_000 });
  watched.clock.advance(12_300);
  refusalOf(watched);
  const error = refusalOf(watched);
  expect(error).toBeInstanceOf(CircuitOpenError);
  expect(error).toBeInstanceOf(Error);
  expect({ ...error }).toEqual({
    breaker: "dependency",
    state: "open",
    reason: "open",
    retryAfterMs: 47_700,
    openMs: 12_300,
    skipsSinceOpened: 2,
    incidentId: watched.last("circuit.open").incidentId,
  });
  expect(error.name).toBe("CircuitOpenError");
  expect(error.code).toBe("ERR_CIRCUIT_OPEN");
  expect(error.cause).toBe(BOOM);
});

test("the message of a refusal says why, and when to retry", async () => {
  const open = await watchIn("open", { cooldownMs: 60_000 });
  open.clock.advance(12_300);
  expect(refusalOf(open).message).toBe(
    'Circuit breaker "dependency" is open since 12.3 s: retry in 47.7 s, 1 refused since it opened',
  );
  const half = await watchIn("half_open");
  permitOf(half);
  expect(refusalOf(half).message).toBe(
    'Circuit breaker "dependency" is half open and its probes are under way: no known retry time, 1 refused since it opened',
  );
  const forced = await watchIn("forced_open");
  expect(refusalOf(forced).message).toBe(
    'Circuit breaker "dependency" is forced open since 0.0 s: no known retry time, 1 refused since it opened',
  );
});

test("every refusal carries the same facts, from call, callSync, execute and admit", async () => {
  const { breaker, last } = await watchIn("open");
  const { incidentId } = last("circuit.open");
  const facts = { code: "ERR_CIRCUIT_OPEN", reason: "open", retryAfterMs: COOLDOWN_MS, incidentId };
  await expect(breaker.call(succeed)).rejects.toMatchObject({ ...facts, skipsSinceOpened: 1 });
  expect(() => breaker.callSync(() => 1)).toThrow(
    expect.objectContaining({ ...facts, skipsSinceOpened: 2 }),
  );
  const result = await breaker.execute(succeed);
  expect(result.outcome === "circuit-open" && result.error).toMatchObject({
    ...facts,
    skipsSinceOpened: 3,
  });
  expect(breaker.admit()).toMatchObject({ ok: false, error: { ...facts, skipsSinceOpened: 4 } });
});

test("cause is the last failure, that of a failed probe too", async () => {
  const watched = await watchIn("half_open");
  const latest = new Error("latest");
  await watched.breaker.execute(() => Promise.reject(latest));
  expect(refusalOf(watched).cause).toBe(latest);
});

test("cause is undefined when nothing failed, and after a reset", async () => {
  const watched = await watchIn("forced_open");
  expect(refusalOf(watched).cause).toBeUndefined();
  const open = await watchIn("open");
  open.breaker.reset();
  open.breaker.forceOpen();
  expect(refusalOf(open).cause).toBeUndefined();
});

test.each([undefined, null, "text", 0])("cause is the thrown value itself: %o", async (thrown) => {
  const watched = watch({ failureThreshold: 1 });
  await watched.breaker.execute(() => Promise.reject(thrown));
  expect(Object.is(refusalOf(watched).cause, thrown)).toBe(true);
});

test("a late failure is not the cause of a refusal", async () => {
  const watched = await watchIn("closed");
  const late = deferred<string>();
  const result = watched.breaker.execute(() => late.promise);
  await watched.breaker.execute(fail);
  await watched.breaker.execute(fail);
  late.reject(new Error("late"));
  await result;
  expect(refusalOf(watched).cause).toBe(BOOM);
});

test("a refusal captures no stack, and Error.stackTraceLimit is as before", async () => {
  const { stackTraceLimit } = Error;
  const watched = await watchIn("open");
  const errors = [
    refusalOf(watched),
    await watched.breaker.call(succeed).catch((error: Error) => error),
  ];
  for (const error of errors) {
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error instanceof Error && error.stack).not.toMatch(/\n\s+at /);
  }
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  expect(new Error("afterwards").stack).toMatch(/\n\s+at /);
});

test("Error.stackTraceLimit that was deleted is not brought back", async () => {
  const { stackTraceLimit } = Error;
  const watched = await watchIn("open");
  // The property is V8's own and optional; the types call it always there.
  delete (Error as { stackTraceLimit?: number }).stackTraceLimit;
  try {
    refusalOf(watched);
    expect("stackTraceLimit" in Error).toBe(false);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
});

test("a refusal works where Error is frozen", async () => {
  const watched = await watchIn("open");
  const before = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
  Object.defineProperty(Error, "stackTraceLimit", {
    value: 10,
    writable: false,
    configurable: true,
  });
  try {
    expect(refusalOf(watched)).toMatchObject({ reason: "open", retryAfterMs: COOLDOWN_MS });
  } finally {
    if (before !== undefined) Object.defineProperty(Error, "stackTraceLimit", before);
  }
});

test("isCircuitOpenError() knows the errors of another copy of telltale", async () => {
  vi.resetModules();
  const copy = await import("../../src/index.ts");
  expect(copy.CircuitOpenError).not.toBe(CircuitOpenError);
  const foreign = new copy.CircuitBreaker("foreign");
  foreign.forceOpen();
  const refusal = foreign.admit();
  if (refusal.ok) throw new Error("admitted");
  expect(refusal.error).not.toBeInstanceOf(CircuitOpenError);
  expect(isCircuitOpenError(refusal.error)).toBe(true);

  // And a breaker of this copy takes it as unreached.
  const { breaker } = watch({ failureThreshold: 1 });
  await breaker.execute(() => Promise.reject(refusal.error));
  expect(breaker.stats.calls).toMatchObject({ unreached: 1, error: 0 });
});

test("isCircuitOpenError() of anything else is false, and never throws", () => {
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error("do not touch");
      },
    },
  );
  const others = [undefined, null, 0, "", "CircuitOpenError", Symbol("s"), {}, [], BOOM, hostile];
  for (const other of others) expect(isCircuitOpenError(other)).toBe(false);
  const lookalike = Object.assign(new Error("x"), {
    name: "CircuitOpenError",
    code: "ERR_CIRCUIT_OPEN",
  });
  expect(isCircuitOpenError(lookalike)).toBe(false);
});

test("isCircuitOpenError() goes by the brand, a symbol that every copy shares", async () => {
  const error = refusalOf(await watchIn("forced_open"));
  const brand = Symbol.for("telltale.CircuitOpenError");
  expect(Reflect.get(error, brand)).toBe(true);
  expect(isCircuitOpenError({ [brand]: true })).toBe(true);
});

test("name and message of a refusal can be set, as those of any error", async () => {
  const watched = await watchIn("open");
  const error: Error = refusalOf(watched);
  error.name = "Refused";
  error.message = "not now";
  expect(String(error)).toBe("Refused: not now");
  expect(String(refusalOf(watched))).toMatch(/^CircuitOpenError: Circuit breaker "dependency"/);
});
