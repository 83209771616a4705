import { LONGEST_TIMER_MS } from "../platform.ts";
import { type Question, yesOrNo } from "./user-answer.ts";

// What a retry asks of the functions that its user gave.

export const SHOULD_RETRY: Question<boolean | undefined> = {
  callback: "shouldRetry",
  allowed: "true, false or undefined",
  accepts: (answer) => answer === undefined || typeof answer === "boolean",
};

export const SHOULD_RETRY_RESULT = /* @__PURE__ */ yesOrNo("shouldRetryResult");

export const BACKOFF: Question<number> = {
  callback: "backoff",
  allowed: `a number of milliseconds from 0 to ${LONGEST_TIMER_MS}`,
  accepts: (answer): answer is number =>
    typeof answer === "number" && answer >= 0 && answer <= LONGEST_TIMER_MS,
};

export const WITHDRAW: Question<number | null> = {
  callback: "budget.withdraw",
  allowed: "what the retry costs, 0 or more, or null",
  accepts: (answer): answer is number | null =>
    answer === null || (typeof answer === "number" && answer >= 0 && Number.isFinite(answer)),
};
