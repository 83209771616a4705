import type { EventType } from "../events/event.ts";
import { amount, type CircuitRecord, text } from "./event-record.ts";
import { beginsIncident } from "./incident-record.ts";
import type {
  IncidentStoryData,
  Stretch,
  TimelineEntry,
  TripNumbers,
} from "./post-mortem-report.ts";
import type { RecordSource, SourcedRecord } from "./record-queue.ts";
import {
  lateResultsText,
  skipsText,
  timelineText,
  tripNumbers,
  tripText,
} from "./timeline-text.ts";

/** Room for entries of timelines, shared by all incidents of a report. */
export interface TimelineRoom {
  left: number;
}

/** Entries that are kept of the beginning and of the end of one incident. */
const FIRST = 120;
const LAST = 80;
const MOST_STRETCHES = 2_000;
/** A wall clock and a monotonic one differ by less, unless somebody set the one. */
const CLOCK_TOLERANCE_MS = 1_000;
/** Entries that have a place when there is no room for others. */
const ESSENTIAL: ReadonlySet<string> = new Set([
  "circuit.open",
  "circuit.force_changed",
  "circuit.close",
  "gap",
]);
const FAILED_PROBES = ["error", "latency", "expired"];

/** Events of one kind with nothing but events of such kinds between them: one entry of the timeline. */
interface Run {
  readonly fromMs: number;
  readonly source: RecordSource | null;
  calls: number;
  toMs: number;
}

const RUN_TEXTS = {
  "circuit.skip": skipsText,
  "circuit.late": lateResultsText,
} satisfies Partial<Record<EventType, (calls: number, overMs: number) => string>>;
type RunType = keyof typeof RUN_TEXTS;
const isRunType = (type: string): type is RunType => Object.hasOwn(RUN_TEXTS, type);

type Written = { -readonly [K in keyof Stretch]: Stretch[K] };

/** Gathers what a post-mortem asks of one incident in one process, event by event. */
export class IncidentStory {
  readonly notes: string[] = [];
  readonly #room: TimelineRoom;
  readonly #first: TimelineEntry[] = [];
  #last: TimelineEntry[] = [];
  #leftOut = 0;
  readonly #runs = new Map<RunType, Run>();
  readonly #stretches: Written[] = [];
  readonly #spentMs = new Map<string, number>();
  readonly #outcomes = new Map<string, number>();
  #noTrafficMs = 0;
  /** Of the opens before the last. */
  #cooldownMs: number | null = null;
  /** Of the last open: null without an end. */
  #present: { readonly fromMs: number; readonly cooldownMs: number | null } | null = null;
  #trip: TripNumbers | null = null;
  #tripText: string | null = null;
  #firstOpenMs: number | null = null;

  constructor(room: TimelineRoom) {
    this.#room = room;
  }

  /** Takes an event of the incident that is new. */
  take({ record, source }: SourcedRecord): void {
    const { atMs, type } = record;
    const suppressed = amount(record, "suppressed") ?? 0;
    if (isRunType(type)) {
      const skips = suppressed + (type === "circuit.skip" ? 1 : 0);
      this.#goOn("circuit.skip", skips, { record, source });
      if (type !== "circuit.skip") this.#goOn(type, 1, { record, source });
      return;
    }
    this.#endRuns(suppressed, atMs);
    switch (type) {
      case "circuit.open":
        this.#takeOpen(record);
        break;
      case "circuit.force_changed":
        this.#moveEnd(record);
        break;
      case "circuit.half_open":
        this.#noTrafficMs += amount(record, "idleMs") ?? 0;
        this.#enter("half_open", record);
        break;
      case "circuit.close":
        this.#endStretch(record);
        this.#checkClock(record);
        break;
      case "circuit.probe": {
        const outcome = text(record, "outcome") ?? "unknown";
        this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
        break;
      }
    }
    this.add({ atMs, type, text: timelineText(record), source });
  }

