import { Check } from "../events/check.ts";
import type { CircuitEvent, CircuitMatching, CircuitPattern } from "../events/event.ts";
import {
  checkSubscription,
  type EventBus,
  type ListenOptions,
  LONGEST_SINK,
  SynchronousEventBus,
} from "../events/event-bus.ts";
import type { Scalar } from "../events/field.ts";
import type { CircuitState } from "../events/vocabulary.ts";
import { effectiveState, retryAfterMs } from "./admission.ts";
import type { BreakerSnapshot } from "./breaker-snapshot.ts";
import type { BreakerStats, BreakerView } from "./breaker-view.ts";
import { tellLeftOut } from "./call-context.ts";
import { type DurationListener, listenToDurations } from "./call-durations.ts";
import {
  type CallOptions,
  type CancelSignal,
  type CheckedOptions,
  checkedOptions,
  type Guarded,
} from "./call-options.ts";
import { Circuit } from "./circuit.ts";
import * as control from "./control.ts";
import type { ExecuteResult } from "./execute-result.ts";
import { guard, guardResult, guardSync } from "./guarded-call.ts";
import type { CircuitBreakerOptions, ForceOpenOptions } from "./options.ts";
import { listenToOwn } from "./own-events.ts";
import { askPermit, failed, type Permit, type Refusal, recordResult } from "./permit.ts";
import { quietPath } from "./quiet-path.ts";
import { namedSnapshot } from "./read-snapshot.ts";
import {
  changedSettings,
  checkedChanges,
  type Reconfiguration,
  reconfigure,
} from "./reconfiguration.ts";
import { type RestoreOptions, restoreOne } from "./restoring.ts";
import { settingsOf } from "./settings.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import { readShare, readStats, tripProgress } from "./stats.ts";
import { takeSnapshot } from "./take-snapshot.ts";

const RECORDING = "record a result of";

const NO_ATTRIBUTES = /* @__PURE__ */ Object.freeze({});

/** The circuit of a breaker, for what the library does with breakers from inside. */
export let circuitOf: (breaker: CircuitBreaker) => Circuit;

/**
 * Guards the calls to one dependency: stops them while it fails, tries it again after a cooldown, and tells every
 * decision as an event. Making one starts no timer and touches nothing global.
 *
 * @example
 * const breaker = new CircuitBreaker("anthropic", { failureThreshold: 5, latencyTripMs: 10_000 });
 * breaker.on("circuit.skip", (event) => console.warn(event.skipsSinceOpened, "refused in", event.openMs, "ms"));
 * const reply = await breaker.call(() => fetch("http://127.0.0.1:8080/v1/messages"));
 */
export class CircuitBreaker implements BreakerView {
  readonly #circuit: Circuit;

  static {
    circuitOf = (breaker) => breaker.#circuit;
  }

  /**
   * @throws {TypeError} when an option is unknown or of the wrong type
   * @throws {RangeError} when an option is outside its range
   */
  constructor(name: string, options?: CircuitBreakerOptions) {
    // As `breakerOf` calls it.
    this.#circuit =
      options instanceof Circuit ? options : new Circuit(name, settingsOf(name, options));
  }

