import type { LineFold } from "../reading/read-record.ts";
import type { CallLog } from "./call-log.ts";
import type { RecordedFacts } from "./recorded-facts.ts";

/** What was read, in lines. */
export interface ReadCounts {
  lines: number;
  /** Events of breakers, or lines of an access log. */
  used: number;
  /** Of something else. */
  ignored: number;
  /** That cannot be used; those that are too long included. */
  damaged: number;
  overlong: number;
}

/** The calls to one dependency. */
export interface Gathered {
  readonly breaker: string;
  /** What a breaker has told of itself; null when there was none. */
  readonly facts: RecordedFacts | null;
  /** One for each process. */
  readonly logs: readonly CallLog[];
}

/** Takes the lines of recordings and makes calls of them; refuses more than a replay holds. */
export interface CallReader extends LineFold {
  readonly counts: ReadCounts;
  /** Breakers of the recording that were not asked for. */
  readonly otherBreakers: readonly string[];
  /** What has been read, by dependency. */
  gathered(): readonly Gathered[];
}
