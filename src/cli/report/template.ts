import mustache from "mustache";
import type { IncidentDetail, Outage, PostMortem } from "../../report/post-mortem-report.ts";
import {
  breakerFacts,
  endText,
  incidentFacts,
  inputText,
  lastedText,
  markdown,
  sourceText,
} from "../../report/render-post-mortem.ts";
import { duration, utc } from "../../report/wording.ts";
import { UsageError } from "../usage-error.ts";
import { html } from "./escape-html.ts";

/**
 * Fills in a team's own form. The variables are those of docs/report.md: each incident has its numbers as they are in
 * JSON, and `…Text` beside them as a person reads them. `{{x}}` escapes for HTML in a file called `.html`, for Markdown
 * in any other.
 *
 * @throws {UsageError} when the template is no Mustache
 */
export function filledIn(template: string, report: PostMortem, file: string): string {
  const escaped = /\.html?(?:\.mustache)?$/i.test(file) ? html : markdown;
  try {
    return mustache.render(
      template,
      templateView(report),
      {},
      { escape: (value) => escaped(String(value)) },
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot run report: --template must be Mustache: ${reason}`);
  }
}

/** What a template sees. */
export function templateView(report: PostMortem): object {
  const { incidents, outages, breakers, fromAtMs, toAtMs, input, caveats } = report;
  return {
    incidents: incidents.map(incidentView),
    hasIncidents: incidents.length > 0,
    incidentCount: incidents.length,
    stillOpenCount: incidents.filter(({ closedAtMs }) => closedAtMs === null).length,
    outages: outages.map(outageView),
    breakers: Object.entries(breakers).map(([name, { bins: _charts, ...numbers }]) => ({
      ...numbers,
      name,
      facts: facts(breakerFacts(breakers[name] ?? { ...numbers, bins: [] })),
    })),
    caveats,
    hasCaveats: caveats.length > 0,
    input,
    inputText: inputText(input),
    fromAt: fromAtMs === null ? "" : utc(fromAtMs),
    toAt: toAtMs === null ? "" : utc(toAtMs),
  };
}

function incidentView(incident: IncidentDetail): object {
  const { openedAtMs, closedAtMs, detectMs, timeline, timelineLeftOut } = incident;
  return {
    ...incident,
    openedAt: utc(openedAtMs),
    closedAt: closedAtMs === null ? "" : utc(closedAtMs),
    endText: endText(incident),
    lastedText: lastedText(incident),
    detectText: detectMs === null ? "" : duration(detectMs),
    tripText: incident.tripText ?? incident.reason ?? "",
    isOpen: closedAtMs === null,
    instanceText: incident.instances.join(", "),
    errorText: incident.error === null ? "" : `${incident.error.name}: ${incident.error.message}`,
    facts: facts(incidentFacts(incident)),
    timeline: timeline.map((entry) => ({
      ...entry,
      at: utc(entry.atMs),
      sourceText: sourceText(entry),
    })),
    hasTimelineLeftOut: timelineLeftOut > 0,
  };
}

const outageView = (outage: Outage): object => ({
  ...outage,
  fromAt: utc(outage.fromMs),
  toAt: utc(outage.toMs),
  unionText: `${outage.stillOpen ? "≥ " : ""}${duration(outage.unionMs)}`,
  meanText: `${outage.stillOpen ? "≥ " : ""}${duration(outage.meanMs)}`,
  instanceText: outage.instances.join(", "),
  incidentCount: outage.incidentIds.length,
});

const facts = (rows: readonly (readonly [string, string])[]): readonly object[] =>
  rows.map(([label, value]) => ({ label, value }));
