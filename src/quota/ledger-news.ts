import type { EventOf, EventType } from "../events/event.ts";
import type { Budget } from "./budget.ts";
import type { LedgerSettings } from "./ledger-options.ts";

type Told = Extract<EventType, `budget.${string}`>;
type Own<T extends Told> = Omit<EventOf<T>, "type" | "v" | "atMs" | "instance">;

/** Tells what a spend has reached, to whom listens. */
export class LedgerNews {
  readonly #settings: LedgerSettings;

  constructor(settings: LedgerSettings) {
    this.#settings = settings;
  }

  /** Tells the tiers that a budget has newly reached; they are marked as told also when nobody listens. */
  tiers(budget: Budget, nowMs: number, monthEndsMs: number): void {
    const news = budget.news(this.#settings, nowMs, monthEndsMs);
    if (news === null) return;
    const shared = {
      budget: budget.rule.name,
      month: budget.month,
      spendNanoUsd: budget.spendNano,
      budgetNanoUsd: budget.rule.nanoPerMonth,
    };
    for (const tier of news.thresholds) this.#tell("budget.threshold", { ...shared, tier }, nowMs);
    for (const tier of news.depletions) {
      const depletesAtMs = budget.depletesAtMs(nowMs, monthEndsMs) ?? nowMs;
      const forecast = {
        tier,
        daysLeft: (depletesAtMs - nowMs) / 86_400_000,
        depletesAtMs,
        burnNanoUsdPerDay: budget.burnPerDay(nowMs),
      };
      this.#tell("budget.depletion", { ...shared, ...forecast }, nowMs);
    }
  }

  /** Tells of a model without a price. */
  unpriced(own: Own<"budget.unpriced">, nowMs: number): void {
    this.#tell("budget.unpriced", own, nowMs);
  }

  #tell<T extends Told>(type: T, own: Own<T>, nowMs: number): void {
    const { bus } = this.#settings;
    if (bus === undefined) return;
    try {
      if (!bus.has(type)) return;
      const { instance } = bus;
      const event = { type, v: 1, atMs: nowMs, ...own };
      const told = instance === undefined ? event : { ...event, instance };
      // The envelope and the own fields of T are all there: the compiler does not see it through the type parameter.
      bus.emit(Object.freeze(told) as unknown as EventOf<T>);
    } catch {
      // A bus of the user's making failed: what was spent is recorded all the same.
    }
  }
}
