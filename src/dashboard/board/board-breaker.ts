import type { CircuitState } from "../../events/vocabulary.ts";
import type { BreakerReading } from "../../exporters/sse-readings.ts";
import { BreakerRecord } from "../../report/breaker-record.ts";
import { amount, type CircuitRecord } from "../../report/event-record.ts";
import type { IncidentRecord } from "../../report/incident-record.ts";
import type { IncidentSummary } from "../../report/incident-report.ts";
import { isAnew, stepBetween } from "../../report/record-order.ts";
import { isState, isStateChange } from "../../report/state-change.ts";
import { Lane } from "./lane.ts";

/** What a snapshot or a reading says of a breaker, checked. */
export interface Levels extends Omit<BreakerReading, "breaker" | "instance"> {
  /** Since when it has been in its state; null when that is not told. */
  readonly sinceAtMs: number | null;
}

/** The incident that a breaker is in. */
export interface PresentIncident {
  readonly openedAtMs: number;
  /** Calls refused since it began: at least so many when it was not seen from its beginning. */
  readonly skips: number;
  readonly isWhole: boolean;
  readonly reason: string | null;
  readonly reopens: number;
}

/** Incidents of one breaker that are kept; of older ones the board knows nothing. */
const MOST_INCIDENTS = 50;

/** One breaker of one process, as its stream has told it so far. */
export class BoardBreaker implements Omit<Levels, "openedAtMs" | "sinceAtMs"> {
  readonly key: string;
  readonly source: number;
  readonly name: string;
  /** Which process; null when the stream does not say. */
  readonly instance: string | null;
  state: CircuitState = "closed";
  /** When the state was entered; null when that was before the stream began. */
  stateSinceAtMs: number | null = null;
  trafficShare = 1;
  /** How near the trip, 0 to 1; 1 unless closed. */
  tripProgress = 0;
  consecutiveFailures = 0;
  failureThreshold: number | null = null;
  probesInFlight = 0;
  /** When a probe may run; null when that is unknown, or none is waited for. */
  retryAtMs: number | null = null;
  /** Finished calls since the breaker was made, or since the stream began when it has no readings. */
  calls = 0;
  readonly lane = new Lane();
  readonly #record: BreakerRecord;
  /** When incidents were lost sight of that never closed, by id. */
  readonly #lost = new Map<string, number>();
  #skips = 0;
  #incidentId: string | null = null;
  #last: CircuitRecord | null = null;
  #openedAtMs: number | null = null;
  #incidentSkips = 0;
  #incidentIsWhole = false;
  #reason: string | null = null;
  #reopens = 0;
  /** `skips` of the last levels before the incident, when nothing else than it can have refused calls since. */
  #skipsBefore: number | null = null;
  /** `skips` of the first levels after the last event that counted the incident's; null before them. */
  #skipsThen: number | null = null;
  #hasLevels = false;
  /** As of the last levels it refused nobody. */
  #isOpenToAll = false;

  constructor(at: Pick<BoardBreaker, "key" | "source" | "name" | "instance">) {
    this.key = at.key;
    this.source = at.source;
    this.name = at.name;
    this.instance = at.instance;
    this.#record = new BreakerRecord(at.name, at.instance, () => {});
  }

  /** Whether it was read, or only told of by events. */
  get hasLevels(): boolean {
    return this.#hasLevels;
  }

