import type { Clock } from "../core/clock.ts";
import { own, SnapshotReader } from "../core/snapshot-reader.ts";
import { Check } from "../events/check.ts";
import { describeError } from "../events/describe-error.ts";
import type { EventOf } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { MEASURES, type Measurement, type Measures } from "../events/measurement.ts";
import { platformClock } from "../platform.ts";
import { quotaSignal } from "./quota-signal.ts";
import { withDefaults } from "./with-defaults.ts";

/** Where the end of an exhaustion comes from. */
export type ExhaustionSource = "default" | "error" | "header" | "peer";

/** A provider whose quota is used up. Frozen. */
export interface Exhaustion {
  readonly provider: string;
  /** Since when it is marked, in epoch milliseconds. */
  readonly sinceMs: number;
  /** When it is expected back, in epoch milliseconds. */
  readonly untilMs: number;
  readonly source: ExhaustionSource;
}

/** Options of {@link ExhaustionRegistry}. */
export interface ExhaustionRegistryOptions {
  /**
   * How long a provider is marked whose error does not say. Milliseconds.
   * @default 300 000, five minutes
   */
  readonly defaultMs?: number;
  /**
   * The longest that a provider is marked, whatever an error says. Milliseconds.
   * @default 86 400 000, a day
   */
  readonly maximumMs?: number;
  /**
   * How many providers are marked at the most; the one that is back first goes.
   * @default 1000
   */
  readonly limit?: number;
  /** Where `quota.exhausted` and `quota.recovered` are told; without it, nowhere. */
  readonly bus?: EventBus;
  readonly clock?: Pick<Clock, "epochMs">;
}

/** How a provider is marked by hand. */
export interface MarkOptions {
  /**
   * For how long, in milliseconds.
   * @default `defaultMs` of the registry
   */
  readonly forMs?: number;
  /** What said so, for the event. */
  readonly error?: unknown;
}

/** Is told of what is marked and cleared; what it throws reaches the caller. */
export interface MarkFollower {
  /** A provider was marked, or its mark extended; `forMs` is from now on. */
  marked(mark: { readonly provider: string; readonly forMs: number }): void;
  /** A mark was taken off by hand. */
  cleared(provider: string): void;
}

/** The registry as plain data for JSON. Version 1. */
export interface ExhaustionSnapshot {
  readonly kind: "telltale.exhaustion-registry";
  readonly v: 1;
  readonly atMs: number;
  readonly providers: readonly Exhaustion[];
}

const KIND = "telltale.exhaustion-registry";
const KNOWN = ["defaultMs", "maximumMs", "limit", "bus", "clock"];
const DEFAULTS = Object.freeze({ defaultMs: 300_000, maximumMs: 86_400_000, limit: 1_000 });
const SOURCES = ["default", "error", "header", "peer"] as const;
const LONGEST_NAME = 256;
const LONGEST_JSON = 64 * 1024 * 1024;
const MOST_PROVIDERS = 100_000;
const MARK = new Check("mark provider");

type Told = "quota.exhausted" | "quota.recovered";
type Own<T extends Told> = Omit<EventOf<T>, "type" | "v" | "atMs" | "instance">;

/**
 * Remembers which providers said that their quota is used up, and until when. Starts no timer: that a provider is back
 * is noticed, and told, when somebody asks.
 *
 * @example
 * const exhausted = new ExhaustionRegistry();
 * if (exhausted.isExhausted("openai")) return askAnotherProvider();
 * try {
 *   return await ask();
 * } catch (error) {
 *   exhausted.markFrom("openai", error);
 *   throw error;
 * }
 */
