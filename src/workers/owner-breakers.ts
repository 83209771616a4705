import { CircuitBreaker } from "../core/circuit-breaker.ts";
import {
  admitRemoteProbe,
  callbackFailedRemote,
  refuseRemote,
  settleRemote,
  viewRemote,
} from "../core/remote-calls.ts";
import { isSnapshotError } from "../core/snapshot-error.ts";
import { platformClock } from "../platform.ts";
import type { BreakerVerdict } from "./owner-answer.ts";
import type { OwnerOptions } from "./owner-options.ts";
import type { CallbackReport, CallReport, SkipReport } from "./owner-request.ts";
import { ProbePermits } from "./probe-permits.ts";
import type { RowTable } from "./row-table.ts";

const ROW = "breaker:";
/** Where a restored breaker says that it comes from. */
const SOURCE = "durable object";

/** The breakers of an owner, fed by calls that run elsewhere; each has a row. */
export class OwnerBreakers {
  readonly #table: RowTable;
  readonly #breakers = new Map<string, CircuitBreaker>();
  /** What was last written of each. */
  readonly #generations = new Map<string, number>();
  readonly #permits: ProbePermits;
  /** Who was acted upon since the last `save`. */
  readonly #touched = new Set<CircuitBreaker>();

  constructor(
    table: RowTable,
    breakers: OwnerOptions["breakers"],
    shared: Pick<OwnerOptions, "bus" | "clock">,
  ) {
    this.#table = table;
    this.#permits = new ProbePermits(table, shared.clock ?? platformClock);
    for (const [name, options] of Object.entries(breakers)) {
      const breaker = new CircuitBreaker(name, { ...options, ...shared });
      this.#breakers.set(name, breaker);
      this.#restore(breaker);
    }
  }

  get(name: string): CircuitBreaker | undefined {
    return this.#breakers.get(name);
  }

  verdicts(): Readonly<Record<string, BreakerVerdict>> {
    const verdicts = new Map<string, BreakerVerdict>();
    for (const [name, breaker] of this.#breakers) {
      const verdict = viewRemote(breaker);
      verdicts.set(name, verdict);
      // Time alone may have changed it.
      if (verdict.generation !== this.#generations.get(name)) this.#touched.add(breaker);
    }
    return Object.fromEntries(verdicts);
  }

  /** The permit of a probe; null when none is due or free. */
  probe(name: string): string | null {
    const breaker = this.#breakers.get(name);
    const probe = breaker === undefined ? null : admitRemoteProbe(breaker);
    if (breaker === undefined || probe === null) return null;
    this.#touched.add(breaker);
    return this.#permits.give(breaker, probe);
  }

  settle({ breaker: name, permit, error, context, ...call }: CallReport): void {
    const breaker = this.#breakers.get(name);
    if (breaker === undefined) return;
    this.#touched.add(breaker);
    const probe = permit === null ? null : this.#permits.take(breaker, permit);
    settleRemote(breaker, {
      ...call,
      // One whose permit is not known any more is late: it has the generation of a half-open period.
      probe,
      thrown: error === null ? null : { value: error },
      context: context ?? undefined,
    });
  }

  skip({ breaker: name, reason, count }: SkipReport): void {
    const breaker = this.#breakers.get(name);
    if (breaker === undefined) return;
    this.#touched.add(breaker);
    refuseRemote(breaker, reason, count);
  }

  callbackFailed({ breaker: name, callback, error }: CallbackReport): void {
    const breaker = this.#breakers.get(name);
    if (breaker !== undefined) callbackFailedRemote(breaker, callback, error);
  }

  /** An operator's act. */
  act(name: string, action: (breaker: CircuitBreaker) => void): boolean {
    const breaker = this.#breakers.get(name);
    if (breaker === undefined) return false;
    action(breaker);
    this.#touched.add(breaker);
    return true;
  }

  /** Writes the rows of those that were acted upon; whether one of them changed its state. */
  save(): boolean {
    let changed = false;
    for (const breaker of this.#touched) {
      const snapshot = breaker.snapshot();
      this.#table.put(`${ROW}${breaker.name}`, JSON.stringify(snapshot));
      const { generation } = snapshot;
      if (this.#generations.get(breaker.name) !== generation) changed = true;
      this.#generations.set(breaker.name, generation);
    }
    this.#touched.clear();
    return changed;
  }

  /** What cannot be read is told by the breaker, which begins anew. */
  #restore(breaker: CircuitBreaker): void {
    const text = this.#table.get(`${ROW}${breaker.name}`);
    let generation = 0;
    try {
      if (text !== undefined) breaker.restore(text, { source: SOURCE });
      ({ generation } = breaker.snapshot());
    } catch (thrown) {
      if (!isSnapshotError(thrown)) throw thrown;
    }
    this.#generations.set(breaker.name, generation);
  }
}
