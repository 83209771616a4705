import type { EChartsCoreOption } from "echarts/core";
import type { ScatterData, ScatterPoint } from "../../tune/scatter-point.ts";
import { type Palette, tipOf } from "./palette.ts";
import { textLines } from "./wording.ts";

/** How high the chart of settings is, in pixels. */
export const SCATTER_PX = 460;

/** How the kinds of settings are told apart, also without their colours. */
const KINDS = {
  other: { name: "other settings", symbol: "circle", size: 5 },
  front: { name: "on the front", symbol: "circle", size: 9 },
  today: { name: "today's", symbol: "triangle", size: 16 },
  best: { name: "best", symbol: "diamond", size: 18 },
} as const satisfies Readonly<Record<ScatterPoint["kind"], object>>;

/** Every setting as a point, the front as a line. */
export function scatterOption({ points }: ScatterData, palette: Palette): EChartsCoreOption {
  const colours = {
    other: palette.skips,
    front: palette.latency,
    today: palette.error,
    best: palette.states["half_open"] ?? palette.latency,
  };
  const axis = {
    type: "value",
    min: 0,
    nameLocation: "middle",
    nameTextStyle: { color: palette.text },
    axisLine: { show: true, lineStyle: { color: palette.line } },
    splitLine: { lineStyle: { color: palette.line, opacity: 0.6 } },
    axisLabel: { color: palette.faint, hideOverlap: true },
  };
  const series = (["other", "front", "today", "best"] as const).map((kind) => ({
    ...{ type: "scatter", name: KINDS[kind].name, symbol: KINDS[kind].symbol },
    symbolSize: KINDS[kind].size,
    itemStyle: { color: colours[kind], opacity: kind === "other" ? 0.55 : 1 },
    z: kind === "other" ? 2 : 4,
    data: points
      .filter((point) => point.kind === kind)
      .map(({ badPassed, goodRefused, lines }) => ({ value: [badPassed, goodRefused], lines })),
  }));
  const front = points
    .filter(({ isOnFront }) => isOnFront)
    .map(({ badPassed, goodRefused }) => [badPassed, goodRefused] as const)
    .sort(([a], [b]) => a - b);
  return {
    animation: false,
    textStyle: { color: palette.text, fontFamily: "system-ui, sans-serif" },
    grid: { top: 56, right: 24, bottom: 96, left: 84 },
    xAxis: { ...axis, name: "bad calls let through", nameGap: 30 },
    yAxis: { ...axis, name: "good calls refused", nameGap: 60 },
    legend: {
      top: 4,
      right: 12,
      textStyle: { color: palette.text },
      data: Object.values(KINDS).map(({ name }) => name),
    },
    tooltip: {
      ...tipOf(palette),
      formatter: (given: { readonly data?: { readonly lines?: readonly string[] } }) =>
        textLines(given.data?.lines ?? []),
    },
    dataZoom: [
      { type: "inside", xAxisIndex: 0, zoomOnMouseWheel: "ctrl", filterMode: "none" },
      { type: "inside", yAxisIndex: 0, zoomOnMouseWheel: "ctrl", filterMode: "none" },
      {
        ...{
          type: "slider",
          xAxisIndex: 0,
          bottom: 8,
          height: 22,
          filterMode: "none",
          showDataShadow: false,
        },
        textStyle: { color: palette.faint },
        borderColor: palette.line,
      },
    ],
    series: [
      {
        ...{ type: "line", step: "end", silent: true, symbol: "none", data: front, z: 3 },
        lineStyle: { color: colours.front, width: 1.5 },
      },
      ...series,
    ],
  };
}
