import { printable } from "../events/printable.ts";
import type {
  BreakerDetail,
  IncidentDetail,
  Outage,
  PostMortem,
  PostMortemInput,
  TimelineEntry,
} from "./post-mortem-report.ts";
import { counted, duration, grouped, utc } from "./wording.ts";

const MOST_COLUMNS = 4;

/** Two columns of a table about one thing. */
export type Fact = readonly [label: string, value: string];

/**
 * A post-mortem as Markdown, to be pasted into a document. Whatever comes from the record is escaped: it is neither
 * markup nor HTML nor a link.
 */
export function renderPostMortem(report: PostMortem): string {
  const { incidents, breakers, outages, caveats } = report;
  const parts = [
    "# Incident report",
    "",
    ...headline(report),
    ...section(
      "Caveats",
      caveats.map((caveat) => `- ${markdown(caveat)}`),
    ),
    ...(incidents.length === 0 ? [] : section("Breakers", breakerTable(breakers))),
    ...section("Outages in several instances", outageTable(outages)),
    ...incidents.flatMap((incident) => ["", ...incidentSection(incident)]),
    ...section("What was read", [`${inputText(report.input)}.`]),
  ];
  return `${parts.join("\n")}\n`;
}

/** What was read, as one sentence without its full stop. */
export function inputText(input: PostMortemInput): string {
  const { lines, events, ignored, damaged } = input;
  return `${counted(lines, "line")}: ${counted(events, "event")}, ${grouped(ignored)} of something else, ${grouped(damaged)} damaged`;
}

/** How long an incident lasted. */
export const lastedText = ({ openMs, closedAtMs }: IncidentDetail): string =>
  `${closedAtMs === null ? "≥ " : ""}${duration(openMs)}`;

/** How it ended. */
export function endText({ closedAtMs, closeReason, closeLost }: IncidentDetail): string {
  if (closedAtMs !== null) return `${utc(closedAtMs)}, by ${closeReason ?? "an unknown cause"}`;
  return closeLost
    ? "at an unknown time: the close is not in the record"
    : "STILL OPEN at the end of the record";
}

/** What a post-mortem says of one incident, row by row. */
export function incidentFacts(incident: IncidentDetail): readonly Fact[] {
  const { detectMs, phases, error, note, instances, causes, failures } = incident;
  const atLeast = incident.closedAtMs === null ? "≥ " : "";
  const floor = incident.cooldownFloorMs;
  const facts: (Fact | null)[] = [
    ["Opened", utc(incident.openedAtMs)],
    ["Closed", endText(incident)],
    ["Lasted", lastedText(incident)],
    ["Tripped by", incident.tripText ?? incident.reason ?? "unknown: the record begins later"],
    detectMs === null ? null : ["Detected", `${duration(detectMs)} after the first failure`],
    [
      "Last failure",
      error === null
        ? causes.error === 0
          ? "nothing was thrown"
          : "not recorded"
        : `${error.name}: ${error.message}${error.code === undefined ? "" : ` (${error.code})`}`,
    ],
    note === null ? null : ["Note", note],
    [
      "Cause",
      failures === 0 ? "no failure decided" : `${causes.error} error, ${causes.latency} latency`,
    ],
    [
      "Open",
      `${atLeast}${duration(phases.openMs)}${phases.forcedOpenMs > 0 ? `, forced open ${duration(phases.forcedOpenMs)}` : ""}`,
    ],
    ["Half open", `${atLeast}${duration(phases.halfOpenMs)}`],
    [
      "No traffic",
      phases.noTrafficMs > 0
        ? `${duration(phases.noTrafficMs)} with the cooldown over and no call`
        : "none",
    ],
    ["Probes", probesText(incident)],
    ["Refused", `${atLeast}${counted(incident.skips, "call")}`],
    [
      "Floor",
      floor === null
        ? "none: no cooldown was running"
        : `${duration(floor)}: the cooldowns that had to pass`,
    ],
    instances.length === 0 ? null : ["Instance", instances.join(", ")],
    incident.gaps === 0
      ? null
      : ["Gaps", `events are missing in ${counted(incident.gaps, "place")}`],
    ...incident.notes.map((doubt): Fact => ["Doubt", doubt]),
  ];
  return facts.filter((fact) => fact !== null);
}

/** Where an entry of a timeline was read. */
export const sourceText = ({ source }: TimelineEntry): string =>
  source === null ? "" : `${source.file}:${source.line}`;

