import { type CircuitState, STATES } from "../events/vocabulary.ts";
import type { Circuit } from "./circuit.ts";
import { commitTime } from "./control.ts";
import { CooldownAttempts } from "./cooldown.ts";
import { Evidence } from "./evidence.ts";
import { FailureRun } from "./failure-run.ts";
import { Incident } from "./incident.ts";
import {
  ClosedPeriod,
  DisabledPeriod,
  ForcedOpenPeriod,
  OpenPeriod,
  type Period,
} from "./period.ts";
import { ProgressClimb } from "./progress-climb.ts";
import { type ReadBreaker, readBreaker } from "./read-snapshot.ts";
import { ShadowTrip } from "./shadow-trip.ts";
import type { SnapshotReader } from "./snapshot-reader.ts";
import { COUNTED, type Counted } from "./tally.ts";
import { followAll, type LoadedMeter, type SavedMeter, TripMeters } from "./trip-meters.ts";
import type { TripRule } from "./trip-rule.ts";

/** The longest that a restored open may still wait, whatever it says: a day. */
const LONGEST_WAIT_MS = 86_400_000;
const NO_METERS: readonly LoadedMeter[] = [];

/** A snapshot that can be used, with everything that could fail behind it. */
export interface Restorable {
  readonly read: ReadBreaker;
  /** When it was taken, on the monotonic clock of now. */
  readonly savedMs: number;
  readonly meters: readonly LoadedMeter[];
  readonly own: readonly LoadedMeter[];
  readonly shadow: readonly LoadedMeter[];
}

/**
 * Reads a snapshot for a breaker, and changes nothing.
 * @throws {SnapshotError} when anything of it cannot be used
 */
export function restorable(
  circuit: Circuit,
  reader: SnapshotReader,
  snapshot: unknown,
): Restorable {
  return reader.read(() => {
    const read = readBreaker(reader, snapshot);
    if (read.name !== circuit.name) reader.fail("name", `"${circuit.name}"`);
    const nowMs = circuit.begin();
    const savedMs = nowMs - Math.max(0, circuit.wallMs() - read.takenAtMs);
    const { rules, shadow = [] } = circuit.settings;
    const loaded = (
      of: { readonly meters: readonly SavedMeter[] } | null,
      path: string,
      under: readonly TripRule[],
    ) =>
      of === null || of.meters.length === 0
        ? NO_METERS
        : loadedMeters(reader, { saved: of.meters, path, rules: under, savedMs });
    return {
      read,
      savedMs,
      meters: loaded(read.evidence, "evidence", rules),
      own: loaded(read.own, "own", rules),
      shadow: loaded(read.shadow, "shadow", shadow),
    };
  });
}

/** The meters of the rules that are in force, each with what one of its name has saved. */
function loadedMeters(
  reader: SnapshotReader,
  given: {
    readonly saved: readonly SavedMeter[];
    readonly path: string;
    readonly rules: readonly TripRule[];
    readonly savedMs: number;
  },
): LoadedMeter[] {
  const left = [...given.rules];
  return given.saved.flatMap(({ rule: name, saved }, n) => {
    const at = left.findIndex((rule) => rule.name === name);
    const [rule] = at < 0 ? [] : left.splice(at, 1);
    const meter = rule?.begin();
    if (rule === undefined || meter?.load === undefined) return [];
    try {
      meter.load(saved, given.savedMs);
    } catch {
      reader.fail(`${given.path}.meters[${n}].saved`, `what the rule ${name} saves`);
    }
    return [{ rule, meter }];
  });
}

/**
 * Takes a snapshot in and tells it. Counters never fall; the state stays as it is when the breaker has a newer one.
 * Whether the state was taken over.
 */
export function restore(circuit: Circuit, restored: Restorable, source: string): boolean {
  const nowMs = circuit.begin();
  commitTime(circuit, nowMs);
  const { read } = restored;
  const from = circuit.period.state;
  const isOlder = keepsState(circuit, read, nowMs);
  const before = timesOf(circuit, nowMs);
  const gains = counterGains(circuit, read);
  takeOthers(circuit, read);
  if (!isOlder) resume(circuit, restored, nowMs);
  const sinceMs = isOlder ? 0 : nowMs - restored.savedMs;
  circuit.tally.takeIn({
    ...gains,
    timeInStateMs: timeGains(circuit, { before, read, sinceMs }, nowMs),
  });
  const { journal, period, consecutiveFailures } = circuit;
  const waits = period.state === "open" || period.state === "forced_open";
  const waitMs = waits ? period.retryMs - nowMs : Number.POSITIVE_INFINITY;
  journal?.report<"circuit.restore">("circuit.restore", () => ({
    from,
    ageMs: Math.max(0, circuit.wallMs() - read.takenAtMs),
    source,
    applied: isOlder ? "counters" : "state",
    consecutiveFailures,
    retryAtMs: Number.isFinite(waitMs) ? circuit.wallMs() + waitMs : null,
  }));
  circuit.deliver();
  return !isOlder;
}

