import { BarChart, CustomChart, LineChart } from "echarts/charts";
import {
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
} from "echarts/components";
import { type ECharts, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { BreakerChart, ChartData } from "../chart-data.ts";
import { heightOf, optionOf } from "./chart-option.ts";
import { paletteFor } from "./palette.ts";

// The script of the report's page: draws the charts from the data that the page holds.

use([BarChart, CustomChart, LineChart]);
use([DataZoomComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent]);
use([SVGRenderer]);

interface Zoom {
  readonly start: number;
  readonly end: number;
}

/** A page of paper is about so wide. */
const PRINTED_PX = 690;

const dark = matchMedia("(prefers-color-scheme: dark)");
const charts: { readonly chart: ECharts; readonly about: BreakerChart }[] = [];
// The page that telltale writes holds exactly this.
const data = JSON.parse(document.getElementById("chart-data")?.textContent ?? "null") as ChartData;

/** Draws with other colours, and leaves the zoom as it is. */
function recolour(isDark: boolean): void {
  for (const { chart, about } of charts) {
    // What the option of a chart holds is what was given, with the zoom where it stands.
    const { dataZoom } = chart.getOption() as { dataZoom: readonly Zoom[] };
    chart.setOption(optionOf(data, about, paletteFor(isDark)), { notMerge: true });
    chart.setOption({ dataZoom: dataZoom.map(({ start, end }) => ({ start, end })) });
  }
}

for (const [at, about] of data.breakers.entries()) {
  const element = document.getElementById(`chart-${at}`);
  if (element === null) continue;
  element.style.height = `${heightOf(about)}px`;
  const chart = init(element, null, { renderer: "svg" });
  chart.setOption(optionOf(data, about, paletteFor(dark.matches)));
  charts.push({ chart, about });
  new ResizeObserver(() => chart.resize()).observe(element);
}

dark.addEventListener("change", () => recolour(dark.matches));
addEventListener("beforeprint", () => {
  recolour(false);
  for (const { chart } of charts) chart.resize({ width: PRINTED_PX });
});
addEventListener("afterprint", () => {
  recolour(dark.matches);
  for (const { chart } of charts) chart.resize({ width: "auto" });
});
