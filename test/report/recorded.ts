import pino from "pino";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  createEventBus,
  type EventBus,
  type TelltaleEvent,
} from "../../src/index.ts";
import { fail, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A bus whose events are recorded twice: as they are emitted, and as pino lines. */
export interface Recorded {
  readonly clock: FakeClock;
  readonly bus: EventBus;
  readonly events: TelltaleEvent[];
  /** The pino lines so far. */
  readonly lines: string[];
  /** Ends the logging, which writes what the sampling held. */
  detach(): void;
  breaker(name: string, options?: CircuitBreakerOptions): CircuitBreaker;
}

export function record(options: { instance?: string; clock?: FakeClock } = {}): Recorded {
  const clock = options.clock ?? new FakeClock();
  const { instance } = options;
  const bus = createEventBus(instance === undefined ? {} : { instance });
  const events: TelltaleEvent[] = [];
  const lines: string[] = [];
  const keep = (event: TelltaleEvent) => void events.push(event);
  bus.on("circuit.*", keep);
  bus.on("bus.*", keep);
  const detach = logCircuitEvents(bus, pino({}, { write: (line) => void lines.push(line) }));
  return {
    clock,
    bus,
    events,
    lines,
    detach,
    breaker: (name, own) => new CircuitBreaker(name, { clock, bus, failureThreshold: 1, ...own }),
  };
}

/** Makes calls that an open breaker refuses. */
export const skips = async (breaker: CircuitBreaker, times: number): Promise<void> => {
  for (let n = 0; n < times; n++) await breaker.execute(succeed);
};

/** Trips at `fromMs` and recovers by a probe at `toMs`. */
export async function outage(
  { clock }: Recorded,
  breaker: CircuitBreaker,
  fromMs: number,
  toMs: number,
) {
  clock.nowMs = fromMs;
  await breaker.execute(fail);
  clock.nowMs = toMs;
  await breaker.execute(succeed);
}
