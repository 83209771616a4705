import { CircuitBreaker } from "../../src/index.ts";
import { CreditLedger, ExhaustionRegistry } from "../../src/quota/index.ts";
import type {
  OwnedCallOptions,
  OwnerConnectionOptions,
  OwnerOptions,
} from "../../src/workers/index.ts";

// What stands in the place of `telltale/workers` to show what is lost without it: the same gateway, with breakers, quota
// and ledger in the memory of each isolate.

export { createKvStore } from "../../src/workers/kv-store.ts";

type Options = (env: unknown, name: string) => OwnerOptions;
let optionsOf: Options = () => ({ breakers: {} });
const NO_BINDINGS = { STATE: { get() {}, put() {}, delete() {}, list() {} } };

export function ownerClass<Base>(base: Base, options: Options): Base {
  optionsOf = options;
  return base;
}

export function connectOwner(name: string, { classify }: OwnerConnectionOptions = {}) {
  let held: ReturnType<typeof make> | undefined;
  const make = () => {
    const { breakers, ledger = { prices: {} } } = optionsOf(NO_BINDINGS, name);
    const given = classify === undefined ? {} : { classify };
    return {
      breaker: new CircuitBreaker(name, { ...breakers["chat"], ...given }),
      exhausted: new ExhaustionRegistry(),
      ledger: new CreditLedger(ledger),
    };
  };
  const execute = async <T>(_: string, fn: () => Promise<T>, options: OwnedCallOptions<T>) => {
    held ??= make();
    const { breaker, exhausted, ledger } = held;
    const retryAfterMs = exhausted.retryAfterMs(name);
    if (retryAfterMs > 0) return { outcome: "circuit-open", retryAfterMs };
    const result = await breaker.execute(fn);
    if (result.outcome !== "ok" && result.outcome !== "latency") return result;
    exhausted.markFrom(name, result.value);
    const spend = options.spend?.(result.value) ?? null;
    if (spend !== null) ledger.record(spend);
    return result;
  };
  const status = async () => {
    held ??= make();
    const { state } = held.breaker;
    return {
      breakers: { chat: { state } },
      exhausted: held.exhausted.list(),
      spent: held.ledger.spent(),
    };
  };
  return { stats: {}, within: () => ({ execute, status }) };
}
