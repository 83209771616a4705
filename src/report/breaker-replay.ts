import type { CircuitState } from "../events/vocabulary.ts";
import { amount, type CircuitRecord, text } from "./event-record.ts";
import { IncidentReplay } from "./incident-replay.ts";
import { isAnew, stepBetween } from "./record-order.ts";
import { ReplayCounts } from "./replay-counts.ts";
import type { ReplayedBreaker, ReplayedProgress } from "./replayed-breaker.ts";
import { isState, isStateChange } from "./state-change.ts";

/** What one process of a breaker has told since it began, or since the record did. */
class Life {
  readonly counts = new ReplayCounts();
  state: CircuitState = "closed";
  stateSinceAtMs: number | null = null;
  /** Since when the present state is timed by the wall clock. */
  timedFromMs: number;
  /** The moment of the last event. */
  atMs: number;
  generation = 0;
  retryAtMs: number | null = null;
  probesInFlight = 0;
  /** While closed: what degradation lets pass. */
  share = 1;
  progress: ReplayedProgress | null = null;
  failureThreshold: number | null = null;
  events = 0;
  /** The highest number so far: events are taken once, whatever record holds them again. */
  seq = 0;

  constructor(firstAtMs: number) {
    this.timedFromMs = firstAtMs;
    this.atMs = firstAtMs;
  }
}

/** Rebuilds one breaker of one process from its events, which have to come in the order they were emitted. */
export class BreakerReplay {
  readonly #breaker: string;
  readonly #instance: string | null;
  readonly #incident = new IncidentReplay();
  #life: Life | null = null;
  #last: CircuitRecord | null = null;
  #suppressed = 0;
  #restarts = 0;

  constructor(breaker: string, instance: string | null) {
    this.#breaker = breaker;
    this.#instance = instance;
  }

  take(record: CircuitRecord): void {
    const last = this.#last;
    this.#last = record;
    if (isAnew(stepBetween(last, record))) this.#beginAnew();
    this.#life ??= new Life(record.atMs);
    const life = this.#life;
    if (record.seq <= life.seq) return;
    life.seq = record.seq;
    life.atMs = record.atMs;
    life.events++;
    this.#suppressed += record.suppressed ?? 0;
    takeGeneration(life, record);
    takeState(life, record);
    takeCounts(life, record);
    this.#incident.take(record);
  }

  /** The breaker as of its last event; null before the first. */
  read(): ReplayedBreaker | null {
    const life = this.#life;
    if (life === null) return null;
    const { state, stateSinceAtMs, generation, retryAtMs, probesInFlight, progress } = life;
    const { seq, atMs, events, failureThreshold } = life;
    return Object.freeze({
      breaker: this.#breaker,
      instance: this.#instance,
      seq,
      atMs,
      state,
      stateSinceAtMs,
      generation,
      stats: life.counts.copy(state, Math.max(0, atMs - life.timedFromMs)),
      incident: this.#incident.present,
      retryAtMs,
      probesInFlight,
      trafficShare: state === "closed" ? life.share : state === "disabled" ? 1 : 0,
      progress,
      failureThreshold,
      events,
      missing: seq - events,
      suppressed: this.#suppressed,
      restarts: this.#restarts,
    });
  }

  #beginAnew(): void {
    this.#restarts++;
    this.#suppressed = 0;
    this.#life = null;
    this.#incident.forget();
  }
}

/** A generation that grew without a change of state is a reset, which no event tells. */
function takeGeneration(life: Life, record: CircuitRecord): void {
  const generation = amount(record, "generation") ?? life.generation;
  const told = isStateChange(record.type) ? generation - 1 : generation;
  if (told > life.generation) {
    life.counts.consecutiveFailures = 0;
    life.share = 1;
    life.progress = null;
  }
  life.generation = generation;
}

function takeState(life: Life, record: CircuitRecord): void {
  const to = record["state"];
  const isChange = isStateChange(record.type);
  // A state that no change led to: events are missing, or a snapshot was restored. What the envelope says holds.
  if (!isState(to) || (!isChange && to === life.state)) return;
  const from = isChange ? text(record, "from") : life.state;
  const sinceMs = Math.max(0, record.atMs - life.timedFromMs);
  life.counts.timeInStateMs.add(from, amount(record, "spentMs") ?? sinceMs);
  if (isChange) life.counts.transitions.add(`${from}->${to}`);
  life.state = to;
  life.stateSinceAtMs = isChange ? record.atMs : null;
  life.timedFromMs = record.atMs;
  life.retryAtMs = amount(record, "retryAtMs");
  life.probesInFlight = record.type === "circuit.half_open" ? 1 : 0;
  life.share = 1;
  life.progress = null;
}

function takeCounts(life: Life, record: CircuitRecord): void {
  const { counts, state } = life;
  const failures = amount(record, "consecutiveFailures");
  switch (record.type) {
    case "circuit.success":
      counts.calls.add("success");
      counts.lastSuccessAtMs = record.atMs;
      // A probe leaves the count alone; any other success ends the row, or says what degradation leaves of it.
      if (state !== "half_open") countFailures(life, failures ?? 0);
      return;
    case "circuit.failure":
      counts.calls.add(text(record, "reason"));
      counts.lastFailureAtMs = record.atMs;
      life.failureThreshold = amount(record, "failureThreshold");
      countFailures(life, failures);
      return;
    case "circuit.ignored":
      counts.calls.add(text(record, "countedAs"));
      return;
    case "circuit.late":
      counts.calls.add("late");
      return;
    case "circuit.skip":
      counts.skips.add(text(record, "reason"));
      return;
    case "circuit.probe":
      counts.probes.add(text(record, "outcome"));
      life.probesInFlight = amount(record, "probesInFlight") ?? 0;
      return;
    case "circuit.progress":
      life.progress = progressOf(record);
      countFailures(life, failures);
      return;
    case "circuit.degrade":
      life.share = amount(record, "to") ?? life.share;
      countFailures(life, failures);
      return;
    case "circuit.force_changed":
      life.retryAtMs = amount(record, "retryAtMs");
      return;
    case "circuit.restore":
      life.retryAtMs = amount(record, "retryAtMs");
      countFailures(life, failures);
      return;
    case "circuit.open":
      counts.trips.add(text(record, "reason"));
      countFailures(life, failures);
      return;
    case "circuit.close":
    case "circuit.disable":
    case "circuit.enable":
      countFailures(life, 0);
  }
}

function countFailures(life: Life, failures: number | null): void {
  if (failures === null) return;
  life.counts.consecutiveFailures = failures;
  // What counts failures in a row begins again; a rate may still be high.
  if (failures === 0 && life.progress?.failuresToTrip != null) life.progress = null;
}

function progressOf(record: CircuitRecord): ReplayedProgress | null {
  const ratio = amount(record, "ratio");
  if (ratio === null) return null;
  return Object.freeze({
    ratio,
    rule: text(record, "rule"),
    failuresToTrip: amount(record, "failuresToTrip"),
  });
}
