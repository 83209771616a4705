import { counted } from "../../report/wording.ts";
import { html } from "../report/escape-html.ts";
import { framedPage } from "../report/page-frame.ts";
import { scatterData } from "./scatter-data.ts";
import type { Tuning } from "./tuning.ts";
import {
  COLUMNS,
  checkText,
  gainText,
  headText,
  namesOf,
  nextText,
  optionsText,
  rowsOf,
} from "./tuning-wording.ts";

const OWN_STYLE = `
.settings td:nth-child(n+3), .settings th:nth-child(n+3) { text-align: right; }
.settings th { overflow-wrap: normal; }
.settings small { display: block; color: var(--faint); font-weight: 400; }
.settings td:first-child { white-space: nowrap; }
.settings .setting { font-family: ui-monospace, monospace; font-size: 13px; }
.settings tr.best td { font-weight: 600; color: var(--good); }
.settings tr.today td { color: var(--bad); }
.wide { overflow-x: auto; }
@media screen and (max-width: 640px) { .settings { width: 860px; } }
.lead { overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 10px; border: 1px solid var(--line); border-radius: 6px; font-size: 13px; }
`;

/** The result as one page. */
export async function tuningPage(tuning: Tuning): Promise<string> {
  const { today, best, caveats } = tuning;
  const check = checkText(tuning);
  const next = [
    `today's: ${nextText(today)}`,
    ...(best === today ? [] : [`best: ${nextText(best)}`]),
  ];
  return framedPage({
    title: "Settings that were replayed",
    style: OWN_STYLE,
    main: `<header><h1>Settings of ${html(tuning.breaker)}</h1>
<p class="lead">${html(gainText(tuning))}</p>
<p class="faint">${html(headText(tuning))}</p></header>
<section><h2>What each setting costs</h2>
<div class="chart" id="scatter" role="img" aria-label="Bad calls let through against good calls refused, one point for each setting; the front is in the table below"></div>
<p class="faint">Each point is a setting. To the left it lets fewer bad calls through, lower down it refuses fewer good ones. Along the line, the front, one can only be had for the other.</p></section>
<section><h2>The front, and today's setting</h2><div class="wide">${table(tuning)}</div></section>
<section><h2>The best of them</h2><pre>${html(optionsText(best.setting))}</pre>
<h3>The next outage like this one</h3>${list(next)}</section>
<section><h2>What this rests on</h2>${list(check === null ? caveats : [check, ...caveats])}</section>`,
    data: { id: "scatter-data", value: scatterData(tuning) },
  });
}

function table(tuning: Tuning): string {
  const { rows, left } = rowsOf(tuning);
  const nameOf = namesOf(rows);
  const head = ["", "setting", ...COLUMNS.map((column) => column.head)];
  const body = rows.map(({ label, result }) => {
    const cells = COLUMNS.map(({ cell }) => `<td>${cellHtml(cell(result))}</td>`);
    return `<tr class="${label.split(", ")[0] ?? ""}"><td>${label}</td><td class="setting">${html(nameOf(result))}</td>${cells.join("")}</tr>`;
  });
  const more =
    left === 0 ? "" : `<p>${counted(left, "further setting")} of the front in --format json.</p>`;
  return `<table class="settings"><thead><tr>${head.map((name) => `<th>${name}</th>`).join("")}</tr></thead><tbody>${body.join("\n")}</tbody></table>${more}`;
}

/** What a figure lies between stands below it. */
function cellHtml(text: string): string {
  const at = text.indexOf(" (");
  return at < 0
    ? html(text)
    : `${html(text.slice(0, at))}<small>${html(text.slice(at + 1))}</small>`;
}

const list = (items: readonly string[]): string =>
  `<ul>${items.map((item) => `<li>${html(item)}</li>`).join("")}</ul>`;
