import type { Clock } from "../core/clock.ts";
import { rejection } from "../core/rejection.ts";
import { type AbortSource, type HostSignal, platformAbort } from "../platform.ts";
import {
  type CallReport,
  type Deadline,
  followNext,
  type Next,
  type Scope,
  withReport,
  withSignal,
} from "./call-scope.ts";
import { RecentKeys } from "./recent-keys.ts";

/** One call that several callers wait for. */
class Flight<T> {
  readonly startedMs: number;
  /** Whether its caller says that it must not be made twice; what retries inside take for granted is not known here. */
  readonly isOnce: boolean;
  readonly report: CallReport = { retries: 0, served: null };
  readonly #source: AbortSource | null;
  readonly #landing: Promise<T>;
  readonly #landed: () => void;
  #waiting = 0;

  /** `landed` is called once: when the call ends, or when nobody waits for it any more. */
  constructor(next: Next<T>, scope: Scope, { startedMs, deadline, landed }: FlightPlan<T>) {
    this.startedMs = startedMs;
    this.isOnce = scope.idempotent === false;
    this.#landed = () => landed(this);
    // The signal of one caller must not end the call for the others: it has one of its own.
    this.#source = scope.signal === undefined ? null : platformAbort();
    const inner = withReport(withSignal(scope, this.#source?.signal, deadline), this.report);
    this.#landing = followNext(
      next,
      inner,
      (value) => {
        this.#landed();
        return value;
      },
      (thrown) => {
        this.#landed();
        return rejection(thrown);
      },
    );
  }

  /** The result for one more caller, who may leave. */
  join({ signal, report }: Scope): Promise<T> {
    this.#waiting++;
    const noted = (): void => {
      // Of who has left, another attempt may have begun to note.
      if (report === undefined || signal?.aborted === true) return;
      report.retries += this.report.retries;
      report.served = this.report.served;
    };
    if (signal === undefined && report === undefined) return this.#landing;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        // It is the signal that calls this.
        const { reason } = signal as HostSignal;
        end();
        reject(reason);
        this.#leave(reason);
      };
      const end = (): void => signal?.removeEventListener("abort", leave);
      signal?.addEventListener("abort", leave);
      // The call itself may have ended it.
      if (signal?.aborted === true) leave();
      this.#landing.then(
        (value) => {
          end();
          noted();
          resolve(value);
        },
        (thrown) => {
          end();
          noted();
          reject(thrown);
        },
      );
    });
  }

  #leave(reason: unknown): void {
    this.#waiting--;
    if (this.#waiting > 0) return;
    this.#landed();
    this.#source?.abort(reason);
  }
}

interface FlightPlan<T> {
  readonly startedMs: number;
  /** That of its only caller: whoever joins a shared call may have more time. */
  readonly deadline: Deadline | undefined;
  readonly landed: (flight: Flight<T>) => void;
}

/** Calls that may be shared at the same time, at the most. */
const MOST_FLIGHTS = 10_000;

/**
 * Lets callers of one key share a call that is under way. A call that does not end is shared, and held, only for a
 * time: those who come later begin another. A call that must not be made twice is not put into one that may be.
 */
export class SingleFlight<T> {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  /** The one that began last comes last; of too many the oldest goes, and is shared no longer. */
  readonly #flights = new RecentKeys<Flight<T>>(MOST_FLIGHTS);

  /** With a lease of 0 nothing is shared. */
  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  run(key: string, next: Next<T>, scope: Scope): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    this.#endLeases(nowMs);
    const known = this.#flights.get(key);
    if (known !== undefined && (known.isOnce || scope.idempotent !== false)) {
      return known.join(scope);
    }
    const landed = (done: Flight<T>): void => {
      if (this.#flights.get(key) === done) this.#flights.delete(key);
    };
    const deadline = this.#leaseMs > 0 ? undefined : scope.deadline;
    const flight = new Flight(next, scope, { startedMs: nowMs, deadline, landed });
    this.#flights.put(key, flight);
    return flight.join(scope);
  }

  #endLeases(nowMs: number): void {
    for (const [key, { startedMs }] of this.#flights) {
      if (nowMs - startedMs < this.#leaseMs) return;
      this.#flights.delete(key);
    }
  }
}
