import type { TelltaleEvent } from "../events/event.ts";
import type { Trail } from "./breaker-log.ts";

/** What comes from our own breakers is a tenth of it at most. */
const LONGEST_TEXT = 65_536;

/**
 * An event as one line of JSON: its own fields, and what a destination that filters or samples adds.
 * @throws {RangeError} when it is longer than any event of ours
 */
export function eventText(event: TelltaleEvent, trail?: Trail): string {
  const text = JSON.stringify(trail === undefined ? event : { ...event, ...added(trail) });
  if (text.length > LONGEST_TEXT) {
    throw new RangeError(
      `Cannot write ${event.type}: its text must have at most ${LONGEST_TEXT} characters, received ${text.length}`,
    );
  }
  return text;
}

const added = ({ prevSeq, suppressed }: Trail): Partial<Trail> =>
  suppressed === 0 ? { prevSeq } : { prevSeq, suppressed };
