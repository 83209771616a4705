import type { CircuitState } from "../../src/index.ts";
import type { Options } from "./plan.ts";

const LIBRARY = { failureThreshold: 5, cooldownMs: 60_000 };
/** No lease of the schedules ends. */
export const LEASE_MS = 1e9;

export interface PermitReference {
  readonly generation: number;
  readonly probe: boolean;
  settled: boolean;
}

/** One breaker, as far as a registry cares for it: written from the contract and not from the core. */
export class BreakerReference {
  readonly name: string;
  /** The options as they are given to it; what is missing is the library's default. */
  given: Options;
  state: CircuitState = "closed";
  failures = 0;
  generation = 0;
  permits: PermitReference[] = [];
  /** Calls that were asked for, refused ones included. */
  asked = 0;
  refused = 0;
  settled = 0;
  lastFailureMs = 0;
  /** When the state was entered. */
  sinceMs: number;
  /** When a probe may run; of an open or forced breaker. */
  dueMs = 0;

  constructor(name: string, given: Options, nowMs: number) {
    this.name = name;
    this.given = given;
    this.sinceMs = nowMs;
  }

  get failureThreshold(): number {
    return this.given.failureThreshold ?? LIBRARY.failureThreshold;
  }

  get cooldownMs(): number {
    return this.given.cooldownMs ?? LIBRARY.cooldownMs;
  }

  get underWay(): number {
    return this.permits.filter(({ settled }) => !settled).length;
  }

  effectiveState(nowMs: number): CircuitState {
    const waits = this.state === "open" || this.state === "forced_open";
    return waits && nowMs >= this.dueMs ? "half_open" : this.state;
  }

  /** Null when the call is refused. */
  admit(nowMs: number): PermitReference | null {
    this.asked++;
    const permit = this.#slot(nowMs);
    if (permit === null) this.refused++;
    else this.permits.push(permit);
    return permit;
  }

  #slot(nowMs: number): PermitReference | null {
    if (this.state === "open" || this.state === "forced_open") {
      if (nowMs < this.dueMs) return null;
      this.#enter("half_open", nowMs);
    } else if (this.state === "half_open") {
      const taken = this.permits.some(
        ({ probe, settled, generation }) => probe && !settled && generation === this.generation,
      );
      if (taken) return null;
    }
    const probe = this.state === "half_open";
    return { generation: this.generation, probe, settled: false };
  }

  settle(permit: PermitReference, how: "success" | "failure" | "release", nowMs: number): void {
    if (permit.settled) return;
    permit.settled = true;
    this.settled++;
    if (permit.generation !== this.generation || how === "release") return;
    if (how === "success") {
      this.failures = 0;
      if (this.state === "half_open") this.#enter("closed", nowMs);
      return;
    }
    this.failures++;
    this.lastFailureMs = nowMs;
    const trips = this.state === "closed" && this.failures >= this.failureThreshold;
    if (trips || this.state === "half_open") {
      this.#enter("open", nowMs);
      this.dueMs = nowMs + this.cooldownMs;
    }
  }

  /** A failure that happened elsewhere: late when there is no permit, and then it is no refusal. */
  recordFailure(nowMs: number): void {
    this.asked++;
    const permit = this.#slot(nowMs);
    if (permit === null) this.settled++;
    else this.settle(permit, "failure", nowMs);
  }

  /** A call that was cancelled before it began. */
  cancelled(): void {
    this.asked++;
    this.settled++;
  }

  force(nowMs: number, forMs: number): void {
    if (this.state !== "forced_open") this.#enter("forced_open", nowMs);
    this.dueMs = nowMs + forMs;
  }

  reset(nowMs: number): void {
    this.#enter(this.state === "disabled" ? "disabled" : "closed", nowMs);
    this.failures = 0;
  }

  disable(nowMs: number): void {
    if (this.state === "disabled") return;
    this.#enter("disabled", nowMs);
    this.failures = 0;
  }

  enable(nowMs: number): void {
    if (this.state !== "disabled") return;
    this.#enter("closed", nowMs);
    this.failures = 0;
  }

  #enter(state: CircuitState, nowMs: number): void {
    // A reset that finds nothing to close stays in its state, whose time goes on.
    if (state !== this.state) this.sinceMs = nowMs;
    this.state = state;
    this.generation++;
  }

  /** Until when it is spared; Infinity for as long as it stays as it is, 0 for not at all. */
  sparedUntilMs(spareMs: number): number {
    if (this.underWay > 0 || this.state === "disabled") return Number.POSITIVE_INFINITY;
    if (this.state === "closed") return this.failures > 0 ? this.lastFailureMs + spareMs : 0;
    return (this.state === "half_open" ? this.sinceMs : this.dueMs) + spareMs;
  }
}
