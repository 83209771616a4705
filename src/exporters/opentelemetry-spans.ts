import { type Span, trace } from "@opentelemetry/api";
import type { BreakerView } from "../core/breaker-view.ts";
import type { CircuitEventType, EventOf } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { Watch } from "./breaker-group.ts";
import { attributesOf, BREAKER_NAME, BREAKER_STATE } from "./opentelemetry-attributes.ts";
import { beginAll, type HeldNames, type Listening, PerBus } from "./per-bus.ts";

/** What a reader of a trace wants to see of the breaker. */
const TOLD = ["circuit.skip", "circuit.open", "circuit.close"] as const;
/** Every end of a guarded call, and what it did to the state. */
const ENDS = [
  "circuit.success",
  "circuit.failure",
  "circuit.ignored",
  "circuit.late",
  "circuit.skip",
  "circuit.half_open",
  "circuit.open",
  "circuit.close",
] as const;

/** The span of the call that is under way, when somebody records it. */
function recordingSpan(): Span | undefined {
  const span = trace.getActiveSpan();
  return span?.isRecording() === true ? span : undefined;
}

/** Listens to some types of a bus, on behalf of the breakers that are held, and only while a span is recorded. */
function onSpan<T extends CircuitEventType>(
  types: readonly T[],
  write: (span: Span, event: EventOf<T>) => void,
): (bus: EventBus, names: HeldNames) => Listening {
  return (bus, names) => {
    const take = (event: EventOf<T>) => {
      const span = names.has(event.breaker) ? recordingSpan() : undefined;
      if (span !== undefined) write(span, event);
    };
    const sink = "opentelemetry";
    // The bus hands over events of the types that it is asked for.
    const listener = take as (event: unknown) => void;
    const declines = ({ breaker }: EventOf<"circuit.skip">) =>
      !names.has(breaker) || recordingSpan() === undefined;
    const subscribe = (type: T) =>
      bus.on<CircuitEventType>(
        type,
        listener,
        type === "circuit.skip" ? { sink, declines } : { sink },
      );
    return { end: beginAll(types.map((type) => () => subscribe(type))) };
  };
}

// One for the process, because the active span is one: a breaker that is attached twice writes once.
const spanEvents = new PerBus(
  onSpan(TOLD, (span, event) => void span.addEvent(event.type, attributesOf(event))),
);
const spanAttributes = new PerBus(
  onSpan(ENDS, (span, { breaker, state }) => {
    span.setAttribute(BREAKER_NAME, breaker);
    span.setAttribute(BREAKER_STATE, state);
  }),
);

/** Adds `circuit.skip`, `circuit.open` and `circuit.close` to the active span as span events. */
export const SPAN_EVENTS: Watch = {
  key: "spanEvents",
  begin: ({ bus, name }: BreakerView) => spanEvents.hold(bus, name),
};

/** Sets the name and the state of the breaker on the active span of each guarded call. */
export const SPAN_ATTRIBUTES: Watch = {
  key: "spanAttributes",
  begin: ({ bus, name }: BreakerView) => spanAttributes.hold(bus, name),
};
