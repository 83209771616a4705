import { Check } from "./check.ts";
import type {
  CircuitMatching,
  CircuitPattern,
  EventPattern,
  Matching,
  TelltaleEvent,
} from "./event.ts";
import type { EventBus } from "./event-bus.ts";
import {
  type CircuitEventSource,
  type EventStreamOptions,
  type Intake,
  openIntake,
} from "./event-intake.ts";

class EventIterator implements AsyncIterableIterator<TelltaleEvent, undefined> {
  readonly #intake: Intake;

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<TelltaleEvent, undefined>> {
    return this.#intake.buffer.next();
  }

  return(): Promise<IteratorResult<TelltaleEvent, undefined>> {
    this.#intake.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<never> {
    this.#intake.close();
    return Promise.reject(error);
  }
}

/**
 * The events of a bus, or of one breaker, for a `for await` loop. It listens from the moment of this call, so nothing is
 * missed before the loop begins. Events wait in a bounded buffer while the loop body runs; what does not fit is dropped
 * as `whenFull` says and counted as `bus.dropped`. Leaving the loop, or `signal`, ends it at once: what still waits is
 * given up, and no listener is left. An aborted signal ends the loop; it does not throw.
 *
 * @throws {TypeError|RangeError} when an argument or an option is not what it must be
 * @example
 * for await (const event of iterateEvents(breaker, "circuit.open", { signal })) {
 *   await page(`${event.breaker}: ${event.reason}`);
 * }
 */
export function iterateEvents<P extends EventPattern>(
  source: EventBus,
  pattern: P,
  options?: EventStreamOptions,
): AsyncIterableIterator<Matching<P>, undefined>;
export function iterateEvents<P extends CircuitPattern>(
  source: CircuitEventSource,
  pattern: P,
  options?: EventStreamOptions,
): AsyncIterableIterator<CircuitMatching<P>, undefined>;
export function iterateEvents(
  source: EventBus | CircuitEventSource,
  pattern: EventPattern,
  options?: EventStreamOptions,
): AsyncIterableIterator<TelltaleEvent, undefined> {
  return new EventIterator(openIntake(new Check("iterate events"), { source, pattern, options }));
}
