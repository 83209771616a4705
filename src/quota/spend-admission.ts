import type { LedgerAccounts } from "./ledger-accounts.ts";
import type { LedgerSettings, LimitRule } from "./ledger-options.ts";
import type { NanoUsd } from "./nano-usd.ts";
import { RollingUse, type Use } from "./rate-limit.ts";
import { type Held, Reservations } from "./reservations.ts";

/** Why a use was refused. Frozen. */
export interface Denied {
  readonly ok: false;
  /** A hard budget, a rate limit, a model without a price under a hard budget, or a ledger that is unknown. */
  readonly reason: "budget" | "requests" | "tokens" | "unpriced" | "unknown";
  /** The budget that would be exceeded; null for any other reason but `unpriced`. */
  readonly budget: string | null;
  /** When it may fit, in milliseconds from now; null when nobody knows. */
  readonly retryAfterMs: number | null;
}

/** A use that was priced. */
export interface PricedUse extends Use {
  readonly provider: string;
  readonly model: string;
  /** Undefined where there is no price. */
  readonly nano: NanoUsd | undefined;
}

/** One rate limit and what was used under it. */
export interface CountedLimit {
  readonly rule: LimitRule;
  readonly use: RollingUse;
}

/** Decides what fits under hard budgets and rate limits, beside what is reserved. */
export class SpendAdmission {
  readonly limits: readonly CountedLimit[];
  readonly reservations = new Reservations();
  readonly #accounts: LedgerAccounts;

  constructor(settings: LedgerSettings, accounts: LedgerAccounts) {
    this.#accounts = accounts;
    this.limits = settings.limits.map((rule) => ({
      rule,
      use: new RollingUse(rule.per === "minute" ? 60_000 : 86_400_000),
    }));
  }

  /** Counts a use under the limits that it falls under. */
  count(use: PricedUse, atMs: number, nowMs: number): void {
    for (const { rule, use: counted } of this.limits) {
      if (covers(rule, use) && nowMs - atMs < counted.spanMs) counted.add(nowMs, use);
    }
  }

  /** Null when it fits. */
  denied(use: PricedUse, nowMs: number): Denied | null {
    return this.#overBudget(use, nowMs) ?? this.#overLimit(use, nowMs);
  }

  hold(use: PricedUse, expiresMs: number): Held {
    const { provider, model, nano = 0, requests, tokens } = use;
    const held: Held = { provider, model, nano, requests, tokens, expiresMs };
    this.reservations.add(held);
    return held;
  }

  #overBudget(use: PricedUse, nowMs: number): Denied | null {
    const month = this.#accounts.turnTo(nowMs);
    for (const budget of this.#accounts.budgets) {
      const { name, hard, nanoPerMonth } = budget.rule;
      if (!hard || !budget.covers(use.provider, use.model)) continue;
      if (use.nano === undefined) return denied("unpriced", { budget: name });
      const matches = (provider: string, model: string): boolean => budget.covers(provider, model);
      const reserved = this.reservations.sum(nowMs, matches).nano;
      if (budget.spendNano + reserved + use.nano <= nanoPerMonth) continue;
      // What only reservations stand in the way of may fit as soon as one is released.
      const spent = budget.spendNano + use.nano > nanoPerMonth && use.nano <= nanoPerMonth;
      return denied("budget", { budget: name, retryAfterMs: spent ? month.untilMs - nowMs : null });
    }
    return null;
  }

  #overLimit(use: PricedUse, nowMs: number): Denied | null {
    for (const { rule, use: counted } of this.limits) {
      if (!covers(rule, use)) continue;
      const matches = (provider: string, model: string): boolean =>
        covers(rule, { provider, model });
      const held = this.reservations.sum(nowMs, matches);
      const both = { requests: use.requests + held.requests, tokens: use.tokens + held.tokens };
      const waitMs = counted.waitMs(nowMs, both, rule.most);
      if (waitMs === 0) continue;
      const withoutTokens = counted.waitMs(nowMs, { ...both, tokens: 0 }, rule.most);
      const retryAfterMs = Number.isFinite(waitMs) ? waitMs : null;
      return denied(withoutTokens > 0 ? "requests" : "tokens", { retryAfterMs });
    }
    return null;
  }
}

export function denied(
  reason: Denied["reason"],
  given: { readonly budget?: string | null; readonly retryAfterMs?: number | null } = {},
): Denied {
  const { budget = null, retryAfterMs = null } = given;
  return Object.freeze({ ok: false, reason, budget, retryAfterMs });
}

function covers(
  rule: LimitRule,
  { provider, model }: { readonly provider: string; readonly model: string },
): boolean {
  return rule.provider === provider && (rule.model === undefined || rule.model === model);
}
