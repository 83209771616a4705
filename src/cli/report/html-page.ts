import type { IncidentDetail, Outage, PostMortem } from "../../report/post-mortem-report.ts";
import {
  breakerFacts,
  type Fact,
  incidentFacts,
  inputText,
  lastedText,
  sourceText,
} from "../../report/render-post-mortem.ts";
import { counted, duration, utc } from "../../report/wording.ts";
import { type BreakerChart, chartData } from "./chart-data.ts";
import { html } from "./escape-html.ts";
import { framedPage } from "./page-frame.ts";

/** A post-mortem as one page. */
export async function htmlPage(report: PostMortem): Promise<string> {
  const { data, left } = chartData(report);
  return framedPage({
    title: "Incident report",
    main: `${head(report)}
${section("Caveats", list(report.caveats))}
${data.breakers.map((chart, at) => breakerSection(report, chart, at)).join("\n")}
${left > 0 ? `<p>Further ${counted(left, "breaker")} with incidents, not drawn.</p>` : ""}
${section("Outages in several instances", outageTable(report.outages))}
${report.incidents.slice(0, MOST_SECTIONS).map(incidentSection).join("\n")}
${leftOut(report.incidents.length)}
${section("What was read", `<p>${html(inputText(report.input))}.</p>`)}`,
    data: { id: "chart-data", value: data },
  });
}

function head({ incidents, breakers, fromAtMs, toAtMs }: PostMortem): string {
  const open = incidents.filter(({ closedAtMs }) => closedAtMs === null).length;
  const span =
    fromAtMs === null || toAtMs === null
      ? "The record has no event of a breaker."
      : `${utc(fromAtMs)} to ${utc(toAtMs)}`;
  const still = open === 0 ? "" : `, <b class="bad">${open} still open or without a close</b>`;
  const names = counted(Object.keys(breakers).length, "breaker");
  const contents = incidents
    .slice(0, MOST_CONTENTS)
    .map((incident, at) => `<li><a href="#incident-${at}">${title(incident)}</a></li>`);
  const nav = contents.length > 1 ? `<nav><ol>${contents.join("")}</ol></nav>` : "";
  return `<header><h1>Incident report</h1>
<p class="lead">${counted(incidents.length, "incident")}${still}, ${names}</p>
<p class="faint">${html(span)}</p></header>${nav}`;
}

/** A longer list of links helps nobody. */
const MOST_CONTENTS = 50;
/** No browser is at ease with a page of more. */
const MOST_SECTIONS = 500;

const leftOut = (incidents: number): string =>
  incidents <= MOST_SECTIONS
    ? ""
    : `<p>The first ${MOST_SECTIONS} incidents are told here, ${counted(incidents - MOST_SECTIONS, "further incident")} in --format json and markdown.</p>`;

function breakerSection({ breakers }: PostMortem, { name }: BreakerChart, at: number): string {
  const breaker = breakers[name];
  if (breaker === undefined) return "";
  return `<section class="breaker"><h2>${html(name)}</h2>
<dl class="figures">${breakerFacts(breaker).map(figure).join("")}</dl>
<div class="key"><span class="open">open</span><span class="half">half open</span><span class="forced">forced open</span><span class="closed">closed</span><span class="faint">A dashed edge has no recorded end. Drag the lower bar to zoom, or hold Ctrl and turn the wheel.</span></div>
<div class="chart" id="chart-${at}" role="img" aria-label="States, refused calls and distance to the trip over time; the same figures are in the tables below"></div>
</section>`;
}

function incidentSection(incident: IncidentDetail, at: number): string {
  const { incidentId, timeline, timelineLeftOut } = incident;
  const rows = timeline.map(
    (entry) =>
      `<tr class="${ROW_CLASSES[entry.type] ?? ""}"><td>${html(utc(entry.atMs).slice(0, -4))}</td><td>${html(entry.text)}</td><td class="faint">${html(sourceText(entry))}</td></tr>`,
  );
  const left = timelineLeftOut === 0 ? "" : `<p>${counted(timelineLeftOut, "entry")} left out.</p>`;
  return `<section class="incident" id="incident-${at}"><h2>${title(incident)}</h2>
<p class="faint">Incident ${html(incidentId)}</p>
<table class="facts">${incidentFacts(incident).map(fact).join("")}</table>
<h3>Timeline (UTC)</h3>
<table class="timeline"><thead><tr><th>Time</th><th>Event</th><th>Source</th></tr></thead><tbody>
${rows.join("\n")}
</tbody></table>${left}</section>`;
}

const ROW_CLASSES: Readonly<Record<string, string>> = {
  "circuit.open": "bad",
  "circuit.force_changed": "bad",
  "circuit.close": "good",
  "circuit.half_open": "half",
  gap: "gap",
};

function title(incident: IncidentDetail): string {
  const { breaker, instances, reason } = incident;
  const where = instances.length === 0 ? "" : ` on ${instances.join(", ")}`;
  return html(`${breaker}${where}: ${reason ?? "unknown"}, ${lastedText(incident)}`);
}

function outageTable(outages: readonly Outage[]): string {
  const several = outages.filter(({ instances }) => instances.length > 1);
  if (several.length === 0) return "";
  const rows = several.map(({ breaker, fromMs, toMs, stillOpen, unionMs, meanMs, instances }) => {
    const atLeast = stillOpen ? "≥ " : "";
    const to = stillOpen ? "still open" : utc(toMs);
    const cells = [
      breaker,
      utc(fromMs),
      to,
      atLeast + duration(unionMs),
      atLeast + duration(meanMs),
    ];
    return `<tr>${[...cells, instances.join(", ")].map((cell) => `<td>${html(cell)}</td>`).join("")}</tr>`;
  });
  return `<table><thead><tr><th>Breaker</th><th>From</th><th>To</th><th>Open (union)</th><th>Mean of instances</th><th>Instances</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

const figure = ([label, value]: Fact): string =>
  `<div><dt>${html(label)}</dt><dd>${html(value)}</dd></div>`;

const fact = ([label, value]: Fact): string =>
  `<tr class="${label === "Doubt" || label === "Gaps" ? "gap" : ""}"><th>${html(label)}</th><td>${html(value)}</td></tr>`;

const list = (items: readonly string[]): string =>
  items.length === 0 ? "" : `<ul>${items.map((item) => `<li>${html(item)}</li>`).join("")}</ul>`;

const section = (heading: string, body: string): string =>
  body === "" ? "" : `<section><h2>${html(heading)}</h2>${body}</section>`;
