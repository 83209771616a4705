import type { BreakerSummary, Gap, IncidentSummary, InputCounts } from "./incident-report.ts";
import type { RecordSource } from "./record-queue.ts";
import type { TimeBin } from "./time-bins.ts";

/** One line of the timeline of an incident. */
export interface TimelineEntry {
  readonly atMs: number;
  /** The name of the event, or `gap` where events are missing. */
  readonly type: string;
  readonly text: string;
  /** Where it was read; of several skips the first. */
  readonly source: RecordSource | null;
}

/** A stretch of an incident that was spent in one state. */
export interface Stretch {
  readonly state: string;
  readonly fromMs: number;
  /** Null while it goes on. */
  readonly toMs: number | null;
}

/** What an open told of the decision. */
export interface TripNumbers {
  readonly consecutiveFailures: number | null;
  /** The numbers that decided, such as `{ calls: 20, failures: 12 }`. */
  readonly window: Readonly<Record<string, number>> | null;
  readonly threshold: number | null;
  readonly firstFailureAtMs: number | null;
  readonly cooldownMs: number | null;
}

/** How long an incident was in each of its phases; lower bounds while it is open. */
export interface Phases {
  readonly openMs: number;
  readonly halfOpenMs: number;
  readonly forcedOpenMs: number;
  /** Part of `openMs`: the cooldown was over, and no call came that could have been a probe. */
  readonly noTrafficMs: number;
}

/** What the record tells of an incident beyond its summary. */
export interface IncidentStoryData {
  readonly trip: TripNumbers | null;
  /** The decision as a sentence. */
  readonly tripText: string | null;
  readonly phases: Phases;
  /** Probes by how they ended, as far as the record has them. */
  readonly probeOutcomes: Readonly<Record<string, number>>;
  /** Probes that ended as `error`, `latency` or `expired`. */
  readonly failedProbes: number;
  /** No recovery could have been faster: the sum of the cooldowns that had to pass. Null when forced. */
  readonly cooldownFloorMs: number | null;
  readonly timeline: readonly TimelineEntry[];
  /** Entries that the timeline had no room for. */
  readonly timelineLeftOut: number;
  readonly stretches: readonly Stretch[];
  /** What is doubtful about it. */
  readonly notes: readonly string[];
}

/** One incident with all that a post-mortem asks for. */
export interface IncidentDetail extends IncidentSummary, IncidentStoryData {}

/** Incidents of one breaker, in one process or several, whose times overlap. */
export interface Outage {
  readonly breaker: string;
  readonly fromMs: number;
  /** Its end, or until when it is known to have lasted. */
  readonly toMs: number;
  /** An incident of it has no recorded close: it lasted at least so long. */
  readonly stillOpen: boolean;
  /** Time in which at least one of the processes was in an incident. */
  readonly unionMs: number;
  /** Mean length of its incidents. */
  readonly meanMs: number;
  readonly instances: readonly string[];
  readonly incidentIds: readonly string[];
}

/** One breaker over the whole record, with what the charts show. */
export interface BreakerDetail extends BreakerSummary {
  readonly outages: number;
  /** Mean time from the beginning of one outage to the beginning of the next; null with fewer than two. */
  readonly mtbfMs: number | null;
  /** `openMs` within the time that the report is about, as a share of it; null when that time has no length. */
  readonly openShare: number | null;
  readonly binMs: number;
  readonly bins: readonly TimeBin[];
}

/** What was read, and what of it could not be used. */
export interface PostMortemInput extends InputCounts {
  /** Part of `ignored`: events of a later version of the format. */
  readonly laterVersion: number;
  /** Part of `damaged`: lines too long to be read. */
  readonly overlong: number;
  /** Events dated later than the moment of the report. */
  readonly future: number;
  /** Events that came too late to be put in their order. */
  readonly unordered: number;
  /** Events that the record has more than once. */
  readonly repeated: number;
  /** Events with a field that does not fit the catalogue and was left out. */
  readonly flawed: number;
}

/** What a record tells after an outage. Plain data, safe for JSON. */
export interface PostMortem {
  /** By the moment they began. */
  readonly incidents: readonly IncidentDetail[];
  readonly breakers: Readonly<Record<string, BreakerDetail>>;
  readonly outages: readonly Outage[];
  readonly input: PostMortemInput;
  /** The time that the report is about: what was asked for, else the record's; null without events. */
  readonly fromAtMs: number | null;
  readonly toAtMs: number | null;
  /** The first hundred. */
  readonly gaps: readonly Gap[];
  /** What a reader has to know before trusting the numbers. */
  readonly caveats: readonly string[];
}
