import { EVENTS } from "../events/catalogue.ts";
import { describeError } from "../events/describe-error.ts";
import type { CircuitEvent, EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { EVENT_TYPES } from "../events/event-types.ts";
import { SEVERITIES, type Severity } from "../events/vocabulary.ts";
import { BreakerLog, type Trail } from "./breaker-log.ts";
import { type LevelSource, watchLevel } from "./level-watch.ts";
import { lineFields } from "./pino-line.ts";
import { CHECK, type LogOptions, type LogSettings, logSettings } from "./pino-options.ts";
import { type PolicyEvent, PolicyLog } from "./policy-log.ts";

export type { LogLevel, LogOptions } from "./pino-options.ts";

/** What the exporter uses of a logger: pino's has it, and so has anything of the same shape. */
export interface CircuitLogger extends LevelSource, Record<Severity, LogMethod> {
  isLevelEnabled(level: string): boolean;
  child(bindings: { readonly breaker: string }): CircuitLogger;
}

/** Writes one line: its fields, then its message. */
export type LogMethod = (fields: object, message: string) => void;

const SINK = "pino";
/** Breakers with a child logger of their own; names may come from users. */
const CHILD_LIMIT = 150;
/** Breakers whose lines are numbered and sampled; beyond it the one that has been silent longest is let go. */
const BREAKER_LIMIT = 2_000;

interface Tracked {
  readonly log: BreakerLog;
  readonly ownsChild: boolean;
}

/** One attachment of a logger to a bus. */
class CircuitEventLog {
  readonly #bus: EventBus;
  readonly #logger: CircuitLogger;
  readonly #settings: LogSettings;
  readonly #subscriptions = new Map<EventType, () => void>();
  readonly #endWatch: () => void;
  /** The one that wrote a line last comes last. */
  readonly #breakers = new Map<string, Tracked>();
  readonly #policies: PolicyLog;
  #children = 0;

  constructor(bus: EventBus, logger: CircuitLogger, settings: LogSettings) {
    this.#bus = bus;
    this.#logger = logger;
    this.#settings = settings;
    this.#policies = new PolicyLog(
      (event, suppressed) => this.#writePolicy(event, suppressed),
      settings.sampleSkips,
      (untold) => this.#tryRest(untold, () => this.#writePolicy(untold.last, untold.count - 1)),
    );
    this.#followLevel();
    this.#endWatch = watchLevel(logger, () => this.#followLevel());
  }

  detach(): void {
    this.#endWatch();
    for (const off of this.#subscriptions.values()) off();
    this.#subscriptions.clear();
    for (const { log } of this.#breakers.values()) this.#writeRest(log);
    this.#breakers.clear();
    this.#policies.clear();
  }

  /** Listens to exactly the types whose level is enabled: the others are not even built. */
  #followLevel(): void {
    for (const type of EVENT_TYPES) {
      const level = this.#settings.levels[type];
      const wanted = level !== "silent" && this.#logger.isLevelEnabled(level);
      const off = this.#subscriptions.get(type);
      if (wanted && off === undefined) {
        this.#subscriptions.set(type, this.#bus.on(type, this.#take, { sink: SINK }));
      } else if (!wanted && off !== undefined) {
        this.#subscriptions.delete(type);
        off();
      }
    }
  }

  readonly #take = (event: TelltaleEvent): void => {
    if ("policy" in event) {
      this.#policies.take(event);
      return;
    }
    if (!("seq" in event)) {
      this.#write(this.#logger, event, lineFields(event, this.#settings));
      return;
    }
    const name = event.breaker;
    const tracked = this.#breakers.get(name) ?? this.#track(name);
    if (!tracked.log.take(event)) return;
    this.#breakers.delete(name);
    this.#breakers.set(name, tracked);
  };

  #track(name: string): Tracked {
    if (this.#breakers.size >= BREAKER_LIMIT) this.#letGo();
    const ownsChild = this.#children < CHILD_LIMIT;
    const write = ownsChild ? this.#toChild(name) : this.#toParent;
    if (ownsChild) this.#children++;
    const tracked = { log: new BreakerLog(write, this.#settings.sampleSkips), ownsChild };
    this.#breakers.set(name, tracked);
    return tracked;
  }

  #letGo(): void {
    for (const [name, { log, ownsChild }] of this.#breakers) {
      this.#breakers.delete(name);
      if (ownsChild) this.#children--;
      this.#writeRest(log);
      return;
    }
  }

  #toChild(breaker: string): (event: CircuitEvent, trail: Trail) => void {
    let child: CircuitLogger | undefined;
    return (event, trail) => {
      child ??= this.#logger.child({ breaker });
      // The child's binding names the breaker; a second `breaker` key would make the line ambiguous JSON.
      const { breaker: _bound, ...fields } = this.#lineOf(event, trail);
      this.#write(child, event, fields);
    };
  }

  readonly #toParent = (event: CircuitEvent, trail: Trail): void => {
    this.#write(this.#logger, event, this.#lineOf(event, trail));
  };

  #lineOf(event: CircuitEvent, { prevSeq, suppressed }: Trail): Record<string, unknown> {
    const fields = { ...lineFields(event, this.#settings), prevSeq };
    return suppressed === 0 ? fields : { ...fields, suppressed };
  }

  /** Policies have no child logger: their lines name them in `policy`. */
  #writePolicy(event: PolicyEvent, suppressed: number): void {
    const fields = lineFields(event, this.#settings);
    this.#write(this.#logger, event, suppressed === 0 ? fields : { ...fields, suppressed });
  }

  #write(logger: CircuitLogger, { type }: TelltaleEvent, fields: object): void {
    const level = this.#settings.levels[type];
    if (level !== "silent") logger[level](fields, EVENTS[type].sentence);
  }

  #writeRest(log: BreakerLog): void {
    const { untold } = log;
    if (untold !== null) this.#tryRest(untold, () => log.writeRest());
  }

  /** Outside of a delivery nobody isolates the logger, so a failure of it is reported here. */
  #tryRest(
    untold: { readonly last: TelltaleEvent; readonly count: number },
    write: () => void,
  ): void {
    try {
      write();
    } catch (thrown) {
      this.#bus.emit(
        Object.freeze({
          type: "bus.listener_failed",
          v: 1,
          atMs: untold.last.atMs,
          sink: SINK,
          count: untold.count,
          failedType: untold.last.type,
          error: describeError(thrown),
        }),
      );
    }
  }
}