export class ExhaustionRegistry {
  readonly #marks = new Map<string, Exhaustion>();
  readonly #defaultMs: number;
  readonly #maximumMs: number;
  readonly #limit: number;
  readonly #bus: EventBus | undefined;
  readonly #clock: Pick<Clock, "epochMs">;
  #exhaustions = 0;
  /** What exporters of metrics read. */
  readonly [MEASURES]: Measures = { family: "quota", read: () => this.#measured() };
  readonly #followers = new Set<MarkFollower>();

  /** @throws {TypeError|RangeError} naming the option that cannot be used */
  constructor(options: ExhaustionRegistryOptions = {}) {
    const check = new Check("create exhaustion registry");
    check.keys(check.object("options", options), KNOWN);
    const given = withDefaults(DEFAULTS, options);
    this.#defaultMs = check.positiveMs("defaultMs", given.defaultMs);
    this.#maximumMs = check.positiveMs("maximumMs", given.maximumMs);
    this.#limit = check.positiveInteger("limit", given.limit);
    const { bus, clock = platformClock } = options;
    if (bus !== undefined) {
      for (const method of ["emit", "on", "has"] as const)
        check.function(`bus.${method}`, bus[method]);
    }
    check.function("clock.epochMs", check.object("clock", clock)["epochMs"]);
    this.#bus = bus;
    this.#clock = clock;
  }

  /**
   * Marks a provider; one that is marked already stays so until the later end.
   *
   * @throws {TypeError|RangeError} naming the argument that cannot be used
   */
  mark(provider: string, options: MarkOptions = {}): Exhaustion {
    MARK.keys(MARK.object("options", options), ["forMs", "error"]);
    const { forMs, error } = options;
    const waitMs = forMs === undefined ? this.#defaultMs : MARK.positiveMs("forMs", forMs);
    return this.#mark(provider, {
      waitMs,
      source: forMs === undefined ? "default" : "error",
      error,
    });
  }

  /**
   * Marks a provider if an error, or a response, says that its quota is used up: a `QuotaExceededError`, a status 429, a
   * throttling of AWS. The end is what it says, or five minutes from now. Null, and nothing marked, when it says nothing
   * of a quota, or that it may be tried again at once. Never throws for what `error` is.
   *
   * @throws {TypeError|RangeError} when the provider is no name
   */
  markFrom(provider: string, error: unknown): Exhaustion | null {
    const signal = quotaSignal(error, this.#clock.epochMs());
    if (signal === null || signal.retryAfterMs === 0) return null;
    const { retryAfterMs = this.#defaultMs, source } = signal;
    return this.#mark(provider, { waitMs: retryAfterMs, source, error });
  }

  isExhausted(provider: string): boolean {
    return this.#standing(provider, this.#clock.epochMs()) !== undefined;
  }

  /** How long until a provider is expected back, in milliseconds; 0 when it is not marked. */
  retryAfterMs(provider: string): number {
    const nowMs = this.#clock.epochMs();
    return (this.#standing(provider, nowMs)?.untilMs ?? nowMs) - nowMs;
  }

  /** The providers that are marked now, in the order in which they were. */
  list(): readonly Exhaustion[] {
    this.#settle(this.#clock.epochMs());
    return [...this.#marks.values()];
  }

  /** Takes the mark off a provider, or off all of them; the number of marks that were taken off. */
  clear(provider?: string): number {
    const nowMs = this.#clock.epochMs();
    this.#settle(nowMs);
    const names = provider === undefined ? [...this.#marks.keys()] : [provider];
    const ended = names.filter((name) => this.#end(name, nowMs, "cleared"));
    for (const name of ended) for (const follower of this.#followers) follower.cleared(name);
    return ended.length;
  }

  /** Tells of the marks that are made, extended or cleared from now on; returns a function that ends it. */
  follow(follower: MarkFollower): () => void {
    MARK.function("follower.marked", MARK.object("follower", follower)["marked"]);
    MARK.function("follower.cleared", follower.cleared);
    // One of its own, so that a follower given twice can leave twice.
    const own: MarkFollower = {
      marked: (mark) => follower.marked(mark),
      cleared: (provider) => follower.cleared(provider),
    };
    this.#followers.add(own);
    return () => {
      this.#followers.delete(own);
    };
  }

  /**
   * Does as another process has decided: marks a provider for `remainingMs` milliseconds, or takes the mark off when that
   * is 0. Followers are not told.
   *
   * @throws {TypeError|RangeError} naming the argument that cannot be used
   */
  adopt(mark: { readonly provider: string; readonly remainingMs: number }): void {
    const { provider, remainingMs } = mark;
    const waitMs = MARK.durationMs("remainingMs", remainingMs);
    if (waitMs > 0) this.#mark(provider, { waitMs, source: "peer", error: undefined });
    else this.#end(MARK.text("provider", provider, LONGEST_NAME), this.#clock.epochMs(), "cleared");
  }

  /** The marks as plain data for JSON. */
  snapshot(): ExhaustionSnapshot {
    return { kind: KIND, v: 1, atMs: this.#clock.epochMs(), providers: this.list() };
  }

  /** The snapshot as JSON text. */
  serialize(): string {
    return JSON.stringify(this.snapshot());
  }

  /**
   * A registry with the marks of another, from its JSON text or its snapshot: as `restore` of one that was just made.
   *
   * @throws {SnapshotError} when the text cannot be used
   * @throws {TypeError|RangeError} naming the option that cannot be used
   * @example
   * const exhausted = ExhaustionRegistry.deserialize(await readFile("exhausted.json", "utf8"), { bus });
   */
  static deserialize(json: unknown, options: ExhaustionRegistryOptions = {}): ExhaustionRegistry {
    const registry = new ExhaustionRegistry(options);
    registry.restore(json);
    return registry;
  }

  /**
   * Takes in a snapshot, or its JSON text, of this registry or of another: of two marks of a provider the later end
   * holds. What is over is left out, and no end is further away than it was when the snapshot was taken, whatever the
   * wall clock did since, nor than `maximumMs`. Marks that come in are not told again.
   *
   * @throws {SnapshotError} when it cannot be used; nothing of it is then
   */
  restore(snapshot: unknown): void {
    const reader = new SnapshotReader("restore exhaustion registry");
    const nowMs = this.#clock.epochMs();
    const { atMs, marks } = reader.read(() => {
      const head = reader.head(reader.parsed(snapshot, LONGEST_JSON), KIND, []);
      return {
        atMs: reader.number("atMs", own(head, "atMs")),
        marks: reader
          .list("providers", own(head, "providers"), MOST_PROVIDERS)
          .map((one, n) => markOf(reader, `providers[${n}]`, one)),
      };
    });
    this.#settle(nowMs);
    for (const mark of marks) {
      const longestMs = Math.min(mark.untilMs - atMs, this.#maximumMs);
      const untilMs = Math.min(mark.untilMs, nowMs + longestMs);
      const known = this.#marks.get(mark.provider);
      if (untilMs <= nowMs || (known !== undefined && known.untilMs >= untilMs)) continue;
      const sinceMs = Math.min(mark.sinceMs, nowMs, known?.sinceMs ?? nowMs);
      this.#marks.set(mark.provider, Object.freeze({ ...mark, sinceMs, untilMs }));
      this.#makeRoom(nowMs);
    }
  }

  #mark(
    given: string,
    { waitMs, source, error }: { waitMs: number; source: ExhaustionSource; error: unknown },
  ): Exhaustion {
    const provider = MARK.text("provider", given, LONGEST_NAME);
    const nowMs = this.#clock.epochMs();
    this.#settle(nowMs);
    const untilMs = nowMs + Math.min(waitMs, this.#maximumMs);
    const known = this.#marks.get(provider);
    if (known !== undefined && known.untilMs >= untilMs) return known;
    const sinceMs = known?.sinceMs ?? nowMs;
    const mark: Exhaustion = Object.freeze({ provider, sinceMs, untilMs, source });
    this.#marks.set(provider, mark);
    if (source !== "peer") {
      for (const follower of this.#followers) follower.marked({ provider, forMs: untilMs - nowMs });
    }
    if (known !== undefined) return mark;
    this.#exhaustions++;
    const told = { provider, untilMs, source };
    this.#tell("quota.exhausted", nowMs, () =>
      error === undefined ? told : { ...told, error: describeError(error) },
    );
    this.#makeRoom(nowMs);
    return mark;
  }

  #measured(): readonly Measurement[] {
    return [
      { metric: "telltale_quota_exhaustions_total", words: [], value: this.#exhaustions },
      ...this.list().flatMap(({ provider, untilMs }): Measurement[] => {
        const words = [provider];
        const until = { words, value: untilMs / 1000 };
        return [
          { metric: "telltale_quota_exhausted", words, value: 1 },
          { metric: "telltale_quota_until_timestamp_seconds", ...until },
        ];
      }),
    ];
  }

  /** The mark of a provider, unless its time is over. */
  #standing(provider: string, nowMs: number): Exhaustion | undefined {
    const mark = this.#marks.get(provider);
    if (mark === undefined) return undefined;
    if (mark.untilMs <= nowMs) {
      this.#end(provider, mark.untilMs, "expired");
      return undefined;
    }
    if (mark.untilMs - nowMs <= this.#maximumMs) return mark;
    // The wall clock was set back: no mark may outlast the longest time because of it.
    const clamped = Object.freeze({ ...mark, untilMs: nowMs + this.#maximumMs });
    this.#marks.set(provider, clamped);
    return clamped;
  }

  #settle(nowMs: number): void {
    for (const provider of this.#marks.keys()) this.#standing(provider, nowMs);
  }

  #makeRoom(nowMs: number): void {
    if (this.#marks.size <= this.#limit) return;
    const [first] = [...this.#marks.values()].sort((a, b) => a.untilMs - b.untilMs);
    if (first !== undefined) this.#end(first.provider, nowMs, "evicted");
  }

  #end(provider: string, atMs: number, reason: "expired" | "cleared" | "evicted"): boolean {
    const mark = this.#marks.get(provider);
    if (mark === undefined) return false;
    this.#marks.delete(provider);
    const exhaustedMs = Math.max(0, atMs - mark.sinceMs);
    this.#tell("quota.recovered", atMs, () => ({ provider, exhaustedMs, reason }));
    return true;
  }

  #tell<T extends Told>(type: T, atMs: number, build: () => Own<T>): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    try {
      if (!bus.has(type)) return;
      const { instance } = bus;
      const event = { type, v: 1, atMs, ...build() };
      const told = instance === undefined ? event : { ...event, instance };
      // The envelope and the own fields of T are all there: the compiler does not see it through the type parameter.
      bus.emit(Object.freeze(told) as unknown as EventOf<T>);
    } catch {
      // A bus of the user's making failed: the mark holds all the same.
    }
  }
}

function markOf(reader: SnapshotReader, path: string, value: unknown): Exhaustion {
  const mark = reader.record(path, value);
  const source = SOURCES.find((word) => word === own(mark, "source"));
  return {
    provider: reader.text(`${path}.provider`, own(mark, "provider"), LONGEST_NAME),
    sinceMs: reader.number(`${path}.sinceMs`, own(mark, "sinceMs")),
    untilMs: reader.number(`${path}.untilMs`, own(mark, "untilMs")),
    source: source ?? reader.fail(`${path}.source`, SOURCES.join(" or ")),
  };
}
