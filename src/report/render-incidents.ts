import { printable } from "../events/printable.ts";
import type { BreakerSummary, IncidentReport, IncidentSummary } from "./incident-report.ts";
import { counted, duration, grouped, utc } from "./wording.ts";

const LABEL_WIDTH = 10;

/**
 * The report as plain text for a terminal: each incident, then the totals of each breaker. Moments are UTC; `≥` marks
 * what may have been more, because an incident has no recorded close.
 *
 * @example
 * console.log(renderIncidents(foldIncidents(events)));
 */
export function renderIncidents(report: IncidentReport): string {
  const { incidents, breakers } = report;
  const names = Object.keys(breakers);
  const stillOpen = incidents.filter(({ closedAtMs }) => closedAtMs === null).length;
  const lines = [
    `${counted(incidents.length, "incident")}, ${stillOpen} still open, ${counted(names.length, "breaker")}`,
    ...(report.fromAtMs === null || report.toAtMs === null
      ? []
      : [`${utc(report.fromAtMs)} to ${utc(report.toAtMs)}`]),
    ...incidents.flatMap((incident) => ["", ...incidentLines(incident)]),
    ...Object.entries(breakers).flatMap(([name, totals]) => ["", ...totalLines(name, totals)]),
    "",
    row("record", recordText(report)),
  ];
  return `${lines.join("\n")}\n`;
}

function incidentLines(incident: IncidentSummary): string[] {
  const { reason, rule, error, note, openMs, detectMs, closedAtMs } = incident;
  const why = [
    reason ?? "unknown: the record begins later",
    ...(rule === null ? [] : [`rule ${rule}`]),
  ];
  const where = incident.instances.length === 0 ? "" : `, on ${incident.instances.join(", ")}`;
  const lines = [
    printable(`INCIDENT ${incident.breaker}: ${why.join(", ")}${where} (${incident.incidentId})`),
    row("opened", utc(incident.openedAtMs)),
  ];
  if (closedAtMs !== null) {
    lines.push(
      row("closed", `${utc(closedAtMs)}, by ${incident.closeReason ?? "an unknown cause"}`),
    );
  } else if (incident.closeLost)
    lines.push(row("closed", "at an unknown time: the close is not in the record"));
  else lines.push(row("closed", "STILL OPEN at the end of the record"));
  lines.push(row("lasted", `${closedAtMs === null ? "≥ " : ""}${duration(openMs)}`));
  if (detectMs !== null)
    lines.push(row("detected", `${duration(detectMs)} after the first failure`));
  lines.push(
    row("skipped", `${closedAtMs === null ? "≥ " : ""}${counted(incident.skips, "call")}`),
  );
  lines.push(row("failures", failuresText(incident)));
  if (note !== null) lines.push(row("note", note));
  if (error !== null) {
    lines.push(
      row(
        "error",
        `${error.name}: ${error.message}${error.code === undefined ? "" : ` (${error.code})`}`,
      ),
    );
  }
  if (incident.gaps > 0)
    lines.push(row("GAPS", `events are missing in ${counted(incident.gaps, "place")}`));
  return lines;
}

function failuresText({ failures, causes, probes, reopens }: IncidentSummary): string {
  const split = failures === 0 ? "" : ` (${causes.error} error, ${causes.latency} latency)`;
  return `${failures}${split}, ${counted(probes, "probe")}, reopened ${counted(reopens, "time")}`;
}

function totalLines(name: string, totals: BreakerSummary): string[] {
  const { incidents, stillOpen, recovered, excluded } = totals;
  const atLeast = stillOpen > 0 ? "≥ " : "";
  const lines = [
    printable(`TOTAL ${name}`),
    row(
      "incidents",
      stillOpen > 0 ? `${incidents}, of which ${stillOpen} still open` : String(incidents),
    ),
    row("open", `${atLeast}${duration(totals.openMs)}`),
    row("MTTR", recovered === 0 ? "no recovery" : mttrText(totals)),
  ];
  if (excluded.incidents > 0) {
    const { meanMs, maxMs } = excluded;
    lines.push(
      row(
        "apart",
        `${counted(excluded.incidents, "incident")} begun or ended by hand, mean ${duration(meanMs ?? 0)}, max ${duration(maxMs ?? 0)}`,
      ),
    );
  }
  lines.push(row("skipped", `${atLeast}${counted(totals.skips, "call")}`));
  if (totals.gaps > 0)
    lines.push(row("GAPS", `events are missing in ${counted(totals.gaps, "place")}`));
  return lines;
}

function mttrText(totals: BreakerSummary): string {
  const parts = [
    ["mean", totals.mttrMeanMs],
    ["median", totals.mttrMedianMs],
    ["p90", totals.mttrP90Ms],
    ["max", totals.mttrMaxMs],
  ] as const;
  const times = parts.map(([label, lengthMs]) => `${label} ${duration(lengthMs ?? 0)}`).join(", ");
  const open = totals.stillOpen > 0 ? `; ${totals.stillOpen} still open not in it` : "";
  return `${times}, of ${counted(totals.recovered, "recovery")}${open}`;
}

function recordText({ input, flawed }: IncidentReport): string {
  const withFlaws = flawed === 0 ? "" : `, ${grouped(flawed)} with a field that does not fit`;
  return `${counted(input.lines, "line")}: ${counted(input.events, "event")}, ${grouped(input.ignored)} of something else, ${grouped(input.damaged)} damaged${withFlaws}`;
}

const row = (label: string, value: string): string =>
  `  ${label.padEnd(LABEL_WIDTH)}${printable(value)}`;
