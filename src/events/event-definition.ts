import type * as field from "./field.ts";
import type { Severity } from "./vocabulary.ts";

/** How an event moves a counter of the metrics catalogue: which counter, and what gives each of its labels. */
export interface EventMetric {
  readonly metric: string;
  /** Label name to the event's field, or to a fixed value written as `{ value }`. */
  readonly labels: Readonly<Record<string, string | { readonly value: string }>>;
  /** The field that holds the increment; 1 without it. */
  readonly by?: string;
  /** It moves only when this field holds one of these words. */
  readonly only?: { readonly field: string; readonly words: readonly string[] };
}

/** What the catalogue knows of one type of event. */
export interface EventDefinition<F extends field.Fields = field.Fields> {
  readonly severity: Severity;
  /** The constant message of a log line. */
  readonly sentence: string;
  /** When it is emitted, for the docs. */
  readonly when: string;
  /** Its own fields, beyond the envelope. */
  readonly fields: F;
  /** The counters that it moves. */
  readonly metrics: readonly EventMetric[];
}

/** Keeps the exact types of a definition. */
export const define = <const F extends field.Fields>(definition: EventDefinition<F>) => definition;
