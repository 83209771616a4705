import { Check } from "../events/check.ts";
import type { EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { faultsOf, isData } from "../events/event-shape.ts";
import { printable } from "../events/printable.ts";
import { checkedBus, chosenTypes, type EventChoice } from "./event-choice.ts";
import { EventTap } from "./event-tap.ts";

/**
 * An event of telltale in the envelope of CloudEvents 1.0, as the JSON format writes it.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export interface CloudEvent {
  readonly specversion: "1.0";
  /** Unique together with `source`; the same for the same event of a breaker, whenever it is put in the envelope. */
  readonly id: string;
  readonly source: string;
  /** The event's name, after the `prefix`. */
  readonly type: string;
  /** When it happened, in UTC; left out when no date can hold the moment. */
  readonly time?: string;
  /** The breaker's name, without control characters; left out for an event that belongs to no breaker. */
  readonly subject?: string;
  readonly datacontenttype: "application/json";
  /** The event as it was emitted. */
  readonly data: TelltaleEvent;
}

/** What the envelope says of where an event comes from. Unknown keys are refused. */
export interface CloudEventOptions {
  /**
   * Where the event comes from: a URI reference. With several processes give each its own, or an `instance` to the bus.
   * @default "/telltale", followed by "/" and the event's `instance` when it has one
   */
  readonly source?: string;
  /**
   * Put before the name of the event, such as the reversed domain that CloudEvents asks for: `"com.example."` makes the
   * type `com.example.circuit.open`.
   * @default ""
   */
  readonly prefix?: string;
}

/** Options of {@link exportToCloudEvents}. Unknown keys are refused. */
export interface CloudEventExportOptions extends CloudEventOptions, EventChoice {
  /**
   * Sends under way at the same time; an event that comes when they are this many is dropped and counted.
   * @default 100
   */
  readonly maxPending?: number;
}

/** A CloudEvent in structured mode: one body, whose content type says what it is. */
export interface StructuredMessage {
  readonly headers: { readonly "content-type": string };
  readonly body: string;
}

/** Takes a CloudEvent on its way; may be async. What it throws, or rejects with, says that the event is lost. */
export type SendCloudEvent = (event: CloudEvent) => void;

const SINK = "cloudevents";
const DEFAULT_MAX_PENDING = 100;
const LONGEST_TEXT = 256;
const URI_REFERENCE = /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[\dA-Fa-f]{2})+$/;
const NAMING = ["source", "prefix"];

/**
 * Puts an event in the envelope of CloudEvents 1.0.
 *
 * @throws {TypeError|RangeError} when the event does not fit the catalogue, or an option is not what it must be
 * @example
 * const cloudEvent = toCloudEvent(event, { source: "https://example.com/checkout" });
 */
export function toCloudEvent(event: TelltaleEvent, options: CloudEventOptions = {}): CloudEvent {
  const check = new Check("make a CloudEvent");
  check.keys(check.object("options", options), NAMING);
  const naming = checkedNaming(check, options);
  const [fault] = isData(event) ? faultsOf(event) : ["none"];
  if (fault !== undefined) check.type("event", `an event of telltale (${fault})`, event);
  return envelopeOf(event, naming);
}

/**
 * A CloudEvent as the body of a message in structured mode.
 *
 * @example
 * await fetch(url, { method: "POST", ...structuredMessage(cloudEvent) });
 */
export function structuredMessage(event: CloudEvent): StructuredMessage {
  return {
    headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
    body: JSON.stringify(event),
  };
}

/**
 * Sends the events of a bus as CloudEvents. `send` runs as a listener does, so it should hand over and return; a promise
 * that it returns is watched. An event that it fails to send, or that comes while too many are under way, is counted as
 * `bus.dropped` with the sink `cloudevents`. Refused calls are not sampled: leave `circuit.skip` out of `events` where
 * each event costs.
 *
 * @returns a function that detaches it; sends under way go on
 * @throws {TypeError|RangeError} when an argument or an option is not what it must be
 * @example
 * const detach = exportToCloudEvents(bus, (event) => fetch(url, { method: "POST", ...structuredMessage(event) }), {
 *   source: "https://example.com/checkout",
 *   events: ["circuit.open", "circuit.close"],
 * });
 */