/** The figures of one breaker, row by row. */
export function breakerFacts(breaker: BreakerDetail): readonly Fact[] {
  const atLeast = breaker.stillOpen > 0 ? "≥ " : "";
  const { mttrMeanMs, mttrMedianMs, mttrP90Ms, mttrMaxMs, excluded } = breaker;
  const { openShare } = breaker;
  return [
    ["Incidents", String(breaker.incidents)],
    ["Still open", String(breaker.stillOpen)],
    ["Outages", String(breaker.outages)],
    ["Open (union)", `${atLeast}${duration(breaker.openMs)}`],
    ["Share of time open", openShare === null ? "unknown" : `${atLeast}${shareText(openShare)}`],
    ["MTTR mean", length(mttrMeanMs)],
    ["MTTR median", length(mttrMedianMs)],
    ["MTTR p90", length(mttrP90Ms)],
    ["MTTR max", length(mttrMaxMs)],
    ["Recoveries", String(breaker.recovered)],
    [
      "By hand",
      excluded.incidents === 0 ? "0" : `${excluded.incidents} (mean ${length(excluded.meanMs)})`,
    ],
    ["MTBF", length(breaker.mtbfMs)],
    ["Calls refused", `${atLeast}${grouped(breaker.skips)}`],
    ["Gaps", String(breaker.gaps)],
  ];
}

/** Text from the record, so that Markdown shows it as it is. */
export function markdown(text: string): string {
  return printable(text)
    .replace(/[\\`*_[\]#+|~]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("://", "&#58;//")
    .replace(/www\./gi, (start) => `${start.slice(0, -1)}&#46;`);
}

function headline({ incidents, breakers, fromAtMs, toAtMs }: PostMortem): string[] {
  const open = incidents.filter(({ closedAtMs }) => closedAtMs === null).length;
  const still = open === 0 ? "" : `, ${open} still open or without a close`;
  const span =
    fromAtMs === null || toAtMs === null
      ? "The record has no event of a breaker."
      : `${utc(fromAtMs)} to ${utc(toAtMs)}.`;
  const names = counted(Object.keys(breakers).length, "breaker");
  return [`${counted(incidents.length, "incident")}${still}, ${names}. ${span}`];
}

function breakerTable(breakers: Readonly<Record<string, BreakerDetail>>): string[] {
  const columns = Object.entries(breakers).map(([name, breaker]) => ({
    name,
    facts: breakerFacts(breaker),
  }));
  const [labels = []] = columns.map(({ facts }) => facts.map(([label]) => label));
  // One column for each breaker reads better, as long as they fit beside each other.
  if (columns.length <= MOST_COLUMNS) {
    return table([
      ["", ...columns.map(({ name }) => name)],
      ...labels.map((label, at) => [label, ...columns.map(({ facts }) => facts[at]?.[1] ?? "")]),
    ]);
  }
  return table([
    ["Breaker", ...labels],
    ...columns.map(({ name, facts }) => [name, ...facts.map(([, value]) => value)]),
  ]);
}

function outageTable(outages: readonly Outage[]): string[] {
  const several = outages.filter(({ instances }) => instances.length > 1);
  if (several.length === 0) return [];
  return table([
    ["Breaker", "From", "To", "Open (union)", "Mean of instances", "Incidents", "Instances"],
    ...several.map(({ breaker, fromMs, toMs, unionMs, meanMs, stillOpen, ...outage }) => [
      breaker,
      utc(fromMs),
      stillOpen ? "still open" : utc(toMs),
      `${stillOpen ? "≥ " : ""}${duration(unionMs)}`,
      `${stillOpen ? "≥ " : ""}${duration(meanMs)}`,
      String(outage.incidentIds.length),
      outage.instances.join(", "),
    ]),
  ]);
}

function incidentSection(incident: IncidentDetail): string[] {
  const { breaker, incidentId, instances, timeline, timelineLeftOut } = incident;
  const where = instances.length === 0 ? "" : ` on ${instances.join(", ")}`;
  const rows = timeline.map((entry) => [utc(entry.atMs), entry.text, sourceText(entry)]);
  const left = timelineLeftOut === 0 ? [] : ["", `${counted(timelineLeftOut, "entry")} left out.`];
  return [
    `## ${markdown(breaker)}${markdown(where)}: ${markdown(incident.reason ?? "unknown")}, ${lastedText(incident)}`,
    "",
    `Incident ${markdown(incidentId)}`,
    "",
    ...table([["", ""], ...incidentFacts(incident)]),
    "",
    "### Timeline (UTC)",
    "",
    ...table([["Time", "Event", "Source"], ...rows]),
    ...left,
  ];
}

function probesText({ probes, failedProbes, reopens, probeOutcomes }: IncidentDetail): string {
  if (probes === 0) return "0";
  const outcomes = Object.entries(probeOutcomes).map(([outcome, count]) => `${outcome} ${count}`);
  const split = outcomes.length === 0 ? "" : ` (${outcomes.join(", ")})`;
  return `${probes}${split}, ${failedProbes} failed, reopened ${counted(reopens, "time")}`;
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ["", `## ${title}`, "", ...lines];

function table([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => markdown(cell)).join(" | ")} |`;
  return [line(head), `|${head.map(() => " --- |").join("")}`, ...rows.map(line)];
}

const length = (lengthMs: number | null): string =>
  lengthMs === null ? "none" : duration(lengthMs);

/** Shares near 0 and 1 matter most: `0.012 %`. */
const shareText = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
