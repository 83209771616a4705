import {
  COUNTED_AS,
  FAILURE_REASONS,
  PROBE_OUTCOMES,
  SKIP_REASONS,
  STATES,
} from "../events/vocabulary.ts";
import { BREAKER_KIND } from "./breaker-snapshot.ts";
import {
  anything,
  count,
  list,
  ms,
  nullable,
  numbers,
  optional,
  type ReadBy,
  record,
  text,
  word,
} from "./snapshot-fields.ts";
import { type Migration, own, type SnapshotReader } from "./snapshot-reader.ts";
import { TRANSITION_WORDS } from "./tally.ts";

/** As long as the name of a breaker may be. */
const LONGEST_NAME = 256;
/** As long as a reason may be. */
const LONGEST_NOTE = 512;
const LONGEST_RULE_NAME = 64;
const MOST_RULES = 256;
/** The longest JSON text that is read: several windows of a million calls. */
const LONGEST_JSON = 16 * 1024 * 1024;

/** What leads from each version of the form to the next; the present one is the first. */
const MIGRATIONS: readonly Migration[] = [];

const run = nullable(
  record({
    error: count,
    latency: count,
    last: word(FAILURE_REASONS),
    firstAtMs: ms,
    firstAgoMs: ms,
  }),
);
const meters = list(record({ rule: text(LONGEST_RULE_NAME), saved: anything }), MOST_RULES);
const candidate = nullable(record({ run, failures: count, blindMs: ms, meters }));

/** Every field, in the order in which they are written. */
const FIELDS = record({
  name: text(LONGEST_NAME),
  life: text(LONGEST_NAME),
  takenAtMs: ms,
  seq: count,
  generation: count,
  state: word(STATES),
  enteredAgoMs: ms,
  retryAtMs: nullable(ms),
  remainingMs: nullable(ms),
  note: optional(text(LONGEST_NOTE)),
  consecutiveFailures: count,
  lastFailureAtMs: nullable(ms),
  lastSuccessAtMs: nullable(ms),
  counts: record({
    calls: numbers(COUNTED_AS, count),
    skips: numbers(SKIP_REASONS, count),
    trips: numbers(FAILURE_REASONS, count),
    transitions: numbers(TRANSITION_WORDS, count),
    probes: numbers(PROBE_OUTCOMES, count),
    timeInStateMs: numbers(STATES, ms),
  }),
  incident: nullable(
    record({
      id: text(LONGEST_NAME),
      startedAtMs: ms,
      startedAgoMs: ms,
      openedAgoMs: ms,
      skips: count,
      skipsSinceOpened: count,
      probes: count,
      reopens: count,
    }),
  ),
  backoff: nullable(record({ attempt: count, cooldownMs: ms })),
  rampAgoMs: nullable(ms),
  evidence: nullable(record({ run, peak: ms, activeAgoMs: ms, meters })),
  own: candidate,
  shadow: candidate,
});

/** What a snapshot says, checked. */
export type ReadBreaker = ReadBy<typeof FIELDS>;

/**
 * Reads a snapshot of a breaker, or its JSON text, of any version that there was.
 * @throws {SnapshotError} when anything of it cannot be used
 */
export function readBreaker(reader: SnapshotReader, snapshot: unknown): ReadBreaker {
  const head = reader.head(reader.parsed(snapshot, LONGEST_JSON), BREAKER_KIND, MIGRATIONS);
  const read = FIELDS(reader, "", head);
  const { state, incident } = read;
  const isOver = state === "closed" || state === "disabled";
  if (isOver !== (incident === null)) {
    reader.fail("incident", isOver ? "null when closed or disabled" : "there unless closed");
  }
  return read;
}

/**
 * A snapshot, parsed, and the name that it gives.
 * @throws {SnapshotError} when it has none
 */
export function namedSnapshot(
  reader: SnapshotReader,
  snapshot: unknown,
): { readonly name: string; readonly parsed: unknown } {
  return reader.read(() => {
    const parsed = reader.parsed(snapshot, LONGEST_JSON);
    const head = reader.head(parsed, BREAKER_KIND, MIGRATIONS);
    return { name: reader.text("name", own(head, "name"), LONGEST_NAME), parsed };
  });
}
