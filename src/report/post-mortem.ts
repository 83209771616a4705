import { isData } from "../events/event-shape.ts";
import { BreakerStory } from "./breaker-story.ts";
import { caveatsOf, type Doubts } from "./caveats.ts";
import { ClockSkew } from "./clock-skew.ts";
import { namingOf, USUAL_NAMING } from "./event-naming.ts";
import {
  isCircuitRecord,
  type Reading,
  type RecordNaming,
  type RecordOptions,
  readEntry,
  recordNaming,
} from "./event-record.ts";
import { breakerSummary } from "./incident-fold.ts";
import type { Gap } from "./incident-report.ts";
import { mtbfMs, outagesOf, windowOf } from "./outages.ts";
import type { BreakerDetail, IncidentDetail, Outage, PostMortem } from "./post-mortem-report.ts";
import { ProcessNames } from "./process-names.ts";
import { RecordQueue, type RecordSource } from "./record-queue.ts";
import { unionMs } from "./recovery-times.ts";
import { TimeBins } from "./time-bins.ts";

/** What the report is about, and how its record is written. */
export interface PostMortemOptions extends RecordOptions {
  /** The present moment: events that are dated later are pointed out. Epoch milliseconds. */
  readonly nowMs?: number;
  /** Only incidents that were not over by then. Epoch milliseconds. */
  readonly sinceMs?: number;
  /** Only incidents that had begun by then. Epoch milliseconds. */
  readonly untilMs?: number;
  /** Only this breaker. */
  readonly breaker?: string;
  /** Only the incident of this id. */
  readonly incident?: string;
}

/** How many events late an event may come, for each breaker in each process. */
const REACH = 1_024;
/** Events that wait for their order, of all breakers. */
const MOST_WAITING = 20_000;
/** Entries of all timelines together. */
const TIMELINE_ENTRIES = 100_000;
const GAPS_SHOWN = 100;
/** Clocks of different machines differ by less. */
const FUTURE_TOLERANCE_MS = 60_000;

interface Stream {
  readonly story: BreakerStory;
  readonly queue: RecordQueue;
  readonly key: string | null;
}

/** Gathers a record into a post-mortem: it holds the incidents, not the events. */
export class PostMortemFold {
  readonly #options: PostMortemOptions;
  readonly #given: RecordNaming | null;
  #naming: RecordNaming;
  readonly #names = new ProcessNames();
  readonly #skew = new ClockSkew();
  readonly #streams = new Map<string, Map<string | null, Stream>>();
  readonly #gaps: Gap[] = [];
  readonly #room = { left: TIMELINE_ENTRIES };
  readonly #counts = { events: 0, ignored: 0, damaged: 0, flawed: 0 };
  readonly #odd = { laterVersion: 0, overlong: 0, future: 0 };
  #waiting = 0;
  #fromAtMs = Number.POSITIVE_INFINITY;
  #toAtMs = Number.NEGATIVE_INFINITY;

  /** @throws {TypeError} when `eventKey` or `prefix` is no string */
  constructor(options: PostMortemOptions = {}) {
    const { eventKey, prefix } = options;
    this.#options = options;
    const isGiven = eventKey !== undefined || prefix !== undefined;
    const naming = {
      ...(eventKey === undefined ? {} : { eventKey }),
      ...(prefix === undefined ? {} : { prefix }),
    };
    this.#given = isGiven ? recordNaming(naming, "report") : null;
    this.#naming = this.#given ?? USUAL_NAMING;
  }

  /** Every breaker of the record, those that were not asked for as well. */
  readonly breakersSeen = new Set<string>();

  /** Counts lines that are none of ours without looking into them. */
  skip(ignored: number, damaged: number, overlong = 0): void {
    this.#counts.ignored += ignored;
    this.#counts.damaged += damaged + overlong;
    this.#odd.overlong += overlong;
  }

