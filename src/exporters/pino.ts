import { EVENTS } from "../events/catalogue.ts";
import { hasMethods } from "../events/check.ts";
import type { CircuitEvent, EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { refuseFaults } from "../events/event-shape.ts";
import { EVENT_TYPES } from "../events/event-types.ts";
import { SEVERITIES, type Severity } from "../events/vocabulary.ts";
import type { Trail, WriteLine } from "./breaker-log.ts";
import { checkedBus } from "./event-choice.ts";
import { type BreakerWriter, EventLines, type LineTarget, type OtherEvent } from "./event-lines.ts";
import { type LevelSource, watchLevel } from "./level-watch.ts";
import { lineFields } from "./pino-line.ts";
import { CHECK, type LogOptions, type LogSettings, logSettings } from "./pino-options.ts";

export type { LogLevel, LogOptions } from "./pino-options.ts";

/** What the exporter uses of a logger: pino's has it, and so has anything of the same shape. */
export interface CircuitLogger extends LevelSource, Record<Severity, LogMethod> {
  isLevelEnabled(level: string): boolean;
  child(bindings: { readonly breaker: string }): CircuitLogger;
}

/** Writes one line: its fields, then its message. */
export type LogMethod = (fields: object, message: string) => void;

/** Breakers with a child logger of their own; names may come from users. */
const CHILD_LIMIT = 150;

/** One attachment of a logger to a bus. */
class CircuitEventLog implements LineTarget {
  readonly sink = "pino";
  readonly sampleSkips: boolean;
  readonly #bus: EventBus;
  readonly #logger: CircuitLogger;
  readonly #settings: LogSettings;
  readonly #lines: EventLines;
  readonly #subscriptions = new Map<EventType, () => void>();
  readonly #endWatch: () => void;
  #children = 0;

  constructor(bus: EventBus, logger: CircuitLogger, settings: LogSettings) {
    this.sampleSkips = settings.sampleSkips;
    this.#bus = bus;
    this.#logger = logger;
    this.#settings = settings;
    this.#lines = new EventLines(bus, this);
    this.#followLevel();
    this.#endWatch = watchLevel(logger, () => this.#followLevel());
  }

  detach(): void {
    this.#endWatch();
    for (const off of this.#subscriptions.values()) off();
    this.#subscriptions.clear();
    this.#lines.end();
  }

  writerOf(breaker: string): BreakerWriter {
    if (this.#children >= CHILD_LIMIT) return { write: this.#toParent };
    this.#children++;
    return {
      write: this.#toChild(breaker),
      end: () => {
        this.#children--;
      },
    };
  }

  /** Policies have no child logger: their lines name them in `policy`. */
  writeOther(event: OtherEvent, suppressed: number): unknown {
    const fields = lineFields(event, this.#settings);
    return this.#write(this.#logger, event, suppressed === 0 ? fields : { ...fields, suppressed });
  }

  /** Listens to exactly the types whose level is enabled: the others are not even built. */
  #followLevel(): void {
    for (const type of EVENT_TYPES) {
      const level = this.#settings.levels[type];
      const wanted = level !== "silent" && this.#logger.isLevelEnabled(level);
      const off = this.#subscriptions.get(type);
      if (wanted && off === undefined) {
        const options = this.#lines.listenOptions(type);
        this.#subscriptions.set(type, this.#bus.on(type, this.#take, options));
      } else if (!wanted && off !== undefined) {
        this.#subscriptions.delete(type);
        off();
      }
    }
  }

  readonly #take = (event: TelltaleEvent): void => {
    refuseFaults(event);
    this.#lines.take(event);
  };

  #toChild(breaker: string): WriteLine {
    let child: CircuitLogger | undefined;
    return (event, trail) => {
      child ??= this.#logger.child({ breaker });
      // The child's binding names the breaker; a second `breaker` key would make the line ambiguous JSON.
      const { breaker: _bound, ...fields } = this.#lineOf(event, trail);
      return this.#write(child, event, fields);
    };
  }

  readonly #toParent: WriteLine = (event, trail) =>
    this.#write(this.#logger, event, this.#lineOf(event, trail));

  #lineOf(event: CircuitEvent, { prevSeq, suppressed }: Trail): Record<string, unknown> {
    const fields = { ...lineFields(event, this.#settings), prevSeq };
    return suppressed === 0 ? fields : { ...fields, suppressed };
  }

  #write(logger: CircuitLogger, { type }: TelltaleEvent, fields: object): unknown {
    const level = this.#settings.levels[type];
    return level === "silent" ? false : logger[level](fields, EVENTS[type].sentence);
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
 * What is no event of the catalogue, as a stranger's bus may hand over, is not written: it is reported as
 * `bus.listener_failed` with the sink `pino`, and so is what the logger throws.
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
  if (!hasMethods(logger, [...SEVERITIES, "isLevelEnabled", "child"])) {
    return CHECK.type("logger", "a pino logger or one of its shape", logger);
  }
  const log = new CircuitEventLog(checkedBus(CHECK, bus), logger, settings);
  return () => log.detach();
}
