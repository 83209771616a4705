import type { Skew } from "./clock-skew.ts";
import type { PostMortem } from "./post-mortem-report.ts";
import { counted, duration } from "./wording.ts";

/** What was found that makes numbers doubtful. */
export interface Doubts {
  readonly unordered: number;
  readonly repeated: number;
  /** Streams of events in which two seem to be mixed. */
  readonly mixed: readonly string[];
  readonly clockSetBack: readonly string[];
  readonly skews: readonly Skew[];
  readonly timelinesFull: boolean;
}

/** A report of fewer says little by its means. */
const FEW = 10;

/** What a reader has to know before trusting the numbers, each as a sentence. */
export function caveatsOf(report: Omit<PostMortem, "caveats">, doubts: Doubts): readonly string[] {
  return [...ofIncidents(report), ...ofInput(report), ...ofOrder(doubts)];
}

function ofIncidents({ incidents, breakers, fromAtMs }: Omit<PostMortem, "caveats">): string[] {
  if (incidents.length === 0 || fromAtMs === null) return [];
  const all = Object.values(breakers);
  const open = incidents.filter(({ closedAtMs }) => closedAtMs === null).length;
  const lost = incidents.filter(({ closeLost }) => closeLost).length;
  const gaps = all.reduce((sum, breaker) => sum + breaker.gaps, 0);
  const beganEarlier = incidents.filter(({ reason }) => reason === null).length;
  const few = all.some(({ recovered }) => recovered > 0 && recovered < FEW);
  const excluded = all.reduce((sum, breaker) => sum + breaker.excluded.incidents, 0);
  const floor = incidents.some(({ cooldownFloorMs }) => cooldownFloorMs !== null);
  return [
    ...said(
      open > lost,
      `${counted(open - lost, "incident")} had not ended when the record did: lengths marked ≥ are at least so long, and the times to recovery do not have them, so they look better than it was.`,
    ),
    ...said(
      lost > 0,
      `${counted(lost, "incident")} ended without a recorded close: the process died, or lines were lost. Lengths are up to the last event and marked ≥.`,
    ),
    ...said(
      gaps > 0,
      `Events are missing in ${counted(gaps, "place")}, by their numbers. Counts of skips, probes and failures may be too low there.`,
    ),
    ...said(
      beganEarlier > 0,
      `The record has no beginning of ${counted(beganEarlier, "incident")}: why it opened is not known.`,
    ),
    ...said(
      excluded > 0,
      `${counted(excluded, "incident")} begun or ended by hand ${are(excluded)} not in the times to recovery.`,
    ),
    ...said(
      floor,
      "A breaker notices a recovery at the first probe after its cooldown: no time to recovery is shorter than that floor, whatever the dependency did.",
    ),
    ...said(
      few,
      "Mean, median and p90 of fewer than ten recoveries are anecdotes, not statistics.",
    ),
  ];
}

function ofInput({ input }: Omit<PostMortem, "caveats">): string[] {
  const { damaged, overlong, laterVersion, future, flawed, repeated, unordered } = input;
  return [
    ...said(
      damaged > overlong,
      `${counted(damaged - overlong, "line")} could not be read: cut off, or without what an event must have.`,
    ),
    ...said(
      overlong > 0,
      `${counted(overlong, "line")} longer than 1 MiB ${were(overlong)} left out.`,
    ),
    ...said(
      laterVersion > 0,
      `${counted(laterVersion, "event")} of a later version of the format ${were(laterVersion)} left out: use a newer telltale.`,
    ),
    ...said(
      future > 0,
      `${counted(future, "event")} ${are(future)} dated in the future: a clock was wrong.`,
    ),
    ...said(
      flawed > 0,
      `${counted(flawed, "event")} had a field that does not fit; the field was left out.`,
    ),
    ...said(
      repeated > 0,
      `${counted(repeated, "event")} ${were(repeated)} in the record more than once, and counted once.`,
    ),
    ...said(
      unordered > 0,
      `${counted(unordered, "event")} came too late to be put in order: what depends on the order is doubtful. Give the files by age, or sort them.`,
    ),
  ];
}

function ofOrder({ mixed, clockSetBack, skews, timelinesFull }: Doubts): string[] {
  return [
    ...mixed.map(
      (name) =>
        `Two breakers or two processes seem to write as "${name}": their events cannot be told apart, and numbers of it are doubtful. Give each bus an \`instance\` and each breaker its own name.`,
    ),
    ...clockSetBack.map((name) => `The wall clock of ${name} was set back within the record.`),
    ...skews.map(
      ({ file, process, behindMs }) =>
        `In ${file}, events of ${process === "" ? "one process" : process} are dated at least ${duration(behindMs)} before the lines they follow: its clock seems to be behind. Moments of different instances compare only so far.`,
    ),
    ...said(
      timelinesFull,
      "There are more incidents than timelines have room for: later ones are shortened.",
    ),
  ];
}

const said = (holds: boolean, sentence: string): string[] => (holds ? [sentence] : []);
const are = (count: number): string => (count === 1 ? "is" : "are");
const were = (count: number): string => (count === 1 ? "was" : "were");
