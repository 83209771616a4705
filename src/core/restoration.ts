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
import { readStats } from "./stats.ts";
import { COUNTED } from "./tally.ts";
import { followAll, type LoadedMeter, type SavedMeter, TripMeters } from "./trip-meters.ts";
import type { TripRule } from "./trip-rule.ts";

/** The longest that a restored open may still wait, whatever it says: a day. */
const LONGEST_WAIT_MS = 86_400_000;

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
    ) => loadedMeters(reader, { saved: of?.meters ?? [], path, rules: under, savedMs });
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
  const before = readStats(circuit, nowMs).timeInStateMs;
  takeCounts(circuit, read);
  if (!isOlder) resume(circuit, restored, nowMs);
  takeTimes(circuit, { before, read, sinceMs: isOlder ? 0 : nowMs - restored.savedMs }, nowMs);
  const { journal, period, consecutiveFailures } = circuit;
  const waits = period.state === "open" || period.state === "forced_open";
  const waitMs = waits ? period.retryMs - nowMs : Number.POSITIVE_INFINITY;
  journal?.restored({
    from,
    ageMs: Math.max(0, circuit.wallMs() - read.takenAtMs),
    source,
    applied: isOlder ? "counters" : "state",
    consecutiveFailures,
    retryAtMs: Number.isFinite(waitMs) ? circuit.wallMs() + waitMs : null,
  });
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

/** Counters of one history are the larger of both; those of another are added. */
function takeCounts(circuit: Circuit, { life, counts, ...read }: ReadBreaker): void {
  const { tally } = circuit;
  const own = life === circuit.life ? tally.copy() : null;
  const more: Record<string, Record<string, number>> = {};
  for (const kind of COUNTED) {
    if (kind === "timeInStateMs") continue;
    const counted: Readonly<Record<string, number | undefined>> = counts[kind];
    const known: Readonly<Record<string, number>> = own?.[kind] ?? {};
    more[kind] = Object.fromEntries(
      Object.entries(counted).map(([word, count = 0]) => [
        word,
        Math.max(0, count - (known[word] ?? 0)),
      ]),
    );
  }
  tally.takeIn(more);
  circuit.life = life;
  circuit.seq = Math.max(circuit.seq, read.seq);
  const latest = (a: number | null, b: number | null): number | null =>
    b === null ? a : Math.max(a ?? 0, Math.min(b, circuit.wallMs()));
  circuit.lastFailureAtMs = latest(circuit.lastFailureAtMs, read.lastFailureAtMs);
  const succeededAtMs = Number.isNaN(circuit.lastSuccessAtMs) ? null : circuit.lastSuccessAtMs;
  circuit.lastSuccessAtMs = latest(succeededAtMs, read.lastSuccessAtMs) ?? Number.NaN;
}

/** The time in each state is the longer of both. While the process was down, for `sinceMs`, the state went on. */
function takeTimes(
  circuit: Circuit,
  {
    before,
    read,
    sinceMs,
  }: {
    readonly before: Readonly<Record<CircuitState, number>>;
    readonly read: ReadBreaker;
    readonly sinceMs: number;
  },
  nowMs: number,
): void {
  const { timeInStateMs: now } = readStats(circuit, nowMs);
  const missing: { [State in CircuitState]?: number } = {};
  for (const state of STATES) {
    const inIt = state === read.state ? read.enteredAgoMs + sinceMs : 0;
    const saved = (read.counts.timeInStateMs[state] ?? 0) + inIt;
    missing[state] = Math.max(0, Math.max(before[state], saved) - now[state]);
  }
  circuit.tally.takeIn({ timeInStateMs: missing });
}

function resume(circuit: Circuit, restored: Restorable, nowMs: number): void {
  const { read, savedMs } = restored;
  const { incident, backoff } = read;
  const isAnew = read.state === "half_open";
  circuit.resume({
    generation: read.generation,
    period: periodOf(circuit, restored, nowMs),
    sinceMs: isAnew ? nowMs : savedMs - read.enteredAgoMs,
    incident: incident === null ? null : incidentOf(circuit, incident, savedMs),
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
  const { state, retryAtMs, remainingMs, rampAgoMs } = read;
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
  const run = new FailureRun(saved.firstAtMs, savedMs - saved.firstAgoMs);
  run.byReason.error = saved.error;
  run.byReason.latency = saved.latency;
  run.last = saved.last;
  return run;
}

function incidentOf(
  circuit: Circuit,
  saved: NonNullable<ReadBreaker["incident"]>,
  savedMs: number,
): Incident {
  const startedAtMs = Math.min(saved.startedAtMs, circuit.wallMs());
  const incident = new Incident(saved.id, savedMs - saved.startedAgoMs, startedAtMs);
  incident.openedMs = savedMs - saved.openedAgoMs;
  incident.skips = saved.skips;
  incident.skipsSinceOpened = saved.skipsSinceOpened;
  incident.probes = saved.probes;
  incident.reopens = saved.reopens;
  return incident;
}
