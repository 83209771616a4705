import { BreakerReference } from "./breaker-reference.ts";
import type { Options, Setup } from "./plan.ts";

interface Kept {
  readonly breaker: BreakerReference;
  /** What its name has of its own: what optionsFor answered, its overrides, what `get` was given. */
  readonly own: readonly Options[];
  /** What the registry gave it last. */
  given: Options;
  gets: number;
  surplus: number;
}

/** What a registry tells, as far as the model compares it. */
export type Told =
  | readonly ["added" | "evicted" | "deleted", string]
  | readonly ["full", string, number]
  | readonly ["reconfigured", string, string];

/** What happened while a breaker was looked for that can make room. */
export type Sighting =
  | "evicted"
  | "evicted although it failed, after spareMs"
  | "evicted although it is open, after spareMs"
  | "evicted although it is half open, after spareMs"
  | "evicted although it was held, since all were"
  | "passed over: failing"
  | "passed over: open"
  | "passed over: half open"
  | "passed over: forced"
  | "passed over: disabled"
  | "passed over: in use"
  | "passed over: held"
  | "unkept"
  | "room again after unkept"
  | "reconfigured what was changed directly";

/** The registry as the docs describe it, over a list in the order of use. */
export class RegistryReference {
  readonly setup: Setup;
  /** The least recently used first. */
  kept: Kept[] = [];
  readonly told: Told[] = [];
  readonly stats = { added: 0, evicted: 0, deleted: 0, unkept: 0 };
  /** What breakers that left had counted by then. */
  readonly left = { settled: 0, refused: 0 };
  #defaults: Options;
  readonly #live = new Map<string, Options>();
  #unkeptInRow = 0;
  readonly #saw: (sighting: Sighting) => void;

  constructor(setup: Setup, saw: (sighting: Sighting) => void) {
    this.setup = setup;
    this.#defaults = setup.defaults;
    this.#saw = saw;
  }

  peek(name: string): BreakerReference | undefined {
    return this.#find(name)?.breaker;
  }

