import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitEvent,
  type CircuitEventType,
  type EventOf,
} from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";

/** A breaker under a fake clock, with everything it tells. */
export interface Watched {
  readonly breaker: CircuitBreaker;
  readonly clock: FakeClock;
  readonly events: CircuitEvent[];
  /** The names of the events so far, without `circuit.`, and forgets them. */
  told(): string[];
  /** The last event of a type; fails when there was none. */
  last<T extends CircuitEventType>(type: T): EventOf<T>;
}

/** Makes a breaker named "dependency" that listens to itself. */
export function watch(options: CircuitBreakerOptions = {}): Watched {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("dependency", { clock, ...options });
  const events: CircuitEvent[] = [];
  const since: CircuitEvent[] = [];
  breaker.on("circuit.*", (event) => {
    events.push(event);
    since.push(event);
  });
  return {
    breaker,
    clock,
    events,
    told: () => since.splice(0).map(({ type }) => type.replace("circuit.", "")),
    last<T extends CircuitEventType>(type: T): EventOf<T> {
      const found = events.findLast(
        (event): event is CircuitEvent & EventOf<T> => event.type === type,
      );
      if (found === undefined) throw new Error(`No ${type} was told`);
      return found;
    },
  };
}

/** The error that failing calls of the tests throw. */
export const BOOM = new Error("boom");

/** A call that fails at once. */
export const fail = (): Promise<never> => Promise.reject(BOOM);

/** A call that succeeds at once. */
export const succeed = (): Promise<string> => Promise.resolve("value");

/** Fails `times` calls, which trips a breaker whose threshold that is. */
export async function failTimes(breaker: CircuitBreaker, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await breaker.execute(fail);
}

/** A call that the test settles when it likes. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
