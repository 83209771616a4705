import { Check, hasMethods, shown } from "./check.ts";
import { checkedSignal, type EndSignal, endWith } from "./end-signal.ts";
import type { EventOf, EventPattern, EventType, Matching, TelltaleEvent } from "./event.ts";
import { EVENT_FAMILIES, EVENT_TYPES, isEventType } from "./event-types.ts";
import { listenerFailed } from "./listener-failed.ts";
import { hint } from "./nearest.ts";

/** What a listener may say of itself when it subscribes. */
export interface ListenOptions {
  /**
   * The name under which its failures are reported.
   * @default "listener"
   */
  readonly sink?: string;
  /** Unsubscribes when it aborts; one that is aborted already never subscribes. */
  readonly signal?: EndSignal;
  /**
   * Asked before a refused call is told to this listener; `true` when it has counted the refusal and needs no event of
   * it. A storm of refusals then costs the counting alone: the event that it is asked about is not delivered to it, and
   * to nobody when all listeners decline. Not asked while one of the listeners takes every refusal, or while other
   * events wait: what is not declined is delivered. Only for listeners of `circuit.skip`.
   * @default every refusal is told
   */
  readonly declines?: (skip: EventOf<"circuit.skip">) => boolean;
}

/**
 * Carries events from breakers to listeners. One bus may serve many breakers, and any object with these methods
 * can stand in for it.
 *
 * @example
 * const bus = createEventBus({ instance: "api-7f9" });
 * const off = bus.on("circuit.*", (event) => console.log(event.type, event.breaker));
 * const payments = new CircuitBreaker("payments", { bus });
 */
export interface EventBus {
  /** Hands an event to every listener of its type. Must not throw when given an event. */
  emit(event: TelltaleEvent): void;
  /** Subscribes to one type or to a family such as `circuit.*`; returns a function that unsubscribes. */
  on<P extends EventPattern>(
    type: P,
    listener: (event: Matching<P>) => void,
    options?: ListenOptions,
  ): () => void;
  /** Whether anybody listens to the type: what nobody hears is not even built. */
  has(type: EventType): boolean;
  /** Which process this is; put on every event. */
  readonly instance?: string;
}

/** The bus that {@link createEventBus} makes. */
export interface TelltaleBus extends EventBus {
  /** Listens to the next event that the pattern matches, once; returns a function that unsubscribes. */
  once<P extends EventPattern>(
    type: P,
    listener: (event: Matching<P>) => void,
    options?: ListenOptions,
  ): () => void;
}

/** Options of {@link createEventBus}. */
export interface EventBusOptions {
  /** Which process this is, put on every event as `instance`: a pod, a task, a host. */
  readonly instance?: string;
}

const LONGEST_INSTANCE = 256;
/** Characters of a sink's name. */
export const LONGEST_SINK = 64;

interface Subscription {
  readonly pattern: EventPattern;
  readonly listener: (event: TelltaleEvent) => unknown;
  readonly sink: string;
  readonly declines: ListenOptions["declines"];
  active: boolean;
  /** What it declined last, which may be delivered to others. */
  declined: TelltaleEvent | null;
}

/** The listeners of what no event is called. */
const UNKNOWN: readonly Subscription[] = Object.freeze([]);

/**
 * The bus that breakers use when they are given none. Listeners run at once, in the order they subscribed, each
 * isolated from the others; an event raised inside a listener waits until the current one reached everybody.
 */
export class SynchronousEventBus implements EventBus {
  declare readonly instance?: string;
  /** Grows at each change of the subscriptions, so that a breaker knows when to ask `has` again. */
  version = 0;
  #subscriptions: readonly Subscription[] = [];
  /** Made when it is first asked: an idle bus holds none. */
  #byType: Map<EventType, readonly Subscription[]> | null = null;
  #queue: TelltaleEvent[] = [];
  #delivering = false;

  constructor(instance?: string) {
    if (instance !== undefined) this.instance = instance;
  }