export function exportToCloudEvents(
  bus: EventBus,
  send: SendCloudEvent,
  options: CloudEventExportOptions = {},
): () => void {
  const check = new Check("export to CloudEvents");
  check.keys(check.object("options", options), [...NAMING, "events", "maxPending"]);
  const { events, maxPending = DEFAULT_MAX_PENDING } = options;
  const outbox = new Outbox(checkedBus(check, bus), {
    send: check.function("send", send),
    naming: checkedNaming(check, options),
    types: chosenTypes(check, events),
    maxPending: check.positiveInteger("maxPending", maxPending),
  });
  return () => outbox.detach();
}

interface Naming {
  readonly source: string | undefined;
  readonly prefix: string;
}

interface OutboxSettings {
  readonly send: SendCloudEvent;
  readonly naming: Naming;
  readonly types: readonly EventType[];
  readonly maxPending: number;
}

/** The sends of one bus. */
class Outbox {
  readonly #settings: OutboxSettings;
  readonly #tap: EventTap;
  #pending = 0;
  #detached = false;

  constructor(bus: EventBus, settings: OutboxSettings) {
    this.#settings = settings;
    const { types } = settings;
    this.#tap = new EventTap({ bus, sink: SINK, types, take: (event) => this.#take(event) });
  }

  detach(): void {
    this.#detached = true;
    try {
      this.#tap.end();
    } finally {
      this.#tap.drops.end();
    }
  }

  /** @throws what kept the event from being sent */
  #take(event: TelltaleEvent): void {
    const { send, naming, maxPending } = this.#settings;
    if (this.#pending >= maxPending) {
      throw new Error(`Cannot send ${event.type}: ${maxPending} sends are under way`);
    }
    const sent: unknown = send(envelopeOf(event, naming));
    if (typeof sent === "object" && sent !== null && "then" in sent) this.#follow(sent, event);
    else this.#delivered(event);
  }

  #follow(sent: object, event: TelltaleEvent): void {
    this.#pending++;
    Promise.resolve(sent).then(
      () => {
        this.#pending--;
        this.#delivered(event);
      },
      (value: unknown) => {
        this.#pending--;
        this.#tap.drops.add(event, 1, { value });
        if (this.#detached) this.#tap.drops.end();
      },
    );
  }

  #delivered(event: TelltaleEvent): void {
    this.#tap.drops.heard(event);
    this.#tap.drops.caughtUp();
  }
}

function checkedNaming(check: Check, { source, prefix }: CloudEventOptions): Naming {
  if (source !== undefined) {
    check.text("source", source, LONGEST_TEXT);
    if (!URI_REFERENCE.test(source)) check.range("source", "a URI reference", source);
  }
  if (prefix !== undefined && prefix !== "") {
    check.text("prefix", prefix, LONGEST_TEXT);
    if (printable(prefix) !== prefix) check.range("prefix", "printable text", prefix);
  }
  return { source, prefix: prefix ?? "" };
}

function envelopeOf(event: TelltaleEvent, { source, prefix }: Naming): CloudEvent {
  const instance = "instance" in event ? event.instance : undefined;
  const subject = "breaker" in event ? wellFormed(printable(event.breaker)) : "";
  const time = timeOf(event.atMs);
  return {
    specversion: "1.0",
    id: idOf(event, instance),
    source: source ?? (instance === undefined ? "/telltale" : `/telltale/${encoded(instance)}`),
    type: `${prefix}${event.type}`,
    ...(time === undefined ? {} : { time }),
    ...(subject === "" ? {} : { subject }),
    datacontenttype: "application/json",
    data: event,
  };
}

/** Of an event with a number, what tells it from all others; the moment tells one run of a process from the next. */
function idOf(event: TelltaleEvent, instance: string | undefined): string {
  if (!("seq" in event)) return crypto.randomUUID();
  const parts = [event.breaker, String(event.seq), String(event.atMs)];
  return (instance === undefined ? parts : [instance, ...parts]).map(encoded).join("/");
}

const encoded = (text: string): string => encodeURIComponent(wellFormed(text));

/** Half of a surrogate pair, and what Unicode says is no character, is replaced: an attribute may not hold it. */
const wellFormed = (text: string): string =>
  text.replace(/[\p{Surrogate}\p{Noncharacter_Code_Point}]/gu, "\uFFFD");

/** RFC 3339, which knows the years 0 to 9999. */
function timeOf(atMs: number): string | undefined {
  const date = new Date(atMs);
  if (Number.isNaN(date.getTime())) return undefined;
  const text = date.toISOString();
  return /^\d{4}-/.test(text) ? text : undefined;
}
