import type { TelltaleEvent } from "../events/event.ts";
import type { Trail } from "./breaker-log.ts";

/** What comes from our own breakers is a tenth of it at most. */
const LONGEST_TEXT = 65_536;

/**
 * An event as one line of JSON: its own fields, and what a destination that filters or samples adds. An event of no
 * breaker has no `prevSeq`.
 * @throws {RangeError} when it is longer than any event of ours
 */
export function eventText(event: TelltaleEvent, { prevSeq, suppressed }: Partial<Trail>): string {
  const text = JSON.stringify({
    ...event,
    ...(prevSeq === undefined ? {} : { prevSeq }),
    ...(suppressed === undefined || suppressed === 0 ? {} : { suppressed }),
  });
  if (text.length > LONGEST_TEXT) {
    throw new RangeError(
      `Cannot write ${event.type}: its text must have at most ${LONGEST_TEXT} characters, received ${text.length}`,
    );
  }
  return text;
}
