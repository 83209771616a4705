import type { BUS_ENVELOPE } from "./bus-events.ts";
import type { EVENTS, PLAIN_ENVELOPE } from "./catalogue.ts";
import type { CIRCUIT_ENVELOPE } from "./circuit-events.ts";
import type { DataOf } from "./field.ts";

/** The name of an event, such as `"circuit.open"`. */
export type EventType = keyof typeof EVENTS;

type EnvelopeOf<T extends EventType> = T extends `circuit.${string}`
  ? DataOf<typeof CIRCUIT_ENVELOPE>
  : T extends `bus.${string}`
    ? DataOf<typeof BUS_ENVELOPE>
    : DataOf<typeof PLAIN_ENVELOPE>;

/** The event of one type, by its name: frozen plain data, safe for JSON. */
export type EventOf<T extends EventType> = T extends EventType
  ? { readonly type: T } & EnvelopeOf<T> & DataOf<(typeof EVENTS)[T]["fields"]>
  : never;

/** Any event of telltale, told apart by `type`. */
export type TelltaleEvent = EventOf<EventType>;

/** The names of the events that a breaker emits. */
export type CircuitEventType = Extract<EventType, `circuit.${string}`>;
/** Any event of a breaker. */
export type CircuitEvent = EventOf<CircuitEventType>;

/** What a breaker's `on` takes: the name of one of its events, or all of them. */
export type CircuitPattern = CircuitEventType | "circuit.*";
/** The breaker's events that a pattern matches. */
export type CircuitMatching<P extends CircuitPattern> = P extends CircuitEventType
  ? EventOf<P>
  : CircuitEvent;

type Family<T extends string> = T extends `${infer F}.${string}` ? F : never;
/** What `on` takes: the name of an event, or a whole family such as `"circuit.*"`. */
export type EventPattern = EventType | `${Family<EventType>}.*`;
/** The events that a pattern matches. */
export type Matching<P extends EventPattern> = P extends EventType
  ? EventOf<P>
  : P extends `${infer F}.*`
    ? EventOf<Extract<EventType, `${F}.${string}`>>
    : never;
