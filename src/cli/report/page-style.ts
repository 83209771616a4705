/** The looks of the page: light and dark by the reader's choice, and for paper. */
export const PAGE_STYLE = `
:root { --text: #1d232b; --faint: #5c6672; --line: #dde2e8; --page: #f5f7f9; --panel: #fff; --bad: #b3202c; --good: #1c7c45; --half: #a86600; --forced: #7b4bb7; --closed: #58b27c; --open: #c62f3b; --half-fill: #d98a00; --gap: #fff3d6; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ee; --faint: #98a3b1; --line: #333c48; --page: #12161b; --panel: #1a2028; --bad: #ff8088; --good: #66cf92; --half: #f2b144; --forced: #b68cf0; --closed: #2f7a4e; --open: #f0616b; --half-fill: #f2b144; --gap: #3b3015; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { margin: 0; font-size: 28px; }
h2 { margin: 0 0 8px; font-size: 20px; overflow-wrap: anywhere; }
h3 { margin: 20px 0 8px; font-size: 15px; }
.lead { margin: 4px 0 0; font-size: 18px; }
.faint { color: var(--faint); }
header .faint, .incident > .faint { margin: 0 0 12px; font-size: 13px; }
.bad { color: var(--bad); }
section { margin: 20px 0; padding: 18px; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
a { color: inherit; }
nav ol { margin: 8px 0; padding-left: 24px; columns: 2 360px; font-size: 14px; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); gap: 10px 16px; margin: 0 0 16px; }
.figures dt { color: var(--faint); font-size: 12px; }
.figures dd { margin: 0; font-size: 16px; font-variant-numeric: tabular-nums; }
.chart { width: 100%; min-height: 200px; }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; }
.key span::before { content: ""; display: inline-block; width: 14px; height: 12px; margin-right: 6px; vertical-align: -1px; background: currentColor; }
.key .faint::before { content: none; }
.key .open::before { background: var(--open); }
.key .half::before { background: var(--half-fill); height: 6px; vertical-align: 2px; }
.key .forced::before { background: var(--forced); }
.key .closed::before { background: var(--closed); height: 4px; vertical-align: 3px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; }
.facts th { width: 130px; color: var(--faint); font-weight: 400; }
.timeline td:first-child { width: 190px; white-space: nowrap; }
.timeline td:last-child { width: 24%; font-size: 12px; }
.timeline .bad { color: inherit; }
.timeline .bad td:nth-child(2) { color: var(--bad); font-weight: 600; }
.timeline .good td:nth-child(2) { color: var(--good); font-weight: 600; }
.timeline .half td:nth-child(2) { color: var(--half); font-weight: 600; }
tr.gap th, tr.gap td { background: var(--gap); }
.tip { font: 12px/1.5 system-ui, sans-serif; white-space: normal; max-width: 360px; overflow-wrap: anywhere; }
@media screen and (max-width: 640px) {
  section { padding: 14px 12px; }
  .facts th { width: 96px; }
  .timeline thead { display: none; }
  .timeline tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--line); }
  .timeline td, .timeline td:first-child, .timeline td:last-child { display: block; width: auto; padding: 0; border: 0; }
  .timeline td:first-child { color: var(--faint); font-size: 12px; }
}
@media print {
  :root { --text: #000; --faint: #444; --line: #bbb; --page: #fff; --panel: #fff; --bad: #b3202c; --good: #1c7c45; --half: #a86600; --forced: #7b4bb7; --closed: #58b27c; --open: #c62f3b; --half-fill: #d98a00; --gap: #fff3d6; }
  body { font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { border: 0; padding: 0; }
  .chart, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  table { font-size: 10px; }
  nav { display: none; }
}
`;
