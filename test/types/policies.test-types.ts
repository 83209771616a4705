import {
  type AnyPolicy,
  bulkhead,
  CircuitBreaker,
  type CircuitOpenError,
  type Fallback,
  type FallbackResult,
  fallback,
  type HostSignal,
  type PolicyResult,
  permanent,
  pipeline,
  type Retry,
  ratioBudget,
  retry,
  timeout,
} from "../../src/index.ts";

// Nothing here runs: the compiler is the test. A line under `@ts-expect-error` must not compile, and the compiler
// complains when it does.

/** True when both types are the same, also in what is readonly or optional. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

declare const breaker: CircuitBreaker;
const again = retry("r");
const patience = timeout("t", { limitMs: 1 });
const zero = fallback("f", { fail: "open", value: 0 });
const places = bulkhead(breaker, { limit: 1 });

interface Quote {
  readonly price: number;
}
const quotes = fallback<Quote>("q", { fail: "closed", cache: { maxAgeMs: 1 } });

export function signals(): void {
  same<HostSignal, AbortSignal>(true);
  // Without a signal of the call only a time limit gives one.
  again.call(() => 1);
  // @ts-expect-error nobody gives this function a signal
  again.call((signal: AbortSignal) => signal.aborted);
  again.call((signal) => fetch("http://127.0.0.1", { signal }), { signal: AbortSignal.abort() });
  patience.call((signal) => fetch("http://127.0.0.1", { signal }));
  patience.call(() => 1);
  retry("r", { totalMs: 5 }).call((signal) => signal.aborted);
  pipeline(again, breaker, patience).call((signal) => signal.aborted);
  pipeline(pipeline(again, patience), breaker).call((signal) => signal.aborted);
  // @ts-expect-error no member limits the time
  pipeline(again, breaker).call((signal) => signal.aborted);
  pipeline(again, breaker).call((signal) => signal.aborted, { signal: AbortSignal.abort() });
  // @ts-expect-error a signal is an AbortSignal
  again.call(() => 1, { signal: { aborted: false } });
  // @ts-expect-error the option is called signal
  again.call(() => 1, { sginal: AbortSignal.abort() });
}

export async function values(): Promise<void> {
  same<typeof again, Retry>(true);
  const one = await again.call(async () => 1);
  same<typeof one, number>(true);
  const text = await zero.call(() => "text" as string);
  same<typeof text, string | number>(true);
  const quote = await quotes.call(async () => ({ price: 1 }));
  same<typeof quote, Quote | { price: number }>(true);
  // @ts-expect-error what a cache serves must be what its calls give
  quotes.call(() => "text");
  const inferred = fallback("q", {
    fail: "closed",
    cache: { maxAgeMs: 1, keep: (given: Quote) => given.price > 0 },
  });
  same<typeof inferred, Fallback<Quote, Quote>>(true);
}

export async function pipelines(): Promise<void> {
  const plain = pipeline(again, breaker, patience);
  const value = await plain.call(async () => "text" as string);
  same<typeof value, string>(true);
  const served = await pipeline(zero, again, breaker).call(async () => "text" as string);
  same<typeof served, string | number>(true);
  const nested = pipeline(
    fallback("f", { fail: "open", value: null }),
    pipeline(zero, places),
    breaker,
  );
  const both = await nested.call(async () => true as boolean);
  same<typeof both, boolean | number | null>(true);
  const cached = pipeline(quotes, again, breaker);
  await cached.call(() => ({ price: 1 }), { key: "eur" });
  // @ts-expect-error a member keeps quotes
  cached.call(() => "text");
  // @ts-expect-error a pipeline has a member at least
  pipeline();
  // @ts-expect-error a function is no policy
  pipeline(() => 1);
  const members: AnyPolicy[] = [again, patience, zero, quotes, places, plain, nested, cached];
  same<(typeof members)[number], AnyPolicy>(true);
}

export async function results(): Promise<void> {
  const result = await pipeline(zero, again).execute(async () => "text" as string);
  same<typeof result, PolicyResult<string, number>>(true);
  switch (result.outcome) {
    case "ok":
      same<typeof result.value, string>(true);
      // @ts-expect-error a call that returned threw nothing
      result.error;
      break;
    case "fallback":
      same<typeof result, FallbackResult<number>>(true);
      same<typeof result.ageMs, number | null>(true);
      same<typeof result.source, "value" | "function" | "cache">(true);
      break;
    case "circuit-open":
      same<typeof result.error, CircuitOpenError>(true);
      same<typeof result.retryAfterMs, number | null>(true);
      break;
    case "error":
      same<typeof result.error, unknown>(true);
      // @ts-expect-error a call that threw has no value
      result.value;
      break;
  }
  const unserved = await again.execute(() => 1);
  // @ts-expect-error a retry serves nothing
  if (unserved.outcome === "fallback") unserved;
}

export function making(): void {
  retry("r", { attempts: 2, backoff: { jitter: "equal" }, budget: ratioBudget() });
  retry("r", { backoff: (nth, random, previousMs) => nth * random() + previousMs });
  // @ts-expect-error the option is called attempts
  retry("r", { attemps: 2 });
  // @ts-expect-error no such jitter
  retry("r", { backoff: { jitter: "half" } });
  // @ts-expect-error a timeout has a limit
  timeout("t", {});
  // @ts-expect-error no such mode
  timeout("t", { limitMs: 1, mode: "kill" });
  // @ts-expect-error fail is decided where the fallback is made
  fallback("f", { value: 1 });
  // @ts-expect-error open needs something to serve
  fallback("f", { fail: "open" });
  // @ts-expect-error closed has nothing but a cache
  fallback("f", { fail: "closed", value: 1 });
  // @ts-expect-error a value or a function
  fallback("f", { fail: "open", value: 1, run: () => 1 });
  // @ts-expect-error a queue has a time limit
  bulkhead(breaker, { limit: 1, queue: { limit: 1 } });
  // @ts-expect-error a bulkhead belongs to a breaker
  bulkhead("db", { limit: 1 });
  bulkhead(new CircuitBreaker("db"), { limit: 1, queue: { limit: 1, maxWaitMs: 5 } });
}

export function errors(): void {
  const range = permanent(new RangeError("x"));
  same<typeof range, RangeError>(true);
  const wrapped = permanent("x");
  same<typeof wrapped, Error>(true);
}
