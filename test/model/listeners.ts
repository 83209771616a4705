import type {
  CircuitEvent,
  CircuitPattern,
  EventBus,
  EventPattern,
  TelltaleEvent,
} from "../../src/index.ts";
import type { Subscription } from "./deliveries.ts";
import type { Guarded } from "./guarded.ts";
import type { ListenerPlan, Reaction } from "./plans.ts";
import type { World } from "./world.ts";

interface Listening {
  readonly subscription: Subscription;
  readonly off: () => void;
  /** The witness and the bus watch stay. */
  readonly stays: boolean;
}

const LISTENER_ERROR = new Error("the listener failed");
const FAILED = { name: "Error", message: "the listener failed" };

const PASSIVE: ListenerPlan = {
  pattern: "circuit.*",
  onBus: false,
  once: false,
  sink: undefined,
  reaction: { do: "nothing" },
  times: 0,
};

/** The listeners of a run: each tells the reference what it is given, and reacts by its plan. */
export class Listeners {
  /** How often a listener, or the classifier, did more than listen. */
  reactions = 0;
  readonly #world: World;
  readonly #bus: EventBus | undefined;
  #listening: Listening[] = [];

  constructor(world: World, bus: EventBus | undefined) {
    this.#world = world;
    this.#bus = bus;
  }

  addWitness(guarded: Guarded, hear: (event: CircuitEvent) => void): void {
    this.#add(guarded, PASSIVE, { stays: true, hear });
  }

  /** Listens to the failures of listeners. A bus that was not given is the breaker's own. */
  watchBus(guarded: Guarded): void {
    this.#add(guarded, { ...PASSIVE, pattern: "bus.*", onBus: true }, { stays: true });
  }

  add(guarded: Guarded, plan: ListenerPlan): void {
    this.#add(guarded, plan, { stays: false });
  }

  remove(pick: number): void {
    const removable = this.#listening.filter(
      ({ stays, subscription }) => !stays && subscription.active,
    );
    const picked = removable[pick % Math.max(1, removable.length)];
    if (picked !== undefined) this.#remove(picked.subscription);
  }

  #remove(subscription: Subscription): void {
    const listening = this.#listening.find((one) => one.subscription === subscription);
    if (listening === undefined || listening.stays) return;
    this.#listening = this.#listening.filter((one) => one !== listening);
    this.#world.deliveries.remove(subscription);
    if (this.#world.deliveries.depth > 0)
      this.#world.reach.hit("listener removed while delivering");
    listening.off();
    // Unsubscribing twice is harmless.
    listening.off();
  }

  #add(
    guarded: Guarded,
    plan: ListenerPlan,
    { stays, hear }: { readonly stays: boolean; readonly hear?: (event: CircuitEvent) => void },
  ): void {
    const { deliveries, reach } = this.#world;
    const once = plan.once && !plan.onBus;
    // A user's bus knows no sinks.
    const subscription: Subscription = {
      breaker: plan.onBus ? null : guarded.name,
      pattern: plan.pattern,
      once,
      sink: plan.sink ?? "listener",
      active: true,
    };
    let left = plan.times;
    const listener = (event: TelltaleEvent): unknown => {
      deliveries.given(subscription, event);
      if (event.type !== "bus.listener_failed") {
        // A listener of a breaker is only given events of a breaker.
        hear?.(event as CircuitEvent);
        this.#world.sightings.sawEvent(event, guarded);
        this.#world.compare(guarded);
      }
      if (once) reach.hit("once");
      if (left === 0 || plan.reaction.do === "nothing") return undefined;
      left--;
      this.reactions++;
      deliveries.depth++;
      try {
        return this.#react(guarded, subscription, plan.reaction, event.type);
      } finally {
        deliveries.depth--;
      }
    };
    if (deliveries.depth > 0) reach.hit("listener added while delivering");
    const { history } = guarded.reference;
    if (this.#listening.length === 0 && history.length > 0) {
      reach.hit("first listener after the first call");
    }
    deliveries.add(subscription);
    const options = plan.sink === undefined ? undefined : { sink: plan.sink };
    // The patterns of the plans are names of events and families.
    const off = plan.onBus
      ? (this.#bus ?? guarded.breaker.bus).on(plan.pattern as EventPattern, listener, options)
      : guarded.breaker[once ? "once" : "on"](plan.pattern as CircuitPattern, listener, options);
    this.#listening.push({ subscription, off, stays });
  }

  #react(guarded: Guarded, subscription: Subscription, reaction: Reaction, type: string): unknown {
    const world = this.#world;
    const { deliveries, reach } = world;
    switch (reaction.do) {
      case "nothing":
        return undefined;
      case "throw":
        reach.hit("listener threw");
        if (world.setup.bus === "user") reach.hit("listener failed on a user's bus");
        deliveries.failed(subscription, FAILED);
        throw LISTENER_ERROR;
      case "reject":
        return this.#reject(subscription);
      case "remove itself":
        this.#remove(subscription);
        return undefined;
      case "remove another":
        this.remove(reaction.pick);
        return undefined;
      case "add another":
        this.add(guarded, PASSIVE);
        return undefined;
      case "take time":
        reach.hit("time taken inside a listener");
        world.pass(reaction.tookMs);
        return undefined;
      case "call":
        reach.hit("call inside a listener");
        world.call(guarded, reaction.call);
        return undefined;
      case "admit": {
        const held = world.permits.admit(guarded);
        if (held !== null && reaction.settle !== null) {
          world.permits.settlePermit(held, {
            method: reaction.settle,
            throws: null,
            latencyMs: null,
          });
        }
        return undefined;
      }
      case "record":
        reach.hit("record inside a listener");
        world.permits.record(guarded, reaction);
        return undefined;
      default:
        reach.hit("control call inside a listener");
        if (deliveries.waiting) reach.hit("control call inside a listener while events wait");
        if (type === "circuit.half_open" && guarded.reference.committed !== "half_open") {
          reach.hit("control call inside a listener of a half-open time that is over already");
        }
        world.control(guarded, reaction);
        return undefined;
    }
  }

  /** An async listener that fails: reported when its promise has rejected. */
  #reject(subscription: Subscription): Promise<never> {
    const world = this.#world;
    world.awaitsMicrotasks = true;
    world.reach.hit("listener rejected");
    // A user's bus does not look at what its listeners return.
    const report =
      world.setup.bus === "user" ? null : world.deliveries.failedLater(subscription, FAILED);
    const rejected = Promise.reject(LISTENER_ERROR);
    // Attached before the bus attaches its own, so the reference is told first.
    rejected.catch(() => report?.());
    return rejected;
  }
}
