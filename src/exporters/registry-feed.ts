import type { BreakerView, RegistryView } from "../core/breaker-view.ts";
import type { EventOf } from "../events/event.ts";
import type { ListenOptions } from "../events/event-bus.ts";
import type { DroppedEvents } from "./dropped-events.ts";
import type { Member } from "./group-member.ts";

/** What a feed asks of the group that it feeds. */
interface Fed {
  readonly sink: ListenOptions;
  readonly dropped: DroppedEvents;
  /** The member that is shown under a name. */
  memberOf(name: string): Member | undefined;
  /** @throws {RangeError} when another breaker has its name */
  join(view: BreakerView, feed: RegistryFeed): void;
  leave(view: BreakerView, feed: RegistryFeed): void;
  observeCall(member: Member, outcome: string, latencyMs: number | null): void;
}

/**
 * The breakers of one registry in a group. One listener for each kind of event serves all of them: a listener for
 * each breaker would be called for every other one's events, too.
 */
export class RegistryFeed {
  /** Attachments of the registry that have not ended. */
  holds = 0;
  timed = false;
  readonly #registry: RegistryView;
  readonly #group: Fed;
  readonly #offs: (() => void)[] = [];
  readonly #views = new Set<BreakerView>();

  constructor(registry: RegistryView, group: Fed) {
    this.#registry = registry;
    this.#group = group;
  }

  /** @throws what the bus throws, or the group for a breaker that cannot join; `end` gives back what was taken */
  start(): void {
    const { bus } = this.#registry;
    const { sink, dropped } = this.#group;
    const offs = this.#offs;
    offs.push(bus.on("circuit.open", (event) => this.#fed(event)?.recovery?.opened(event), sink));
    offs.push(bus.on("circuit.close", (event) => this.#fed(event)?.recovery?.closed(event), sink));
    offs.push(dropped.listen(bus));
    const added = (view: BreakerView) => {
      this.#group.join(view, this);
      this.#views.add(view);
    };
    const removed = (view: BreakerView) => {
      if (this.#views.delete(view)) this.#group.leave(view, this);
    };
    offs.push(this.#registry.follow({ added, removed }, sink));
  }

  /**
   * Times the calls of all breakers, from now until the feed ends.
   * @throws what the bus throws; nothing is timed then
   */
  time(): void {
    if (this.timed) return;
    const { bus } = this.#registry;
    const { sink } = this.#group;
    const observe = (breaker: string, outcome: string, latencyMs: number | null) => {
      const member = this.#group.memberOf(breaker);
      if (member?.feed === this && !member.timed)
        this.#group.observeCall(member, outcome, latencyMs);
    };
    const off = bus.on(
      "circuit.success",
      (event) => observe(event.breaker, "success", event.latencyMs),
      sink,
    );
    try {
      this.#offs.push(
        bus.on(
          "circuit.failure",
          (event) => observe(event.breaker, event.reason, event.latencyMs),
          sink,
        ),
      );
    } catch (thrown) {
      off();
      throw thrown;
    }
    this.#offs.push(off);
    this.timed = true;
  }

  /** Lets every breaker go; returns what ends the listening, which a bus of the user's making may refuse. */
  end(): readonly (() => void)[] {
    for (const view of this.#views) this.#group.leave(view, this);
    this.#views.clear();
    this.timed = false;
    return this.#offs.splice(0);
  }

  /** The member that an event is of. One that listens itself is told twice, which a recovery watch does not mind. */
  #fed({ breaker }: EventOf<"circuit.open" | "circuit.close">): Member | undefined {
    const member = this.#group.memberOf(breaker);
    return member?.feed === this ? member : undefined;
  }
}
