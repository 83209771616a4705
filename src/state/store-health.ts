import type { Clock } from "../core/clock.ts";
import { type Audience, audienceOf } from "../core/guarded-bus.ts";
import type { SnapshotErrorCode } from "../core/snapshot-error.ts";
import { describeError } from "../events/describe-error.ts";
import type { EventBus } from "../events/event-bus.ts";
import { snapshotRejected } from "../events/snapshot-rejected.ts";
import type { StateStore } from "./store.ts";

const MOST_DOUBLINGS = 5;
const MOST_REFUSED = 1_000;

/** What was tried of a store. */
export type StoreOperation = "load" | "write";

/** Tells when a store begins to fail and when it has recovered, and how long to wait before it is tried again. */
export class StoreHealth {
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #audience: Audience;
  readonly #retryMs: number;
  readonly #waiting: () => number;
  #failures = 0;
  #failedMs = 0;
  #failing: StoreOperation | null = null;
  readonly #losses: Record<StoreOperation, number> = { load: 0, write: 0 };
  readonly #rejections: Record<SnapshotErrorCode, number> = {
    ERR_SNAPSHOT_JSON: 0,
    ERR_SNAPSHOT_KIND: 0,
    ERR_SNAPSHOT_VERSION: 0,
    ERR_SNAPSHOT_FORM: 0,
    ERR_SNAPSHOT_SIZE: 0,
  };
  #rejectedAtMs = 0;
  /** The keys whose rows were refused, and whether somebody heard it: each is counted once, and told once. */
  readonly #refused = new Map<string, boolean>();

  /** `waiting` counts the rows that wait to be written. */
  constructor(
    store: StateStore,
    bus: EventBus,
    given: { readonly clock: Clock; readonly retryMs: number; readonly waiting: () => number },
  ) {
    this.#store = store;
    this.#audience = audienceOf(bus);
    this.#clock = given.clock;
    this.#retryMs = given.retryMs;
    this.#waiting = given.waiting;
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** What the store cannot do at present; null when it can do everything. */
  get failing(): StoreOperation | null {
    return this.#failing;
  }

  /** How often it began to fail. */
  get losses(): Readonly<Record<StoreOperation, number>> {
    return this.#losses;
  }

  /** Rows that could not be used or kept. */
  get rejections(): Readonly<Record<SnapshotErrorCode, number>> {
    return this.#rejections;
  }

  /** When the last of them was, on the wall clock; 0 before one. */
  get rejectedAtMs(): number {
    return this.#rejectedAtMs;
  }

  /** Rows that wait to be written. */
  get waiting(): number {
    return this.#waiting();
  }

  /** How long to wait before the next attempt. */
  get waitMs(): number {
    return this.#retryMs * 2 ** Math.min(MOST_DOUBLINGS, Math.max(0, this.#failures - 1));
  }

  failed(operation: StoreOperation, thrown: unknown): void {
    this.#failures++;
    if (this.#failures > 1) return;
    this.#failing = operation;
    this.#losses[operation]++;
    this.#failedMs = this.#clock.monotonicMs();
    if (!this.#audience.has("state.store_failed")) return;
    const error = describeError(thrown);
    const fields = { store: this.#store.name, operation, waiting: this.#waiting(), error };
    this.#emit({ type: "state.store_failed", ...this.#envelope, ...fields });
  }

  worked(operation: StoreOperation): void {
    const failures = this.#failures;
    this.#failures = 0;
    this.#failing = null;
    if (failures === 0 || !this.#audience.has("state.store_recovered")) return;
    const failedMs = Math.max(0, this.#clock.monotonicMs() - this.#failedMs);
    const fields = { store: this.#store.name, operation, waiting: this.#waiting() };
    const past = { failedMs, failures };
    this.#emit({ type: "state.store_recovered", ...this.#envelope, ...fields, ...past });
  }

  /** A row that cannot be used, or that no store could keep. */
  rejected(key: string, fault: { readonly code: string; readonly path: string }): void {
    const { code, path } = fault;
    const known = this.#refused.get(key);
    if (known === undefined) this.countRejected(code);
    const isHeard = this.#audience.has("state.rejected");
    // More than that are told again some time, rather than remembered without end.
    if (known === undefined && this.#refused.size >= MOST_REFUSED) this.#refused.clear();
    this.#refused.set(key, known === true || isHeard);
    if (known === true || !isHeard) return;
    const { instance } = this.#audience;
    const told = { atMs: this.#clock.epochMs(), instance };
    this.#emit(snapshotRejected({ source: this.#store.name, subject: key, code, path }, told));
  }

  /** A row that somebody else has told of. */
  countRejected(code: string): void {
    this.#rejectedAtMs = this.#clock.epochMs();
    // What throws may be of another copy of telltale, with codes of its own.
    this.#rejections[isCode(code, this.#rejections) ? code : "ERR_SNAPSHOT_FORM"]++;
  }

  /** The row of this key can be used again. */
  accepted(key: string): void {
    this.#refused.delete(key);
  }

  get #envelope() {
    const { instance } = this.#audience;
    const atMs = this.#clock.epochMs();
    return { v: 1, ...(instance === undefined ? {} : { instance }), atMs } as const;
  }

  #emit(event: Parameters<Audience["emit"]>[0]): void {
    this.#audience.emit(Object.freeze(event));
  }
}

const isCode = (code: string, known: object): code is SnapshotErrorCode =>
  Object.hasOwn(known, code);
