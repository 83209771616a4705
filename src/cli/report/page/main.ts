import { BarChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import {
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
} from "echarts/components";
import { type ECharts, type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { ScatterData } from "../../tune/scatter-point.ts";
import type { ChartData } from "../chart-data.ts";
import { heightOf, optionOf } from "./chart-option.ts";
import { type Palette, paletteFor } from "./palette.ts";
import { SCATTER_PX, scatterOption } from "./scatter-option.ts";

// The script of the pages of `report` and of `tune`: draws the charts from the data that the page holds.

use([BarChart, CustomChart, LineChart, ScatterChart]);
use([DataZoomComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent]);
use([SVGRenderer]);

interface Zoom {
  readonly start: number;
  readonly end: number;
}

/** A page of paper is about so wide. */
const PRINTED_PX = 690;

/** What one chart is made of. */
interface Drawing {
  readonly id: string;
  readonly heightPx: number;
  optionFor(palette: Palette): EChartsCoreOption;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const charts: { readonly chart: ECharts; readonly drawing: Drawing }[] = [];

/** The data of an element of the page, which telltale has written; null when the page has no such element. */
function held(id: string): unknown {
  return JSON.parse(document.getElementById(id)?.textContent ?? "null");
}

function drawings(): readonly Drawing[] {
  // The pages that telltale writes hold exactly these.
  const incidents = held("chart-data") as ChartData | null;
  const settings = held("scatter-data") as ScatterData | null;
  const breakers = (incidents?.breakers ?? []).map((about, at) => ({ about, at }));
  return [
    ...(incidents === null
      ? []
      : breakers.map(({ about, at }) => ({
          id: `chart-${at}`,
          heightPx: heightOf(about),
          optionFor: (palette: Palette) => optionOf(incidents, about, palette),
        }))),
    ...(settings === null
      ? []
      : [
          {
            id: "scatter",
            heightPx: SCATTER_PX,
            optionFor: (palette: Palette) => scatterOption(settings, palette),
          },
        ]),
  ];
}

/** Draws with other colours, and leaves the zoom as it is. */
function recolour(isDark: boolean): void {
  for (const { chart, drawing } of charts) {
    // What the option of a chart holds is what was given, with the zoom where it stands.
    const { dataZoom } = chart.getOption() as { dataZoom: readonly Zoom[] };
    chart.setOption(drawing.optionFor(paletteFor(isDark)), { notMerge: true });
    chart.setOption({ dataZoom: dataZoom.map(({ start, end }) => ({ start, end })) });
  }
}

for (const drawing of drawings()) {
  const element = document.getElementById(drawing.id);
  if (element === null) continue;
  element.style.height = `${drawing.heightPx}px`;
  const chart = init(element, null, { renderer: "svg" });
  chart.setOption(drawing.optionFor(paletteFor(dark.matches)));
  charts.push({ chart, drawing });
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