  /** Adds an entry to the timeline. */
  add(entry: TimelineEntry): void {
    if (this.#room.left <= 0 && !ESSENTIAL.has(entry.type)) {
      this.#leftOut++;
      return;
    }
    this.#room.left--;
    if (this.#first.length < FIRST) this.#first.push(entry);
    else this.#last.push(entry);
    // Rarely, and all at once: taking the first off each time would move the others.
    if (this.#last.length >= 2 * LAST) this.#trim();
  }

  /** `endMs`: until when the incident is known to have lasted, when the record has no close of it. */
  data(endMs: number): IncidentStoryData {
    this.#endRuns(0, endMs);
    this.#trim();
    const spent = new Map(this.#spentMs);
    const present = this.#stretches.at(-1);
    if (present?.toMs === null) {
      const soFar = Math.max(0, endMs - present.fromMs);
      spent.set(present.state, (spent.get(present.state) ?? 0) + soFar);
    }
    return {
      trip: this.#trip,
      tripText: this.#tripText,
      phases: {
        openMs: spent.get("open") ?? 0,
        halfOpenMs: spent.get("half_open") ?? 0,
        forcedOpenMs: spent.get("forced_open") ?? 0,
        noTrafficMs: this.#noTrafficMs,
      },
      probeOutcomes: Object.fromEntries(this.#outcomes),
      failedProbes: FAILED_PROBES.reduce((sum, word) => sum + (this.#outcomes.get(word) ?? 0), 0),
      cooldownFloorMs: this.#cooldownFloorMs,
      timeline: [...this.#first, ...this.#last],
      timelineLeftOut: this.#leftOut,
      stretches: this.#stretches.map((stretch) => ({ ...stretch })),
      notes: [...this.notes],
    };
  }

  /** Refused calls and late results come by the hundred, and mixed: as entries they would crowd out all others. */
  #goOn(type: RunType, calls: number, { record, source }: SourcedRecord): void {
    if (calls === 0) return;
    const { atMs } = record;
    const run = this.#runs.get(type) ?? { fromMs: atMs, source, calls: 0, toMs: atMs };
    run.calls += calls;
    run.toMs = atMs;
    this.#runs.set(type, run);
  }

  /** `suppressed`: refused calls that were not written, up to `atMs`. */
  #endRuns(suppressed: number, atMs: number): void {
    const skips = this.#runs.get("circuit.skip");
    if (skips !== undefined && suppressed > 0) {
      skips.calls += suppressed;
      skips.toMs = atMs;
    }
    const runs = [...this.#runs].sort(([, a], [, b]) => a.fromMs - b.fromMs);
    this.#runs.clear();
    for (const [type, { fromMs, source, calls, toMs }] of runs) {
      this.add({ atMs: fromMs, type, text: RUN_TEXTS[type](calls, toMs - fromMs), source });
    }
  }

  #takeOpen(record: CircuitRecord): void {
    this.#cooldownMs = this.#cooldownFloorMs;
    this.#present = { fromMs: record.atMs, cooldownMs: amount(record, "cooldownMs") };
    this.#enter(text(record, "state") ?? "open", record);
    if (!beginsIncident(record)) return;
    this.#firstOpenMs = record.atMs;
    this.#trip = tripNumbers(record);
    this.#tripText = tripText(record);
  }

  /** The forced open goes on, with another end. */
  #moveEnd(record: CircuitRecord): void {
    if (this.#present === null) return;
    const { fromMs } = this.#present;
    const endMs = amount(record, "retryAtMs");
    const cooldownMs = endMs === null ? null : Math.max(0, endMs - fromMs);
    this.#present = { fromMs, cooldownMs };
  }

  get #cooldownFloorMs(): number | null {
    const presentMs = this.#present?.cooldownMs ?? null;
    return presentMs === null ? this.#cooldownMs : (this.#cooldownMs ?? 0) + presentMs;
  }

  #enter(state: string, record: CircuitRecord): void {
    const { atMs } = record;
    if (beginsIncident(record)) this.#stretches.push({ state, fromMs: atMs, toMs: null });
    else {
      this.#endStretch(record);
      if (this.#stretches.length < MOST_STRETCHES) {
        this.#stretches.push({ state, fromMs: atMs, toMs: null });
      }
    }
  }

  #endStretch(record: CircuitRecord): void {
    const { atMs } = record;
    const from = text(record, "from");
    const present = this.#stretches.at(-1);
    const spentMs = amount(record, "spentMs");
    if (from !== null) {
      const lastedMs = spentMs ?? (present === undefined ? 0 : Math.max(0, atMs - present.fromMs));
      this.#spentMs.set(from, (this.#spentMs.get(from) ?? 0) + lastedMs);
    }
    if (present !== undefined) present.toMs = atMs;
    else if (from !== null && spentMs !== null) {
      // The record begins in the middle of it.
      this.#stretches.push({ state: from, fromMs: atMs - spentMs, toMs: atMs });
    }
  }

  #checkClock(record: CircuitRecord): void {
    const mttrMs = amount(record, "mttrMs");
    if (mttrMs === null || this.#firstOpenMs === null) return;
    const byWallMs = record.atMs - this.#firstOpenMs;
    const offMs = byWallMs - mttrMs;
    if (Math.abs(offMs) < CLOCK_TOLERANCE_MS) return;
    this.notes.push(
      `its wall clock was set ${offMs > 0 ? "forward" : "back"} by about ${Math.round(Math.abs(offMs) / 1_000)} s meanwhile: lengths are by the monotonic clock, moments are as logged`,
    );
  }

  #trim(): void {
    const over = this.#last.length - LAST;
    if (over <= 0) return;
    this.#leftOut += over;
    this.#room.left += over;
    this.#last = this.#last.slice(over);
  }
}
