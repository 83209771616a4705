import type { Clock } from "../core/clock.ts";
import { describeError } from "../events/describe-error.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { StateStore } from "../state/store.ts";
import type { DurableContext } from "./cloudflare.ts";
import { OwnerJournal } from "./owner-journal.ts";

/** KV takes one write of a key a second. */
const INTERVAL_MS = 1_000;

/** What it needs of the object that it works for. */
interface WarmStartHost {
  readonly context: DurableContext;
  readonly name: string;
  readonly clock: Clock;
  readonly bus?: EventBus | undefined;
  /** The verdicts of now. */
  readonly text: () => string;
}

/**
 * Puts the verdicts into a store that new isolates read: after a change at once, and no more than once a second. What
 * comes sooner is put off by an alarm, which comes even if the object is not in memory by then.
 */
export class WarmStart {
  readonly #store: StateStore;
  readonly #host: WarmStartHost;
  readonly #journal: OwnerJournal;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #putOff = false;

  constructor(store: StateStore, host: WarmStartHost) {
    this.#store = store;
    this.#host = host;
    this.#journal = new OwnerJournal(host.name, host.bus, () => host.clock.epochMs());
  }

  /** A verdict has changed. */
  changed(): void {
    if (this.#putOff) return;
    const { context, clock } = this.#host;
    const waitMs = this.#writtenAtMs + INTERVAL_MS - clock.epochMs();
    // A wall clock that was set back must not put it off for longer.
    if (waitMs <= 0 || waitMs > INTERVAL_MS) {
      context.waitUntil(this.#write());
      return;
    }
    this.#putOff = true;
    const set = context.storage.setAlarm(clock.epochMs() + waitMs);
    context.waitUntil(set.catch((thrown: unknown) => this.#failed(thrown)));
  }

  async alarm(): Promise<void> {
    this.#putOff = false;
    await this.#write();
  }

  async #write(): Promise<void> {
    const { name, clock, text } = this.#host;
    this.#writtenAtMs = clock.epochMs();
    try {
      await this.#store.write([[name, text()]]);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #failed(thrown: unknown): void {
    this.#putOff = false;
    const { name: store } = this.#store;
    this.#journal.tell("owner.store_failed", () => ({ store, error: describeError(thrown) }));
  }
}
