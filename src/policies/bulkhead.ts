import {
  failedBeside,
  hearsFailedBeside,
  lookAway,
  lookOn,
  refuseBeside,
} from "../core/beside-breaker.ts";
import { CircuitBreaker } from "../core/circuit-breaker.ts";
import { rejection } from "../core/rejection.ts";
import { Check } from "../events/check.ts";
import { followNext, type Next, type Scope } from "./call-scope.ts";
import { HOST, Policy, RUN } from "./policy.ts";
import {
  checkedSurroundings,
  checkedTimerMs,
  labelOf,
  PolicyHost,
  type PolicyOptions,
} from "./policy-host.ts";
import type { Surroundings } from "./surroundings.ts";

/** The queue of a {@link bulkhead}. */
export interface BulkheadQueueOptions {
  /** Calls that may wait, 1 or more. */
  readonly limit: number;
  /** How long one may wait, in milliseconds; above 0, at most 2 147 483 646. */
  readonly maxWaitMs: number;
}

/** Options of {@link bulkhead}. Unknown keys are refused. */
export interface BulkheadOptions extends Omit<PolicyOptions, "bus"> {
  /** Calls that may run at the same time, 1 or more. */
  readonly limit: number;
  /**
   * Where calls wait for a place, first come first served. While the breaker is open nobody waits: a call that finds
   * no place is refused at once, and so are those who wait when it opens.
   * @default none: a call that finds no place is refused at once
   */
  readonly queue?: BulkheadQueueOptions;
}

/** The limits after the check. */
interface BulkheadLimits {
  readonly limit: number;
  readonly queue: BulkheadQueueOptions | undefined;
}

/** A call that waits for a place. */
interface Waiter {
  /** Takes the place that became free. */
  enter(): void;
  /** Gives the wait up. */
  refuse(): void;
}

/** What surrounds a bulkhead: it has no bus of its own, so its failures are told as its breaker's. */
class BesideBreaker extends PolicyHost {
  readonly #breaker: CircuitBreaker;

  constructor(breaker: CircuitBreaker, options: PolicyOptions) {
    super(breaker.name, options);
    this.#breaker = breaker;
  }

  override get isUnheard(): boolean {
    return false;
  }

  override get hearsFailures(): boolean {
    return hearsFailedBeside(this.#breaker);
  }

  override failed(callback: string, thrown: unknown): void {
    failedBeside(this.#breaker, callback, thrown);
  }
}

/** The policy that {@link bulkhead} makes. */
export class Bulkhead extends Policy {
  readonly #breaker: CircuitBreaker;
  readonly #host: PolicyHost;
  readonly #limit: number;
  readonly #queue: BulkheadQueueOptions | undefined;
  readonly #waiting = new Set<Waiter>();
  #running = 0;
  #refusing = false;

  constructor(breaker: CircuitBreaker, host: PolicyHost, { limit, queue }: BulkheadLimits) {
    super();
    this.#breaker = breaker;
    this.#host = host;
    this.#limit = limit;
    this.#queue = queue;
  }

  /** The name of its breaker. */
  get name(): string {
    return this.#breaker.name;
  }

  /** Calls that run now. */
  get running(): number {
    return this.#running;
  }

  /** Calls that wait for a place now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get [HOST](): Surroundings {
    return this.#host;
  }

  [RUN]<T>(next: Next<T>, scope: Scope): Promise<T> {
    const { signal } = scope;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#running < this.#limit) {
      this.#running++;
      return followNext(next, scope, this.#onValue<T>, this.#onThrow);
    }
    const queue = this.#queue;
    if (queue === undefined || this.#waiting.size >= queue.limit || this.#breaker.isOpen) {
      return Promise.reject(this.#refuse(scope));
    }
    return this.#wait(queue.maxWaitMs, scope).then((): PromiseLike<T> => {
      // The place was handed over: it is counted already.
      if (signal?.aborted === true) return this.#onThrow(signal.reason);
      return followNext(next, scope, this.#onValue<T>, this.#onThrow);
    });
  }

  readonly #onValue = <T>(value: T): T => {
    this.#leave();
    return value;
  };

  readonly #onThrow = (thrown: unknown): PromiseLike<never> => {
    this.#leave();
    return rejection(thrown);
  };

  /** Hands the place to the call that waits longest, or gives it back. */
  #leave(): void {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      waiter.enter();
      return;
    }
    this.#running--;
  }