  /** @throws {TypeError} when it is given anything else than an event of the catalogue */
  emit(event: TelltaleEvent): void {
    if (typeof event !== "object" || event === null) refuse(event);
    const listeners = this.#listeners(event.type);
    if (listeners === UNKNOWN) refuse(event);
    if (this.#delivering) {
      this.#queue.push(event);
      return;
    }
    this.#delivering = true;
    this.#deliver(event, listeners);
    if (this.#queue.length > 0) this.#deliverQueue();
    this.#delivering = false;
  }

  on<P extends EventPattern>(
    type: P,
    listener: (event: Matching<P>) => void,
    options?: ListenOptions,
  ): () => void {
    checkSubscription(type, listener, options);
    const subscription: Subscription = {
      pattern: type,
      // A listener is only ever handed events that its pattern matches, so the wider parameter type is safe.
      listener: listener as (event: TelltaleEvent) => unknown,
      sink: options?.sink ?? "listener",
      declines: options?.declines,
      active: true,
      declined: null,
    };
    if (options?.signal?.aborted === true) return () => {};
    this.#subscriptions = [...this.#subscriptions, subscription];
    this.#changed();
    return endWith(options?.signal, () => {
      subscription.active = false;
      this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
      this.#changed();
    });
  }

  has(type: EventType): boolean {
    return this.#listeners(type).length > 0;
  }

  /** Asks the listeners about a refusal that nobody was told of yet; true when none of them needs the event. */
  declines(skip: EventOf<"circuit.skip">): boolean {
    if (this.#delivering) return false;
    const listeners = this.#listeners("circuit.skip");
    for (const { declines } of listeners) if (declines === undefined) return false;
    let wanted = false;
    // An event that a question raises waits until this one reached everybody.
    this.#delivering = true;
    for (const subscription of listeners) {
      if (!this.#asked(subscription, skip)) wanted = true;
      else if (listeners.length > 1) subscription.declined = skip;
    }
    if (!wanted && this.#queue.length > 0) this.#deliverQueue();
    this.#delivering = false;
    return !wanted;
  }

  /** Whether the listener needs no event. One that fails to say has failed to take it, as if it had been delivered. */
  #asked(subscription: Subscription, skip: EventOf<"circuit.skip">): boolean {
    try {
      return subscription.declines?.(skip) === true;
    } catch (thrown) {
      this.#report(subscription, skip, thrown);
      return true;
    }
  }

  #changed(): void {
    this.#byType = null;
    this.version++;
  }

  #listeners(type: EventType): readonly Subscription[] {
    this.#byType ??= new Map();
    let listeners = this.#byType.get(type);
    if (listeners === undefined) {
      // Not kept: what strangers call their events has no end.
      if (!isEventType(type)) return UNKNOWN;
      listeners = this.#subscriptions.filter(({ pattern }) => matches(pattern, type));
      this.#byType.set(type, listeners);
    }
    return listeners;
  }

  #deliverQueue(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#deliver(next, this.#listeners(next.type));
    }
  }

  #deliver(event: TelltaleEvent, listeners: readonly Subscription[]): void {
    for (const subscription of listeners) {
      if (!subscription.active || subscription.declined === event) continue;
      try {
        const returned = subscription.listener(event);
        if (returned !== undefined) this.#catchLater(returned, subscription, event);
      } catch (thrown) {
        this.#report(subscription, event, thrown);
      }
    }
  }

  /** An async listener must not end the process with an unhandled rejection. */
  #catchLater(returned: unknown, subscription: Subscription, event: TelltaleEvent): void {
    if (typeof returned !== "object" || returned === null || !("then" in returned)) return;
    Promise.resolve(returned).catch((thrown: unknown) => this.#report(subscription, event, thrown));
  }

  #report(subscription: Subscription, event: TelltaleEvent, thrown: unknown): void {
    // Reporting the failure of a listener of such reports could go on for ever.
    if (event.type === "bus.listener_failed" || !this.has("bus.listener_failed")) return;
    // The bus has no clock of its own: the failed event's moment is when the listener was given it. A stranger's event
    // may have none.
    const atMs = Number.isFinite(event.atMs) ? event.atMs : 0;
    this.emit(listenerFailed({ sink: subscription.sink, failedType: event.type, atMs }, thrown));
  }
}

/** Apart from the bus of a single breaker, which has no use for it: the breaker's own `once` hears its events only. */
class SharedEventBus extends SynchronousEventBus implements TelltaleBus {
  once<P extends EventPattern>(
    type: P,
    listener: (event: Matching<P>) => void,
    options?: ListenOptions,
  ): () => void {
    checkSubscription(type, listener, options);
    const off = this.on(
      type,
      (event) => {
        off();
        return listener(event);
      },
      options,
    );
    return off;
  }
}

/**
 * Makes a bus that many breakers can share.
 *
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @example
 * const bus = createEventBus({ instance: "api-7f9" });
 */
export function createEventBus(options: EventBusOptions = {}): TelltaleBus {
  const check = new Check("create event bus");
  check.keys(check.object("options", options), ["instance"]);
  const { instance } = options;
  if (instance !== undefined) check.text("instance", instance, LONGEST_INSTANCE);
  return new SharedEventBus(instance);
}

/** Whether a value has the methods of a bus. */
export const isEventBus = (value: unknown): value is EventBus =>
  hasMethods(value, ["emit", "on", "has"]);

function refuse(event: unknown): never {
  const type: unknown =
    typeof event === "object" && event !== null ? Reflect.get(event, "type") : undefined;
  if (typeof type === "string") {
    throw new TypeError(
      `Cannot emit: no event is called ${shown(type)}, ${hint(type, EVENT_TYPES)}`,
    );
  }
  throw new TypeError(
    `Cannot emit: event must be an event of telltale, with its type, received ${shown(event)}`,
  );
}

function matches(pattern: EventPattern, type: EventType): boolean {
  return pattern === type || (pattern.endsWith("*") && type.startsWith(pattern.slice(0, -1)));
}

/**
 * Refuses a name that no event has, a listener that is no function, and wrong options. `prefix` narrows the names to
 * one family.
 */
export function checkSubscription(
  pattern: unknown,
  listener: unknown,
  options: unknown,
  prefix = "",
): void {
  if (typeof pattern !== "string")
    new Check("listen").type("type", "the name of an event", pattern);
  else {
    const known: readonly string[] = [...EVENT_TYPES, ...EVENT_FAMILIES];
    const heard = known.filter((name) => name.startsWith(prefix));
    if (!heard.includes(pattern)) {
      throw new TypeError(
        `Cannot listen: no event is called "${pattern}", ${hint(pattern, heard)}`,
      );
    }
  }
  const check = new Check(`listen to ${shown(pattern)}`);
  check.function("listener", listener);
  if (options === undefined) return;
  const known = ["sink", "signal", "declines"];
  const { sink, signal, declines } = check.keys(check.object("options", options), known);
  if (sink !== undefined) check.text("sink", sink, LONGEST_SINK);
  checkedSignal(check, signal);
  if (declines === undefined) return;
  check.function("declines", declines);
  if (pattern !== "circuit.skip") {
    check.type("declines", "left out, since only refusals can be declined", declines);
  }
}
