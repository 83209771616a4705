import { CircuitBreaker, type CircuitBreakerOptions, pipeline, timeout } from "../../src/index.ts";
import {
  type BudgetGuard,
  budgetGuard,
  type CreditLedger,
  type ExhaustionRegistry,
  type QuotaGuard,
  quotaGuard,
  type SpentResult,
} from "../../src/quota/index.ts";

// Nothing here runs: the compiler is the test. A line under `@ts-expect-error` must not compile, and the compiler
// complains when it does.

/** True when both types are the same, also in what is readonly or optional. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

declare const breaker: CircuitBreaker;
declare const exhausted: ExhaustionRegistry;
declare const ledger: CreditLedger;

interface Reply {
  readonly id: string;
  readonly usage: { readonly input: number; readonly output: number };
}
declare const reply: Reply;
const estimate = { provider: "openai", model: "gpt-5" };

export async function guards(): Promise<void> {
  const quota = quotaGuard(breaker, exhausted);
  same<typeof quota, QuotaGuard>(true);
  const value = await quota.call(() => 1);
  same<typeof value, number>(true);
  const paid = budgetGuard(breaker, ledger, {
    estimate,
    actual: (result: SpentResult<Reply>) =>
      result.ok ? { tokens: result.value.usage, id: result.value.id } : null,
  });
  same<typeof paid, BudgetGuard<Reply>>(true);
  const guarded = pipeline(quota, paid, breaker, timeout("t", { limitMs: 1 }));
  const answer = await guarded.call((signal) => (signal.aborted ? reply : reply));
  same<typeof answer, Reply>(true);
  // @ts-expect-error what calls return is what `actual` reads
  await guarded.call(() => "a text");
  // Without `actual` calls may return anything.
  await budgetGuard(breaker, ledger, { estimate }).call(() => "a text");
  // @ts-expect-error there is no such word
  quotaGuard(breaker, exhausted, { mark: "some" });
  // @ts-expect-error an estimate names a model
  budgetGuard(breaker, ledger, { estimate: { provider: "openai" } });
}

export function options(): CircuitBreakerOptions[] {
  return [
    { quota: (name) => exhausted.retryAfterMs(name) },
    { quota: () => 0 },
    // @ts-expect-error it answers at once
    { quota: async () => 0 },
    // @ts-expect-error it is a function
    { quota: exhausted },
  ];
}

new CircuitBreaker("x").reconfigure({ quota: null });