  /** Waits for a place. Leaves no timer and no listener behind, however it ends. */
  #wait(maxWaitMs: number, scope: Scope): Promise<void> {
    const { timers } = this.#host;
    const { signal } = scope;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(waiter);
        if (this.#waiting.size === 0) lookAway(this.#breaker, this.#onOpen);
        timers.stop(timer);
        signal?.removeEventListener("abort", abort);
      };
      const waiter: Waiter = {
        enter: () => {
          end();
          resolve();
        },
        refuse: () => {
          end();
          reject(this.#refuse(scope));
        },
      };
      const abort = (): void => {
        end();
        reject(signal?.reason);
      };
      const timer = timers.start(waiter.refuse, maxWaitMs);
      signal?.addEventListener("abort", abort);
      this.#waiting.add(waiter);
      lookOn(this.#breaker, this.#onOpen);
    });
  }

  /** They would wait for a place only to be refused by the breaker. */
  readonly #onOpen = (): void => {
    // Each refusal is a step of the breaker itself.
    if (this.#refusing) return;
    this.#refusing = true;
    for (const waiter of this.#waiting) {
      // It may be due for a probe, or a listener may have closed it again.
      if (!this.#breaker.isOpen) break;
      try {
        waiter.refuse();
      } catch (thrown) {
        // A signal of the caller's making fails: whose step of the breaker this is has no part in it.
        this.#host.failed("signal", thrown, undefined);
      }
    }
    this.#refusing = false;
  };

  #refuse({ context }: Scope): Error {
    // Calls that hang in all places may have tripped it: that shows, and refuses those who wait, before this refusal.
    this.#breaker.catchUp();
    return refuseBeside(this.#breaker, { reason: "bulkhead" }, context);
  }
}

/**
 * Limits how many calls run at the same time, on behalf of a breaker: a call that finds no place is a skip of that
 * breaker with reason `bulkhead`, counted and told once by it, and rejects with its {@link CircuitOpenError}. Other
 * breakers around it count the call as `unreached`. Put it around its breaker, so that time spent waiting is not taken
 * for the dependency's.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const places = bulkhead(breaker, { limit: 10, queue: { limit: 20, maxWaitMs: 500 } });
 * const guarded = pipeline(places, breaker);
 */
export function bulkhead(breaker: CircuitBreaker, options: BulkheadOptions): Bulkhead {
  if (!(breaker instanceof CircuitBreaker)) {
    return new Check("create bulkhead").type("breaker", "a CircuitBreaker", breaker);
  }
  const check = new Check(`create ${labelOf("bulkhead", breaker.name)}`);
  check.object("options", options);
  check.keys(options, ["limit", "queue", "clock", "timers"]);
  checkedSurroundings(check, options);
  const limit = check.positiveInteger("limit", options.limit);
  const queue = checkedQueue(check, options.queue);
  return new Bulkhead(breaker, new BesideBreaker(breaker, options), { limit, queue });
}

function checkedQueue(
  check: Check,
  queue: BulkheadOptions["queue"],
): BulkheadQueueOptions | undefined {
  if (queue === undefined) return undefined;
  check.object("queue", queue);
  check.keys(queue, ["limit", "maxWaitMs"], "queue.");
  return {
    limit: check.positiveInteger("queue.limit", queue.limit),
    maxWaitMs: checkedTimerMs(check, "queue.maxWaitMs", queue.maxWaitMs),
  };
}
