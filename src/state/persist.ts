import type { BreakerRegistry } from "../core/breaker-registry.ts";
import { MEASURES, type MeasuredSource } from "../events/measurement.ts";
import { type PersistOptions, persistSettings } from "./persist-options.ts";
import { StateKeeper } from "./state-keeper.ts";
import type { StateStore } from "./store.ts";

/** State that is being kept. The exporters of metrics take it as a source. */
export interface Persistence extends MeasuredSource {
  /** Whether the store has been read. Until then nothing is written: it would replace what was there. */
  readonly loaded: boolean;
  /**
   * Writes everything that has changed, without waiting for the next batch. Never rejects.
   * @returns whether the store has it all; false also when it takes longer than `timeoutMs`
   */
  flush(): Promise<boolean>;
  /**
   * The last write, then nothing more: call it when the process is about to end. The store stays open. Never rejects.
   * @returns as `flush`
   */
  close(): Promise<boolean>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Keeps the breakers of a registry, and parts such as quota and ledger, in a store: goes on where the last process
 * stopped, writes each change of state at once and counters in batches. A store that is slow or fails delays and fails
 * no call: what waits is remembered by name and tried again, `state.store_failed` and `state.store_recovered` tell it,
 * and a row that cannot be used is told as `state.rejected` while the others are. Exporters of metrics take what it
 * returns as a source.
 *
 * Resolves when the store has been read, or has failed to answer in time: then calls go on without, and what it has is
 * taken in when it answers. Wait for it before the first call and before the exporters are attached.
 *
 * @throws {TypeError|RangeError} as a rejection, naming the argument that cannot be used
 * @example
 * const registry = new BreakerRegistry();
 * const state = await persist(registry, createFileStore("/var/lib/shop/state"));
 * process.once("SIGTERM", () => state.close().then(() => process.exit()));
 */
export async function persist(
  registry: BreakerRegistry,
  store: StateStore,
  options: PersistOptions = {},
): Promise<Persistence> {
  const settings = persistSettings(registry, store, options);
  const keeper = new StateKeeper(registry, store, settings);
  await keeper.start();
  let closing: Promise<boolean> | null = null;
  const close = (): Promise<boolean> => {
    closing ??= keeper.close();
    return closing;
  };
  return Object.freeze({
    get loaded() {
      return keeper.loaded;
    },
    [MEASURES]: keeper.measures,
    flush: () => keeper.flush(),
    close,
    async [Symbol.asyncDispose]() {
      await close();
    },
  });
}
