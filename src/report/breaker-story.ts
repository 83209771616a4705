import { BreakerRecord } from "./breaker-record.ts";
import { amount, type CircuitRecord, text } from "./event-record.ts";
import { beginsIncident } from "./incident-record.ts";
import type { Gap, IncidentSummary } from "./incident-report.ts";
import { IncidentStory, type TimelineRoom } from "./incident-story.ts";
import type { IncidentDetail, TimelineEntry } from "./post-mortem-report.ts";
import { isAnew, stepBetween } from "./record-order.ts";
import type { SourcedRecord } from "./record-queue.ts";
import { TimeBins } from "./time-bins.ts";
import { gapText, timelineText } from "./timeline-text.ts";
import { duration, utc } from "./wording.ts";

/** What happened before an open and belongs to its timeline. */
const LEADING: ReadonlySet<string> = new Set([
  "circuit.failure",
  "circuit.progress",
  "circuit.degrade",
  "circuit.callback_failed",
]);
const MOST_LEADING = 20;
/** How far back the timeline of an incident begins, when the open does not tell its first failure. */
const LEAD_MS = 60_000;
/** A process that is silent for longer while the record goes on may have died. */
const SILENCE_MS = 60_000;

/** What the stories of all breakers share. */
export interface StoryCommons {
  readonly room: TimelineRoom;
  readonly found: (gap: Gap) => void;
}

/** What the record tells of one breaker in one process, for a post-mortem. Its events have to come in order. */
export class BreakerStory {
  readonly record: BreakerRecord;
  readonly bins = new TimeBins();
  /** Events that were there before. */
  repeated = 0;
  /** Two breakers, or two processes, of one name and one instance are mixed in one stream of events. */
  mixed = false;
  /** How often the wall clock of the process was set back. */
  clockSetBack = 0;
  readonly #commons: StoryCommons;
  readonly #incidents = new Map<string, IncidentStory>();
  #leading: TimelineEntry[] = [];
  #seq = 0;
  #lifeBefore = 0;
  #last: CircuitRecord | null = null;
  #gap: Gap | null = null;
  /** What was told last of the way to a trip is a row of failures, which a success ends. */
  #isInRow = false;

  constructor(breaker: string, instance: string | null, commons: StoryCommons) {
    this.#commons = commons;
    this.record = new BreakerRecord(breaker, instance, (gap) => {
      this.#gap = gap;
      commons.found(gap);
    });
  }

  take(sourced: SourcedRecord): void {
    const { record } = sourced;
    const last = this.#last;
    this.#last = record;
    const step = stepBetween(last, record);
    this.#gap = null;
    this.record.take(record);
    if (isAnew(step)) this.#beginAnew(record);
    if (record.seq <= this.#seq) {
      this.repeated++;
      // The same number for something else.
      if (record.seq === last?.seq) this.mixed ||= record.incidentId !== last.incidentId;
      return;
    }
    this.#seq = record.seq;
    if (last !== null && !isAnew(step) && record.atMs < last.atMs - 1) this.clockSetBack++;
    this.#count(record);
    this.#tell(sourced);
  }

  /** The incidents with what is told of them; `endAtMs` is the end of the record. */
  details(endAtMs: number, instance: string | null): readonly IncidentDetail[] {
    const { breaker, incidents } = this.record;
    return [...incidents.values()].map((incident) => {
      const summary = incident.summary(breaker, instance, endAtMs);
      const story = this.#storyOf(summary.incidentId);
      const data = story.data(summary.openedAtMs + summary.openMs);
      return { ...summary, ...data, notes: [...data.notes, ...this.#doubts(summary, endAtMs)] };
    });
  }

  #doubts(summary: IncidentSummary, endAtMs: number): readonly string[] {
    if (summary.closedAtMs !== null) return [];
    const notes: string[] = [];
    if (summary.closeLost) {
      notes.push("its close is not in the record: the process died, or the line was lost");
    }
    const lastMs = this.#last?.atMs ?? endAtMs;
    if (!summary.closeLost && endAtMs - lastMs > SILENCE_MS) {
      notes.push(
        `its process told nothing after ${utc(lastMs)}, the last ${duration(endAtMs - lastMs)} of the record: it may have died, or nobody called`,
      );
    }
    return notes;
  }

  #beginAnew(record: CircuitRecord): void {
    // Numbers that go on where an earlier life ended: that one had not ended at all.
    const goesOn = (record.prevSeq ?? record.seq - 1) === this.#lifeBefore && this.#lifeBefore > 1;
    if (goesOn) this.mixed = true;
    this.#lifeBefore = this.#seq;
    this.#seq = 0;
    this.#leading = [];
  }

  #count(record: CircuitRecord): void {
    const { atMs, type } = record;
    const skips = (type === "circuit.skip" ? 1 : 0) + (record.suppressed ?? 0);
    if (skips > 0) this.bins.add(atMs, { skips });
    switch (type) {
      case "circuit.failure": {
        const reason = text(record, "reason") === "latency" ? "latency" : "error";
        const limit = amount(record, "failureThreshold");
        const failures = amount(record, "consecutiveFailures");
        const isNearer = record["state"] === "closed" && limit !== null && limit > 0;
        const nearest = Math.min(1, (failures ?? 0) / (limit ?? 1));
        this.bins.add(atMs, { [reason]: 1, ...(isNearer ? { nearest } : {}) });
        this.#isInRow ||= isNearer;
        break;
      }
      case "circuit.success":
        // With degradation some failures still count after it; then the success says how many.
        if (this.#isInRow && amount(record, "consecutiveFailures") === null) {
          this.#isInRow = false;
          this.bins.add(atMs, { nearest: 0 });
        }
        break;
      case "circuit.progress":
        this.#isInRow = text(record, "rule") === "consecutive";
        this.bins.add(atMs, { nearest: Math.min(1, amount(record, "ratio") ?? 0) });
        break;
      case "circuit.open":
        if (beginsIncident(record)) this.bins.add(atMs, { nearest: 1 });
        break;
      case "circuit.close":
        this.bins.add(atMs, { nearest: 0 });
    }
  }

  #tell({ record, source }: SourcedRecord): void {
    const { atMs, type, incidentId } = record;
    if (incidentId === undefined) {
      if (!LEADING.has(type)) return;
      // A failure that is nearer to the trip says so itself.
      const last = this.#leading.at(-1);
      const isSaid = last?.type === "circuit.failure" && last.atMs === atMs;
      if (type === "circuit.progress" && isSaid && record["failuresToTrip"] !== undefined) return;
      this.#leading.push({ atMs, type, text: timelineText(record), source });
      if (this.#leading.length > MOST_LEADING) this.#leading.shift();
      return;
    }
    const story = this.#storyOf(incidentId);
    if (beginsIncident(record)) {
      const sinceMs = amount(record, "firstFailureAtMs") ?? atMs - LEAD_MS;
      for (const entry of this.#leading) if (entry.atMs >= sinceMs) story.add(entry);
      this.#leading = [];
    }
    if (this.#gap !== null) {
      const { afterSeq, beforeSeq } = this.#gap;
      story.add({ atMs, type: "gap", text: gapText(afterSeq, beforeSeq), source });
    }
    if (type !== "circuit.success") story.take({ record, source });
  }

  #storyOf(incidentId: string): IncidentStory {
    let story = this.#incidents.get(incidentId);
    if (story === undefined) {
      story = new IncidentStory(this.#commons.room);
      this.#incidents.set(incidentId, story);
    }
    return story;
  }
}
