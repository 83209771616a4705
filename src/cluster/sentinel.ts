import { isCircuitOpenError } from "../core/circuit-open-error.ts";
import { Check } from "../events/check.ts";
import { platformRandom, platformTimers, type Timers } from "../platform.ts";
import type { Cluster } from "./cluster.ts";
import { cyrb53 } from "./hash.ts";

/** Options of {@link startSentinel}. */
export interface SentinelOptions {
  /**
   * Asks the dependency itself whether it is well: true, or a promise of it. It must not go through the breaker: what
   * a breaker refuses says nothing of the dependency and is not counted. No answer within `intervalMs` is an unhealthy
   * one, and is waited for no longer.
   */
  readonly probe: () => boolean | PromiseLike<boolean>;
  /**
   * Time between probes, in milliseconds.
   * @default 10_000
   */
  readonly intervalMs?: number;
  /**
   * The share of the interval that chance adds or takes away, 0 to 1.
   * @default 0.2
   */
  readonly jitter?: number;
  /**
   * Healthy probes in a row that reset the breaker.
   * @default 3
   */
  readonly healthyProbes?: number;
  /**
   * What waits.
   * @default the host's timers
   */
  readonly timers?: Timers;
  /**
   * Where chance comes from: a number in [0, 1).
   * @default Math.random
   */
  readonly random?: () => number;
}

const KEYS = [
  "probe",
  "intervalMs",
  "jitter",
  "healthyProbes",
  "timers",
  "random",
] as const satisfies readonly (keyof SentinelOptions)[];
/** The lease outlasts a late probe of whoever has it. */
const LEASE_INTERVALS = 2.5;
/** How much of a name is in the name of its lease. */
const LONGEST_PART = 200;

/**
 * Watches over a breaker that is forced open: asks the dependency at intervals, one task of the fleet at a time, and
 * resets the breaker after some healthy answers. That is all it can do: it never opens a breaker and never keeps one
 * open, whatever it sees.
 *
 * @returns a function that ends it
 * @throws {TypeError|RangeError} when an argument is of the wrong type or outside its range
 * @example
 * const stop = startSentinel(cluster, "payments", {
 *   probe: async () => (await fetch("http://127.0.0.1:8080/health")).ok,
 *   intervalMs: 5_000,
 * });
 */
export function startSentinel(
  cluster: Cluster,
  name: string,
  options: SentinelOptions,
): () => void {
  const check = new Check("start sentinel");
  check.keys(check.object("options", options) && options, KEYS);
  check.text("name", name, 256);
  const { probe, timers = platformTimers, random = platformRandom, jitter = 0.2 } = options;
  check.function("probe", probe);
  check.function("random", random);
  if (typeof jitter !== "number") check.type("jitter", "a number from 0 to 1", jitter);
  if (!(jitter >= 0 && jitter <= 1)) check.range("jitter", "a number from 0 to 1", jitter);
  const { intervalMs = 10_000, healthyProbes = 3 } = options;
  check.positiveMs("intervalMs", intervalMs);
  check.positiveInteger("healthyProbes", healthyProbes);
  const watch = new Sentinel(cluster, name, { probe, intervalMs, healthyProbes, timers });
  let timer: unknown;
  let ended = false;
  const plan = (): void => {
    if (ended) return;
    const delayMs = intervalMs * (1 + jitter * (2 * random() - 1));
    timer = timers.start(() => void watch.look().finally(plan), delayMs);
  };
  plan();
  return () => {
    ended = true;
    timers.stop(timer);
  };
}

type Watching = Required<
  Pick<SentinelOptions, "probe" | "intervalMs" | "healthyProbes" | "timers">
>;

/** The lease of the sentinels of a name, which may be as long as a name of a lease itself. */
function leaseOf(name: string): string {
  const part =
    name.length <= LONGEST_PART ? name : `${name.slice(0, LONGEST_PART)}/${cyrb53(name)}`;
  return `sentinel/${part}`;
}

/** What a sentinel has seen. */
class Sentinel {
  readonly #cluster: Cluster;
  readonly #name: string;
  readonly #options: Watching;
  #healthy = 0;
  /** What the healthy probes are evidence of: a reset takes their force. */
  #fence = 0;

  constructor(cluster: Cluster, name: string, options: Watching) {
    this.#cluster = cluster;
    this.#name = name;
    this.#options = options;
  }

  /** Asks once, if there is reason to and it is this task's turn. Never rejects. */
  async look(): Promise<void> {
    const { healthyProbes, intervalMs } = this.#options;
    if (!this.#isForced) {
      this.#healthy = 0;
      return;
    }
    const given = await this.#cluster.lease(leaseOf(this.#name), intervalMs * LEASE_INTERVALS);
    // Another task asks. With the store out of reach each asks for itself.
    if (given === false) {
      this.#healthy = 0;
      return;
    }
    this.#forgetOlder();
    const healthy = await this.#answer();
    // An answer that was asked for before a reset says nothing of what was forced after it.
    if (this.#forgetOlder() || healthy === null) return;
    this.#healthy = healthy ? this.#healthy + 1 : 0;
    if (this.#healthy < healthyProbes || !this.#isForced) return;
    this.#healthy = 0;
    await this.#cluster.reset(this.#name, `sentinel: ${healthyProbes} healthy probes`);
  }

  /** Begins to count again when a reset came since the last look; whether one did. */
  #forgetOlder(): boolean {
    const { fence } = this.#cluster.evidence(this.#name);
    if (fence === this.#fence) return false;
    this.#fence = fence;
    this.#healthy = 0;
    return true;
  }

  /** A probe that never ends must not end the watch: then nothing would reset the breaker any more. */
  #answer(): Promise<boolean | null> {
    const { timers, intervalMs } = this.#options;
    return new Promise((resolve) => {
      const limit = timers.start(() => resolve(false), intervalMs);
      void this.#ask().then((healthy) => {
        timers.stop(limit);
        resolve(healthy);
      });
    });
  }

  get #isForced(): boolean {
    return this.#cluster.breaker(this.#name)?.state === "forced_open";
  }

  /** Null when the answer is a breaker's and not the dependency's. */
  async #ask(): Promise<boolean | null> {
    try {
      return (await this.#options.probe()) === true;
    } catch (thrown) {
      return isCircuitOpenError(thrown) ? null : false;
    }
  }
}
