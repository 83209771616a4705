import type { CircuitEvent, TelltaleEvent } from "../events/event.ts";
import type { EventBus, ListenOptions } from "../events/event-bus.ts";
import { listenerFailed } from "../events/listener-failed.ts";
import { BreakerLog, type WriteLine } from "./breaker-log.ts";
import { PolicyLog, type UntoldEvents } from "./policy-log.ts";
import type { SkipEvent } from "./skip-sampling.ts";

/** Breakers whose lines are numbered and sampled; beyond it the one that has been silent longest is let go. */
const BREAKER_LIMIT = 2_000;

/** An event that belongs to no breaker's numbers: of the bus, or of a policy. */
export type OtherEvent = Exclude<TelltaleEvent, CircuitEvent>;

/** Where the lines of one bus go. */
export interface LineTarget {
  /** Under which name its failures are reported. */
  readonly sink: string;
  /** Whether refused calls, and the events of policies, are sampled without loss. */
  readonly sampleSkips: boolean;
  /** What writes the lines of a breaker that is met for the first time, or again after it was let go. */
  writerOf(breaker: string): BreakerWriter;
  /**
   * Writes an event that belongs to no breaker's numbers. `suppressed` of its kind before it were not written. Returns
   * false when it takes none at present.
   */
  writeOther(event: OtherEvent, suppressed: number): unknown;
}

/** Writes the lines of one breaker. */
export interface BreakerWriter {
  readonly write: WriteLine;
  /** The breaker is let go. */
  end?(): void;
}

interface Tracked {
  readonly log: BreakerLog;
  readonly writer: BreakerWriter;
}

/** Turns the events of one bus into numbered lines, with the refusals sampled without loss, breaker by breaker. */
export class EventLines {
  readonly #bus: EventBus;
  readonly #target: LineTarget;
  /** The one that wrote a line last comes last. */
  readonly #breakers = new Map<string, Tracked>();
  readonly #policies: PolicyLog;

  constructor(bus: EventBus, target: LineTarget) {
    this.#bus = bus;
    this.#target = target;
    this.#policies = new PolicyLog(this.#writeOther, target.sampleSkips, this.#letPolicyGo);
  }

  /** What a listener that calls `take` says of itself when it subscribes to a type. */
  listenOptions(type: string): ListenOptions {
    const { sink } = this.#target;
    return type === "circuit.skip" ? { sink, declines: this.#declines } : { sink };
  }

  readonly take = (event: TelltaleEvent): void => {
    if (!isOfBreaker(event)) {
      if ("policy" in event) this.#policies.take(event);
      else this.#writeOther(event, 0);
      return;
    }
    const name = event.breaker;
    const tracked = this.#breakers.get(name) ?? this.#track(name);
    if (!tracked.log.take(event)) return;
    this.#breakers.delete(name);
    this.#breakers.set(name, tracked);
  };

  /** Lets one breaker go, and writes what the sampling still holds of it. */
  leave(name: string): void {
    const tracked = this.#breakers.get(name);
    if (tracked !== undefined) this.#letGo(name, tracked);
  }

  /** Writes what the sampling still holds. */
  end(): void {
    for (const { log } of this.#breakers.values()) this.#writeRest(log);
    this.#breakers.clear();
    this.#policies.clear();
  }

  readonly #writeOther = (event: OtherEvent, suppressed: number): unknown =>
    this.#catchLater(this.#target.writeOther(event, suppressed), event, 1 + suppressed);

  readonly #letPolicyGo = ({ last, count }: UntoldEvents): void =>
    this.#tryRest(last, count, () => this.#writeOther(last, count - 1));

  readonly #declines = (skip: SkipEvent): boolean =>
    this.#breakers.get(skip.breaker)?.log.declines(skip) === true;

  #track(name: string): Tracked {
    if (this.#breakers.size >= BREAKER_LIMIT) {
      const [oldest] = this.#breakers;
      if (oldest !== undefined) this.#letGo(...oldest);
    }
    const writer = this.#target.writerOf(name);
    const write: WriteLine = (event, trail) =>
      this.#catchLater(writer.write(event, trail), event, 1 + trail.suppressed);
    const tracked = { log: new BreakerLog(write, this.#target.sampleSkips), writer };
    this.#breakers.set(name, tracked);
    return tracked;
  }

  #letGo(name: string, { log, writer }: Tracked): void {
    this.#breakers.delete(name);
    writer.end?.();
    this.#writeRest(log);
  }

  #writeRest(log: BreakerLog): void {
    const { untold } = log;
    if (untold !== null) this.#tryRest(untold.last, untold.count, () => log.writeRest());
  }

  /** Outside of a delivery nobody isolates the target, so a failure of it is reported here. */
  #tryRest(last: TelltaleEvent, count: number, write: () => void): void {
    try {
      write();
    } catch (thrown) {
      this.#report(last, count, thrown);
    }
  }

  /**
   * A log method is declared void, which an async function satisfies: its rejection must not end the process. `count` is
   * what is lost with the line: by then the next lines no longer carry what it carried.
   */
  #catchLater(returned: unknown, event: TelltaleEvent, count: number): unknown {
    if (returned instanceof Promise) {
      returned
        .catch((thrown: unknown) => this.#report(event, count, thrown))
        .catch(() => {
          // The bus refuses even the report: there is nobody left to tell.
        });
    }
    return returned;
  }

  #report({ type: failedType, atMs }: TelltaleEvent, count: number, thrown: unknown): void {
    // Reporting that such a report could not be written could go on for ever.
    if (failedType === "bus.listener_failed") return;
    const { sink } = this.#target;
    this.#bus.emit(listenerFailed({ sink, count, failedType, atMs }, thrown));
  }
}

const isOfBreaker = (event: TelltaleEvent): event is CircuitEvent => "seq" in event;
