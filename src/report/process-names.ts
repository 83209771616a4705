import type { CircuitRecord } from "./event-record.ts";

/** What tells the processes of one breaker apart whose events name no instance. */
interface Anonymous {
  /** The first that named its host and its number; events that name neither count as its own. */
  first: string | null;
  readonly others: Set<string>;
}

/**
 * Which process an event is of: the `instance` that it names, else the host and process id that pino puts on its
 * lines. As long as a breaker has only one such process it goes without a name.
 */
export class ProcessNames {
  readonly #anonymous = new Map<string, Anonymous>();

  /** The key of the process; null for the first one without a name. */
  keyOf(
    { breaker, instance }: CircuitRecord,
    line: Readonly<Record<string, unknown>>,
  ): string | null {
    if (instance !== undefined) return instance;
    const { pid, hostname } = line;
    if (typeof pid !== "number" && typeof hostname !== "string") return null;
    const name = [hostname, pid].filter((part) => part !== undefined).join("/");
    let anonymous = this.#anonymous.get(breaker);
    if (anonymous === undefined) {
      anonymous = { first: null, others: new Set() };
      this.#anonymous.set(breaker, anonymous);
    }
    anonymous.first ??= name;
    if (anonymous.first === name) return null;
    anonymous.others.add(name);
    return name;
  }

  /** What to call the process; null when there is nothing to tell it from. */
  nameOf(breaker: string, key: string | null): string | null {
    if (key !== null) return key;
    const anonymous = this.#anonymous.get(breaker);
    return anonymous === undefined || anonymous.others.size === 0 ? null : anonymous.first;
  }
}
