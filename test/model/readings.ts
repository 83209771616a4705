import type { BreakerStats, CircuitState } from "../../src/index.ts";
import { effectiveCount, failuresInARow } from "./failures.ts";
import { hungTrip } from "./hanging.ts";
import {
  type Change,
  committedState,
  dueMs,
  type History,
  incidentBegin,
  lostItsLease,
  type Rules,
  type Settled,
  unsettledProbes,
} from "./history.ts";
import { slotsLeft } from "./probes.ts";
import { readShare } from "./shares.ts";
import { heard, nearest } from "./trips.ts";

/** Everything that can be read of a breaker, as the reference works it out. */
export interface Readings {
  readonly state: CircuitState;
  readonly isOpen: boolean;
  readonly retryAfterMs: number | null;
  readonly trafficShare: number;
  readonly tripProgress: number;
  readonly probesInFlight: number;
  readonly openedAtMs: number | null;
  readonly failureThreshold: number | null;
  readonly stats: BreakerStats;
}

/** The legal pairs of committed states, as contract.md implies them. */
export const LEGAL_PAIRS = [
  "closed->open",
  "closed->forced_open",
  "closed->disabled",
  "open->half_open",
  "open->closed",
  "open->forced_open",
  "half_open->open",
  "half_open->closed",
  "half_open->forced_open",
  "forced_open->half_open",
  "forced_open->closed",
  "disabled->closed",
  "disabled->forced_open",
] as const;
const COUNTED_AS = [
  "success",
  "error",
  "latency",
  "ignored",
  "cancelled",
  "unreached",
  "late",
] as const;
const SKIPS = [
  "open",
  "half_open",
  "forced_open",
  "degraded",
  "ramping",
  "quota",
  "bulkhead",
] as const;

const waits = (state: CircuitState): boolean => state === "open" || state === "forced_open";

/** The committed state plus the time that passed. */
function effectiveState(history: History, nowMs: number): CircuitState {
  const state = committedState(history);
  const due = dueMs(history);
  return waits(state) && due !== null && nowMs >= due ? "half_open" : state;
}

/** Probes whose lease has not ended. */
export function probesInFlight(history: History, leaseMs: number, nowMs: number): number {
  return unsettledProbes(history).filter((probe) => nowMs < probe.nowMs + leaseMs).length;
}

export function retryAfterMs(history: History, rules: Rules, nowMs: number): number | null {
  const state = committedState(history);
  if (waits(state)) {
    const due = dueMs(history);
    return due === null ? null : Math.max(0, due - nowMs);
  }
  if (state !== "half_open") return 0;
  return probesInFlight(history, rules.leaseMs, nowMs) < slotsLeft(history, rules) ? 0 : null;
}

/** How near the trip is; 1 unless closed. */
function tripProgress(history: History, rules: Rules, nowMs: number): number {
  if (committedState(history) !== "closed") return 1;
  const seen = { ms: nowMs, after: false };
  const evidence = { ...heard(history, rules, seen), count: effectiveCount(history, rules, nowMs) };
  return Math.min(1, nearest(rules.trip, evidence, nowMs)?.ratio ?? 0);
}

/** How often each of the words was said. */
function tallied<Word extends string>(words: readonly Word[], said: readonly string[]) {
  const counts: Record<string, number> = Object.fromEntries(words.map((word) => [word, 0]));
  for (const word of said) if (word in counts) counts[word] = (counts[word] ?? 0) + 1;
  // One entry for each of the words, so every key of the record is there.
  return counts as Record<Word, number>;
}

/** How each probe ended: a lost lease is told once, whatever its result says later. */
function probeEnds(history: History): string[] {
  const probes = new Set<number>();
  const ends: string[] = [];
  for (const [index, fact] of history.entries()) {
    if (fact.kind === "admitted" && fact.probe) probes.add(fact.call);
    if (fact.kind === "lease ended") ends.push("expired");
    if (fact.kind !== "settled" || fact.call === null || !probes.has(fact.call)) continue;
    if (!lostItsLease(history.slice(0, index), fact.call)) ends.push(fact.as);
  }
  return ends;
}

function timeInState(history: History, begunMs: number, nowMs: number) {
  const spent = { closed: 0, open: 0, half_open: 0, forced_open: 0, disabled: 0 };
  let sinceMs = begunMs;
  for (const fact of history) {
    if (fact.kind !== "change") continue;
    spent[fact.from] += fact.nowMs - sinceMs;
    sinceMs = fact.nowMs;
  }
  spent[committedState(history)] += nowMs - sinceMs;
  return spent;
}

function statsOf(history: History, rules: Rules, begunMs: number, nowMs: number): BreakerStats {
  // From the moment of a trip on no more idle steps count.
  const countedMs = hungTrip(history, rules, nowMs)?.sinceMs ?? nowMs;
  const settled = history.filter((fact): fact is Settled => fact.kind === "settled");
  const changes = history.filter((fact): fact is Change => fact.kind === "change");
  const refused = history.filter((fact) => fact.kind === "refused");
  const failed = settled.findLast(({ as }) => as === "error" || as === "latency");
  const succeeded = settled.findLast(({ as }) => as === "success");
  return {
    calls: tallied(
      COUNTED_AS,
      settled.map(({ as }) => as),
    ),
    skips: tallied(
      SKIPS,
      refused.map(({ reason }) => reason),
    ),
    trips: tallied(
      ["error", "latency"],
      changes.map(({ reason }) => reason ?? "none"),
    ),
    transitions: tallied(
      LEGAL_PAIRS,
      changes.map(({ from, to }) => `${from}->${to}`),
    ),
    probes: tallied([...COUNTED_AS, "expired"], probeEnds(history)),
    consecutiveFailures:
      committedState(history) === "closed"
        ? effectiveCount(history, rules, countedMs)
        : failuresInARow(history, rules).count,
    lastFailureAtMs: failed?.wallMs ?? null,
    lastSuccessAtMs: succeeded?.wallMs ?? null,
    timeInStateMs: timeInState(history, begunMs, nowMs),
  };
}

/** What reads a breaker: its history, when it was made, and the cooldown of a trip that is not committed yet. */
export interface Reader {
  readonly history: History;
  readonly rules: Rules;
  readonly begunMs: number;
  cooldownMs(sinceMs: number): number;
}

/** Reads the breaker of a history. */
export function readingsOf(reader: Reader, nowMs: number): Readings {
  const { history, rules, begunMs } = reader;
  const read = {
    ...readCommitted(history, rules, nowMs),
    openedAtMs: incidentBegin(history)?.wallMs ?? null,
    failureThreshold: rules.failureThreshold,
    stats: statsOf(history, rules, begunMs, nowMs),
  };
  const hung = hungTrip(history, rules, nowMs);
  if (hung === null) return read;
  const dueMs = hung.sinceMs + reader.cooldownMs(hung.sinceMs);
  return {
    ...read,
    state: nowMs >= dueMs ? "half_open" : "open",
    isOpen: nowMs < dueMs,
    retryAfterMs: Math.max(0, dueMs - nowMs),
    trafficShare: 0,
    tripProgress: 1,
  };
}

function readCommitted(history: History, rules: Rules, nowMs: number) {
  const state = effectiveState(history, nowMs);
  return {
    state,
    isOpen: waits(state),
    retryAfterMs: retryAfterMs(history, rules, nowMs),
    trafficShare: readShare(history, rules, nowMs),
    tripProgress: tripProgress(history, rules, nowMs),
    probesInFlight: probesInFlight(history, rules.leaseMs, nowMs),
  };
}
