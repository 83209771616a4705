import { counted, duration } from "../../report/wording.ts";
import type { Recording } from "./recording.ts";

/** What holds of every replay. */
const ALWAYS = [
  "Every call comes at its recorded time and takes as long as it took. In truth a breaker that refuses takes load off the dependency, which may recover sooner, and callers that are refused try again or go away.",
  "A setting that fits one outage need not fit the next. What the next one of the same length and kind may come to is given as a span, twice the standard deviation of replays with cooldowns up to 20 % shorter and longer, which meet the end of the outage by other luck, and twice the root of a count; one of another kind is not in it. Of detection times no span is given: they hang on a handful of calls.",
];

/** What the replay of a recording cannot know, and what is doubtful about it, as sentences. */
export function caveatsOf(
  { calls, unknown, silent, facts, doubts }: Recording,
  { slowMs, notes }: { readonly slowMs: number; readonly notes: readonly string[] },
): readonly string[] {
  return [
    badText(slowMs),
    unknown === 0 ? KNOWN[facts === null ? "access" : "events"] : unknownText(unknown, calls),
    ...notes,
    ...doubts,
    ...(silent === 0
      ? []
      : [`${counted(silent, "process")} had no call with an outcome and are left out.`]),
    ...(facts === null ? [] : factCaveats(facts)),
    ...ALWAYS,
  ];
}

const badText = (slowMs: number): string =>
  Number.isFinite(slowMs)
    ? `A call is bad when it failed or took longer than ${duration(slowMs)}, whatever the setting; --slow-ms changes that.`
    : "A call is bad when it failed, however long it took; --slow-ms makes slow calls bad as well.";

const KNOWN = {
  events: "No call was refused while it was recorded, so the outcome of each is known.",
  access:
    "The outcome of each call in the log is known. Calls that were refused before anybody wrote them down are not in it.",
};

const unknownText = (unknown: number, calls: number): string =>
  `${counted(unknown, "call")} of ${calls} were refused while it was recorded: what would have become of them the recording cannot tell. Each is taken to be like the call with an outcome that is nearest in time; a figure in brackets lies between the better and the worse of the calls before and after. If only some of the calls failed during an outage, the few probes cannot tell how many, and the truth may lie outside.`;

function factCaveats({
  untimed,
  foreign,
  refusedBeside,
}: NonNullable<Recording["facts"]>): readonly string[] {
  const caveats: string[] = [];
  if (untimed > 0) {
    caveats.push(
      `${counted(untimed, "call")} have no recorded length and count as taking no time: limits of latency are not judged by them. A breaker measures calls when latencyTripMs is set.`,
    );
  }
  if (foreign > 0) {
    caveats.push(
      `An operator or a peer opened or disabled the breaker ${counted(foreign, "time")}: replays know nothing of that.`,
    );
  }
  if (refusedBeside > 0) {
    caveats.push(
      `${counted(refusedBeside, "call")} were refused by a quota or a bulkhead, which no setting changes: they are left out.`,
    );
  }
  return caveats;
}
