import { bulkhead, CircuitBreaker } from "../../src/index.ts";
import { type Deferred, deferred } from "./breaker.ts";
import { surroundings } from "./policies.ts";

/** A breaker and its bulkhead, both in virtual time. */
export function limited(limits: { limit: number; queue?: { limit: number; maxWaitMs: number } }) {
  const around = surroundings();
  const { time, bus } = around;
  const breaker = new CircuitBreaker("db", { clock: time, bus, failureThreshold: 3 });
  const places = bulkhead(breaker, { ...limits, clock: time, timers: time });
  const held: Deferred<string>[] = [];
  /** A call that holds its place until the test lets it go. */
  const hold = (): Promise<string> => {
    const call = deferred<string>();
    held.push(call);
    return call.promise;
  };
  return { ...around, breaker, places, held, hold };
}