  /**
   * Runs `fn` and passes its value or its error through untouched. `fn` may return a value, a promise or any
   * thenable, or throw at once.
   * @throws {CircuitOpenError} when the breaker refuses the call; `fn` has not run then
   */
  call<T, S extends CancelSignal>(
    fn: (signal: S) => T | PromiseLike<T>,
    options: CallOptions & { readonly signal: S },
  ): Promise<T>;
  call<T>(fn: () => T | PromiseLike<T>, options?: CallOptions): Promise<T>;
  call<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    if (typeof fn !== "function") return this.#refuseArgument(fn);
    if (options !== undefined) return this.#withOptions(guard<T>, fn, options);
    const quiet = quietPath(this.#circuit);
    return quiet === null ? guard(this.#circuit, fn, undefined) : quiet.run(fn);
  }

  /**
   * Runs `fn` and describes how it ended instead of throwing: told apart by `outcome`.
   * @throws {TypeError} only when `fn` or an option is of the wrong type
   */
  execute<T, S extends CancelSignal>(
    fn: (signal: S) => T | PromiseLike<T>,
    options: CallOptions & { readonly signal: S },
  ): Promise<ExecuteResult<T>>;
  execute<T>(fn: () => T | PromiseLike<T>, options?: CallOptions): Promise<ExecuteResult<T>>;
  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<ExecuteResult<T>> {
    if (typeof fn !== "function") return this.#refuseArgument(fn);
    if (options !== undefined) return this.#withOptions(guardResult<T>, fn, options);
    return guardResult(this.#circuit, fn, undefined);
  }

  /**
   * Runs a function that returns its value at once.
   * @throws {CircuitOpenError} when the breaker refuses the call
   * @throws {TypeError} when `fn` returns a promise, whose end would go unseen: use `call`
   */
  callSync<T>(fn: () => T extends PromiseLike<unknown> ? never : T, options?: CallOptions): T {
    const check = this.#check("call");
    check.function("fn", fn);
    // The conditional type only keeps promises out; what comes back is a T.
    const run = fn as () => T;
    return guardSync(
      this.#circuit,
      run,
      options === undefined ? undefined : this.#checked(check, options),
    );
  }

  /** Asks for the right to make one call. A refusal is counted and told as a skip. */
  admit(): Permit | Refusal {
    return askPermit(this.#circuit, undefined, true);
  }

  /**
   * Reports a success that happened elsewhere: a verdict when closed or disabled, a probe when one is due and a slot
   * is free, otherwise late. `latencyMs` above `latencyTripMs` is a failure with reason `latency`.
   */
  recordSuccess(latencyMs?: number): void {
    this.#record({ outcome: "success", latencyMs, thrown: null });
  }

  /** Reports a failure that happened elsewhere; see {@link CircuitBreaker.recordSuccess}. */
  recordFailure(error?: unknown, latencyMs?: number): void {
    this.#record(failed(error, latencyMs));
  }

  /**
   * Refuses every call from now on, with reason `forced_open`. Within an incident the incident goes on; when already
   * forced the end changes, and the reason if one is given: told as `circuit.force_changed`, since no state does.
   * @throws {TypeError|RangeError} when an argument is of the wrong type or outside its range
   */
  forceOpen(reason?: string, options?: ForceOpenOptions): void {
    const check = this.#check("force open");
    const note = control.noteOf(check, reason);
    let forMs = Number.POSITIVE_INFINITY;
    if (options !== undefined) {
      check.object("options", options);
      check.keys(options, ["forMs"]);
      if (options.forMs !== undefined) forMs = check.positiveMs("forMs", options.forMs);
    }
    control.forceOpen(this.#circuit, { note, forMs, thrown: null }, this.#circuit.begin());
  }

  /** Closes the breaker, whatever held it open, and clears what it had counted against the dependency. */
  reset(reason?: string): void {
    const note = control.noteOf(this.#check("reset"), reason);
    control.reset(this.#circuit, note, this.#circuit.begin());
  }

  /** Lets every call pass, measured, until `enable`; an open breaker is closed first. */
  disable(): void {
    control.disable(this.#circuit, this.#circuit.begin());
  }

  /** Puts a disabled breaker back to work. */
  enable(): void {
    control.enable(this.#circuit, this.#circuit.begin());
  }

  /**
   * Changes options while the breaker works: all of them, or on bad input none. State, generation, incident, counters
   * and the count of failures stay, and calls under way count by the new options. A rule in the place of one of its
   * name goes on with that one's window, as far as the new one reaches: rates do so when the window is of the same
   * kind and judges by the same limit, else they begin anew. What changes is decided at the next result: nothing opens
   * or closes now, an open breaker keeps the end of its cooldown, a probe its lease. Told as `circuit.reconfigure`,
   * when anything changed.
   *
   * @throws {TypeError} when an option is unknown, of the wrong type, or one of `bus`, `clock` and `random`
   * @throws {RangeError} when an option is outside its range
   * @example
   * breaker.reconfigure({ failureThreshold: 10, latencyTripMs: null, halfOpen: { maxProbes: 3 } });
   */
  reconfigure(options: Reconfiguration): void {
    const circuit = this.#circuit;
    const check = this.#check("reconfigure");
    reconfigure(circuit, changedSettings(check, circuit.settings, checkedChanges(check, options)));
    circuit.deliver();
  }

  /** The breaker at this moment, as plain data for JSON: what `restore` goes on from. Does first what `catchUp` does. */
  snapshot(): BreakerSnapshot {
    return takeSnapshot(this.#circuit);
  }

  /** The snapshot as JSON text. */
  serialize(): string {
    return JSON.stringify(this.snapshot());
  }

  /**
   * Goes on where a snapshot, or its JSON text, was taken: state, incident, counters, windows and failures in a row. It
   * waits for what is left of a cooldown and never longer than was left, whatever the wall clock did; half open comes
   * back as open and due. Permits given before are late. Counters never fall. Where the breaker's own state is newer,
   * it stays and only the counters are taken in. Told as `circuit.restore`, and by no other event.
   *
   * Newer is, of one history, the higher generation; else the state that was entered later, or changed at all; a closed
   * breaker that was called is newer than a closed snapshot.
   *
   * @returns whether the state was taken over
   * @throws {SnapshotError} when the snapshot is damaged, of another breaker, or of a version that this one does not
   * read; nothing has changed then, and `state.rejected` says so
   * @example
   * const stored = breaker.serialize();
   * new CircuitBreaker("anthropic").restore(stored, { source: "disk" });
   */
  restore(snapshot: unknown, options?: RestoreOptions): boolean {
    return restoreOne(this.#circuit, this.#check("restore"), { snapshot, options });
  }

  /**
   * A new breaker that goes on where a snapshot, or its JSON text, was taken. Options are not part of a snapshot.
   * @throws {SnapshotError|TypeError|RangeError} as `restore` and the constructor do
   */
  static deserialize(snapshot: unknown, options?: CircuitBreakerOptions): CircuitBreaker {
    const { name, parsed } = namedSnapshot(new SnapshotReader("deserialize breaker"), snapshot);
    const breaker = new CircuitBreaker(name, options);
    breaker.restore(parsed);
    return breaker;
  }

  /**
   * Commits and tells what time alone has brought about: trips by calls that hang (`inFlight`), probe leases that
   * ended, idle steps of `degradation`. Every call, result and control call does the same first, and exporters do it
   * before they read; it makes no call and opens for no probe.
   */
  catchUp(): void {
    control.catchUp(this.#circuit, this.#circuit.begin());
  }

  /**
   * Listens to this breaker's events, also when its bus is shared: breakers on one bus are told apart by name.
   * @returns a function that unsubscribes
   * @throws {TypeError} when no event has that name
   */
  on<P extends CircuitPattern>(
    type: P,
    listener: (event: CircuitMatching<P>) => void,
    options?: ListenOptions,
  ): () => void {
    checkSubscription(type, listener, options, "circuit.");
    // The bus hands over only events that the pattern matches.
    const heard = listener as (event: CircuitEvent) => unknown;
    return listenToOwn(this.#circuit, this.bus, { type, heard, options });
  }

  /** Listens to the next such event of this breaker, once. */
  once<P extends CircuitPattern>(
    type: P,
    listener: (event: CircuitMatching<P>) => void,
    options?: ListenOptions,
  ): () => void {
    checkSubscription(type, listener, options, "circuit.");
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

  /**
   * Tells the length of each call that counts as success, error or latency, without an event: what a histogram needs.
   * @returns a function that ends it
   * @throws {TypeError} when the listener is no function or an option is unknown
   */
  onDuration(listener: DurationListener, options?: Pick<ListenOptions, "sink">): () => void {
    const check = this.#check("listen to the durations of");
    check.function("listener", listener);
    const { sink = "listener" } =
      options === undefined ? {} : check.keys(check.object("options", options), ["sink"]);
    return listenToDurations(this.#circuit, {
      listener,
      sink: check.text("sink", sink, LONGEST_SINK),
    });
  }

  get name(): string {
    return this.#circuit.name;
  }

  /** The static key/values that are on every event; empty when there are none. */
  get attributes(): Readonly<Record<string, Scalar>> {
    return this.#circuit.settings.attributes ?? NO_ATTRIBUTES;
  }

  get bus(): EventBus {
    const { journal } = this.#circuit;
    return (journal ?? this.#circuit.listen(new SynchronousEventBus())).bus;
  }

  get state(): CircuitState {
    return effectiveState(this.#circuit, this.#now());
  }

  /** Whether `state` is `open` or `forced_open`. */
  get isOpen(): boolean {
    const { state } = this;
    return state === "open" || state === "forced_open";
  }

  /** 0 when a call may be tried now, by state and `quota`; null when unknown (forced without an end, probes full). */
  get retryAfterMs(): number | null {
    const circuit = this.#circuit;
    return circuit.ask(() => retryAfterMs(circuit, this.#now()));
  }

  get trafficShare(): number {
    return readShare(this.#circuit, this.#now());
  }

  get tripProgress(): number {
    return tripProgress(this.#circuit, this.#now());
  }

  get failureThreshold(): number | null {
    return this.#circuit.settings.failureThreshold;
  }

  get probesInFlight(): number {
    const { period } = this.#circuit;
    return period.state === "half_open" ? period.held(this.#now()) : 0;
  }

  get openedAtMs(): number | null {
    return this.#circuit.incident?.startedAtMs ?? null;
  }

  get stats(): BreakerStats {
    return readStats(this.#circuit, this.#now());
  }

  #now(): number {
    return this.#circuit.glance();
  }

  #check(action: string): Check {
    return new Check(`${action} breaker "${this.#circuit.name}"`);
  }

  #refuseArgument(fn: unknown): Promise<never> {
    try {
      return this.#check("call").type("fn", "a function", fn);
    } catch (refused) {
      return Promise.reject(refused);
    }
  }

  #checked(check: Check, options: CallOptions): CheckedOptions {
    const checked = checkedOptions(check, options);
    if (checked.leftOut > 0) tellLeftOut(this.#circuit, checked.leftOut);
    return checked;
  }

  #withOptions<T, R>(
    run: (circuit: Circuit, fn: Guarded<T>, options: CheckedOptions) => Promise<R>,
    fn: Guarded<T>,
    options: CallOptions,
  ): Promise<R> {
    let checked: CheckedOptions;
    try {
      checked = this.#checked(this.#check("call"), options);
    } catch (refused) {
      return Promise.reject(refused);
    }
    return run(this.#circuit, fn, checked);
  }

  #record(result: ReturnType<typeof failed>): void {
    const { latencyMs } = result;
    if (latencyMs !== undefined) this.#check(RECORDING).durationMs("latencyMs", latencyMs);
    recordResult(this.#circuit, result);
  }
}

/** The breaker around a circuit that a registry made, its options checked before. */
export function breakerOf(circuit: Circuit): CircuitBreaker {
  // The constructor takes a circuit, too, which its signature does not tell.
  return new CircuitBreaker(circuit.name, circuit as object as CircuitBreakerOptions);
}
