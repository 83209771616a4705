import { type Channel, channel } from "node:diagnostics_channel";
import { Check } from "../events/check.ts";
import type { EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { listenerFailed } from "../events/listener-failed.ts";
import { checkedBus, chosenTypes, type EventChoice } from "./event-choice.ts";
import { EventTap } from "./event-tap.ts";

/** Options of {@link publishToDiagnosticsChannels}. Unknown keys are refused. */
export interface DiagnosticsOptions extends EventChoice {
  /**
   * Put before the name of the event: `"telltale."` makes the channel `telltale.circuit.open`.
   * @default "telltale."
   */
  readonly prefix?: string;
}

const SINK = "diagnostics-channel";
const LONGEST_PREFIX = 64;

/** The channels of one bus. */
class EventChannels {
  readonly #bus: EventBus;
  /** Held, because Node forgets a channel that nobody holds. */
  readonly #channels: ReadonlyMap<EventType, Channel>;

  constructor(bus: EventBus, types: readonly EventType[], prefix: string) {
    this.#bus = bus;
    this.#channels = new Map(types.map((type) => [type, channel(`${prefix}${type}`)]));
  }

  hasSubscribers(type: EventType): boolean {
    return this.#channels.get(type)?.hasSubscribers === true;
  }

  publish(event: TelltaleEvent): void {
    const target = this.#channels.get(event.type);
    if (target === undefined) return;
    const subscribers = subscribersOf(target);
    if (subscribers === undefined) {
      target.publish(event);
      return;
    }
    for (const subscriber of subscribers) this.#tell(subscriber, event, target.name);
  }

  #tell(subscriber: Subscriber, event: TelltaleEvent, name: string | symbol): void {
    try {
      const returned = subscriber(event, name);
      // An async subscriber must not end the process with an unhandled rejection.
      if (typeof returned === "object" && returned !== null && "then" in returned) {
        Promise.resolve(returned).catch((thrown: unknown) => this.#report(event, thrown));
      }
    } catch (thrown) {
      this.#report(event, thrown);
    }
  }

  #report({ type, atMs }: TelltaleEvent, thrown: unknown): void {
    // A subscriber that fails at every report of its failures would never come to an end.
    if (type === "bus.listener_failed") return;
    try {
      if (!this.#bus.has("bus.listener_failed")) return;
      this.#bus.emit(listenerFailed({ sink: SINK, failedType: type, atMs }, thrown));
    } catch {
      // A bus of the user's making that fails, too: there is nobody left to tell.
    }
  }
}

type Subscriber = (message: unknown, name: string | symbol) => unknown;

/**
 * The subscribers of a channel, called one by one so that each may throw. `publish` leaves no way to catch what they
 * throw: Node makes it an uncaughtException on the next tick, which ends the process (trap 36). Node, Deno and Bun keep
 * the list on the channel; undefined for a host that does not.
 */
function subscribersOf(target: Channel): readonly Subscriber[] | undefined {
  const held: unknown = Reflect.get(target, "_subscribers");
  if (!Array.isArray(held)) return undefined;
  const subscribers: readonly unknown[] = held;
  const isCallable = (value: unknown): value is Subscriber => typeof value === "function";
  return subscribers.every(isCallable) ? subscribers : undefined;
}

/**
 * Publishes the events of a bus to `node:diagnostics_channel`, one channel for each type: `telltale.circuit.open` and so
 * on. The message is the event itself, frozen. A channel without subscribers is not published to. A subscriber that
 * throws, or whose promise rejects, disturbs nobody and is reported as `bus.listener_failed` with the sink
 * `diagnostics-channel`; on a host whose channels hide their subscribers, that is the host's to see to.
 *
 * @returns a function that turns it off
 * @throws {TypeError|RangeError} when an argument or an option is not what it must be
 * @example
 * const off = publishToDiagnosticsChannels(breaker.bus);
 * diagnostics_channel.subscribe("telltale.circuit.open", (event) => console.error(event));
 */
export function publishToDiagnosticsChannels(
  bus: EventBus,
  options: DiagnosticsOptions = {},
): () => void {
  const check = new Check("publish to diagnostics channels");
  const { events, prefix = "telltale." } = check.keys(check.object("options", options), [
    "events",
    "prefix",
  ]) as DiagnosticsOptions;
  const types = chosenTypes(check, events);
  const channels = new EventChannels(
    checkedBus(check, bus),
    types,
    check.text("prefix", prefix, LONGEST_PREFIX),
  );
  const tap = new EventTap({
    bus,
    sink: SINK,
    types,
    wants: (type) => channels.hasSubscribers(type),
    take: (event) => channels.publish(event),
    // A storm of refusals that no subscriber hears is not even delivered.
    listenOptions: (type) =>
      type === "circuit.skip"
        ? { sink: SINK, declines: () => !channels.hasSubscribers(type) }
        : { sink: SINK },
  });
  return () => {
    tap.end();
    tap.drops.end();
  };
}