/**
 * Whether the breaker's own state is newer. Of one history the higher generation is; of two, the state that was entered
 * later. One that never changed its state has none of its own, but what it counted while closed is newer than what was
 * counted before.
 */
function keepsState(circuit: Circuit, read: ReadBreaker, nowMs: number): boolean {
  const { generation, period, life, tally } = circuit;
  if (life === read.life) return generation >= read.generation;
  if (generation === 0) {
    return read.state === "closed" && period.state === "closed" && tally.begun > 0;
  }
  const wallMs = circuit.wallMs();
  // A snapshot that comes out of the future cannot show that it is newer.
  if (read.takenAtMs > wallMs) return true;
  return wallMs - circuit.spentMs(nowMs) >= read.takenAtMs - read.enteredAgoMs;
}

/** What goes on whatever becomes of the state: the numbers of events, and when calls last ended. */
function takeOthers(circuit: Circuit, read: ReadBreaker): void {
  circuit.life = read.life;
  circuit.seq = Math.max(circuit.seq, read.seq);
  const latest = (a: number, b: number | null): number =>
    b === null ? a : Math.max(a || 0, Math.min(b, circuit.wallMs()));
  const { lastFailureAtMs: failedAtMs } = circuit;
  if (read.lastFailureAtMs !== null) {
    circuit.lastFailureAtMs = latest(failedAtMs ?? 0, read.lastFailureAtMs);
  }
  circuit.lastSuccessAtMs = latest(circuit.lastSuccessAtMs, read.lastSuccessAtMs);
}

/** What is to be added to the counters: all of another history, of the own one what is missing. */
function counterGains({ life, tally }: Circuit, read: ReadBreaker): Counted {
  if (life !== read.life) return read.counts;
  const known = tally.copy();
  const gains: Record<string, Record<string, number>> = {};
  for (const kind of COUNTED) {
    const [saved, counted]: Readonly<Record<string, number>>[] = [read.counts[kind], known[kind]];
    const more: Record<string, number> = {};
    for (const word in saved) more[word] = Math.max(0, (saved[word] ?? 0) - (counted?.[word] ?? 0));
    gains[kind] = more;
  }
  return gains;
}

/** Time spent in each of STATES. */
function timesOf(circuit: Circuit, nowMs: number): readonly number[] {
  const { period, tally } = circuit;
  const spentMs = circuit.spentMs(nowMs);
  return STATES.map((state) => tally.timeInMs(state) + (state === period.state ? spentMs : 0));
}

/** The time in each state is the longer of both. While the process was down, for `sinceMs`, the state went on. */
function timeGains(
  circuit: Circuit,
  given: {
    readonly before: readonly number[];
    readonly read: ReadBreaker;
    readonly sinceMs: number;
  },
  nowMs: number,
): { [State in CircuitState]?: number } {
  const { before, read, sinceMs } = given;
  const now = timesOf(circuit, nowMs);
  const gains: { [State in CircuitState]?: number } = {};
  for (const [n, state] of STATES.entries()) {
    const inIt = state === read.state ? read.enteredAgoMs + sinceMs : 0;
    const saved = (read.counts.timeInStateMs[state] ?? 0) + inIt;
    const gain = Math.max(before[n] ?? 0, saved) - (now[n] ?? 0);
    if (gain > 0) gains[state] = gain;
  }
  return gains;
}

