import type { BreakerView } from "../core/breaker-view.ts";
import { EVENTS } from "../events/catalogue.ts";
import type { EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { refuseFaults } from "../events/event-shape.ts";
import { EVENT_TYPES } from "../events/event-types.ts";
import { SEVERITIES, type Severity } from "../events/vocabulary.ts";
import type { Watch } from "./breaker-group.ts";
import { type BreakerWriter, EventLines, type LineTarget, type OtherEvent } from "./event-lines.ts";
import { attributeOf, attributesOf, type EventAttributes } from "./opentelemetry-attributes.ts";
import { beginAll, type HeldNames, type Listening, PerBus } from "./per-bus.ts";

/** What the exporter writes of a log record, in the Logs API's form. */
export interface EventLogRecord {
  readonly eventName: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: string;
  readonly attributes: EventAttributes;
}

/** What the exporter uses of a logger of the Logs API: that of `@opentelemetry/api` from 1.10, or of `api-logs`. */
export interface EventLogger {
  emit(record: EventLogRecord): void;
  /** Whether somebody would take such a record. */
  enabled?(about: { readonly severityNumber: number; readonly eventName: string }): boolean;
}

/** Where loggers come from: `logs` of `@opentelemetry/api` from 1.10, or a LoggerProvider of `sdk-logs`. */
export interface EventLoggerProvider {
  getLogger(name: string, version?: string): EventLogger;
}

/** The severity numbers of the log data model. */
const SEVERITY_NUMBER = { trace: 1, debug: 5, info: 9, warn: 13, error: 17 } as const;

/** Writes the events of one bus as log records, numbered and with refusals sampled as in the lines of pino. */
class BusRecords implements LineTarget {
  readonly sink = "opentelemetry";
  readonly sampleSkips = true;
  readonly #logger: EventLogger;

  constructor(logger: EventLogger) {
    this.#logger = logger;
  }

  writerOf(): BreakerWriter {
    return {
      write: (event, { prevSeq, suppressed }) => {
        const trail: EventAttributes = {};
        if (prevSeq !== null) trail[attributeOf(event.type, "prevSeq")] = prevSeq;
        if (suppressed > 0) trail[attributeOf(event.type, "suppressed")] = suppressed;
        return this.#write(event, trail);
      },
    };
  }

  writeOther(event: OtherEvent, suppressed: number): unknown {
    const trail = suppressed === 0 ? {} : { [attributeOf(event.type, "suppressed")]: suppressed };
    return this.#write(event, trail);
  }

  #write(event: TelltaleEvent, trail: EventAttributes): unknown {
    const { type: eventName, atMs: timestamp } = event;
    const { severity: severityText, sentence: body } = EVENTS[eventName];
    const severityNumber = SEVERITY_NUMBER[severityText];
    if (this.#logger.enabled?.({ severityNumber, eventName }) === false) return false;
    const attributes = { ...attributesOf(event), ...trail };
    const record = { eventName, timestamp, severityNumber, severityText, body, attributes };
    return this.#logger.emit(record);
  }
}

/** Listens to the types of a severity and above, on behalf of the breakers that are held. */
function records(logger: EventLogger, lowest: Severity) {
  const loud = SEVERITIES.slice(SEVERITIES.indexOf(lowest));
  const types = EVENT_TYPES.filter((type) => loud.includes(EVENTS[type].severity));
  return (bus: EventBus, names: HeldNames): Listening => {
    const lines = new EventLines(bus, new BusRecords(logger));
    const take = (event: TelltaleEvent) => {
      refuseFaults(event);
      if (!("seq" in event) || names.has(event.breaker)) lines.take(event);
    };
    const subscribe = (type: EventType) => {
      const { declines, ...options } = lines.listenOptions(type);
      if (declines === undefined) return bus.on(type, take, options);
      const ownDeclines: typeof declines = (skip) => !names.has(skip.breaker) || declines(skip);
      return bus.on(type, take, { ...options, declines: ownDeclines });
    };
    const off = beginAll(types.map((type) => () => subscribe(type)));
    return {
      leave: (name) => lines.leave(name),
      end() {
        try {
          off();
        } finally {
          lines.end();
        }
      },
    };
  };
}

/** By provider and lowest severity: a breaker that is attached twice writes once. */
const watches = new WeakMap<EventLoggerProvider, Map<Severity, Watch>>();

/** Emits the events of a breaker as log records. */
export function logWatch(provider: EventLoggerProvider, lowest: Severity, version: string): Watch {
  let known = watches.get(provider);
  if (known === undefined) {
    known = new Map();
    watches.set(provider, known);
  }
  let watch = known.get(lowest);
  if (watch === undefined) {
    const buses = new PerBus(records(provider.getLogger("telltale", version), lowest));
    watch = {
      key: `logs from ${lowest}`,
      begin: ({ bus, name }: BreakerView) => buses.hold(bus, name),
    };
    known.set(lowest, watch);
  }
  return watch;
}