  /** The breakers in the order in which they were made. */
  get names(): string[] {
    return this.kept
      .map(({ breaker }) => breaker)
      .sort((a, b) => this.#madeAt(a) - this.#madeAt(b))
      .map(({ name }) => name);
  }

  readonly #order = new Map<BreakerReference, number>();
  #madeAt = (breaker: BreakerReference): number => this.#order.get(breaker) ?? 0;

  get(name: string, asked: Options | null, nowMs: number): BreakerReference {
    const found = this.#find(name);
    if (found !== undefined) {
      found.gets++;
      this.#toEnd(found);
      return found.breaker;
    }
    const { answers, overrides, limit } = this.setup;
    const own = [answers[name], overrides[name], asked].filter((layer) => layer != null);
    const given = this.#given(name, own);
    const breaker = new BreakerReference(name, given, nowMs);
    if (this.kept.length >= limit && !this.#makeRoom(nowMs)) {
      this.stats.unkept++;
      this.#unkeptInRow++;
      this.#saw("unkept");
      if ((this.#unkeptInRow & (this.#unkeptInRow - 1)) === 0) {
        this.told.push(["full", name, this.#unkeptInRow]);
      }
      return breaker;
    }
    if (this.#unkeptInRow > 0) this.#saw("room again after unkept");
    this.#unkeptInRow = 0;
    this.stats.added++;
    this.#order.set(breaker, this.stats.added);
    this.kept.push({ breaker, own, given, gets: 1, surplus: 0 });
    this.told.push(["added", name]);
    return breaker;
  }

  #makeRoom(nowMs: number): boolean {
    const { spareMs } = this.setup;
    let fallback: Kept | undefined;
    for (const kept of [...this.kept]) {
      const { breaker } = kept;
      const surplus = breaker.asked - kept.gets;
      const held = surplus > kept.surplus;
      kept.surplus = surplus;
      const spared = nowMs < breaker.sparedUntilMs(spareMs);
      if (!spared && !held) {
        this.#evict(kept);
        return true;
      }
      if (spared) this.#saw(`passed over: ${why(breaker)}`);
      else {
        this.#saw("passed over: held");
        fallback ??= kept;
      }
      this.#toEnd(kept);
    }
    if (fallback === undefined) return false;
    this.#saw("evicted although it was held, since all were");
    this.#evict(fallback);
    return true;
  }

  #evict(kept: Kept): void {
    const { state, failures } = kept.breaker;
    if (state === "open") this.#saw("evicted although it is open, after spareMs");
    else if (state === "half_open") this.#saw("evicted although it is half open, after spareMs");
    else if (failures > 0) this.#saw("evicted although it failed, after spareMs");
    else this.#saw("evicted");
    this.stats.evicted++;
    this.#remove(kept, "evicted");
  }

  delete(name: string): boolean {
    const found = this.#find(name);
    if (found === undefined) return false;
    this.stats.deleted++;
    this.#remove(found, "deleted");
    return true;
  }

  #remove(kept: Kept, why: "evicted" | "deleted"): void {
    this.kept = this.kept.filter((other) => other !== kept);
    this.left.settled += kept.breaker.settled;
    this.left.refused += kept.breaker.refused;
    this.told.push([why, kept.breaker.name]);
  }

  reconfigureAll(options: Options): void {
    this.#defaults = laid(this.#defaults, options);
    for (const kept of [...this.kept].sort(
      (a, b) => this.#madeAt(a.breaker) - this.#madeAt(b.breaker),
    )) {
      this.#regive(kept);
    }
  }

  reconfigureOne(name: string, options: Options | null): void {
    if (options === null) this.#live.delete(name);
    else this.#live.set(name, { ...this.#live.get(name), ...options });
    const found = this.#find(name);
    if (found !== undefined) this.#regive(found);
  }

  /** How many names have options of their own that were set while it works, if this one had. */
  liveWith(name: string): number {
    return new Set([...this.#live.keys(), name]).size;
  }

  hasLive(name: string): boolean {
    return this.#live.has(name);
  }

  /** The breaker's own reconfigure(); told only of those that are kept. */
  reconfigureHeld(breaker: BreakerReference, options: Options): void {
    this.#change(breaker, laid(breaker.given, options));
  }

  /** Only what the registry gives otherwise than before reaches a breaker that was changed directly. */
  #regive(kept: Kept): void {
    const now = this.#given(kept.breaker.name, kept.own);
    const { breaker, given: before } = kept;
    const isChanged = breaker.given !== before;
    if (isChanged) this.#saw("reconfigured what was changed directly");
    const given: Options = isChanged ? { ...breaker.given } : now;
    for (const key of isChanged ? (["failureThreshold", "cooldownMs"] as const) : []) {
      if (now[key] === before[key]) continue;
      delete given[key];
      if (now[key] !== undefined) given[key] = now[key];
    }
    kept.given = now;
    this.#change(breaker, given);
  }

  /** Puts options in force, and tells it where anything changes. */
  #change(breaker: BreakerReference, given: Options): void {
    const pair = () => [breaker.failureThreshold, breaker.cooldownMs].join();
    const [before, old] = [pair(), breaker.given];
    breaker.given = given;
    if (pair() === before) {
      breaker.given = old;
      return;
    }
    const isKept = this.kept.some((kept) => kept.breaker === breaker);
    if (isKept) this.told.push(["reconfigured", breaker.name, `${before} to ${pair()}`]);
  }

  /** The layers as one, the library's defaults left out. */
  #given(name: string, own: readonly Options[]): Options {
    return laid(...[this.#defaults, ...own, this.#live.get(name) ?? {}]);
  }

  #find(name: string): Kept | undefined {
    return this.kept.find(({ breaker }) => breaker.name === name);
  }

  #toEnd(kept: Kept): void {
    this.kept = [...this.kept.filter((other) => other !== kept), kept];
  }
}

function laid(...layers: readonly Options[]): Options {
  const merged: Record<string, number | null> = Object.assign({}, ...layers);
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}

function why({ state, underWay }: BreakerReference) {
  if (underWay > 0) return "in use";
  switch (state) {
    case "closed":
      return "failing";
    case "open":
      return "open";
    case "half_open":
      return "half open";
    case "forced_open":
      return "forced";
    case "disabled":
      return "disabled";
  }
}
