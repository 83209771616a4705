import { amount, type CircuitRecord, text } from "../../report/event-record.ts";

/** What the events of a breaker say of it beside its calls: what it did, and what its options were. */
export class RecordedFacts {
  successes = 0;
  failures = 0;
  /** Calls that were refused by the breaker, so that nobody knows what would have become of them. */
  refused = 0;
  /** Calls that something beside the breaker refused; no setting would have let them through. */
  refusedBeside = 0;
  /** Calls of which no event tells how long they took. */
  untimed = 0;
  incidents = 0;
  /** Opens by an operator or a peer, and times of being disabled: no setting brings them about. */
  foreign = 0;
  /** Of the incidents that a probe ended. */
  recoveries = 0;
  recoveryMs = 0;
  readonly #thresholds = new Set<number | null>();
  readonly #cooldowns = new Set<number>();
  readonly #rules = new Set<string>();
  /** The slowest call that counted as a success, and the fastest that counted as too slow. */
  #slowestGoodMs = 0;
  #fastestSlowMs = Number.POSITIVE_INFINITY;

  success(latencyMs: number | null): void {
    this.successes++;
    if (latencyMs !== null) this.#slowestGoodMs = Math.max(this.#slowestGoodMs, latencyMs);
  }

  failure(record: CircuitRecord, latencyMs: number | null): void {
    this.failures++;
    const threshold = record["failureThreshold"];
    if (threshold !== undefined) this.#thresholds.add(amount(record, "failureThreshold"));
    // What threw may be slow for its time limit.
    const isFinished = text(record, "reason") === "latency" && record["error"] === undefined;
    if (isFinished && latencyMs !== null) {
      this.#fastestSlowMs = Math.min(this.#fastestSlowMs, latencyMs);
    }
  }

  open(record: CircuitRecord): void {
    const reason = text(record, "reason");
    const isOwn = reason === "error" || reason === "latency";
    if (!isOwn) this.foreign++;
    if (text(record, "from") === "closed" && isOwn) {
      this.incidents++;
      const rule = text(record, "rule");
      if (rule !== null) this.#rules.add(rule);
    }
    const cooldownMs = amount(record, "cooldownMs");
    if (isOwn && cooldownMs !== null) this.#cooldowns.add(cooldownMs);
  }

  close(record: CircuitRecord): void {
    const mttrMs = amount(record, "mttrMs");
    if (text(record, "reason") !== "probe" || mttrMs === null) return;
    this.recoveries++;
    this.recoveryMs += mttrMs;
  }

  /** The threshold that was in force all the time; undefined when the record does not tell one. */
  get failureThreshold(): number | null | undefined {
    const [threshold] = this.#thresholds;
    return this.#thresholds.size === 1 ? threshold : undefined;
  }

  get cooldownMs(): number | undefined {
    const [cooldownMs] = this.#cooldowns;
    return this.#cooldowns.size === 1 ? cooldownMs : undefined;
  }

  /** Rules other than failures in a row that have opened it, whose numbers no event tells in full. */
  get otherRules(): readonly string[] {
    return [...this.#rules].filter((rule) => rule !== "consecutive");
  }

  /**
   * A limit for the length of calls that divides the recorded ones as they were; undefined when none was too slow, or
   * when no limit does. Every limit between the two calls next to it gives the same replay.
   */
  get latencyTripMs(): number | undefined {
    const [good, slow] = [this.#slowestGoodMs, this.#fastestSlowMs];
    if (slow === Number.POSITIVE_INFINITY || good >= slow) return undefined;
    return roundedBetween(good, slow);
  }
}

/** The number with the fewest digits from `low` on and below `high`, in the middle of what there is. */
function roundedBetween(low: number, high: number): number {
  for (let unit = 10 ** Math.ceil(Math.log10(high)); unit >= 1; unit /= 10) {
    const middle = Math.round((low + high) / 2 / unit) * unit;
    if (middle >= low && middle < high && middle > 0) return middle;
  }
  return low;
}
