import { expect, test } from "vitest";
import { CircuitBreaker, createEventBus, pipeline, type TelltaleEvent } from "../../src/index.ts";
import {
  type BudgetGuardOptions,
  budgetGuard,
  type CreditLedgerOptions,
  type SpentResult,
} from "../../src/quota/index.ts";
import { BOOM, deferred, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { DAY_MS, DOLLAR, ledgerOf, USD } from "../support/quota.ts";

/** A breaker with its guard over a budget of two dollars. */
function guarded<T>(
  options: Partial<BudgetGuardOptions<T>> = {},
  ledgerOptions: Partial<CreditLedgerOptions> = {},
) {
  const clock = new FakeClock();
  const bus = createEventBus();
  const told: TelltaleEvent[] = [];
  for (const family of ["circuit.*", "policy.*"] as const) {
    bus.on<"circuit.*">(family as "circuit.*", (event) => told.push(event));
  }
  const budgets = [{ name: "all", usdPerMonth: 2, hard: true }];
  const { ledger } = ledgerOf({ budgets, ...ledgerOptions }, clock);
  const breaker = new CircuitBreaker("other", { bus, clock, failureThreshold: 2 });
  const guard = budgetGuard<T>(breaker, ledger, { estimate: DOLLAR, bus, clock, ...options });
  return { clock, told, ledger, breaker, guard };
}

test("budgetGuard() records calls that succeeded, and refuses on behalf of its breaker what does not fit", async () => {
  const { clock, told, ledger, breaker, guard } = guarded();
  expect(guard.name).toBe("other");
  await expect(guard.call(succeed)).resolves.toBe("value");
  await expect(guard.call(() => Promise.reject(BOOM))).rejects.toBe(BOOM);
  expect(ledger.spent()?.nano).toBe(USD);
  await guard.call(succeed);
  const monthMs = 31 * DAY_MS;
  const error: unknown = await guard
    .call(succeed, { context: { delivery: "d-1" } })
    .catch((thrown: unknown) => thrown);
  const refused = { breaker: "other", reason: "quota", retryAfterMs: monthMs };
  expect(error).toMatchObject(refused);
  expect(told).toMatchObject([{ type: "circuit.skip", ...refused, context: { delivery: "d-1" } }]);
  expect(breaker.stats.skips.quota).toBe(1);
  clock.advance(monthMs);
  await expect(guard.call(succeed)).resolves.toBe("value");
});

test("an estimate is held while the call runs: calls together stay within the budget", async () => {
  const { ledger, guard } = guarded();
  const calls = [deferred<string>(), deferred<string>()];
  const results = calls.map((call) => guard.call(() => call.promise));
  expect(ledger.budgets()?.[0]).toMatchObject({ spendNanoUsd: 0, reservedNanoUsd: 2 * USD });
  // What stands in the way may be released at any time: nobody knows when.
  await expect(guard.call(succeed)).rejects.toMatchObject({ reason: "quota", retryAfterMs: null });
  calls[0]?.resolve("value");
  calls[1]?.reject(BOOM);
  await Promise.allSettled(results);
  expect(ledger.budgets()?.[0]).toMatchObject({ spendNanoUsd: USD, reservedNanoUsd: 0 });
});

test("actual says what was used by the result, or that nothing was", async () => {
  const seen: SpentResult<{ usd: string; id: string }>[] = [];
  const { ledger, guard } = guarded<{ usd: string; id: string }>({
    actual: (result) => {
      seen.push(result);
      if (!result.ok) return result.error === BOOM ? { usd: "0.01" } : null;
      const { usd, id } = result.value;
      return { usd, id };
    },
  });
  const reply = { usd: "0.25", id: "r-1" };
  await expect(guard.call(async () => reply)).resolves.toBe(reply);
  await guard.call(async () => reply);
  await expect(guard.call(() => Promise.reject(BOOM))).rejects.toBe(BOOM);
  await expect(guard.call(() => Promise.reject(new Error("other")))).rejects.toThrow("other");
  // The second reply has the same id: it counts once.
  expect(ledger.spent()?.nano).toBe(0.26 * USD);
  expect(ledger.budgets()?.[0]?.reservedNanoUsd).toBe(0);
  expect(seen.map(({ ok }) => ok)).toEqual([true, true, false, false]);
});

test("an actual that fails takes no result away: the estimate is recorded, and an event says so", async () => {
  const failing = guarded<string>({
    actual: () => {
      throw BOOM;
    },
  });
  await expect(failing.guard.call(succeed)).resolves.toBe("value");
  expect(failing.ledger.spent()?.nano).toBe(USD);
  expect(failing.told).toMatchObject([{ type: "policy.callback_failed", callback: "actual" }]);
  const wrong = guarded<string>({ actual: () => ({ usd: -1 }) });
  await expect(wrong.guard.call(succeed)).resolves.toBe("value");
  expect(wrong.ledger.spent()?.nano).toBe(USD);
  expect(wrong.ledger.budgets()?.[0]?.reservedNanoUsd).toBe(0);
});

test("a sum that would no longer be exact takes no result away", async () => {
  const { ledger, guard, told } = guarded({}, { budgets: [] });
  const full = Number.MAX_SAFE_INTEGER;
  ledger.record({ ...DOLLAR, requests: 0, usd: "9000000" });
  ledger.record({ ...DOLLAR, requests: 0, usd: String(Math.floor((full - 9e15) / USD)) });
  await expect(guard.call(succeed)).resolves.toBe("value");
  expect(told).toMatchObject([{ type: "policy.callback_failed", callback: "ledger.commit" }]);
});

test("estimate may be made from the context and the key of the call", async () => {
  const asked: unknown[] = [];
  const { ledger, guard } = guarded({
    estimate: ({ context, key }) => {
      asked.push([context, key]);
      return { ...DOLLAR, requests: key === "double" ? 2 : 1 };
    },
  });
  await guard.call(succeed, { key: "double", context: { tenant: "t" } });
  expect(asked).toEqual([[{ tenant: "t" }, "double"]]);
  expect(ledger.spent()?.nano).toBe(2 * USD);
});

test("a call whose estimate cannot be made does not run past the budget", async () => {
  const thrown = guarded({
    estimate: () => {
      throw BOOM;
    },
  });
  let ran = false;
  const run = () => {
    ran = true;
  };
  await expect(thrown.guard.call(run)).rejects.toBe(BOOM);
  const wrong = guarded({ estimate: { provider: "other", model: "any", requests: -1 } });
  await expect(wrong.guard.call(run)).rejects.toThrow("requests must be a whole number");
  expect(ran).toBe(false);
  expect(wrong.breaker.stats.skips.quota).toBe(0);
});

test("rate limits, models without a price and an unknown ledger refuse in the same way", async () => {
  const limited = guarded({}, { limits: [{ provider: "other", requestsPerMinute: 1 }] });
  await limited.guard.call(succeed);
  const refusal = await limited.guard.execute(succeed);
  expect(refusal).toMatchObject({ outcome: "circuit-open", reason: "quota" });
  expect(refusal.outcome === "circuit-open" && refusal.retryAfterMs).toBeGreaterThan(0);
  const unpriced = guarded({ estimate: { provider: "nobody", model: "m" } });
  await expect(unpriced.guard.call(succeed)).rejects.toMatchObject({
    reason: "quota",
    retryAfterMs: null,
  });
  const unknown = guarded();
  unknown.ledger.markUnknown();
  await expect(unknown.guard.call(succeed)).rejects.toMatchObject({
    reason: "quota",
    retryAfterMs: null,
  });
});

test("around its breaker a refusal reaches no probe; breakers around count it as unreached", async () => {
  const { clock, breaker, ledger, guard } = guarded();
  const both = pipeline(guard, breaker);
  for (let n = 0; n < 2; n++) await both.execute(() => Promise.reject(BOOM));
  ledger.record({ ...DOLLAR, requests: 2 });
  clock.advance(60_000);
  const outer = new CircuitBreaker("outer");
  await expect(pipeline(outer, both).call(succeed)).rejects.toMatchObject({ reason: "quota" });
  expect([breaker.state, breaker.probesInFlight, outer.stats.calls.unreached]).toEqual([
    "half_open",
    0,
    1,
  ]);
});

test("budgetGuard() names the argument that cannot be used", () => {
  const breaker = new CircuitBreaker("other");
  const { ledger } = ledgerOf();
  // Wrong on purpose, as JavaScript may call it.
  const make = budgetGuard as (...args: unknown[]) => unknown;
  const options = { estimate: DOLLAR };
  expect(() => make("other", ledger, options)).toThrow(
    "Cannot create budget guard: breaker must be a CircuitBreaker",
  );
  expect(() => make(breaker, {}, options)).toThrow(
    'Cannot create budget guard "other": ledger must be a CreditLedger',
  );
  expect(() => make(breaker, ledger)).toThrow("options must be an object, received undefined");
  expect(() => make(breaker, ledger, {})).toThrow("estimate must be an object, received undefined");
  expect(() => make(breaker, ledger, { ...options, actual: 1 })).toThrow(
    "actual must be a function",
  );
  expect(() => make(breaker, ledger, { ...options, actaul: 1 })).toThrow('unknown option "actaul"');
});