/**
 * Writes the events of a bus to a pino logger, each as one line: the event's fields at the top level, its error under
 * `err`, the catalogue's sentence as the message and its severity as the level. Each line of a breaker has `prevSeq`,
 * the `seq` of its previous line (null on the first), so that a lost line shows. Refused calls are sampled without
 * loss: a line that follows some that were not written has their number as `suppressed`, so lines plus `suppressed`
 * are the calls refused. The key is left out when there are none. The events of policies, which an outage brings with
 * every call, are sampled in the same way for each type and policy.
 *
 * A type whose level the logger does not write is not listened to, so it costs nothing; a change of the logger's level
 * is followed.
 *
 * @returns a function that detaches the logger and writes what the sampling still held
 * @throws {TypeError} when an argument or an option is not what it must be
 * @example
 * const detach = logCircuitEvents(breaker.bus, pino(), { severities: { "circuit.skip": "info" } });
 */
export function logCircuitEvents(
  bus: EventBus,
  logger: CircuitLogger,
  options: LogOptions = {},
): () => void {
  const settings = logSettings(options);
  if (!hasMethods(bus, ["on", "has", "emit"])) {
    return CHECK.type("bus", "an event bus, such as breaker.bus", bus);
  }
  if (!hasMethods(logger, [...SEVERITIES, "isLevelEnabled", "child"])) {
    return CHECK.type("logger", "a pino logger or one of its shape", logger);
  }
  const log = new CircuitEventLog(bus, logger, settings);
  return () => log.detach();
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return methods.every((method) => typeof Reflect.get(value, method) === "function");
}
