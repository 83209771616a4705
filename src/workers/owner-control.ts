import type { BudgetStatus } from "../quota/budget.ts";
import type { SpendTotals } from "../quota/spend-totals.ts";
import type { OwnerAnswer } from "./owner-answer.ts";

/** What an operator may do to a breaker of an owner. */
export interface OwnerControl {
  readonly breaker: string;
  readonly action: "forceOpen" | "reset" | "disable" | "enable";
  /** Why, for the event. */
  readonly reason?: string;
  /** How long a forced open lasts, in milliseconds; without it until `reset`. */
  readonly forMs?: number;
}

/** What an owner holds, for operators. Plain data. */
export interface OwnerStatus
  extends Pick<OwnerAnswer, "owner" | "breakers" | "exhausted" | "denied"> {
  /** What was spent in the present month; null while the ledger is unknown, or without one. */
  readonly spent: SpendTotals | null;
  readonly budgets: readonly BudgetStatus[] | null;
}
