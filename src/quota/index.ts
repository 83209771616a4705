export type { BudgetStatus } from "./budget.ts";
export {
  type BudgetGuard,
  type BudgetGuardOptions,
  budgetGuard,
  type EstimatedCall,
  type SpentResult,
} from "./budget-guard.ts";
export {
  type ActualSpend,
  CreditLedger,
  type Recorded,
  type Reservation,
} from "./credit-ledger.ts";
export {
  type Exhaustion,
  ExhaustionRegistry,
  type ExhaustionRegistryOptions,
  type ExhaustionSnapshot,
  type ExhaustionSource,
  type MarkFollower,
  type MarkOptions,
} from "./exhaustion-registry.ts";
export type { SpendQuery, SpendRow } from "./ledger-accounts.ts";
export type { BudgetOptions, CreditLedgerOptions, RateLimitOptions } from "./ledger-options.ts";
export type {
  EntrySnapshot,
  LedgerSnapshot,
  LimitSnapshot,
  RowSnapshot,
  SpendSnapshot,
  ToldSnapshot,
  WriterSnapshot,
} from "./ledger-snapshot.ts";
export { formatUsd, type NanoUsd } from "./nano-usd.ts";
export type { Price, PriceTable, TokenKind, Tokens } from "./price-table.ts";
export {
  isQuotaExceededError,
  QuotaExceededError,
  type QuotaExceededOptions,
} from "./quota-exceeded-error.ts";
export {
  type MarkedBy,
  type QuotaGuard,
  type QuotaGuardOptions,
  quotaGuard,
} from "./quota-guard.ts";
export type { UseBucket } from "./rate-limit.ts";
export type { Denied } from "./spend-admission.ts";
export type { Spend, Usage } from "./spend-input.ts";
export type { SpendTotals } from "./spend-totals.ts";