  /** Takes a line, or an event as it was emitted. Never throws. */
  add(entry: unknown, source: RecordSource | null = null): void {
    const line = parsed(entry);
    const reading = this.#read(line);
    if (reading === "foreign") {
      this.#counts.ignored++;
      if (isLater(line)) this.#odd.laterVersion++;
    } else if (reading === "damaged") this.#counts.damaged++;
    else this.#take(reading, isData(line) ? line : {}, source);
  }

  /** What the record tells. Nothing may be added afterwards. */
  result(): PostMortem {
    for (const streams of this.#streams.values()) {
      for (const { queue } of streams.values()) queue.release();
    }
    const { sinceMs, untilMs } = this.#options;
    const hasEvents = this.#counts.events > 0;
    const recordEndMs = hasEvents ? this.#toAtMs : 0;
    const fromAtMs = sinceMs ?? (hasEvents ? this.#fromAtMs : null);
    const toAtMs = untilMs ?? (hasEvents ? this.#toAtMs : null);
    const span = { fromMs: fromAtMs ?? 0, toMs: Math.max(toAtMs ?? 0, fromAtMs ?? 0) };
    const incidents: IncidentDetail[] = [];
    const outages: Outage[] = [];
    const breakers: [string, BreakerDetail][] = [];
    for (const [name, streams] of this.#streams) {
      const own = [...streams.values()].flatMap(({ story, key }) =>
        story.details(recordEndMs, this.#names.nameOf(name, key)).filter(this.#isWanted),
      );
      const together = outagesOf(own);
      incidents.push(...own);
      outages.push(...together);
      breakers.push([name, this.#breakerDetail(own, together, { streams, span })]);
    }
    incidents.sort((a, b) => a.openedAtMs - b.openedAtMs);
    outages.sort((a, b) => a.fromMs - b.fromMs);
    const doubts = this.#doubts();
    const { events, ignored, damaged, flawed } = this.#counts;
    const { unordered, repeated } = doubts;
    const input = { lines: events + ignored + damaged, events, ignored, damaged };
    const whole = {
      ...{ incidents, outages, fromAtMs, toAtMs, gaps: [...this.#gaps] },
      // A breaker may be called __proto__.
      breakers: Object.fromEntries(breakers),
      input: { ...input, ...this.#odd, unordered, repeated, flawed },
    };
    return { ...whole, caveats: caveatsOf(whole, doubts) };
  }

  #read(line: unknown): Reading {
    if (line === UNREADABLE) return "damaged";
    const reading = readEntry(line, this.#naming);
    if (reading !== "foreign" || this.#given !== null) return reading;
    // Records of several services may name their events in several ways.
    const naming = namingOf(line);
    if (naming === null) return reading;
    this.#naming = naming;
    return readEntry(line, naming);
  }

  #take(
    { record, flawed }: Exclude<Reading, string>,
    line: Readonly<Record<string, unknown>>,
    source: RecordSource | null,
  ): void {
    this.#counts.events++;
    if (flawed) this.#counts.flawed++;
    const { nowMs = Number.POSITIVE_INFINITY, breaker } = this.#options;
    if (record.atMs > nowMs + FUTURE_TOLERANCE_MS) this.#odd.future++;
    this.#fromAtMs = Math.min(this.#fromAtMs, record.atMs);
    this.#toAtMs = Math.max(this.#toAtMs, record.atMs);
    if (!record.type.startsWith("circuit.") || !isCircuitRecord(record)) return;
    this.breakersSeen.add(record.breaker);
    if (breaker !== undefined && record.breaker !== breaker) return;
    const key = this.#names.keyOf(record, line);
    if (source !== null) this.#skew.take(source.file, key ?? "", record.atMs);
    const { queue } = this.#streamOf(record.breaker, key);
    this.#waiting -= queue.length;
    queue.add({ record, source });
    this.#waiting += queue.length;
    if (this.#waiting > MOST_WAITING) this.#makeRoom();
  }

  #makeRoom(): void {
    this.#waiting = 0;
    for (const streams of this.#streams.values()) {
      for (const { queue } of streams.values()) {
        queue.release(Math.ceil(queue.length / 2));
        this.#waiting += queue.length;
      }
    }
  }

  #streamOf(breaker: string, key: string | null): Stream {
    let streams = this.#streams.get(breaker);
    if (streams === undefined) {
      streams = new Map();
      this.#streams.set(breaker, streams);
    }
    let stream = streams.get(key);
    if (stream === undefined) {
      const found = (gap: Gap): void => {
        if (this.#gaps.length < GAPS_SHOWN) this.#gaps.push(gap);
      };
      const story = new BreakerStory(breaker, key, { room: this.#room, found });
      const queue = new RecordQueue(REACH, (sourced) => story.take(sourced));
      stream = { story, queue, key };
      streams.set(key, stream);
    }
    return stream;
  }

  readonly #isWanted = (detail: IncidentDetail): boolean => {
    const { sinceMs, untilMs, incident } = this.#options;
    const { fromMs, toMs } = windowOf(detail);
    if (incident !== undefined && detail.incidentId !== incident) return false;
    return toMs >= (sinceMs ?? toMs) && fromMs <= (untilMs ?? fromMs);
  };

  #breakerDetail(
    incidents: readonly IncidentDetail[],
    outages: readonly Outage[],
    {
      streams,
      span,
    }: { streams: Map<string | null, Stream>; span: { fromMs: number; toMs: number } },
  ): BreakerDetail {
    const stories = [...streams.values()].map(({ story }) => story);
    const { sinceMs, untilMs, incident } = this.#options;
    const isWhole = sinceMs === undefined && untilMs === undefined && incident === undefined;
    const bins = new TimeBins();
    for (const story of stories) bins.addAll(story.bins);
    const spanMs = span.toMs - span.fromMs;
    const within = incidents.map(windowOf).map(({ fromMs, toMs }) => ({
      fromMs: Math.max(fromMs, span.fromMs),
      toMs: Math.min(toMs, span.toMs),
    }));
    const outside = {
      // They have no window of their own, so a choice of incidents leaves them out.
      skipsOutside: isWhole ? stories.reduce((sum, { record }) => sum + record.skipsOutside, 0) : 0,
      gaps: stories.reduce((sum, { record }) => sum + record.gaps, 0),
    };
    return {
      ...breakerSummary(incidents, outside),
      outages: outages.length,
      mtbfMs: mtbfMs(outages),
      openShare: spanMs > 0 ? Math.min(1, unionMs(within) / spanMs) : null,
      binMs: bins.widthMs,
      bins: bins
        .list()
        .filter(({ fromMs }) => fromMs + bins.widthMs >= span.fromMs && fromMs <= span.toMs),
    };
  }

  #doubts(): Doubts {
    const all = [...this.#streams].flatMap(([breaker, streams]) =>
      [...streams.values()].map(({ story, queue, key }) => ({
        name: [breaker, this.#names.nameOf(breaker, key)]
          .filter((part) => part !== null)
          .join(" on "),
        story,
        queue,
      })),
    );
    const named = (holds: (story: BreakerStory) => boolean): readonly string[] =>
      all.filter(({ story }) => holds(story)).map(({ name }) => name);
    return {
      unordered: all.reduce((sum, { queue }) => sum + queue.tooLate, 0),
      repeated: all.reduce((sum, { story }) => sum + story.repeated, 0),
      mixed: named(({ mixed }) => mixed),
      clockSetBack: named(({ clockSetBack }) => clockSetBack > 0),
      skews: this.#skew.found(),
      timelinesFull: this.#room.left <= 0,
    };
  }
}

/** Stands for text that is no JSON. */
const UNREADABLE = Symbol("unreadable");

function parsed(entry: unknown): unknown {
  if (typeof entry !== "string") return entry;
  try {
    return JSON.parse(entry);
  } catch {
    const text = entry.trim();
    return text.startsWith("{") || text.endsWith("}") ? UNREADABLE : null;
  }
}

function isLater(line: unknown): boolean {
  return isData(line) && typeof line["v"] === "number" && line["v"] > 1 && namingOf(line) !== null;
}