function resume(circuit: Circuit, restored: Restorable, nowMs: number): void {
  const { read, savedMs } = restored;
  const { incident, backoff } = read;
  const isAnew = read.state === "half_open";
  circuit.resume({
    generation: read.generation,
    period: periodOf(circuit, restored, nowMs),
    sinceMs: isAnew ? nowMs : savedMs - read.enteredAgoMs,
    incident: incident === null ? null : incidentOf(incident, savedMs),
    consecutiveFailures: read.consecutiveFailures,
    attempts: backoff === null ? null : new CooldownAttempts(backoff.attempt, backoff.cooldownMs),
  });
  // The period follows the calls that begin from now on, and what counts them needs that.
  const { period } = circuit;
  if (period.state === "closed") takeEvidence(circuit, period, restored);
  if (period.state === "disabled") {
    const { rules } = circuit.settings;
    period.own = candidateOf(circuit, rules, {
      ...restored,
      saved: read.own,
      meters: restored.own,
    });
    period.shadow = shadowOf(circuit, restored);
  }
}

function periodOf(circuit: Circuit, { read, savedMs }: Restorable, nowMs: number): Period {
  const { state, retryAtMs, remainingMs, rampAgoMs, note } = read;
  /** No later than was left, whatever the wall clock did since; when it is over already, since when it is. */
  const dueMs = (longestMs: number): number => {
    const untilMs = retryAtMs === null ? 0 : retryAtMs - circuit.wallMs();
    return nowMs + Math.min(untilMs, remainingMs ?? 0, longestMs);
  };
  switch (state) {
    case "closed": {
      const period = new ClosedPeriod();
      period.rampFromMs = rampAgoMs === null ? null : savedMs - rampAgoMs;
      return period;
    }
    case "disabled":
      return new DisabledPeriod();
    case "open":
      return new OpenPeriod(dueMs(LONGEST_WAIT_MS));
    case "half_open":
      // The probes are gone: the next call is one.
      return new OpenPeriod(nowMs);
    case "forced_open": {
      const isEndless = retryAtMs === null && remainingMs === null;
      return new ForcedOpenPeriod(
        isEndless ? Number.POSITIVE_INFINITY : dueMs(Number.POSITIVE_INFINITY),
        note,
      );
    }
  }
}

function takeEvidence(circuit: Circuit, period: ClosedPeriod, restored: Restorable): void {
  const { read, savedMs, meters } = restored;
  const shadow = shadowOf(circuit, restored);
  if (read.evidence === null && shadow === null) return;
  const evidence = new Evidence();
  evidence.shadow = shadow;
  period.evidence = evidence;
  if (read.evidence === null) return;
  const { run, peak, activeAgoMs } = read.evidence;
  evidence.run = runOf(run, savedMs);
  evidence.climb = peak === 0 ? null : new ProgressClimb(peak);
  evidence.activeMs = savedMs - activeAgoMs;
  const { rules } = circuit.settings;
  evidence.meters = new TripMeters(rules, circuit, followAll(circuit.underWay), meters);
}

function shadowOf(circuit: Circuit, restored: Restorable): ShadowTrip | null {
  const { shadow = [] } = circuit.settings;
  return candidateOf(circuit, shadow, {
    ...restored,
    saved: restored.read.shadow,
    meters: restored.shadow,
  });
}

function candidateOf(
  circuit: Circuit,
  rules: readonly TripRule[],
  {
    saved,
    meters,
    savedMs,
  }: Pick<Restorable, "meters" | "savedMs"> & { readonly saved: ReadBreaker["own"] },
): ShadowTrip | null {
  if (saved === null || rules.length === 0) return null;
  const { run, failures, blindMs } = saved;
  const trip = new ShadowTrip(rules, circuit.underWay);
  const blindUntilMs =
    blindMs === 0 ? Number.NEGATIVE_INFINITY : savedMs + Math.min(blindMs, LONGEST_WAIT_MS);
  trip.resume(circuit, { run: runOf(run, savedMs), failures, blindUntilMs }, meters);
  return trip;
}

function runOf(
  saved: NonNullable<ReadBreaker["evidence"]>["run"],
  savedMs: number,
): FailureRun | null {
  if (saved === null) return null;
  const { error, latency, last, firstAtMs, firstAgoMs } = saved;
  const run = new FailureRun(firstAtMs, savedMs - firstAgoMs);
  Object.assign(run.byReason, { error, latency });
  run.last = last;
  return run;
}

function incidentOf(
  { startedAgoMs, openedAgoMs, ...counted }: NonNullable<ReadBreaker["incident"]>,
  savedMs: number,
): Incident {
  const incident = new Incident(counted.id, savedMs - startedAgoMs, counted.startedAtMs);
  return Object.assign(incident, counted, { openedMs: savedMs - openedAgoMs });
}
