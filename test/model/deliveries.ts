import type { CircuitEventType } from "../../src/index.ts";
import { difference, Incidents, isFrozenData } from "./difference.ts";
import type { Told } from "./in-and-out.ts";

/** A subscription as the reference sees it. */
export interface Subscription {
  /** The breaker it listens to; null for everything on the bus. */
  readonly breaker: string | null;
  readonly pattern: string;
  readonly once: boolean;
  readonly sink: string;
  active: boolean;
}

type Expected = { readonly type: string } & Readonly<Record<string, unknown>>;

/** How the bus of a run treats a listener that throws. */
export type BusKind = "own" | "shared" | "user";

/**
 * Says which listener must be given which event next, and checks that it is. Events reach everybody in the order in
 * which they were committed; what a listener raises waits for the events before it.
 */
export class Deliveries {
  readonly problems: string[] = [];
  /** Listeners that are running, one inside the other. */
  depth = 0;
  readonly #bus: BusKind;
  readonly #incidents = new Map<string, Incidents>();
  #subscriptions: Subscription[] = [];
  #flushing: unknown = null;
  /** Told in a step that is not over. */
  readonly #told = new Map<unknown, Expected[]>();
  /** Told by the breaker whose step is being delivered. */
  #queue: Expected[] = [];
  /** Told on the bus meanwhile: they come right after the present event. */
  #urgent: Expected[] = [];
  #present: { readonly event: Expected; waiting: Subscription[]; actual?: unknown } | null = null;

  constructor(bus: BusKind) {
    this.#bus = bus;
  }

  hears(type: string): boolean {
    return this.#subscriptions.some(({ pattern }) => matches(pattern, type));
  }

  /** Events that were told and have not begun to be delivered. */
  get waiting(): boolean {
    return this.#queue.length + this.#urgent.length > 0;
  }

  add(subscription: Subscription): void {
    this.#subscriptions.push(subscription);
  }

  remove(subscription: Subscription): void {
    subscription.active = false;
    this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
  }

  /** The reference told an event of the breaker `from`. */
  tell(from: unknown, event: Told): void {
    // What a listener of this breaker raises on it comes after what waits already.
    if (this.depth > 0 && this.#flushing === from) this.#queue.push(event);
    else this.#told.set(from, [...(this.#told.get(from) ?? []), event]);
  }

  /** The step of the breaker `from` is over. */
  deliver(from: unknown): void {
    if (this.depth === 0) this.#flushing = from;
    const told = this.#told.get(from) ?? [];
    if (this.#flushing === from) this.#queue.push(...told);
    else this.#urgent.push(...told);
    this.#told.delete(from);
  }

  incidentsOf(breaker: string): Incidents {
    const known = this.#incidents.get(breaker) ?? new Incidents();
    this.#incidents.set(breaker, known);
    return known;
  }

  /** A listener was given an event: is it the one that is due? */
  given(subscription: Subscription, actual: Expected): void {
    this.#next();
    const present = this.#present;
    if (present === null) {
      this.problems.push(`${named(subscription)} was given an unexpected ${actual.type}`);
      return;
    }
    const due = present.waiting.shift();
    if (due !== subscription) {
      const whom = due === undefined ? "nobody" : named(due);
      this.problems.push(
        `${named(subscription)} was given ${actual.type} while ${present.event.type} was due to ${whom}`,
      );
    }
    if (subscription.once) this.remove(subscription);
    if (present.actual === actual) return;
    if (present.actual !== undefined) this.problems.push(`${actual.type} was built twice`);
    present.actual = actual;
    const incidents = this.incidentsOf(String(present.event["breaker"]));
    const found = difference(actual, present.event, incidents);
    if (found !== null) this.problems.push(`${present.event.type}: ${found}`);
    if (!isFrozenData(actual)) this.problems.push(`${actual.type} is not frozen plain data`);
  }

  /** The listener that was given the present event is about to throw. */
  failed(subscription: Subscription, error: object): void {
    const present = this.#present;
    if (present === null) return;
    const { type } = present.event;
    // A user's bus that isolates nobody: the listeners after the one that threw get nothing.
    if (this.#bus === "user") present.waiting = [];
    if (type === "bus.listener_failed" || !this.hears("bus.listener_failed")) return;
    this.#urgent.push(
      report(present.event, this.#bus === "user" ? "bus" : subscription.sink, error),
    );
  }

  /** The promise that a listener returned rejects: this is reported some time later, at once to everybody. */
  failedLater(subscription: Subscription, error: object): (() => void) | null {
    const event = this.#present?.event;
    if (event === undefined || event.type === "bus.listener_failed") return null;
    return () => {
      if (this.hears("bus.listener_failed")) {
        this.#urgent.push(report(event, subscription.sink, error));
      }
    };
  }

  /** The step is over: everything must have been delivered. */
  finish(): void {
    this.#next();
    if (this.#present !== null) {
      const { event, waiting } = this.#present;
      const whom = waiting.map(named).join(", ");
      this.problems.push(`${event.type} (${JSON.stringify(event)}) was not delivered to ${whom}`);
    }
  }

  /** Makes the next event present that somebody still waits for. */
  #next(): void {
    for (;;) {
      const present = this.#present;
      if (present !== null) {
        present.waiting = present.waiting.filter(({ active }) => active);
        if (present.waiting.length > 0) return;
      }
      const event = this.#urgent.shift() ?? this.#queue.shift();
      if (event === undefined) {
        this.#present = null;
        return;
      }
      this.#present = { event, waiting: this.#subscriptions.filter((one) => hears(one, event)) };
    }
  }
}

const matches = (pattern: string, type: string): boolean =>
  pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)));

const hears = ({ breaker, pattern }: Subscription, event: Expected): boolean =>
  matches(pattern, event.type) && (breaker === null || breaker === event["breaker"]);

const named = ({ pattern, breaker }: Subscription): string =>
  `the listener to ${pattern} of ${breaker ?? "the bus"}`;

function report(event: Expected, sink: string, error: object): Expected {
  const { atMs, type: failedType } = event;
  return { type: "bus.listener_failed", v: 1, atMs, sink, count: 1, failedType, error };
}

/** The types of events that a breaker can tell by now. */
export const TYPES: readonly CircuitEventType[] = [
  "circuit.success",
  "circuit.failure",
  "circuit.ignored",
  "circuit.late",
  "circuit.progress",
  "circuit.probe",
  "circuit.open",
  "circuit.skip",
  "circuit.half_open",
  "circuit.close",
  "circuit.degrade",
  "circuit.would_open",
  "circuit.disable",
  "circuit.enable",
  "circuit.force_changed",
  "circuit.callback_failed",
];
