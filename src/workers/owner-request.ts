import { Check } from "../events/check.ts";
import type { Scalar } from "../events/field.ts";
import { OUTCOMES, type Outcome, SKIP_REASONS, type SkipReason } from "../events/vocabulary.ts";
import type { Spend, Usage } from "../quota/spend-input.ts";

/** How a call ended that a Worker made. */
export interface CallReport {
  readonly breaker: string;
  /** As the owner had said it; null when the Worker went on by itself. */
  readonly generation: number | null;
  /** The permit of a probe; null for any other call. */
  readonly permit: string | null;
  readonly outcome: Outcome;
  readonly latencyMs: number;
  readonly permanent: boolean;
  readonly retryAfterMs: number | null;
  readonly error: {
    readonly name: string;
    readonly message: string;
    readonly code?: string;
  } | null;
  readonly context: Readonly<Record<string, Scalar>> | null;
}

/** Calls that a Worker refused by what the owner had said. */
export interface SkipReport {
  readonly breaker: string;
  readonly reason: SkipReason;
  readonly count: number;
}

/** A provider that said that its quota is used up. */
export interface QuotaReport {
  readonly provider: string;
  /** Null when it did not say for how long. */
  readonly forMs: number | null;
}

/** A function of the Worker's options that threw. */
export interface CallbackReport {
  readonly breaker: string;
  readonly callback: string;
  readonly error: { readonly name: string; readonly message: string };
}

/** What a Worker sends to its owner: a question, a report, or both. Plain data, version 1. */
export interface OwnerRequest {
  readonly v: 1;
  /** The breaker that a probe is asked for; null for none. */
  readonly probe: string | null;
  /** What a call may use, to be held until its reservation is released; null for nothing. */
  readonly reserve: Usage | null;
  readonly calls: readonly CallReport[];
  readonly skips: readonly SkipReport[];
  readonly quota: readonly QuotaReport[];
  readonly callbacks: readonly CallbackReport[];
  /** Each with its id: one that comes again counts once. */
  readonly spends: readonly (Spend & { readonly id: string })[];
  /** Reservations that are over, after what they were made for is in `spends`. */
  readonly releases: readonly string[];
}

/** A request that only asks. */
export const QUESTION: OwnerRequest = Object.freeze({
  v: 1,
  probe: null,
  reserve: null,
  calls: [],
  skips: [],
  quota: [],
  callbacks: [],
  spends: [],
  releases: [],
});

/** The most of each kind in one request. */
export const MOST_REPORTED = 1_000;
/** The most refusals that one report counts; more come with the next. */
export const MOST_SKIPS = 10_000;
const LONGEST_NAME = 256;
const CHECK = new Check("answer a Worker");

/**
 * Checks a request as far as it decides where anything is counted: it comes from a Worker, which may be of another
 * version. Spends are checked by the ledger, each by itself.
 * @throws {TypeError|RangeError} when it cannot be used; nothing of it is then
 */
export function checkedRequest(given: unknown): OwnerRequest {
  const request = CHECK.object("request", given);
  const { v, probe, reserve } = request;
  if (v !== 1) CHECK.range("request.v", "1", v);
  // Checked field by field above and below; what it is made of is plain data.
  const { calls, skips, quota, callbacks, spends, releases } = request as unknown as OwnerRequest;
  return {
    v: 1,
    probe: probe === null ? null : CHECK.text("request.probe", probe, LONGEST_NAME),
    // What it holds is checked by the ledger.
    reserve:
      reserve === null ? null : (CHECK.object("request.reserve", reserve) as object as Usage),
    calls: listOf("calls", calls, (call, at) => {
      CHECK.object(at, call);
      nameOf(`${at}.breaker`, call.breaker);
      wordOf(`${at}.outcome`, call.outcome, OUTCOMES);
      CHECK.durationMs(`${at}.latencyMs`, call.latencyMs);
      if (call.retryAfterMs !== null) CHECK.durationMs(`${at}.retryAfterMs`, call.retryAfterMs);
    }),
    skips: listOf("skips", skips, (skip, at) => {
      CHECK.object(at, skip);
      nameOf(`${at}.breaker`, skip.breaker);
      wordOf(`${at}.reason`, skip.reason, SKIP_REASONS);
      const count = CHECK.positiveInteger(`${at}.count`, skip.count);
      if (count > MOST_SKIPS) CHECK.range(`${at}.count`, `at most ${MOST_SKIPS}`, count);
    }),
    quota: listOf("quota", quota, (mark, at) => {
      CHECK.object(at, mark);
      nameOf(`${at}.provider`, mark.provider);
      if (mark.forMs !== null) CHECK.positiveMs(`${at}.forMs`, mark.forMs);
    }),
    callbacks: listOf("callbacks", callbacks, (callback, at) => {
      CHECK.object(at, callback);
      nameOf(`${at}.breaker`, callback.breaker);
      nameOf(`${at}.callback`, callback.callback);
    }),
    spends: listOf("spends", spends, (spend, at) => {
      nameOf(`${at}.id`, CHECK.object(at, spend)["id"]);
    }),
    releases: listOf("releases", releases, (id, at) => nameOf(at, id)),
  };
}

function listOf<T>(
  field: string,
  list: readonly T[],
  check: (one: T, at: string) => void,
): readonly T[] {
  const at = `request.${field}`;
  if (!Array.isArray(list)) return CHECK.type(at, "a list", list);
  if (list.length > MOST_REPORTED) CHECK.range(at, `a list of at most ${MOST_REPORTED}`, list);
  for (const [n, one] of list.entries()) check(one, `${at}[${n}]`);
  return list;
}

const nameOf = (field: string, name: unknown): string => CHECK.text(field, name, LONGEST_NAME);

function wordOf(field: string, word: unknown, words: readonly string[]): void {
  if (typeof word !== "string" || !words.includes(word))
    CHECK.range(field, words.join(" or "), word);
}