  /** Null when there is none. */
  get incident(): PresentIncident | null {
    const openedAtMs = this.#openedAtMs;
    if (openedAtMs === null) return null;
    const since = this.#skipsThen === null ? 0 : this.#skips - this.#skipsThen;
    const sinceBefore = this.#skipsBefore === null ? 0 : this.#skips - this.#skipsBefore;
    return {
      openedAtMs,
      skips: Math.max(this.#incidentSkips + Math.max(0, since), sinceBefore),
      // An event that counts is sampled: of what came after it, readings alone cannot tell all.
      isWhole: this.#incidentIsWhole && (!this.#hasLevels || this.#skipsBefore !== null),
      reason: this.#reason,
      reopens: this.#reopens,
    };
  }

  /** Refused calls, counted from when `calls` are; never fewer than those of its incident, which events tell sooner. */
  get skips(): number {
    return this.#withIncident(this.incident?.skips ?? 0);
  }

  /** Places where events of it are missing. */
  get gaps(): number {
    return this.#record.gaps;
  }

  /** Its incidents that the stream told, the oldest first. */
  incidents(nowMs: number): readonly IncidentSummary[] {
    return [...this.#record.incidents.values()].map((incident) => this.#summary(incident, nowMs));
  }

  /** The incident of an event that was taken; null when it is of none. */
  incidentOf({ incidentId }: CircuitRecord, nowMs: number): IncidentSummary | null {
    const incident = incidentId === undefined ? null : this.#record.incidents.get(incidentId);
    return incident == null ? null : this.#summary(incident, nowMs);
  }

  /** Takes an event; false when it had it already. */
  take(record: CircuitRecord): boolean {
    const last = this.#last;
    const isKnown = last !== null && record.seq <= last.seq;
    // One event may have several of its moment after it, so that this is no new process either.
    if (isKnown && record.atMs <= last.atMs) return false;
    const step = stepBetween(last, record);
    if (isKnown && !isAnew(step)) return false;
    if (isAnew(step)) this.#beginAnew(record.atMs);
    this.#last = record;
    this.#record.take(record);
    for (const id of this.#record.incidents.keys()) {
      if (this.#record.incidents.size <= MOST_INCIDENTS) break;
      this.#record.incidents.delete(id);
      this.#lost.delete(id);
    }
    this.#takeState(record);
    this.#takeCounts(record);
    this.#takeIncident(record);
    return true;
  }

  /** Takes how it stands. */
  takeLevels(levels: Levels, atMs: number): void {
    if (levels.state !== this.state) {
      this.stateSinceAtMs = this.#hasLevels || this.#last !== null ? atMs : null;
      this.state = levels.state;
    }
    // What is open when the stream begins has been since the incident did, as far as anybody can tell.
    const begunAtMs = levels.openedAtMs ?? levels.sinceAtMs ?? atMs;
    this.lane.enter(levels.state, this.#hasLevels ? atMs : begunAtMs);
    this.trafficShare = levels.trafficShare;
    this.tripProgress = levels.tripProgress;
    this.consecutiveFailures = levels.consecutiveFailures;
    this.failureThreshold = levels.failureThreshold;
    this.probesInFlight = levels.probesInFlight;
    this.retryAtMs = levels.retryAtMs;
    this.#isOpenToAll = levels.state === "closed" && levels.trafficShare === 1;
    this.calls = levels.calls;
    this.#skips = levels.skips;
    this.#hasLevels = true;
    if (levels.openedAtMs === null) this.#loseIncident(atMs);
    else if (this.#openedAtMs === null) {
      this.#openedAtMs = levels.openedAtMs;
      this.#incidentIsWhole = false;
    }
    if (this.#openedAtMs !== null) this.#skipsThen ??= levels.skips;
  }

  /** Its process has begun anew: nothing of before holds. */
  forgetProcess(atMs: number): void {
    this.#beginAnew(atMs);
    this.#last = null;
  }

  #withIncident(incidentSkips: number): number {
    return Math.max(this.#skips, (this.#skipsBefore ?? 0) + incidentSkips);
  }

  #beginAnew(atMs: number): void {
    this.calls = 0;
    this.#skips = 0;
    this.#hasLevels = false;
    this.#loseIncident(atMs);
  }

  #summary(incident: IncidentRecord, nowMs: number): IncidentSummary {
    const lostAtMs = this.#lost.get(incident.incidentId);
    const summary = incident.summary(this.name, this.instance, lostAtMs ?? nowMs);
    if (summary.closedAtMs !== null) return summary;
    if (lostAtMs !== undefined) return { ...summary, closeLost: true };
    const isPresent = incident.incidentId === this.#incidentId;
    return isPresent ? { ...summary, skips: this.incident?.skips ?? summary.skips } : summary;
  }

  #takeState(record: CircuitRecord): void {
    const to = record["state"];
    if (!isState(to)) return;
    const isChange = isStateChange(record.type);
    if (this.lane.isEmpty) this.#beginLane(record, isChange ? record["from"] : to);
    // While nothing changes, an effective half_open is still open to its events.
    if (!isChange && (to === this.state || (to === "open" && this.state === "half_open"))) return;
    this.state = to;
    this.stateSinceAtMs = isChange ? record.atMs : null;
    this.lane.enter(to, record.atMs);
    this.retryAtMs = amount(record, "retryAtMs");
    this.probesInFlight = record.type === "circuit.half_open" ? 1 : 0;
    this.trafficShare = to === "closed" || to === "disabled" ? 1 : 0;
    this.tripProgress = to === "closed" ? 0 : 1;
    if (to === "closed") this.consecutiveFailures = 0;
  }

  /** The first event tells what was before it, and a change also since when. */
  #beginLane(record: CircuitRecord, state: unknown): void {
    if (!isState(state)) return;
    this.lane.enter(state, record.atMs - (amount(record, "spentMs") ?? 0));
  }

  #takeCounts(record: CircuitRecord): void {
    const failures = amount(record, "consecutiveFailures");
    if (failures !== null) this.consecutiveFailures = failures;
    const threshold = amount(record, "failureThreshold");
    if (threshold !== null) this.failureThreshold = threshold;
    if (record.type === "circuit.progress" && this.state === "closed") {
      this.tripProgress = amount(record, "ratio") ?? this.tripProgress;
    } else if (record.type === "circuit.failure" && this.state === "closed") {
      const share = failures === null || threshold === null ? 0 : failures / threshold;
      this.tripProgress = Math.min(1, Math.max(this.tripProgress, share));
    } else if (record.type === "circuit.success" && this.state === "closed") {
      this.consecutiveFailures = failures ?? 0;
      this.tripProgress = 0;
    } else if (record.type === "circuit.degrade") {
      this.trafficShare = amount(record, "to") ?? this.trafficShare;
    } else if (record.type === "circuit.force_changed") {
      this.retryAtMs = amount(record, "retryAtMs");
    } else if (record.type === "circuit.probe") {
      this.probesInFlight = amount(record, "probesInFlight") ?? 0;
    }
    if (this.#hasLevels) return;
    const isSkip = record.type === "circuit.skip";
    this.#skips += (isSkip ? 1 : 0) + (record.suppressed ?? 0);
    if (["circuit.success", "circuit.failure", "circuit.ignored"].includes(record.type))
      this.calls++;
  }

  #takeIncident(record: CircuitRecord): void {
    if (record.type === "circuit.close" || record.incidentId === undefined) {
      // Events of one incident name it; one that names none comes after its end.
      if (this.state !== "closed" && this.state !== "disabled") return;
      const ended = this.incident?.skips ?? 0;
      this.#skips = this.#withIncident(amount(record, "skipsInIncident") ?? ended);
      this.#endIncident();
      return;
    }
    const begins = this.#openedAtMs === null;
    const told = this.#record.incidents.get(record.incidentId);
    const summary = told?.summary(this.name, this.instance, record.atMs);
    if (summary === undefined) return;
    this.#incidentId = record.incidentId;
    this.#openedAtMs = summary.openedAtMs;
    this.#incidentIsWhole = summary.reason !== null || amount(record, "skipsInIncident") !== null;
    this.#reason = summary.reason;
    this.#reopens = summary.reopens;
    if (begins && this.#hasLevels && this.#isOpenToAll) this.#skipsBefore = this.#skips;
    const counted = summary.skips;
    if (begins || counted > this.#incidentSkips) {
      this.#incidentSkips = counted;
      this.#skipsThen = null;
    }
  }

  /** It is over, and nothing told its close. */
  #loseIncident(atMs: number): void {
    if (this.#incidentId !== null) this.#lost.set(this.#incidentId, atMs);
    this.#endIncident();
  }

  #endIncident(): void {
    this.#incidentId = null;
    this.#openedAtMs = null;
    this.#incidentSkips = 0;
    this.#incidentIsWhole = false;
    this.#reason = null;
    this.#reopens = 0;
    this.#skipsBefore = null;
    this.#skipsThen = null;
  }
}
