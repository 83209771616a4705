import {
  CircuitBreaker,
  type EventBus,
  fallback,
  type PolicyCallOptions,
  pipeline,
  retry,
  timeout,
} from "../../src/index.ts";
import { BOOM, fail, succeed } from "./breaker.ts";
import { VirtualTime } from "./virtual-time.ts";

/** A run that tells every type of event that policies have, with every optional field somewhere. */
export async function policyRun(
  bus: EventBus,
  context: PolicyCallOptions["context"],
): Promise<void> {
  const time = new VirtualTime();
  const surroundings = { bus, clock: time, timers: time };
  const options = { context };
  const again = retry("orders", {
    ...surroundings,
    attempts: 2,
    random: () => 0.5,
    shouldRetryResult: (value) => value === "not yet",
  });
  await time.until(again.execute(fail, options));
  await time.until(again.execute(() => "not yet"));
  await time.until(again.execute(() => Promise.reject({ ...BOOM, retryAfterMs: 10 })));

  const patience = timeout("orders", { ...surroundings, limitMs: 50 });
  await time.until(patience.execute(() => new Promise(() => {}), options));
  await time.until(patience.execute(() => new Promise(() => {})));

  const breaker = new CircuitBreaker("guarded", { clock: time });
  breaker.forceOpen();
  const kept = pipeline(
    fallback("rates", {
      ...surroundings,
      fail: "open",
      value: "none",
      cache: { maxAgeMs: 100, key: "all", keep: () => JSON.parse("{") },
    }),
    breaker,
  );
  await kept.call(succeed, options);
  await time.pass(10);
  breaker.reset();
  await kept.call(succeed, options);
  const cached = fallback<string>("rates", {
    ...surroundings,
    fail: "closed",
    cache: { maxAgeMs: 100, key: "all" },
    serveOn: { error: true },
  });
  await cached.call(succeed);
  await time.pass(40);
  await cached.call(fail, options);
  const broken = retry("broken", {
    ...surroundings,
    attempts: 1,
    shouldRetry: () => {
      throw BOOM;
    },
  });
  await time.pass(10);
  await broken.execute(fail);
}
