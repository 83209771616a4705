import { type Check, hasMethods } from "./check.ts";
import { checkedSignal, endWith } from "./end-signal.ts";
import type { CircuitMatching, CircuitPattern, EventPattern, TelltaleEvent } from "./event.ts";
import { EventBuffer, WHEN_FULL, type WhenFull } from "./event-buffer.ts";
import { type EventBus, isEventBus, type ListenOptions } from "./event-bus.ts";
import { isEventType } from "./event-types.ts";

/** A breaker, as far as its events go. */
export interface CircuitEventSource {
  readonly bus: EventBus;
  on<P extends CircuitPattern>(
    type: P,
    listener: (event: CircuitMatching<P>) => void,
    options?: ListenOptions,
  ): () => void;
}

/** Options of {@link iterateEvents} and {@link streamEvents}. Unknown keys are refused. */
export interface EventStreamOptions extends Pick<ListenOptions, "signal"> {
  /**
   * Events that may wait for the consumer.
   * @default 1_000
   */
  readonly bufferLimit?: number;
  /**
   * What a full buffer does with a further event: `"drop-oldest"` gives up the one that waited longest, so that a slow
   * consumer sees the present; `"drop-newest"` gives up the new one, so that it sees an unbroken beginning. What is
   * given up is counted as `bus.dropped`, and shows as a gap in `seq`.
   * @default "drop-oldest"
   */
  readonly whenFull?: WhenFull;
  /**
   * The name under which dropped events are counted.
   * @default "stream"
   */
  readonly sink?: string;
}

const DEFAULTS = Object.freeze({
  bufferLimit: 1_000,
  whenFull: "drop-oldest" as const,
  sink: "stream",
});
const KEYS = ["signal", "bufferLimit", "whenFull", "sink"];

/** The events of a source on their way to one consumer. */
export interface Intake {
  readonly buffer: EventBuffer<TelltaleEvent>;
  /** Unsubscribes and ends the buffer, once. */
  close(): void;
}

/** What one consumer asked for. */
export interface IntakeRequest {
  readonly source: EventBus | CircuitEventSource;
  readonly pattern: EventPattern;
  readonly options: EventStreamOptions | undefined;
  /** Called when it is over, however it ended. */
  ended?(): void;
}

/**
 * Subscribes a buffer to a source.
 * @throws {TypeError|RangeError} when an argument is not what it must be
 */
export function openIntake(check: Check, request: IntakeRequest): Intake {
  const { source, pattern } = request;
  const { signal, bufferLimit, whenFull, sink } = settingsOf(check, request.options);
  const bus = busOf(check, source);
  const buffer = new EventBuffer<TelltaleEvent>({ bus, sink, bufferLimit, whenFull });
  const put = (event: TelltaleEvent): void => {
    if (isTold(event)) buffer.put(event);
    else buffer.refuse();
  };
  // Checks the pattern and the name of the sink; a breaker also refuses the patterns that are not its own.
  const off = (source as EventBus).on(pattern, put, { sink });
  const close = endWith(signal, () => {
    try {
      off();
    } catch {
      // A bus of the user's making keeps the listener: from now on it takes nothing.
    }
    buffer.end();
    request.ended?.();
  });
  return { buffer, close };
}

/** What a bus of the user's making hands over may be anything; the rest of an event is its emitter's promise. */
function isTold(event: unknown): boolean {
  if (typeof event !== "object" || event === null) return false;
  return isEventType(Reflect.get(event, "type")) && Number.isFinite(Reflect.get(event, "atMs"));
}

function settingsOf(check: Check, options: EventStreamOptions | undefined) {
  if (options === undefined) return { ...DEFAULTS, signal: undefined };
  check.keys(check.object("options", options), KEYS);
  const { bufferLimit, whenFull = DEFAULTS.whenFull, sink = DEFAULTS.sink } = options;
  if (!WHEN_FULL.includes(whenFull)) {
    check.type("whenFull", WHEN_FULL.map((word) => `"${word}"`).join(" or "), whenFull);
  }
  return {
    signal: checkedSignal(check, options.signal),
    bufferLimit:
      bufferLimit === undefined
        ? DEFAULTS.bufferLimit
        : check.positiveInteger("bufferLimit", bufferLimit),
    whenFull,
    sink,
  };
}

function busOf(check: Check, source: EventBus | CircuitEventSource): EventBus {
  if (isEventBus(source)) return source;
  const bus: unknown = hasMethods(source, ["on"]) ? source.bus : undefined;
  return isEventBus(bus) ? bus : check.type("source", "a breaker or an event bus", source);
}
