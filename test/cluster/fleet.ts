import { MemoryStore } from "../../src/cluster/memory-backplane.ts";
import type { Operation } from "../../src/cluster/operation.ts";
import type { EventBus, TelltaleEvent } from "../../src/index.ts";
import { CircuitBreaker, type CircuitBreakerOptions, createEventBus } from "../../src/index.ts";
import {
  type Backplane,
  type Cluster,
  type ClusterOptions,
  type ClusterRegistry,
  joinCluster,
} from "../../src/redis/index.ts";
import { VirtualTime } from "../support/virtual-time.ts";

/** One task of a test fleet: breakers by name, as a registry gives them, in a cluster of their own process. */
export class FleetTask implements ClusterRegistry {
  readonly bus: EventBus;
  readonly events: TelltaleEvent[] = [];
  readonly cluster: Cluster;
  readonly #time: VirtualTime;
  readonly #options: CircuitBreakerOptions;
  readonly #breakers = new Map<string, CircuitBreaker>();
  #follower: Parameters<ClusterRegistry["follow"]>[0] | null = null;

  constructor(
    name: string,
    backplane: Backplane,
    { time, options, breakerOptions }: FleetSetup & { time: VirtualTime },
  ) {
    this.#time = time;
    this.#options = breakerOptions ?? {};
    this.bus = createEventBus({ instance: name });
    this.bus.on("circuit.*", (event) => this.events.push(event));
    this.bus.on("cluster.*", (event) => this.events.push(event));
    const shared = { clock: time, timers: time, random: () => 0.5 };
    this.cluster = joinCluster(this, backplane, { task: name, ...shared, ...options });
  }

  follow(follower: Parameters<ClusterRegistry["follow"]>[0]): () => void {
    this.#follower = follower;
    for (const breaker of this.#breakers.values()) follower.added(breaker);
    return () => {
      this.#follower = null;
    };
  }

  get(name: string): CircuitBreaker {
    const known = this.#breakers.get(name);
    if (known !== undefined) return known;
    const options = { failureThreshold: 2, cooldownMs: 1_000, ...this.#options };
    const made = new CircuitBreaker(name, { ...options, bus: this.bus, clock: this.#time });
    this.#breakers.set(name, made);
    this.#follower?.added(made);
    return made;
  }

  remove(name: string): void {
    const breaker = this.get(name);
    this.#breakers.delete(name);
    this.#follower?.removed(breaker);
  }

  of(type: TelltaleEvent["type"]): TelltaleEvent[] {
    return this.events.filter((event) => event.type === type);
  }
}

export interface FleetSetup {
  readonly options?: Partial<ClusterOptions>;
  readonly breakerOptions?: CircuitBreakerOptions;
}

/** What a task asks of its backplane. */
export type Asked = "connect" | "publish" | Operation["do"];

/** Tasks around one store in memory, in virtual time. Each link can be cut. */
export class Fleet {
  readonly time = new VirtualTime();
  readonly store = new MemoryStore({ epochMs: () => this.time.epochMs() });
  readonly tasks: FleetTask[] = [];
  /** Operations that the store was asked for. */
  asked = 0;
  /** Tasks whose every exchange with the store hangs for ever. */
  readonly stalled = new Set<string>();
  /** What the store throws when it is asked for this; nothing when it answers. */
  refuses: (asked: Asked) => Error | undefined | Promise<Error | undefined> = () => undefined;
  readonly #setup: FleetSetup;

  constructor(setup: FleetSetup = {}) {
    this.#setup = setup;
  }

  boot(name: string, own: Partial<ClusterOptions> = {}): FleetTask {
    const link = this.#link(name, this.store.backplane());
    const options = { ...this.#setup.options, ...own };
    const task = new FleetTask(name, link, { ...this.#setup, options, time: this.time });
    this.tasks.push(task);
    return task;
  }

  #link(name: string, real: Backplane): Backplane {
    const through = async <T>(asked: Asked, run: () => Promise<T>): Promise<T> => {
      if (this.stalled.has(name)) return new Promise<T>(() => {});
      const refusal = await this.refuses(asked);
      if (refusal !== undefined) throw refusal;
      return run();
    };
    return {
      connect: ({ message, ...listener }, namespace) =>
        through("connect", () =>
          real.connect(
            {
              ...listener,
              message: (text) => {
                if (!this.stalled.has(name)) message(text);
              },
            },
            namespace,
          ),
        ),
      reconnect: () => through("connect", () => real.reconnect()),
      run: (operation) => {
        this.asked++;
        return through(operation.do, () => real.run(operation));
      },
      publish: (text) => through("publish", () => real.publish(text)),
      close: () => real.close(),
    };
  }
}

/** A fleet of tasks a, b, c ... that have joined. */
export async function joined(count: number, setup: FleetSetup = {}) {
  const fleet = new Fleet(setup);
  const tasks = [..."abcdefghij"].slice(0, count).map((name) => fleet.boot(name));
  await fleet.time.pass(20);
  return { fleet, time: fleet.time, tasks };
}

/** The nth task of a fleet. */
export function nth(tasks: readonly FleetTask[], index: number): FleetTask {
  const task = tasks[index];
  if (task === undefined) throw new Error(`The fleet has no task ${index}`);
  return task;
}
