import { getEventListeners } from "node:events";
import {
  createEventBus,
  type EventBus,
  type EventOf,
  type EventType,
  type TelltaleEvent,
} from "../../src/index.ts";
import { VirtualTime } from "./virtual-time.ts";

/** What policies of a test share: virtual time, a bus and everything told on it. */
export interface Surroundings {
  readonly time: VirtualTime;
  readonly bus: EventBus;
  readonly events: TelltaleEvent[];
  /** The options of every policy. */
  readonly options: {
    readonly bus: EventBus;
    readonly clock: VirtualTime;
    readonly timers: VirtualTime;
  };
  /** The names of the events so far, and forgets them. */
  told(): string[];
  /** The last event of a type; fails when there was none. */
  last<T extends EventType>(type: T): EventOf<T>;
}

export function surroundings(): Surroundings {
  const time = new VirtualTime();
  const bus = createEventBus();
  const events: TelltaleEvent[] = [];
  const since: string[] = [];
  for (const family of [
    "retry.*",
    "timeout.*",
    "fallback.*",
    "policy.*",
    "circuit.*",
    "bus.*",
  ] as const) {
    bus.on<"retry.*" | "circuit.*">(family as "retry.*", (event) => {
      events.push(event);
      since.push(event.type);
    });
  }
  return {
    time,
    bus,
    events,
    options: { bus, clock: time, timers: time },
    told: () => since.splice(0),
    last<T extends EventType>(type: T): EventOf<T> {
      const found = events.findLast(
        (event): event is TelltaleEvent & EventOf<T> => event.type === type,
      );
      if (found === undefined) throw new Error(`No ${type} was told`);
      return found;
    },
  };
}

/** Listeners that hang on a signal. */
export const listenersOf = (signal: AbortSignal): number =>
  getEventListeners(signal, "abort").length;

/** Fails `failures` times with the errors in turn, then returns a value; counts its calls. */
export function flaky(failures: readonly unknown[]): {
  (): Promise<string>;
  readonly calls: number;
} {
  let calls = 0;
  const fn = async (): Promise<string> => {
    const failure = failures[calls++];
    if (failure !== undefined) throw failure;
    return "value";
  };
  return Object.defineProperty(fn, "calls", { get: () => calls }) as typeof fn & { calls: number };
}

/** An error as clients of HTTP make it. */
export const httpError = (status: number, headers: Record<string, string> = {}): Error =>
  Object.assign(new Error(`HTTP ${status}`), { status, headers });

/** An error as Node makes it of the network. */
export const networkError = (code: string, syscall = "read"): Error =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
