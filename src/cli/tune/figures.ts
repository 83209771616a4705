/** Lengths of time that were added up. */
export interface Lengths {
  readonly count: number;
  readonly sumMs: number;
  readonly maxMs: number;
}

/** An incident of a replay, in epoch milliseconds. */
export interface ReplayedIncident {
  readonly openedAtMs: number;
  /** Null when the calls ended before it did. */
  readonly closedAtMs: number | null;
  readonly reason: string;
  readonly rule: string | null;
  readonly detectMs: number | null;
  readonly reopens: number;
}

/** What a replay of calls under one setting came to. */
export interface Figures {
  readonly calls: number;
  /** Calls that were let through. */
  readonly passed: number;
  readonly refused: number;
  /** Calls let through that were of no use to their callers: failed, or too slow. */
  readonly badPassed: number;
  /** How long those took together. */
  readonly badMs: number;
  /** Failures from the first one that an incident was opened for to its opening. */
  readonly failedBeforeTrip: number;
  /** Bad calls that were under way when it opened. */
  readonly badUnderWay: number;
  /** Refused calls that would have been of use. */
  readonly goodRefused: number;
  /** Refused calls that would not. */
  readonly badRefused: number;
  readonly incidents: number;
  /** Incidents that had not ended when the calls did. */
  readonly stillOpen: number;
  readonly reopens: number;
  readonly probes: number;
  readonly detect: Lengths;
  /** Of the incidents that ended. */
  readonly recovery: Lengths;
  /** Time not closed, incidents that did not end included. */
  readonly openMs: number;
  /** The first of them. */
  readonly opened: readonly ReplayedIncident[];
}

/** Incidents that are told one by one. */
export const MOST_OPENED = 100;

const NO_LENGTHS: Lengths = { count: 0, sumMs: 0, maxMs: 0 };

/** The figures of no call at all. */
export const NO_FIGURES: Figures = Object.freeze({
  ...{ calls: 0, passed: 0, refused: 0, badPassed: 0, badMs: 0, failedBeforeTrip: 0 },
  ...{ badUnderWay: 0, goodRefused: 0, badRefused: 0, incidents: 0, stillOpen: 0, reopens: 0 },
  ...{ probes: 0, detect: NO_LENGTHS, recovery: NO_LENGTHS, openMs: 0, opened: [] },
});

/** The figures of several processes together. */
export function added(a: Figures, b: Figures): Figures {
  return {
    calls: a.calls + b.calls,
    passed: a.passed + b.passed,
    refused: a.refused + b.refused,
    badPassed: a.badPassed + b.badPassed,
    badMs: a.badMs + b.badMs,
    failedBeforeTrip: a.failedBeforeTrip + b.failedBeforeTrip,
    badUnderWay: a.badUnderWay + b.badUnderWay,
    goodRefused: a.goodRefused + b.goodRefused,
    badRefused: a.badRefused + b.badRefused,
    incidents: a.incidents + b.incidents,
    stillOpen: a.stillOpen + b.stillOpen,
    reopens: a.reopens + b.reopens,
    probes: a.probes + b.probes,
    detect: together(a.detect, b.detect),
    recovery: together(a.recovery, b.recovery),
    openMs: a.openMs + b.openMs,
    opened: [...a.opened, ...b.opened].slice(0, MOST_OPENED),
  };
}

const together = (a: Lengths, b: Lengths): Lengths => ({
  count: a.count + b.count,
  sumMs: a.sumMs + b.sumMs,
  maxMs: Math.max(a.maxMs, b.maxMs),
});

/** The mean; null when there is none. */
export const meanMs = ({ count, sumMs }: Lengths): number | null =>
  count === 0 ? null : sumMs / count;

/** Lengths with one more. */
export const withLength = ({ count, sumMs, maxMs }: Lengths, lengthMs: number): Lengths => ({
  count: count + 1,
  sumMs: sumMs + lengthMs,
  maxMs: Math.max(maxMs, lengthMs),
});
